/**
 * The process that unpacks one layer: `scull __worker unpack DIRECTORY [inflating]`, started by unpack-process.ts as root of a
 * user + mount namespace in which nothing but that directory can be written. {@link CONTROL} tells what to do ({@link UnpackJob}, a line
 * of JSON). The compressed layer is a file, which may still be growing: then each byte of {@link SIGNS} says that it has grown, and the
 * end that it is whole. On standard output it tells, one JSON value a line, how far it is and how it ended ({@link WorkerMessage}).
 */
import { mkdirSync, openSync, read, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { crashPoint } from '../../host/crash-point.ts';
import { machineFailure } from '../../host/errno.ts';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, writeAllSync, writeJsonAtomic } from '../../host/files.ts';
import { createHash } from '../../host/hash.ts';
import { randomHex } from '../../host/identity.ts';
import { explainSpawnFailure, start } from '../../host/process.ts';
import { digestAlgorithm, parseDigest } from '../../oci/digest.ts';
import { compressionAt, detectCompression, inflate, inflatingProgram, MAGIC_LENGTH, type Compression } from './decompress.ts';
import { ContentsWriter } from './contents.ts';
import { LayerExtractor, tooLarge } from './extract.ts';
import { archiveLimit } from './limits.ts';
import { LowerLayers } from './lower.ts';
import { applyMarks, planMarks, planTimes } from './marks.ts';
import { mappedIds } from './owners.ts';
import { LAYER_FORMAT, type LayerRecord } from './record.ts';
import { TarReader } from './tar/reader.ts';
import { directories } from './tree.ts';
import { CONTROL, INFLATING, SIGNS, type LayerNames, type UnpackJob, type WorkerMessage } from './unpack-dialogue.ts';

const REPORT_EVERY = 4 * 1024 * 1024;

/** @returns 0, or 1 after an error message */
export async function main([directory = '', hint]: string[]): Promise<number> {
  if (hint === INFLATING) process.getBuiltinModule('node:zlib'); // while it is still being found out what there is to unpack
  const job = readJob();
  if (job === undefined) return 1; // there was nothing to unpack after all
  try {
    const record = await unpackInto(directory, job, inputOf(job), { progress: (bytes) => say({ kind: 'progress', bytes }), lowerReady, names });
    say({ kind: 'done', record });
    return 0;
  } catch (error) {
    say(describeFailure(error, directory));
    return 1;
  }
}

const PIECE = 256 * 1024;

function inputOf({ file, growing }: UnpackJob): AsyncIterable<Buffer> {
  const fd = openSync(file, 'r');
  if (!growing) return inflatedByProgram(fd, file) ?? readPieces(fd);
  say({ kind: 'opened' });
  return readPieces(fd, nextSigns);
}

/** False at their end. Not by a stream: loading those takes as long as unpacking a small layer. */
function nextSigns(): Promise<boolean> {
  return new Promise((resolve, reject) => read(SIGNS, Buffer.alloc(4096), 0, 4096, null, (error, count) => (error === null ? resolve(count > 0) : reject(error))));
}

/** What node:zlib can't inflate goes through a program. Undefined for what needs none. */
function inflatedByProgram(fd: number, file: string): Readable | undefined {
  const program = inflatingProgram(compressionAt(fd, file));
  if (program === undefined) return undefined;
  const [name, ...args] = program as [string, ...string[]];
  const child = start(name, args, { stdio: [fd, 'pipe', 'ignore'] });
  const stream = child.stdout as Readable;
  child.once('error', (error) => stream.destroy(explainSpawnFailure(name, error)));
  return stream;
}

/**
 * The bytes of a file. Each piece is overwritten when the next is asked for: one buffer serves for all, so that no more of it is in memory.
 * @param grown waits until the file may have grown; false where it won't any more
 */
async function* readPieces(fd: number, grown?: () => Promise<boolean>): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  for (let growing = true; ; ) {
    const count = readSync(fd, buffer, 0, PIECE, null);
    if (count > 0) yield count === PIECE ? buffer : buffer.subarray(0, count);
    else if (growing) growing = (await grown?.()) ?? false;
    else return;
  }
}

function readJob(): UnpackJob | undefined {
  return readControlLine() as UnpackJob | undefined;
}

/** A line of JSON; undefined when the other end is closed. */
function readControlLine(): unknown {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = readControl(64 * 1024);
    if (piece === undefined) return undefined;
    pieces.push(piece);
    if (piece.at(-1) === 0x0a) return JSON.parse(Buffer.concat(pieces).toString());
  }
}

/** What comes, waiting for it; undefined when the other end is closed. */
function readControl(most: number): Buffer | undefined {
  const bytes = Buffer.alloc(most);
  for (;;) {
    try {
      const count = readSync(CONTROL, bytes, 0, most, null);
      return count === 0 ? undefined : bytes.subarray(0, count);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

export interface UnpackEvents {
  /** Compressed bytes taken so far. */
  progress(bytes: number): void;
  /** Returns when the layers below are complete. Called only if this layer depends on them. */
  lowerReady(): void;
  /** Which layer it is, where the job does not say. */
  names(): LayerNames;
}

/**
 * Unpacks a compressed layer into an empty directory, which gets `diff/`, `contents` and `layer.json`. Changes the working directory and the umask of the process.
 * @throws ScullError INVALID, CORRUPT (wrong digest), UNSUPPORTED, NO_SPACE
 */
async function unpackInto(directory: string, job: UnpackJob, compressed: AsyncIterable<Buffer>, events: UnpackEvents): Promise<LayerRecord> {
  process.umask(0);
  const diff = join(directory, 'diff');
  // Which place on the disk it gets, ext4 decides by its name: with the same one each time, it would be that of the layer removed before.
  const unnamed = join(directory, randomHex(8));
  mkdirSync(unnamed, 0o700);
  renameSync(unnamed, diff);
  process.chdir(diff); // short paths: the store may lie deep
  const contents = new ContentsWriter(join(directory, 'contents'));
  const layer = new LayerExtractor('.', mappedIds(), job.limits, contents);
  const archiveSize = await extract(compressed, layer, job, events.progress);
  crashPoint('layer:extracted');
  if (needsLower(layer)) events.lowerReady();
  const lower = new LowerLayers(job.lower);
  const planned = planMarks(layer, lower);
  const lostXattrs = await applyMarks(diff, planned.marks);
  layer.finishDirectories((path) => lower.attributes(path));
  await applyMarks(diff, planTimes(layer, planned));
  for (const mark of planned.marks) {
    if (mark.kind === 'whiteout') contents.whiteout(mark.path);
    else if (mark.kind === 'fifo') contents.fifo(mark.path, mark.attributes.mode, mark.attributes);
  }
  const { chainId, diffId, link, compressedSize } = job.named ? job : events.names();
  const record: LayerRecord = {
    format: LAYER_FORMAT,
    chainId,
    diffId,
    parent: job.parent,
    link,
    compressedSize,
    archiveSize,
    size: layer.counts.bytes,
    entries: layer.counts.entries,
    files: layer.counts.files,
    directories: layer.counts.directories,
    opaque: planned.opaque,
    whiteouts: planned.whiteouts,
    skippedDevices: layer.skippedDevices.slice(0, 100),
    lostXattrs: lostXattrs.slice(0, 100),
    ownersSquashed: layer.squashed,
    contents: contents.close(),
    unpacked: new Date().toISOString(),
  };
  writeJsonAtomic(join(directory, 'layer.json'), record, { durable: false }); // unpack.ts flushes the whole directory
  crashPoint('layer:recorded');
  return record;
}

/** True when what is below decides what has to be made: it has directories that are not described, or it hides something. */
function needsLower(layer: LayerExtractor): boolean {
  if (layer.root.opaque || layer.skippedDevices.length > 0) return true;
  for (const node of directories(layer.root)) if (node.attributes === undefined || node.whiteouts !== undefined) return true;
  return false;
}

function lowerReady(): void {
  say({ kind: 'waiting' });
  if (readControl(1) === undefined) throw abandoned();
}

function names(): LayerNames {
  say({ kind: 'unnamed' });
  const told = readControlLine();
  if (told === undefined) throw abandoned();
  return told as LayerNames;
}

function abandoned(): ScullError {
  return new ScullError('INTERRUPTED', 'the process that wanted this layer has ended');
}

/** @returns bytes of the uncompressed archive */
async function extract(compressed: AsyncIterable<Buffer>, layer: LayerExtractor, { diffId, checked, limits }: UnpackJob, progress: (bytes: number) => void): Promise<number> {
  const { compression, stream } = await recognised(compressed, progress);
  const hash = checked && compression === 'none' ? undefined : createHash(digestAlgorithm(diffId));
  const reader = new TarReader(layer);
  // What no file gets has no end either: padding, what is passed over, what follows the end.
  const most = archiveLimit(limits);
  let size = 0;
  try {
    for await (const chunk of inflate(stream, compression)) {
      size += chunk.length;
      if (size > most) throw tooLarge(limits.unpackedSize);
      hash?.update(chunk);
      reader.feed(chunk);
    }
    reader.finish();
  } finally {
    layer.abort();
  }
  const actual = hash === undefined ? diffId : parseDigest(`${digestAlgorithm(diffId)}:${hash.digest('hex')}`);
  if (actual !== diffId) {
    throw new ScullError('CORRUPT', `its content has the digest ${actual}, not ${diffId} as the image says`, { hint: 'pull the image again; if it stays so, the image itself is wrong' });
  }
  return size;
}

/** How the archive is compressed, with the stream to go on with. */
async function recognised(compressed: AsyncIterable<Buffer>, progress: (bytes: number) => void): Promise<{ readonly compression: Compression; readonly stream: AsyncGenerator<Buffer> }> {
  const source = counted(compressed, progress);
  // Enough of the beginning to tell.
  let start: Buffer = Buffer.alloc(0);
  while (start.length < MAGIC_LENGTH) {
    const { value, done } = await source.next();
    if (done === true) break;
    start = Buffer.concat([start, value]);
  }
  return { compression: detectCompression(start), stream: prepend(start, source) };
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}

async function* counted(stream: AsyncIterable<Buffer>, progress: (bytes: number) => void): AsyncGenerator<Buffer, undefined> {
  let bytes = 0;
  let reported = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes - reported >= REPORT_EVERY) {
      reported = bytes;
      progress(bytes);
    }
    yield chunk;
  }
  progress(bytes);
  return undefined;
}

function say(message: WorkerMessage): void {
  writeAllSync(1, `${JSON.stringify(message)}\n`);
}

function describeFailure(failure: unknown, directory: string): WorkerMessage {
  const error = explainWriteFailure(failure, directory);
  if (isScullError(error)) return { kind: 'error', code: error.code, message: error.message, hint: error.hint, detail: error.detail };
  const errno = errnoOf(error);
  if (errno !== undefined) return { kind: 'error', code: 'TOOL_FAILED', message: machineFailure(error) ?? (error as Error).message };
  return { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
