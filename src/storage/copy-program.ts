/**
 * native/scull-copy: files into, out of and between the roots of containers, and archives into them. It walks every path by
 * descriptor, whoever swaps links meanwhile; this side says what is to be done and explains what went wrong.
 */
import type { Readable, Writable } from 'node:stream';
import { ClosedOutputError, ScullError } from '../host/errors.ts';
import { nativeProgram } from '../host/product.ts';
import { exitStatus, explainSpawnFailure, start } from '../host/process.ts';
import { launchCommand, launchFailure } from '../userns/launch.ts';
import type { LaunchStep } from '../userns/launch-request.ts';
import { keptXattrs } from './layers/xattrs.ts';
import type { TarEntry, TarSink } from './layers/tar/entry.ts';
import { TarReader } from './layers/tar/reader.ts';

/** Ended by SIGPIPE. */
const BROKEN_PIPE = 141;

/** A tree of files that paths are looked up in, as if it were `/`. */
export interface FileRoot {
  /** A directory, or `{ fd }`: one that is open here. */
  readonly root: string | { readonly fd: number };
  /** Mounts of a container that does not run: what is seen where. */
  readonly mounts?: readonly { readonly path: string; readonly source: string; readonly readOnly: boolean }[];
  /** The process whose user namespace says how ids are to be understood. */
  readonly idsOf?: number;
  /** What has to be mounted first. */
  readonly steps?: readonly LaunchStep[];
  /** A process in the user namespace that has these files mounted. `only`: nobody outside of it may read them (FUSE). */
  readonly namespace?: { readonly pid: number; readonly only: boolean };
}

/** This machine's own files, as the caller reaches them. */
export const HOST: FileRoot = { root: '/' };

export interface Place {
  readonly root: FileRoot;
  readonly path: string;
}

export interface CopyOptions {
  /** Who gets the files, as the destination counts; `caller`: whoever calls; else owners are kept. */
  readonly owner?: { readonly uid: number; readonly gid: number } | 'caller' | undefined;
  /** A directory may replace something else, and the other way round. */
  readonly overwrite?: boolean;
}

/**
 * Copies a file or directory to where `to` leads: podman-cp(1) has the rules.
 * @param name what it is called in a directory; '' copies what is in it
 * @throws ScullError NOT_FOUND, INVALID (a directory onto a file …), PERMISSION, NO_SPACE
 */
export async function copyFiles(from: Place, to: Place, name: string, options: CopyOptions = {}): Promise<void> {
  const fds = new Descriptors();
  const words = ['copy', '--from', ...rootWords(from.root, fds), '--path', from.path, '--to', ...rootWords(to.root, fds), '--path', to.path, '--name', name, ...optionWords(options)];
  const steps = from.root === to.root ? (to.root.steps ?? []) : [...(from.root.steps ?? []), ...(to.root.steps ?? [])];
  await run({ name: 'scull-copy', words, steps, fds, namespace: namespaceFor(from.root, to.root), stdio: ['ignore', 'ignore'] });
}

/**
 * Packs a file or directory as a tar to a descriptor.
 * @throws ScullError NOT_FOUND, PERMISSION, NO_SPACE; ClosedOutputError when nobody reads it any more
 */
export async function packFiles(from: Place, name: string, output: number): Promise<void> {
  const fds = new Descriptors();
  const words = ['pack', ...rootWords(from.root, fds), '--path', from.path, '--as', name];
  await run({ name: 'scull-tree', words, steps: from.root.steps ?? [], fds, namespace: from.root.namespace?.pid, stdio: ['ignore', output] });
}

/**
 * Unpacks a tar (already inflated) into a directory of a root.
 * @throws ScullError INVALID for what is no tar, or holds what can't be made there; NOT_FOUND, PERMISSION, NO_SPACE
 */
export async function unpackFiles(archive: Readable, to: Place, options: CopyOptions = {}): Promise<void> {
  const fds = new Descriptors();
  const words = ['put', '--to', ...rootWords(to.root, fds), '--path', to.path, ...optionWords(options)];
  await run({ name: 'scull-copy', words, steps: to.root.steps ?? [], fds, namespace: to.root.namespace?.pid, stdio: ['pipe', 'ignore'], feed: (input) => sendEntries(archive, input) });
}

/** Descriptors that the program inherits: ours → its. */
class Descriptors {
  readonly ours: number[] = [];

  path(fd: number): string {
    this.ours.push(fd);
    return `/proc/self/fd/${this.ours.length + 2}`;
  }
}

function rootWords(root: FileRoot, fds: Descriptors): string[] {
  return [
    '--root',
    typeof root.root === 'string' ? root.root : fds.path(root.root.fd),
    ...(root.mounts ?? []).flatMap(({ path, source, readOnly }) => ['--mount', path, source, readOnly ? 'ro' : 'rw']),
    ...(root.idsOf === undefined ? [] : ['--id-map', String(root.idsOf)]),
  ];
}

function optionWords({ owner, overwrite }: CopyOptions): string[] {
  const whose = owner === undefined ? [] : owner === 'caller' ? ['--no-owner'] : ['--owner', `${owner.uid}:${owner.gid}`];
  return [...whose, ...(overwrite === true ? ['--overwrite'] : []), '--caller', String(process.pid)];
}

/** The user namespace in which both roots can be reached; undefined for one of its own. */
function namespaceFor(from: FileRoot, to: FileRoot): number | undefined {
  const [source, target] = [from.namespace, to.namespace];
  if (source?.only === true && target?.only === true && source.pid !== target.pid) {
    throw new ScullError('UNSUPPORTED', 'the files of these two containers can be reached only from within, and not both at once, while they run', {
      hint: 'copy through a pipe: scull cp ONE:PATH - | scull cp - TWO:FOLDER',
    });
  }
  return (source?.only === true ? source : (target ?? source))?.pid;
}

interface Run {
  readonly name: 'scull-copy' | 'scull-tree';
  readonly words: readonly string[];
  readonly steps: readonly LaunchStep[];
  readonly fds: Descriptors;
  /** A process whose user namespace to join. */
  readonly namespace: number | undefined;
  readonly stdio: readonly ['ignore' | 'pipe', 'ignore' | number];
  readonly feed?: (input: Writable) => Promise<void>;
}

async function run({ name, words, steps, fds, namespace, stdio, feed }: Run): Promise<void> {
  const program = nativeProgram(name);
  if (program === undefined) {
    throw new ScullError('UNSUPPORTED', `this needs ${name}, one of the native programs, which were not compiled here`, {
      hint: 'install a C compiler (apt-get install gcc libc6-dev) and build or install scull again',
    });
  }
  // The caller's groups stay: he reads his own files with them.
  const command = launchCommand({ steps, ...(namespace === undefined ? {} : { joinUser: namespace }), keepGroups: true, keepFds: fds.ours.map((_fd, index) => index + 3), program: [program, ...words] });
  const child = start(command.file, command.args, { stdio: [stdio[0], stdio[1], 'pipe', ...fds.ours] });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-16_000)));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawnFailure(program, error)));
    child.once('close', (code, signal) => resolve(exitStatus(code, signal)));
  });
  ended.catch(() => undefined);
  let feedError: unknown;
  if (feed !== undefined && child.stdin !== null) {
    const input = child.stdin;
    input.on('error', () => undefined); // it ended early and says why
    await feed(input).catch((error: unknown) => {
      feedError = error;
      child.kill(); // by SIGTERM, after which no half file stays
    });
  }
  const status = await ended;
  if (feedError !== undefined) throw feedError;
  if (status === BROKEN_PIPE && typeof stdio[1] === 'number') throw new ClosedOutputError(BROKEN_PIPE);
  if (status !== 0) throw launchFailure(status, stderr) ?? copyFailure(name, status, stderr);
}

function copyFailure(program: string, status: number, stderr: string): ScullError {
  const reason = new RegExp(`^${program}: (.*)$`, 'm').exec(stderr)?.[1] ?? `it ended with status ${status}`;
  if (status === 3) return new ScullError('NOT_FOUND', `no such file or directory: ${reason}`);
  if (status === 28) return new ScullError('NO_SPACE', `copying failed: ${reason}`);
  if (status === 2) return new ScullError('INVALID', reason);
  return new ScullError(/ermission denied|not permitted|Read-only/.test(reason) ? 'PERMISSION' : 'TOOL_FAILED', `copying failed: ${reason}`, { detail: stderr.trim() });
}

/** Reads an archive and hands what is in it on. Everything hostile in it ends here. */
async function sendEntries(archive: Readable, output: Writable): Promise<void> {
  const sink = new EntrySender();
  const reader = new TarReader(sink);
  for await (const chunk of archive as AsyncIterable<Buffer>) {
    reader.feed(chunk);
    const bytes = sink.take();
    if (bytes.length === 0) continue;
    if (output.destroyed) return;
    if (!output.write(bytes)) await drained(output);
  }
  reader.finish();
  output.end(Buffer.concat([sink.take(), Buffer.alloc(4)]));
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      output.off('drain', settle).off('close', settle);
      resolve();
    };
    output.once('drain', settle).once('close', settle);
  });
}

const LETTERS: Readonly<Partial<Record<TarEntry['type'], string>>> = { file: 'f', directory: 'd', symlink: 'l', hardlink: 'h', fifo: 'p' };

/** Entries in the form that scull-copy reads (put_entries() there). */
class EntrySender implements TarSink {
  #pieces: Buffer[] = [];
  #sending = false;

  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }

  begin(entry: TarEntry): void {
    const letter = LETTERS[entry.type];
    const name = plainName(entry.name);
    this.#sending = letter === 'f';
    // Devices can't be made by anyone here; the root is there already.
    if (letter === undefined || name === '') {
      this.#sending = false;
      return;
    }
    const link = entry.type === 'hardlink' ? plainName(entry.linkName) : entry.linkName;
    const xattrs = [...keptXattrs(entry.xattrs)];
    const { mode, uid, gid, size, mtime } = entry;
    const fields = [letter, mode.toString(8), uid, gid, mtime.seconds, mtime.nanoseconds, size, name, link, xattrs.length, ...xattrs.flatMap(([key, value]) => [key, value.toString('hex')])];
    const words = Buffer.from(`${fields.join('\0')}\0`, 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(words.length);
    this.#pieces.push(length, words);
  }

  data(chunk: Buffer, position: number): void {
    if (!this.#sending || chunk.length === 0) return;
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(position));
    head.writeUInt32LE(chunk.length, 8);
    this.#pieces.push(head, Buffer.from(chunk));
  }

  end(): void {
    if (this.#sending) this.#pieces.push(Buffer.alloc(12));
    this.#sending = false;
  }
}

/** A name below the destination, without what leads nowhere. @throws ScullError INVALID for one that leads out of it */
function plainName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new ScullError('INVALID', `the archive holds ${JSON.stringify(name.slice(0, 300))}, which leads out of where it is unpacked`);
  if (parts.some((part) => part.length > 255)) throw new ScullError('INVALID', 'the archive holds a name of more than 255 bytes');
  return parts.join('/');
}
