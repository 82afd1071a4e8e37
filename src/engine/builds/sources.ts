/** Where a step's `from` leads: another stage, a named context, an image. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { findStage } from '../../build/plan/stages.ts';
import type { Tree } from '../../build/files/confined.ts';
import { ScullError } from '../../host/errors.ts';
import type { Platform } from '../../oci/platform.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { ensureImage } from '../images/ensure.ts';
import { cloneRepository, gitSource } from './git.ts';
import type { BuildSession } from './session.ts';

export type Origin = { readonly kind: 'context'; readonly tree: Tree } | { readonly kind: 'layers'; readonly layers: readonly LayerRef[] };

/** Hands out a stage of this build when it is done. */
export type StageSource = (index: number) => Promise<readonly LayerRef[]>;

/** What `from` of COPY or of a mount means: a named context before a stage before an image. @throws ScullError NOT_FOUND, NO_SUCH_IMAGE … */
export async function openOrigin(session: BuildSession, from: string | undefined, platform: Platform, stage: StageSource): Promise<Origin> {
  if (from === undefined) return { kind: 'context', tree: session.context.tree };
  const named = namedContext(session, from);
  if (named !== undefined) return openNamed(session, from, named, platform);
  const found = findStage(session.file.stages, from);
  if (found !== undefined) return { kind: 'layers', layers: await stage(found.index) };
  return openImage(session, from, platform);
}

/** What --build-context says of a name. */
export function namedContext({ options: { namedContexts } }: BuildSession, name: string): string | undefined {
  return namedContexts.get(name) ?? namedContexts.get(name.replace(/:latest$/, ''));
}

/** The image that a value of --build-context means; undefined for files. */
export function imageOfContext(value: string): string | undefined {
  const [, kind, rest] = /^(docker-image|container-image|docker|oci-layout):\/\/(.+)$/s.exec(value) ?? [];
  return kind === 'oci-layout' ? `oci:${rest}` : rest;
}

/** --build-context NAME=…: an image, a directory, a tar on the web, a git repository; fetched once. */
async function openNamed(session: BuildSession, name: string, value: string, platform: Platform): Promise<Origin> {
  const image = imageOfContext(value);
  if (image !== undefined) return openImage(session, image, platform);
  const root = await session.once(`context ${value}`, () => openFiles(session, name, value));
  return { kind: 'context', tree: { root, escapes: 'refuse' } };
}

async function openImage(session: BuildSession, name: string, platform: Platform): Promise<Origin> {
  const image = await session.waitFor(ensureImage(session.engine, name, { ...session.options.registry, pull: session.options.pull, platform }));
  session.rely(image.layers);
  return { kind: 'layers', layers: image.layers };
}

/** Also one that no step asks for: a path with a typing error is told at once. @throws ScullError NOT_FOUND, UNSUPPORTED */
export function checkNamedContext(name: string, value: string): void {
  if (imageOfContext(value) === undefined && gitSource(value, true) === undefined && !/^https?:\/\//.test(value)) namedDirectory(name, value);
}

async function openFiles(session: BuildSession, name: string, value: string): Promise<string> {
  const git = gitSource(value, true);
  if (git !== undefined) return cloneRepository(git, session.place('named'), { keepGitDir: git.keepGitDir ?? false });
  if (/^https?:\/\//.test(value)) return (await import('./context.ts')).contextOfUrl(value, session.place('named'));
  return namedDirectory(name, value);
}

function namedDirectory(name: string, value: string): string {
  if (value.includes('://')) throw new ScullError('UNSUPPORTED', `the build context ${name}=${value} is of a kind that is not supported`, { hint: 'it is a directory, docker-image://NAME, oci-layout://DIRECTORY[:TAG], an http URL, or a git repository' });
  const directory = resolve(value);
  if (!existsSync(directory) || !statSync(directory).isDirectory()) throw new ScullError('NOT_FOUND', `the build context ${JSON.stringify(name)} is ${JSON.stringify(value)}, which is no directory`);
  return directory;
}
