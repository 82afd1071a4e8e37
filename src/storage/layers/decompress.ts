/** Compression of layer blobs, told by their first bytes: media types lie now and then. */
import type { Transform } from 'node:stream';
import { ScullError } from '../../host/errors.ts';

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

/**
 * A stream that inflates, in this process; undefined where there is nothing to inflate.
 * @throws ScullError UNSUPPORTED for what only outside programs can inflate
 */
export async function inflater(compression: Compression): Promise<Transform | undefined> {
  const zlib = await import('node:zlib');
  switch (compression) {
    case 'none':
      return undefined;
    case 'gzip':
      return zlib.createGunzip({ chunkSize: OUTPUT_CHUNK });
    case 'zstd':
      return zlib.createZstdDecompress({ chunkSize: OUTPUT_CHUNK });
    default:
      throw new ScullError('UNSUPPORTED', `${compression} is no compression for a layer`, { hint: `decompress it with ${compression} first, or make the image with gzip or zstd` });
  }
}

/** The program that inflates what node:zlib cannot, writing to its standard output. */
export function inflatingProgram(compression: Compression): readonly string[] | undefined {
  if (compression === 'xz') return ['xz', '-dc'];
  if (compression === 'bzip2') return ['bzip2', '-dc'];
  return undefined;
}
