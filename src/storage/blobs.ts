/**
 * Content by digest: images/blobs/. A blob exists when it has its name, and it gets its name only after all of it was
 * written aside, counted and hashed, compared with its descriptor, and flushed. So what is there is what it says, and
 * nobody ever sees half of it.
 */
import { closeSync, createReadStream, existsSync, fsync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, isScullError, ScullError } from '../host/errors.ts';
import { filePieces } from '../host/file-pieces.ts';
import { explainWriteFailure, instead, withPath, writeAllSync } from '../host/files.ts';
import { flushes } from '../host/flush.ts';
import { createHash, hashOf, type Hash, type HashAlgorithm } from '../host/hash.ts';
import { MAX_DOCUMENT } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestAlgorithm, digestHex, type Digest } from '../oci/digest.ts';
import type { GrowingFile } from './growing-file.ts';
import { LOOK_AFTER, requireRoom } from './space.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

/** True when the blob is there in the size that its descriptor says. */
export function hasBlob(store: Store, descriptor: Descriptor): boolean {
  try {
    return statSync(store.layout.blob(descriptor.digest)).size === descriptor.size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * A manifest, an index or a configuration from the store, whole.
 * @throws ScullError CORRUPT naming the file when it is missing or too large
 */
export function readDocument(store: Store, digest: Digest): Uint8Array {
  const path = store.layout.blob(digest);
  try {
    if (statSync(path).size <= MAX_DOCUMENT) return readFileSync(path);
  } catch (cause) {
    const what = errnoOf(cause) === 'ENOENT' ? 'missing' : instead(cause) === undefined ? undefined : `damaged: ${instead(cause)}`;
    if (what === undefined) throw withPath(cause, path);
    throw new ScullError('CORRUPT', `the blob ${path} is ${what}`, { hint: 'pull or load the image again', cause });
  }
  throw new ScullError('CORRUPT', `the blob ${path} is too large for a document`);
}

/** The file of a blob in the store. @throws ScullError CORRUPT when it is missing, or has another size than it must */
export function blobFile(store: Store, descriptor: Descriptor): string {
  const path = store.layout.blob(descriptor.digest);
  if (hasBlob(store, descriptor)) return path;
  throw new ScullError('CORRUPT', `the blob ${path} is ${existsSync(path) ? 'damaged' : 'missing'}`, { hint: 'pull or load the image again' });
}

/** The bytes of a blob in the store from `offset` on, as a stream. @throws ScullError CORRUPT when it is missing */
export function openBlob(store: Store, digest: Digest, offset = 0): Readable {
  return createReadStream(store.layout.blob(digest), { fd: openBlobFile(store, digest), start: offset, highWaterMark: 1 << 20 });
}

/** A descriptor of a blob in the store. @throws ScullError CORRUPT when it is missing */
export function openBlobFile(store: Store, digest: Digest): number {
  const path = store.layout.blob(digest);
  try {
    return openSync(path, 'r');
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause;
    throw new ScullError('CORRUPT', `the blob ${path} is missing`, { hint: 'pull or load the image again', cause });
  }
}

/** Whether the content of a blob in the store is what its name says; all of it is read. One that is gone is not. */
export async function isIntact(store: Store, digest: Digest): Promise<boolean> {
  const { createHash } = await import('node:crypto');
  const hash = createHash(digestAlgorithm(digest));
  try {
    for await (const chunk of openBlob(store, digest)) hash.update(chunk as Buffer);
  } catch (error) {
    if (isScullError(error, 'CORRUPT')) return false;
    throw withPath(error, store.layout.blob(digest));
  }
  return hash.digest('hex') === digestHex(digest);
}

/**
 * A document from anywhere, whole, after it was compared with its descriptor.
 * @param what what to call it in messages
 * @throws ScullError INVALID when it is too large or another; and what the stream throws
 */
export async function readChecked(stream: AsyncIterable<Uint8Array>, descriptor: Descriptor, what = 'the image configuration'): Promise<Uint8Array> {
  if (descriptor.size > MAX_DOCUMENT) {
    await stream[Symbol.asyncIterator]().return?.();
    throw new ScullError('INVALID', `${what} is too large: ${descriptor.size} bytes, at most ${MAX_DOCUMENT} are read`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > descriptor.size) break;
    chunks.push(Buffer.from(chunk)); // which may be overwritten now
  }
  const bytes = Buffer.concat(chunks);
  if (size === descriptor.size && (digestOf(bytes, digestAlgorithm(descriptor.digest))) === descriptor.digest) return bytes;
  throw new ScullError('INVALID', `${what} is not what was announced as ${descriptor.digest} of ${descriptor.size} bytes`);
}

/** One blob's bytes from `offset` on; each piece may be overwritten when the next is asked for. */
export type BlobOpener = (offset: number) => Promise<AsyncIterable<Uint8Array>>;

/** The file that a blob is gathered in until it is whole. */
export interface BlobFile {
  readonly path: string;
  /** Bytes from its beginning that an earlier attempt has brought. */
  readonly kept: number;
}

export interface StoreBlobOptions {
  /** Where to gather it; a new file of the staging directory unless given. What it holds after a failure is the caller's. */
  readonly into?: BlobFile | undefined;
  /** Whether the opener honours its offset, so that a broken connection is continued instead of begun again. */
  readonly resumable?: boolean;
  /** The same file, for who reads it already while it is being written. */
  readonly growing?: GrowingFile;
  readonly onBytes?: (done: number) => void;
}

/**
 * Fetches a blob and stores it under its digest.
 * @throws ScullError INVALID when the content is not what the descriptor says; NO_SPACE; and what the source throws
 */
export async function storeBlob(store: Store, staging: Staging, descriptor: Descriptor, open: BlobOpener, options: StoreBlobOptions = {}): Promise<void> {
  const file = options.into ?? { path: staging.path(digestHex(descriptor.digest)), kept: 0 };
  const fd = openFile(file.path, options.into === undefined ? 'wx' : 'a+');
  try {
    await receive(fd, file, descriptor, open, options);
    crashPoint('blob:written');
    await flushBlob(fd, file.path);
  } catch (error) {
    options.growing?.failed(error);
    throw error;
  } finally {
    closeSync(fd);
  }
  crashPoint('blob:flushed');
  await options.growing?.released();
  commitBlob(store, file.path, descriptor.digest);
}

/** Flushes a blob that was written aside, on a thread. */
export async function flushBlob(fd: number, path: string): Promise<void> {
  if (flushes) await new Promise<void>((resolve, reject) => fsync(fd, (error) => (error === null ? resolve() : reject(explainWriteFailure(error, path)))));
}

/** Stores bytes already in memory, whose digest the caller knows to be right. @throws ScullError NO_SPACE, PERMISSION */
export async function storeDocument(store: Store, staging: Staging, digest: Digest, bytes: Uint8Array): Promise<void> {
  await stageDocument(store, staging, digest, bytes)();
}

/**
 * The same in two steps: writes them to the staging directory.
 * @returns flushes the file and gives it its name @throws ScullError NO_SPACE, PERMISSION
 */
export function stageDocument(store: Store, staging: Staging, digest: Digest, bytes: Uint8Array): () => Promise<void> {
  // A layer that is being stored at the same time may claim the same digest.
  const path = staging.path(`document-${digestHex(digest)}`);
  const fd = openFile(path, 'w');
  try {
    writeAllSync(fd, bytes);
  } catch (error) {
    throw explainWriteFailure(error, path);
  } finally {
    closeSync(fd);
  }
  crashPoint('blob:written');
  return async () => {
    const written = openFile(path, 'r');
    try {
      await flushBlob(written, path);
    } finally {
      closeSync(written);
    }
    crashPoint('blob:flushed');
    commitBlob(store, path, digest);
  };
}

/** Digest of bytes in memory. */
export function digestOf(bytes: Uint8Array, algorithm: HashAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${hashOf(bytes, algorithm)}` as Digest;
}

/**
 * Stores a file of a staging directory whose digest the caller computed, by a second name (a hard link): the staged one
 * stays. @throws ScullError NO_SPACE, PERMISSION
 */
export function adoptBlob(store: Store, staging: Staging, file: string, digest: Digest): void {
  const aside = staging.path(digestHex(digest));
  try {
    const fd = openSync(file, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(file, aside);
  } catch (error) {
    throw explainWriteFailure(error, aside);
  }
  commitBlob(store, aside, digest);
}

/** Gives a complete, flushed file of a staging directory its name. The directory is flushed once, by the last step. */
export function commitBlob(store: Store, aside: string, digest: Digest): void {
  const path = store.layout.blob(digest);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    renameSync(aside, path);
    crashPoint('blob:named');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !existsSync(aside)) throw new ScullError('IN_USE', `another machine that shares this store has begun to fetch ${digest} anew`, { hint: 'try again' });
    throw explainWriteFailure(error, path);
  }
}

interface Transfer {
  readonly descriptor: Descriptor;
  readonly hash: Hash;
  readonly sink: (chunk: Uint8Array) => void;
  readonly onBytes: ((done: number) => void) | undefined;
  done: number;
}

/** How often a broken connection is taken up again without a single byte won. */
const FRUITLESS_ATTEMPTS = 3;

async function receive(fd: number, file: BlobFile, descriptor: Descriptor, open: BlobOpener, options: StoreBlobOptions): Promise<void> {
  const tell = (chunk: Uint8Array): void => options.growing?.grew(chunk.length);
  let sinceLook = 0;
  const sink = (chunk: Uint8Array): void => {
    try {
      writeAllSync(fd, chunk);
      sinceLook += chunk.length;
      if (sinceLook >= LOOK_AFTER) {
        sinceLook = 0;
        requireRoom(dirname(file.path), 0, 'storing a blob');
      }
    } catch (error) {
      throw explainWriteFailure(error, file.path);
    }
    tell(chunk);
  };
  const hash = createHash(digestAlgorithm(descriptor.digest));
  // What is there goes through the hash as well: the digest is always that of the whole.
  if (file.kept > 0) {
    await receiveOnce({ descriptor, hash, sink: tell, onBytes: undefined, done: 0 }, beginningOf(fd, file));
  }
  const transfer: Transfer = { descriptor, hash, sink, onBytes: options.onBytes, done: file.kept };
  let fruitless = 0;
  for (;;) {
    const before = transfer.done;
    try {
      await receiveOnce(transfer, await open(before));
      break;
    } catch (error) {
      fruitless = transfer.done > before ? 0 : fruitless + 1;
      if (options.resumable !== true || !isScullError(error, 'NETWORK', 'TIMEOUT') || fruitless >= FRUITLESS_ATTEMPTS) throw error;
    }
  }
  if (transfer.done !== descriptor.size) throw wrongContent(descriptor, `it has ${transfer.done} bytes instead of ${descriptor.size}`);
  const found = transfer.hash.digest('hex');
  if (found !== digestHex(descriptor.digest)) throw wrongContent(descriptor, `its digest is ${found}`);
  options.growing?.whole();
}

/** What an earlier attempt has brought. What is missing of it shows in the digest. */
async function* beginningOf(fd: number, { path, kept }: BlobFile): AsyncGenerator<Uint8Array> {
  try {
    yield* filePieces(fd, 0, kept);
  } catch (error) {
    throw withPath(error, path);
  }
}

async function receiveOnce(transfer: Transfer, stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) {
    if (transfer.done + chunk.length > transfer.descriptor.size) {
      throw wrongContent(transfer.descriptor, `it has more than the ${transfer.descriptor.size} bytes announced`);
    }
    transfer.hash.update(chunk);
    transfer.sink(chunk);
    transfer.done += chunk.length;
    transfer.onBytes?.(transfer.done);
  }
}

function wrongContent(descriptor: Descriptor, why: string): ScullError {
  return new ScullError('INVALID', `the content of blob ${descriptor.digest} is not what was announced: ${why}`, {
    hint: 'it was damaged on the way or at its source; nothing of it was kept',
  });
}

function openFile(path: string, flags: 'r' | 'w' | 'wx' | 'a+'): number {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
}
