/**
 * Splits a zstd stream into its frames, RFC 8878 section 3.1. Streams may consist of many: zstd:chunked and parallel
 * compressors write them, and frames to be skipped besides. Node's decompressor knows only one frame per stream.
 * Only lengths are read here; what is in the blocks is for the decompressor to check.
 */
import { ScullError } from '../../host/errors.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** Pulls exact numbers of bytes out of chunks of any size. */
class Bytes {
  readonly #source: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async atEnd(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) return true;
      this.#chunk = value;
    }
    return false;
  }

  /** At most `most` bytes, at least one. @throws ScullError INVALID at the end */
  async some(most: number): Promise<Buffer> {
    if (await this.atEnd()) throw new ScullError('INVALID', 'the compressed data ends too early');
    const piece = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(piece.length);
    return piece;
  }

  async exactly(count: number): Promise<Buffer> {
    let bytes = await this.some(count);
    while (bytes.length < count) bytes = Buffer.concat([bytes, await this.some(count - bytes.length)]);
    return bytes;
  }
}

/**
 * The frames that hold data, one after the other; each must be read to its end before the next is asked for.
 * @throws ScullError INVALID for what is no zstd stream, or is cut short
 */
export async function* zstdFrames(source: AsyncIterable<Buffer>): AsyncGenerator<AsyncGenerator<Buffer>> {
  const bytes = new Bytes(source);
  while (!(await bytes.atEnd())) {
    const magic = await bytes.exactly(4);
    const value = magic.readUInt32LE(0);
    if (value === MAGIC) yield frame(magic, bytes);
    else if ((value & 0xfffffff0) >>> 0 === SKIPPABLE) await skip(bytes, (await bytes.exactly(4)).readUInt32LE(0));
    else throw new ScullError('INVALID', 'the compressed data is damaged: no zstd frame where one must begin');
  }
}

async function skip(bytes: Bytes, count: number): Promise<void> {
  for (let left = count; left > 0; ) left -= (await bytes.some(left)).length;
}

async function* frame(magic: Buffer, bytes: Bytes): AsyncGenerator<Buffer> {
  yield magic;
  const descriptor = await bytes.exactly(1);
  yield descriptor;
  yield await bytes.exactly(headerRest(descriptor[0] as number));
  for (let last = false; !last; ) {
    const header = await bytes.exactly(3);
    yield header;
    const word = header.readUIntLE(0, 3);
    last = (word & 1) === 1;
    const kind = (word >> 1) & 3;
    if (kind === 3) throw new ScullError('INVALID', 'the compressed data is damaged: a zstd block of no known type');
    // A run of one byte says how often, not how long it is.
    for (let left = kind === 1 ? 1 : word >> 3; left > 0; ) {
      const piece = await bytes.some(left);
      left -= piece.length;
      yield piece;
    }
  }
  if (((descriptor[0] as number) & 4) !== 0) yield await bytes.exactly(4);
}

/** Bytes of a frame header after its descriptor: window, dictionary, content size. At least one. */
function headerRest(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  return (single ? 0 : 1) + dictionary + contentSize;
}
