/** `cp`: files between this machine and containers, and between containers; as a tar with `-`. */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { findContainer } from '../../runtime/container-store.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { copyFiles, HOST, packFiles, unpackFiles, type CopyOptions, type FileRoot, type Place } from '../../storage/copy-program.ts';
import type { Engine } from '../engine.ts';
import { withContainerFiles, type Access } from './file-root.ts';
import { imageUsers } from './image-users.ts';

/** One side of a copy, as typed. */
export type CopySide = { readonly kind: 'host'; readonly path: string } | { readonly kind: 'container'; readonly name: string; readonly path: string } | { readonly kind: 'stream' };

export interface CopySettings {
  /** Files copied to a container are given to its user (the default, as with Podman); else they keep their owners. */
  readonly archive?: boolean;
  readonly overwrite?: boolean;
  /** What `-` as a source is. */
  readonly input?: () => Promise<Readable>;
}

/** `CONTAINER:PATH`, `PATH`, or `-`. A path of this machine that holds a colon begins with `/` or `.`. */
export function parseCopySide(text: string): CopySide {
  if (text === '-') return { kind: 'stream' };
  const colon = text.indexOf(':');
  if (colon <= 0 || /^[./]/.test(text)) return { kind: 'host', path: text };
  return { kind: 'container', name: text.slice(0, colon), path: text.slice(colon + 1) };
}

/**
 * Copies by the rules of podman-cp(1).
 * @throws ScullError USAGE, NO_SUCH_CONTAINER, NOT_FOUND, INVALID, PERMISSION, NO_SPACE
 */
export async function copy(engine: Engine, from: CopySide, to: CopySide, settings: CopySettings = {}): Promise<void> {
  if (from.kind !== 'container' && to.kind !== 'container') throw new ScullError('USAGE', 'one of the two must be in a container: CONTAINER:PATH');
  const [source, target] = [sideOf(engine, from), sideOf(engine, to)];
  if (target.record !== undefined && target.record.id === source.record?.id) {
    await source.use('write', (root) => between(source, { root, path: source.path }, target, { root, path: target.path }, settings));
    return;
  }
  await source.use('read', (fromRoot) => target.use(source.kind === 'stream' ? 'unpack' : 'write', (toRoot) => between(source, { root: fromRoot, path: source.path }, target, { root: toRoot, path: target.path }, settings)));
}

interface Side {
  readonly kind: CopySide['kind'];
  readonly path: string;
  /** Of a container's side. */
  readonly record?: ContainerRecord;
  use(access: Access, work: (root: FileRoot) => Promise<void>): Promise<void>;
  readonly users?: () => { readonly uid: number; readonly gid: number };
}

function sideOf(engine: Engine, side: CopySide): Side {
  if (side.kind === 'stream') return { kind: 'stream', path: '-', use: (_access, work) => work(HOST) };
  if (side.kind === 'host') {
    if (side.path === '') throw new ScullError('USAGE', 'a path is empty');
    return { kind: 'host', path: absolute(side.path), use: (_access, work) => work(HOST) };
  }
  if (side.path === '') throw new ScullError('USAGE', `which path of container ${JSON.stringify(side.name)}?`);
  const record = findContainer(engine.store.layout, side.name);
  return {
    kind: 'container',
    path: side.path,
    record,
    use: (access, work) => withContainerFiles(engine, record, { path: side.path, access }, work),
    users: () => imageUsers(engine.store.layout, record).user,
  };
}

/** As the caller means it, with what the end of a path says: `dir/` is a directory, `dir/.` what is in it. */
function absolute(path: string): string {
  const end = /(?:^|\/)\.$/.test(path) ? '/.' : path.endsWith('/') ? '/' : '';
  const whole = resolve(path);
  return whole === '/' ? '/.' : `${whole}${end}`;
}

async function between(source: Side, from: Place, target: Side, to: Place, settings: CopySettings): Promise<void> {
  const options: CopyOptions = { owner: ownerFor(target, settings), overwrite: settings.overwrite === true };
  if (target.kind === 'stream') {
    const { toFileOrOutput } = await import('../output.ts');
    await toFileOrOutput(undefined, (fd) => packFiles(from, nameOf(from.path), fd));
  } else if (source.kind === 'stream') {
    if (settings.input === undefined) throw new ScullError('USAGE', 'there is no standard input to read an archive from');
    const { inflate } = await import('../../storage/archives/inflate.ts');
    await unpackFiles(await inflate(await settings.input(), 'the archive'), to, options);
  } else await copyFiles(from, to, nameOf(from.path), options);
}

function ownerFor(target: Side, settings: CopySettings): CopyOptions['owner'] {
  if (target.kind !== 'container') return 'caller';
  return settings.archive === false ? undefined : target.users?.();
}

/** What a source is called where it is copied into a directory; '' where only what is in it is meant. */
function nameOf(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  return last === '.' || last === '..' ? '' : last;
}
