/** Compression of layer blobs, told by their first bytes: media types lie now and then. */
import { readSync } from 'node:fs';
import type { Transform } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { withPath } from '../../host/files.ts';
import { contentSizeOf, zstdFrames } from './zstd-frames.ts';

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2';

/** Bytes needed to tell. */
export const MAGIC_LENGTH = 6;

const OUTPUT_CHUNK = 256 * 1024;

/** @param start the first bytes, as many as there are up to {@link MAGIC_LENGTH} */
export function detectCompression(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  // zstd's skippable frames may come first (zstd:chunked, pzstd): RFC 8878 section 3.1.2
  if (((start[0] ?? 0) & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18) return 'zstd';
  if (start.toString('latin1', 0, 6) === '\xfd7zXZ\0') return 'xz';
  if (/^BZh[1-9]/.test(start.toString('latin1', 0, 4))) return 'bzip2';
  return 'none';
}

/** How a file is compressed, told without moving in it. What fails is told with its path. */
export function compressionAt(fd: number, path: string): Compression {
  const start = Buffer.alloc(MAGIC_LENGTH);
  try {
    return detectCompression(start.subarray(0, readSync(fd, start, 0, MAGIC_LENGTH, 0)));
  } catch (error) {
    throw withPath(error, path);
  }
}

/**
 * The inflated content of a stream, whose pieces may be overwritten when the next is asked for. Inflating runs on a thread of the pool, while the caller's one works on the output.
 * @throws ScullError INVALID for damaged data, UNSUPPORTED for what only outside programs can inflate
 */
export async function* inflate(source: AsyncIterable<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
  switch (compression) {
    case 'none':
      yield* source;
      return;
    case 'gzip': {
      const { createGunzip } = await import('node:zlib');
      yield* through(source, createGunzip({ chunkSize: OUTPUT_CHUNK }));
      return;
    }
    case 'zstd': {
      for await (const frame of zstdFrames(source)) yield* inflateFrame(frame);
      return;
    }
    default:
      throw new ScullError('UNSUPPORTED', `${compression} is no compression for a layer`, { hint: `decompress it with ${compression} first, or make the image with gzip or zstd` });
  }
}

/** Bytes, compressed and not: below that a frame is inflated sooner than it is handed to a thread. */
const SMALL_FRAME = 128 * 1024;

/** zstd:chunked has a frame for each file, most of them small. */
async function* inflateFrame(frame: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const { createZstdDecompress, zstdDecompressSync } = await import('node:zlib');
  const pieces: Buffer[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await frame.next();
    if (done === true) break;
    pieces.push(Buffer.from(value)); // which may be overwritten now
    size += value.length;
    if (size <= SMALL_FRAME) continue;
    yield* through(prepend(pieces, frame), createZstdDecompress({ chunkSize: OUTPUT_CHUNK }));
    return;
  }
  const whole = Buffer.concat(pieces);
  if ((contentSizeOf(whole) ?? Infinity) > SMALL_FRAME) yield* through(prepend(pieces, frame), createZstdDecompress({ chunkSize: OUTPUT_CHUNK }));
  else {
    try {
      yield zstdDecompressSync(whole);
    } catch (error) {
      throw isInflateError(error) ? damaged(error) : error;
    }
  }
}

async function* prepend(pieces: readonly Buffer[], rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield* pieces;
  yield* rest;
}

async function* through(source: AsyncIterable<Buffer>, transform: Transform): AsyncGenerator<Buffer> {
  transform.on('error', () => undefined); // the loop below throws it; this also hears what comes after the loop was left
  void feed(source, transform);
  try {
    for await (const chunk of transform) yield chunk as Buffer;
  } catch (error) {
    throw isInflateError(error) ? damaged(error) : error;
  } finally {
    transform.destroy(); // ends the feeding, where the loop was left
  }
}

/** Each piece is taken in whole before the next is asked for. A failure of the source becomes the transform's. */
async function feed(source: AsyncIterable<Buffer>, transform: Transform): Promise<void> {
  try {
    for await (const piece of source) {
      const taken = await new Promise<boolean>((resolve) => {
        transform.write(piece, (error) => resolve(error === null || error === undefined));
      });
      if (!taken) return;
    }
    transform.end();
  } catch (error) {
    transform.destroy(error as Error);
  }
}

/** zlib's own errors: Z_DATA_ERROR, Z_BUF_ERROR (cut short), ZSTD_error_… */
function isInflateError(error: unknown): error is Error & { code: string } {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code);
}

function damaged(error: Error & { code: string }): ScullError {
  const what = error.code === 'Z_BUF_ERROR' ? 'the compressed data ends too early' : `the compressed data is damaged: ${error.message}`;
  return new ScullError('INVALID', what, { cause: error });
}

/** The program that inflates what node:zlib cannot, writing to its standard output. */
export function inflatingProgram(compression: Compression): readonly string[] | undefined {
  if (compression === 'xz') return ['xz', '-dc'];
  if (compression === 'bzip2') return ['bzip2', '-dc'];
  return undefined;
}
