/** Turning the tar of a root file system into the one layer of an image; a plain one in a file is import-plain.ts's. */
import { createReadStream, createWriteStream } from 'node:fs';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { explainWriteFailure } from '../host/files.ts';
import { createHash } from '../host/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/image.ts';
import { inflate, recognise } from './archives/inflate.ts';
import { compress } from './layers/compress.ts';
import { checkExpansion } from './layers/limits.ts';
import type { Staging } from './staging.ts';

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
  const blob = hashing();
  const tar = hashing(compression === 'none' ? undefined : (size) => checkExpansion(size, blob.size()));
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

/** The blob as a stream. */
export function openStaged(blob: StagedBlob): Readable {
  return createReadStream(blob.file, { highWaterMark: 1 << 20 });
}

/** @param check is told the bytes so far, and may throw */
function hashing(check?: (size: number) => void): { readonly through: Transform; digest(): Digest; size(): number } {
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
