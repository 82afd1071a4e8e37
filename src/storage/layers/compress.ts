/**
 * Compressing layers as fast as the machine can: what is made here is read again at once, and pushed at most. The same
 * bytes give the same result, however many cores there are.
 */
import type { Compression } from './decompress.ts';

export type LayerCompression = Extract<Compression, 'none' | 'gzip' | 'zstd'>;

/**
 * The compressed bytes of a stream. Compressing runs on threads of the pool, while the caller's one hashes.
 * @param level gzip 1 to 9, zstd 1 to 22; the fastest unless given
 */
export async function* compress(source: AsyncIterable<Buffer>, compression: LayerCompression, level = 1): AsyncGenerator<Buffer> {
  if (compression === 'none') yield* source;
  else if (compression === 'zstd') yield* zstd(source, level);
  else yield* gzip(source, level);
}

/** Uncompressed bytes per piece; each is compressed by itself. */
const PIECE = 512 * 1024;
/** Pieces under way: as many as the pool has threads, and some that wait for theirs. */
const UNDER_WAY = 6;

/**
 * RFC 1952, of deflate pieces that end at a byte (Z_SYNC_FLUSH), as pigz does it: a decompressor sees one stream. What
 * can't be made smaller is stored as it is, which takes no time.
 */
async function* gzip(source: AsyncIterable<Buffer>, level: number): AsyncGenerator<Buffer> {
  const { crc32 } = await import('node:zlib');
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]); // no name, no time: the content alone decides
  const waiting: Promise<Buffer>[] = [];
  let checksum = 0;
  let size = 0;
  for await (const piece of pieces(source, PIECE)) {
    checksum = crc32(piece, checksum);
    size += piece.length;
    const work = deflatePiece(piece, level);
    work.catch(() => undefined); // thrown where it is awaited
    waiting.push(work);
    if (waiting.length >= UNDER_WAY) yield await (waiting.shift() as Promise<Buffer>);
  }
  for (const work of waiting) yield await work;
  const end = Buffer.alloc(10);
  end.writeUInt16LE(0x0003, 0); // an empty last block
  end.writeUInt32LE(checksum >>> 0, 2);
  end.writeUInt32LE(size % 2 ** 32, 6);
  yield end;
}

async function deflatePiece(piece: Buffer, level: number): Promise<Buffer> {
  const { constants, deflateRaw, deflateRawSync } = await import('node:zlib');
  const sample = Buffer.concat([piece.subarray(0, 4096), piece.subarray(piece.length >> 1, (piece.length >> 1) + 4096)]);
  if (deflateRawSync(sample, { level: 1 }).length > sample.length * 0.97) return stored(piece);
  return new Promise((resolve, reject) => {
    deflateRaw(piece, { level, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: PIECE / 2 }, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

const STORED_MAX = 0xffff;

/** RFC 1951 section 3.2.4. */
function stored(piece: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < piece.length; at += STORED_MAX) {
    const block = piece.subarray(at, at + STORED_MAX);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(block.length, 1);
    header.writeUInt16LE(block.length ^ 0xffff, 3);
    blocks.push(header, block);
  }
  return Buffer.concat(blocks);
}

/** Pieces of exactly `size` bytes, but for the last: how the source was cut must not show in the result. */
async function* pieces(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(size);
  let fill = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const count = Math.min(size - fill, chunk.length - at);
      chunk.copy(piece, fill, at, at + count);
      fill += count;
      at += count;
      if (fill < size) continue;
      yield piece;
      piece = Buffer.allocUnsafe(size);
      fill = 0;
    }
  }
  if (fill > 0) yield piece.subarray(0, fill);
}

async function* zstd(source: AsyncIterable<Buffer>, level: number): AsyncGenerator<Buffer> {
  const [{ constants, createZstdCompress }, { Readable }] = await Promise.all([import('node:zlib'), import('node:stream')]);
  const transform = createZstdCompress({ chunkSize: 256 * 1024, params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 } });
  const input = Readable.from(pieces(source, PIECE), { objectMode: false, highWaterMark: 2 * PIECE });
  input.on('error', (error) => transform.destroy(error));
  transform.on('error', () => input.destroy());
  for await (const chunk of input.pipe(transform)) yield chunk as Buffer;
}
