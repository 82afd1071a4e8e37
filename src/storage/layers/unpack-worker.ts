/**
 * The process that unpacks one layer: `scull __worker unpack DIRECTORY`, started by unpack-process.ts as root of a
 * user + mount namespace in which nothing but that directory can be written. Descriptor 3 tells what to do ({@link UnpackJob}, a line
 * of JSON); the compressed layer is its standard input, or a file, which may still be growing: then each byte on standard input says that
 * it has grown, and the end that it is whole. On standard output it tells, one JSON value a line, how far it is and how it ended
 * ({@link WorkerMessage}).
 */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../../host/crash-point.ts';
import { machineFailure } from '../../host/errno.ts';
import { errnoOf, isScullError, ScullError, type ErrorCode } from '../../host/errors.ts';
import { explainWriteFailure, writeAllSync, writeJsonAtomic } from '../../host/files.ts';
import { randomHex } from '../../host/identity.ts';
import { digestAlgorithm, parseDigest, type Digest } from '../../oci/digest.ts';
import { detectCompression, inflate, MAGIC_LENGTH, type Compression } from './decompress.ts';
import { ContentsWriter } from './contents.ts';
import { LayerExtractor, tooLarge, type UnpackLimits } from './extract.ts';
import { archiveLimit } from './limits.ts';
import { LowerLayers } from './lower.ts';
import { applyMarks, planMarks, planTimes } from './marks.ts';
import { mappedIds } from './owners.ts';
import { LAYER_FORMAT, type LayerRecord } from './record.ts';
import { TarReader } from './tar/reader.ts';
import { directories } from './tree.ts';

/** Which layer it is. */
export interface LayerNames {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly link: string;
  readonly compressedSize: number;
}

/** What the worker is told. */
export interface UnpackJob extends LayerNames {
  /** The compressed layer; null for standard input. */
  readonly file: string | null;
  readonly growing: boolean;
  /** False where nobody knows the digests yet: {@link LayerNames} are told when it asks for them. */
  readonly named: boolean;
  /**
   * The digest of what comes is `diffId`, and who sends it compares that before it ends: there is no need to do so again
   * where nothing has to be inflated.
   */
  readonly checked: boolean;
  readonly parent: Digest | null;
  /** `diff` directories of the layers below, lowest first. */
  readonly lower: readonly string[];
  readonly limits: UnpackLimits;
}

export type WorkerMessage =
  /** The growing file is open. */
  | { readonly kind: 'opened' }
  /** Compressed bytes taken so far. */
  | { readonly kind: 'progress'; readonly bytes: number }
  /** All is made; a line of JSON on descriptor 3, {@link LayerNames}, says which layer it is. */
  | { readonly kind: 'unnamed' }
  /** The layers below are needed now; one byte on descriptor 3 says that they are there. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done'; readonly record: LayerRecord }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string; readonly hint?: string | undefined; readonly detail?: string | undefined }
  /** Not the archive's fault. */
  | { readonly kind: 'bug'; readonly stack: string };

const REPORT_EVERY = 4 * 1024 * 1024;

/** @returns 0, or 1 after an error message */
export async function main([directory = '']: string[]): Promise<number> {
  warmUp();
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

/** Loads what most layers need, while it is still being found out what there is to unpack. */
function warmUp(): void {
  process.getBuiltinModule('node:zlib').createZstdDecompress();
}

function inputOf({ file, growing }: UnpackJob): AsyncIterable<Buffer> {
  const standardInput = createReadStream('', { fd: 0, autoClose: false, highWaterMark: PIECE });
  if (file === null) return standardInput;
  const fd = openSync(file, 'r');
  if (!growing) return readPieces(fd);
  say({ kind: 'opened' });
  const signs = standardInput[Symbol.asyncIterator]();
  return readPieces(fd, async () => (await signs.next()).done !== true);
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

/** What comes on descriptor 3, waiting for it; undefined when the other end is closed. */
function readControl(most: number): Buffer | undefined {
  const bytes = Buffer.alloc(most);
  for (;;) {
    try {
      const count = readSync(3, bytes, 0, most, null);
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
