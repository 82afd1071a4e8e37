/** Turning the tar of a root file system into the one layer of an image. */
import { closeSync, createReadStream, createWriteStream, fstatSync, openSync, readSync } from 'node:fs';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crashPoint } from '../host/crash-point.ts';
import { isScullError } from '../host/errors.ts';
import { filePieces } from '../host/file-pieces.ts';
import { explainWriteFailure, withPath, writeAllSync } from '../host/files.ts';
import type { Progress } from '../host/progress.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/image.ts';
import { inflate, recognise } from './archives/inflate.ts';
import { commitBlob, flushBlob } from './blobs.ts';
import { addClaims } from './claims.ts';
import { GrowingFile } from './growing-file.ts';
import type { LayerRef } from './image-types.ts';
import { compress } from './layers/compress.ts';
import { detectCompression, MAGIC_LENGTH } from './layers/decompress.ts';
import { checkExpansion } from './layers/limits.ts';
import { unpackLayer } from './layers/unpack.ts';
import { layerExists } from './layers/store.ts';
import { LOOK_AFTER, requireRoom } from './space.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

export interface StagedBlob {
  readonly descriptor: Descriptor;
  /** Digest of the tar. */
  readonly diffId: Digest;
  readonly file: string;
  /** It is in the staging directory, and not where it came from. */
  readonly staged: boolean;
  /** Blob and unpacked layer are in the store already. */
  readonly admitted: boolean;
}

/**
 * Writes the layer's blob to the staging directory, as it comes: plain, or compressed with gzip or zstd. What is compressed
 * otherwise, as no layer may be, is compressed with gzip, quickly. (A push compresses what is plain.)
 * @param what what to call the input in messages
 * @param source path of the file that `from` reads: it is not copied where it can be the blob as it is, and read once more
 *   when that is stored
 * @throws ScullError INVALID for damaged compressed data, NO_SPACE
 */
export async function stageImportedLayer(staging: Staging, from: Readable, what: string, source?: string): Promise<StagedBlob> {
  const { compression, stream: input } = await recognise(from);
  const staged = source === undefined || !['none', 'gzip', 'zstd'].includes(compression);
  const file = staged ? staging.path('import') : source;
  const blob = await hashing();
  const tar = await hashing(compression === 'none' ? undefined : (size) => checkExpansion(size, blob.size()));
  const output = staged ? createWriteStream(file, { flags: 'wx', mode: 0o600, highWaterMark: 1 << 20 }) : sinkhole();
  try {
    if (compression === 'none') {
      await pipeline(input, tar.through, output);
      const digest = tar.digest();
      return { descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest, size: tar.size() }, diffId: digest, file, staged, admitted: false };
    }
    if (compression === 'gzip' || compression === 'zstd') {
      const copy = new PassThrough({ highWaterMark: 1 << 20 });
      copy.on('error', () => undefined); // told by the promises below
      // The blob is written by what passes through `blob`; the same bytes are inflated only to be hashed.
      const inflated = inflate(copy, what).then((stream) => pipeline(stream, tar.through, sinkhole()));
      // Where the compressed data ends before the file does, the rest is kept, but looked at no more.
      const whole = inflated.then(() => copy.destroy());
      await Promise.all([pipeline(input, blob.through, tee(copy, inflated), output), whole]);
    } else {
      await pipeline(await inflate(input, what), tar.through, (source: AsyncIterable<Buffer>) => compress(source, 'gzip'), blob.through, output);
    }
  } catch (error) {
    throw explainWriteFailure(error, file);
  }
  const mediaType = compression === 'zstd' ? MEDIA_TYPES.ociLayerZstd : MEDIA_TYPES.ociLayerGzip;
  return { descriptor: { mediaType, digest: blob.digest(), size: blob.size() }, diffId: tar.digest(), file, staged, admitted: false };
}

/** In place of a digest that nobody knows yet. */
const UNKNOWN = `sha256:${'0'.repeat(64)}` as Digest;

/**
 * Takes the plain tar at `source` in as a layer, blob and files, in one pass: its bytes are unpacked while they are copied and hashed. Both
 * are claimed before they have their names.
 * @returns undefined where it is compressed, which is {@link stageImportedLayer}'s
 * @throws ScullError INVALID for what is no tar; NO_SPACE
 */
export async function importPlainLayer(store: Store, staging: Staging, source: string, progress: Progress): Promise<StagedBlob | undefined> {
  const from = openSync(source, 'r');
  try {
    if (!isPlain(from, source)) return undefined;
    const { size } = fstatSync(from);
    requireRoom(store.layout.root, size, 'importing');
    const growing = new GrowingFile(staging.path('import'));
    const identify = (descriptor: Descriptor): LayerRef => {
      const { digest } = descriptor;
      addClaims(staging, { blobs: [digest], layers: [digest] });
      progress({ kind: 'start', id: digest, what: 'layer', total: size });
      if (layerExists(store, digest)) growing.failed(new Error('the layer is there'));
      else growing.whole();
      return { descriptor, diffId: digest, chainId: digest };
    };
    const copying = copyAndHash(from, size, growing, identify);
    copying.catch((error: unknown) => growing.failed(error));
    const expected: LayerRef = { descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest: UNKNOWN, size }, diffId: UNKNOWN, chainId: UNKNOWN };
    const told: Progress = (event) => {
      if (event.kind === 'message') progress(event);
    };
    const unpacking = unpackLayer(store, { layer: expected, found: copying, parents: [], compressed: { growing }, progress: told });
    unpacking.catch((error: unknown) => growing.refused(error));
    const [copied, unpacked] = await Promise.allSettled([copying, unpacking]);
    // A full disk shows first where the larger part is written.
    if (unpacked.status === 'rejected' && isScullError(unpacked.reason, 'NO_SPACE')) throw unpacked.reason;
    if (copied.status === 'rejected') throw copied.reason;
    const { descriptor, diffId, chainId } = copied.value;
    if (unpacked.status === 'rejected' && !layerExists(store, chainId)) throw unpacked.reason;
    commitBlob(store, growing.path, descriptor.digest);
    progress({ kind: 'done', id: descriptor.digest, result: 'ok' });
    return { descriptor, diffId, file: source, staged: false, admitted: true };
  } finally {
    closeSync(from);
  }
}

function isPlain(fd: number, path: string): boolean {
  const start = Buffer.alloc(MAGIC_LENGTH);
  try {
    return detectCompression(start.subarray(0, readSync(fd, start, 0, MAGIC_LENGTH, 0))) === 'none';
  } catch (error) {
    throw withPath(error, path);
  }
}

/** @param identify is called when the digest is known, before what was written is flushed. @returns what that does */
async function copyAndHash<T>(from: number, size: number, growing: GrowingFile, identify: (descriptor: Descriptor) => T): Promise<T> {
  const to = openSync(growing.path, 'wx', 0o600);
  try {
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256');
    let copied = 0;
    for await (const piece of filePieces(from, 0, size)) {
      hash.update(piece);
      writeAllSync(to, piece);
      if (Math.floor(copied / LOOK_AFTER) < Math.floor((copied += piece.length) / LOOK_AFTER)) requireRoom(growing.path, 0, 'importing');
      growing.grew(piece.length);
    }
    const identified = identify({ mediaType: MEDIA_TYPES.ociLayer, digest: `sha256:${hash.digest('hex')}` as Digest, size: copied });
    crashPoint('blob:written');
    await flushBlob(to, growing.path);
    crashPoint('blob:flushed');
    return identified;
  } catch (error) {
    throw explainWriteFailure(error, growing.path);
  } finally {
    closeSync(to);
  }
}

/** The blob as a stream. */
export function openStaged(blob: StagedBlob): Readable {
  return createReadStream(blob.file, { highWaterMark: 1 << 20 });
}

/** @param check is told the bytes so far, and may throw */
async function hashing(check?: (size: number) => void): Promise<{ readonly through: Transform; digest(): Digest; size(): number }> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  let size = 0;
  const through = new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      try {
        check?.(size);
      } catch (error) {
        done(error as Error);
        return;
      }
      done(null, chunk);
    },
  });
  return { through, digest: () => `sha256:${hash.digest('hex')}` as Digest, size: () => size };
}

/** Passes everything on, and to `copy` as well, as fast as the slower of the two takes it; until `reading` is over. */
function tee(copy: PassThrough, reading: Promise<unknown>): Transform {
  const through = new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Uint8Array, _encoding, done) {
      if (copy.destroyed || copy.write(chunk)) {
        done(null, chunk);
        return;
      }
      const settle = (): void => {
        copy.off('drain', settle).off('close', settle);
        done(null, chunk);
      };
      copy.once('drain', settle).once('close', settle);
    },
    flush(done) {
      copy.end();
      done();
    },
    destroy(error, done) {
      if (error !== null) copy.destroy(error);
      done(error);
    },
  });
  reading.catch((error: unknown) => through.destroy(error as Error));
  return through;
}

function sinkhole(): Transform {
  const sink = new Transform({ transform: (_chunk, _encoding, done) => done() });
  sink.resume();
  return sink;
}
