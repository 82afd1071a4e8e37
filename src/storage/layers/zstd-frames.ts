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
  some(most: number): Promise<Buffer> {
    return this.upTo(() => most);
  }

  /** As many of the next bytes as `measure` says of them, at least one. @throws ScullError INVALID at the end */
  async upTo(measure: (chunk: Buffer) => number): Promise<Buffer> {
    if (await this.atEnd()) throw new ScullError('INVALID', 'the compressed data ends too early');
    const piece = this.#chunk.subarray(0, measure(this.#chunk));
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
 * The frames that hold data, one after the other; each must be read to its end before the next is asked for. The pieces of a
 * frame are as large as those of the source: each one costs the decompressor a way to its thread and back.
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
  const end = new FrameEnd();
  while (!end.found) yield await bytes.upTo((chunk) => end.look(chunk));
}

/** Parts of a frame after its magic number. */
type Part = 'descriptor' | 'header' | 'block' | 'content' | 'checksum';

/** Finds where a frame ends, as its bytes come after the magic number. */
class FrameEnd {
  found = false;
  /** What the next bytes are: read to know what follows, or passed over. */
  #part: Part = 'descriptor';
  /** Bytes left of it. */
  #left = 1;
  #word = 0;
  #read = 0;
  #checksum = false;
  #last = false;

  /** @returns how many of the bytes belong to the frame @throws ScullError INVALID */
  look(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.found) {
      const take = Math.min(this.#left, chunk.length - at);
      if (this.#part === 'descriptor' || this.#part === 'block') {
        for (let i = 0; i < take; i++) this.#word |= (chunk[at + i] as number) << (8 * this.#read++);
      }
      at += take;
      this.#left -= take;
      if (this.#left === 0) this.#next();
    }
    return at;
  }

  #next(): void {
    switch (this.#part) {
      case 'descriptor':
        this.#checksum = (this.#word & 4) !== 0;
        this.#expect('header', headerRest(this.#word));
        break;
      case 'header':
        this.#expect('block', 3);
        break;
      case 'block': {
        this.#last = (this.#word & 1) === 1;
        const kind = (this.#word >> 1) & 3;
        if (kind === 3) throw new ScullError('INVALID', 'the compressed data is damaged: a zstd block of no known type');
        // A run of one byte says how often, not how long it is.
        const length = kind === 1 ? 1 : this.#word >> 3;
        if (length > 0) this.#expect('content', length);
        else this.#afterBlock();
        break;
      }
      case 'content':
        this.#afterBlock();
        break;
      case 'checksum':
        this.found = true;
    }
  }

  #afterBlock(): void {
    if (!this.#last) this.#expect('block', 3);
    else if (this.#checksum) this.#expect('checksum', 4);
    else this.found = true;
  }

  #expect(part: Part, bytes: number): void {
    this.#part = part;
    this.#left = bytes;
    this.#word = 0;
    this.#read = 0;
  }
}

/** Bytes of a frame header after its descriptor: window, dictionary, content size. At least one. */
function headerRest(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  return (single ? 0 : 1) + dictionary + contentSizeBytes(descriptor);
}

/**
 * How long the content of a frame says that it is, which the decompressor holds it to.
 * @param frame its beginning, 18 bytes at least unless it is shorter
 */
export function contentSizeOf(frame: Buffer): number | undefined {
  const descriptor = frame[4] ?? 0;
  const bytes = contentSizeBytes(descriptor);
  if (bytes === 0) return undefined;
  const at = 5 + headerRest(descriptor) - bytes;
  if (frame.length < at + bytes) return undefined;
  if (bytes === 8) return Number(frame.readBigUInt64LE(at));
  return frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

function contentSizeBytes(descriptor: number): number {
  return [(descriptor & 0x20) !== 0 ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
}
