/** What COPY and ADD take from a context, the web, and the file itself. */
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { isOfContext, withXattrs, xattrDigest } from '../../build/files/attributes.ts';
import { contentDigest } from '../../build/files/content-digest.ts';
import type { Tree } from '../../build/files/confined.ts';
import { ignoreRules, NOTHING_IGNORED, type IgnoreRules } from '../../build/files/ignore.ts';
import { select, type Selection } from '../../build/files/selection.ts';
import type { CopyStep, StepSource } from '../../build/plan/step.ts';
import { mistake, mistakeAt } from '../../build/containerfile/source.ts';
import type { Statement } from '../../build/containerfile/statements.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { inflate } from '../../storage/archives/inflate.ts';
import { detectCompression } from '../../storage/layers/decompress.ts';
import { download, fileNameOf } from './download.ts';
import { checkCommit, cloneRepository, gitCommit, gitSource } from './git.ts';
import type { BuildSession } from './session.ts';

/** What a COPY or ADD from outside of images puts into the stage. */
export interface GatheredFiles {
  readonly selections: readonly Selection[];
  /** Tars to unpack, on disk and not compressed. */
  readonly archives: readonly string[];
  /** Of everything together. */
  readonly digest: string;
}

/** @throws ScullError naming the source's place */
export async function gather(session: BuildSession, step: CopyStep, statement: Statement, tree: Tree, owner: string): Promise<GatheredFiles> {
  const exclude = step.exclude.length === 0 ? NOTHING_IGNORED : await ignoreRules(step.exclude.join('\n'));
  const ignore = tree === session.context.tree ? session.context.ignore : NOTHING_IGNORED;
  const at = async <T>(source: StepSource, work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw mistakeAt(statement.source, source.at, error);
    }
  };
  const found: { readonly source: StepSource; readonly selection: Selection }[] = [];
  for (const source of step.sources) {
    const brought = await at(source, () => ('content' in source ? [hereDocument(session, source.name, source.content)] : step.add && isRemote(source.path) ? remote(session, step, source.path, exclude) : select(tree, source.path, { parents: step.parents, exclude, ignore })));
    found.push(...brought.map((selection) => ({ source, selection })));
  }
  const reading = contextXattrs(session, found.map(({ selection }) => selection)); // beside the hashing
  const digests: string[] = [];
  for (const { source, selection } of found) digests.push(await at(source, () => contentDigest(selection.files, { owner, chmod: step.chmod })));
  const selections: Selection[] = [];
  const archives: string[] = [];
  for (const [index, selection] of (await reading).entries()) {
    const { source } = found[index] as (typeof found)[number];
    const archive = await at(source, () => archiveOf(session, step, source, selection));
    if (archive === undefined) selections.push(selection);
    else archives.push(archive);
  }
  if (selections.length + archives.length > 1 && !step.target.endsWith('/')) {
    throw mistake(statement.source, statement.at, 'several files are copied, so the target must be a directory', { hint: `end it with a slash: ${step.target}/` });
  }
  return { selections, archives, digest: digests.join('\n') + xattrDigest(selections) };
}

/** Where nothing is here to read them with, files of a context have none (docs/portable.md). */
export function contextXattrs(session: BuildSession, selections: readonly Selection[]): Promise<readonly Selection[]> {
  const reading = withXattrs(selections, isOfContext, session.place('names')).then((found) => found ?? selections);
  reading.catch(() => undefined); // told where it is awaited, if what is done beside it does not fail
  return reading;
}

function isRemote(path: string): boolean {
  return /^https?:\/\//.test(path) || gitSource(path, false) !== undefined;
}

function hereDocument(session: BuildSession, name: string, content: string): Selection {
  const file = session.place('heredoc');
  writeFileSync(file, content, { mode: 0o600 });
  const time = session.options.timestamp ?? Date.now() / 1000;
  utimesSync(file, time, time);
  return oneFile(name, file, name, 0o644, Buffer.byteLength(content), time * 1000);
}

function oneFile(source: string, from: string, to: string, mode: number, size: number, mtimeMs: number): Selection {
  return { source, isDirectory: false, files: [{ from, to, kind: 'file', mode, uid: 0, gid: 0, size, mtimeMs }] };
}

async function remote(session: BuildSession, step: CopyStep, url: string, exclude: IgnoreRules): Promise<Selection[]> {
  const git = gitSource(url, false);
  if (git !== undefined) {
    const commit = await gitCommit(git);
    if (step.checksum !== undefined) checkCommit(git, commit, step.checksum);
    const directory = await cloneRepository(git, session.place('git'), { keepGitDir: step.keepGitDir || git.keepGitDir === true, commit });
    const times = session.options.timestamp;
    const [whole] = select({ root: directory, escapes: 'stay' }, '/', { parents: false, exclude, ignore: NOTHING_IGNORED });
    if (whole === undefined) return [];
    return [{ ...whole, files: whole.files.map((file) => ({ ...file, mtimeMs: (times ?? 0) * 1000 })) }];
  }
  const sum = step.checksum === undefined ? undefined : parseChecksum(step.checksum);
  const file = session.place('url');
  await download(url, file, session.abort.signal);
  if (sum !== undefined) checkSum(url, file, sum);
  const stat = statSync(file);
  const name = step.target.endsWith('/') ? fileNameOf(url) : 'file';
  return [oneFile(url, file, name, 0o600, stat.size, stat.mtimeMs)];
}

interface Checksum {
  readonly algorithm: string;
  readonly hex: string;
}

function parseChecksum(checksum: string): Checksum {
  const [, algorithm, hex] = /^(sha256|sha384|sha512):([0-9a-f]{64,128})$/.exec(checksum) ?? [];
  if (algorithm === undefined || hex === undefined) throw new ScullError('INVALID', `invalid --checksum ${JSON.stringify(checksum)}`, { hint: 'it is sha256: and 64 hex digits' });
  return { algorithm, hex };
}

function checkSum(url: string, file: string, { algorithm, hex }: Checksum): void {
  const found = process.getBuiltinModule('node:crypto').createHash(algorithm).update(readFileSync(file)).digest('hex');
  if (found !== hex) throw new ScullError('INVALID', `${JSON.stringify(url)} is not what was expected: its digest is ${algorithm}:${found} instead of ${algorithm}:${hex}`);
}

/** ADD unpacks local tars, and with --unpack those from the web. @returns an uncompressed tar, undefined for anything else */
async function archiveOf(session: BuildSession, step: CopyStep, source: StepSource, selection: Selection): Promise<string | undefined> {
  const [file] = selection.files;
  if (!step.add || !('path' in source) || selection.isDirectory || file === undefined || file.kind !== 'file') return undefined;
  if (!(step.unpack ?? !isRemote(source.path))) return undefined;
  const { createReadStream, createWriteStream } = await import('node:fs');
  const start = firstBytes(file.from);
  const compression = detectCompression(start);
  if (compression === 'none') return isTar(start) ? file.from : undefined;
  const { pipeline } = await import('node:stream/promises');
  const place = session.place('archive');
  try {
    await pipeline(await inflate(createReadStream(file.from), source.path), createWriteStream(place, { mode: 0o600 }));
  } catch (error) {
    if (isScullError(error, 'INVALID')) return undefined; // looks compressed, but is something else
    throw error;
  }
  return isTar(firstBytes(place)) ? place : undefined;
}

function firstBytes(path: string): Buffer {
  const { closeSync, openSync, readSync } = process.getBuiltinModule('node:fs');
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(512);
    return buffer.subarray(0, readSync(fd, buffer, 0, 512, 0));
  } finally {
    closeSync(fd);
  }
}

/** By the sum in the header, which every kind of tar has. */
function isTar(start: Buffer): boolean {
  if (start.length < 512) return false;
  const stored = Number.parseInt(start.toString('latin1', 148, 156).replace(/\0.*$/s, '').trim(), 8);
  let sum = 0;
  for (let index = 0; index < 512; index++) sum += index >= 148 && index < 156 ? 32 : (start[index] as number);
  return sum === stored && sum > 256;
}
