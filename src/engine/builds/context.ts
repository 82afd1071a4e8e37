/** The context of a build: a directory, a tar on standard input, a git repository, a URL; and the Containerfile. */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { ignoreRules, NOTHING_IGNORED, type IgnoreRules } from '../../build/files/ignore.ts';
import { follow, type Tree } from '../../build/files/confined.ts';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import type { Staging } from '../../storage/staging.ts';
import type { BuildOptions } from './options.ts';
import { cloneRepository, gitSource } from './git.ts';

export interface BuildContext {
  readonly tree: Tree;
  readonly ignore: IgnoreRules;
  /** Content of the Containerfile, and its name for messages. */
  readonly containerfile: { readonly name: string; readonly text: string };
}

/** @throws ScullError NOT_FOUND, INVALID, NETWORK, USAGE */
export async function openContext(options: BuildOptions, staging: Staging): Promise<BuildContext> {
  const root = await contextDirectory(options, staging);
  const tree: Tree = { root, escapes: 'refuse' };
  const containerfile = await readContainerfile(options, tree, staging);
  return { tree, ignore: await readIgnoreFile(options, tree, containerfile.path), containerfile };
}

async function contextDirectory({ context, file, input, args }: BuildOptions, staging: Staging): Promise<string> {
  if (context === '-') return contextOfStream(input, staging);
  const git = gitSource(context, true);
  if (git !== undefined) return cloneRepository(git, staging.path('context'), { keepGitDir: git.keepGitDir ?? ['1', 'true'].includes(args.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR') ?? '') });
  if (/^https?:\/\//.test(context)) return contextOfUrl(context, staging.path('context'));
  const directory = resolve(context);
  let isDirectory: boolean;
  try {
    isDirectory = statSync(directory).isDirectory();
  } catch (cause) {
    throw new ScullError('NOT_FOUND', `the build context ${JSON.stringify(context)} does not exist`, { hint: 'name a directory, for example `scull build .`', cause });
  }
  if (!isDirectory) {
    if (file === undefined && /(?:Containerfile|Dockerfile)/i.test(basename(context))) throw new ScullError('INVALID', `the build context ${JSON.stringify(context)} is a file`, { hint: `name its directory: scull build -f ${context} .` });
    return unpackContext(createReadStream(directory), staging.path('context'), context);
  }
  return realpathSync(directory);
}

/** A tar, or a Containerfile without a context (what `docker build - < Dockerfile` does). */
async function contextOfStream(input: NodeJS.ReadableStream | undefined, staging: Staging): Promise<string> {
  if (input === undefined) throw new ScullError('USAGE', 'the context - is standard input, which is a terminal');
  const directory = staging.path('context');
  const { peek } = await import('../../storage/archives/inflate.ts');
  const begun = await peek(input as Readable, 262);
  if (isArchive(begun.start)) return unpackContext(begun.stream, directory, 'standard input');
  mkdirSync(directory, { mode: 0o700 });
  const { pipeline } = await import('node:stream/promises');
  await pipeline(begun.stream, createWriteStream(join(directory, 'Containerfile'), { mode: 0o600 }));
  return directory;
}

function isArchive(start: Buffer): boolean {
  if (start.length >= 262 && start.toString('latin1', 257, 262) === 'ustar') return true;
  const magic = start.toString('latin1', 0, 6);
  return magic.startsWith('\x1f\x8b') || magic.startsWith('BZh') || magic.startsWith('\xfd7zXZ') || magic.startsWith('\x28\xb5\x2f\xfd');
}

/**
 * A tar, or a Containerfile without a context.
 * @param directory to make
 * @throws ScullError NETWORK, INVALID, NO_SPACE
 */
export async function contextOfUrl(url: string, directory: string): Promise<string> {
  const file = `${directory}.download`;
  await (await import('./download.ts')).download(url, file);
  const start = readFileSync(file).subarray(0, 262);
  if (isArchive(start)) return unpackContext(createReadStream(file), directory, url);
  mkdirSync(directory, { mode: 0o700 });
  const { pipeline } = await import('node:stream/promises');
  await pipeline(createReadStream(file), createWriteStream(join(directory, 'Containerfile'), { mode: 0o600 }));
  return directory;
}

/** GNU tar keeps what it writes below the directory: links that lead out are made last, and `..` is refused. */
async function unpackContext(stream: Readable, directory: string, what: string): Promise<string> {
  mkdirSync(directory, { mode: 0o700 });
  const file = `${directory}.tar`;
  const { pipeline } = await import('node:stream/promises');
  await pipeline(await (await import('../../storage/archives/inflate.ts')).inflate(stream, what), createWriteStream(file, { mode: 0o600 }));
  const result = await (await import('../../userns/launch.ts')).runInUserNamespace('tar', ['--extract', '--no-same-owner', '--delay-directory-restore', '--file', file, '--directory', directory], { readOnlyExcept: [directory] });
  if (result.status !== 0) throw new ScullError('INVALID', `the build context from ${what} can't be unpacked: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
  return directory;
}

async function readContainerfile(options: BuildOptions, tree: Tree, staging: Staging): Promise<{ name: string; text: string; path?: string }> {
  const { file, input, context } = options;
  if (file === '-') {
    if (input === undefined || context === '-') throw new ScullError('USAGE', context === '-' ? 'context and Containerfile can\'t both be standard input' : '-f - is standard input, which is a terminal');
    const chunks: Buffer[] = [];
    for await (const chunk of input as AsyncIterable<Buffer>) chunks.push(Buffer.from(chunk));
    return { name: 'Containerfile', text: Buffer.concat(chunks).toString() };
  }
  if (file !== undefined && /^https?:\/\//.test(file)) {
    const place = staging.path('containerfile');
    await (await import('./download.ts')).download(file, place);
    return { name: basename(new URL(file).pathname) || 'Containerfile', text: readFileSync(place, 'utf8') };
  }
  if (file !== undefined) return readNamed(file, tree, context);
  for (const name of ['Containerfile', 'Dockerfile']) {
    const found = follow(tree, name, 'follow');
    if (found.stat?.isFile() === true) return { name, text: readFileSync(join(tree.root, found.path), 'utf8'), path: join(tree.root, name) };
  }
  throw new ScullError('NOT_FOUND', `there is no Containerfile or Dockerfile in the build context ${JSON.stringify(context)}`, { hint: 'name it with -f' });
}

/** Relative to where the user is; failing that, as Podman does, to the context. */
function readNamed(file: string, tree: Tree, context: string): { name: string; text: string; path: string } {
  const here = resolve(file);
  const path = existsSync(here) || context === '-' ? (existsSync(here) ? here : join(tree.root, file)) : resolve(tree.root, file);
  try {
    return { name: file, text: readFileSync(path, 'utf8'), path };
  } catch (cause) {
    throw new ScullError(errnoOf(cause) === 'ENOENT' ? 'NOT_FOUND' : 'PERMISSION', `cannot read the Containerfile ${JSON.stringify(file)}: ${describeErrno(cause)}`, { cause });
  }
}

/** `<Containerfile>.containerignore` beats `.containerignore` beats `.dockerignore`. */
async function readIgnoreFile(options: BuildOptions, tree: Tree, containerfile: string | undefined): Promise<IgnoreRules> {
  if (options.ignoreFile !== undefined) {
    try {
      return await ignoreRules(readFileSync(resolve(options.ignoreFile), 'utf8'));
    } catch (cause) {
      if (errnoOf(cause) === undefined) throw cause;
      throw new ScullError('NOT_FOUND', `cannot read the ignore file ${JSON.stringify(options.ignoreFile)}: ${describeErrno(cause)}`, { cause });
    }
  }
  const beside = containerfile === undefined ? [] : [`${containerfile}.containerignore`, `${containerfile}.dockerignore`];
  const candidates = [...beside, join(tree.root, '.containerignore'), join(tree.root, '.dockerignore')];
  for (const path of candidates) {
    if (relative(tree.root, path).startsWith('..') ? existsSync(path) : follow(tree, relative(tree.root, path), 'follow').stat?.isFile() === true) return ignoreRules(readFileSync(path, 'utf8'));
  }
  return NOTHING_IGNORED;
}
