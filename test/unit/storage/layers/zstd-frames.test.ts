import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { contentSizeOf, zstdFrames } from '../../../../src/storage/layers/zstd-frames.ts';

/** RFC 8878: a frame of uncompressed blocks. */
function rawFrame(blocks: readonly string[], checksum = false): Buffer {
  const size = blocks.join('').length;
  const parts = [Buffer.from('28b52ffd', 'hex'), Buffer.from([0x20 | (checksum ? 4 : 0), size])];
  for (const [index, block] of blocks.entries()) {
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (index === blocks.length - 1 ? 1 : 0), 0, 3);
    parts.push(header, Buffer.from(block));
  }
  if (checksum) parts.push(Buffer.from('abcd'));
  return Buffer.concat(parts);
}

/** One byte, repeated: takes one byte whatever its length says. */
const runFrame = Buffer.from('28b52ffd20ff' + 'fb0700' + '61', 'hex');
const skippable = Buffer.concat([Buffer.from('5d2a4d18', 'hex'), Buffer.from([5, 0, 0, 0]), Buffer.from('notes')]);

async function split(bytes: Buffer, chunk: number): Promise<Buffer[]> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const frames: Buffer[] = [];
  for await (const frame of zstdFrames(pieces())) {
    const parts: Buffer[] = [];
    for await (const part of frame) parts.push(part);
    frames.push(Buffer.concat(parts));
  }
  return frames;
}

test.each([1, 3, 7, 1000])('frames are told apart in pieces of %i bytes, skippable ones are skipped', async (chunk) => {
  const frames = [rawFrame(['abc', 'de']), rawFrame(['x'], true), runFrame, rawFrame([''])];
  const stream = Buffer.concat([skippable, ...frames.flatMap((frame) => [frame, skippable])]);
  expect(await split(stream, chunk)).toEqual(frames);
});

test('blocks are not parted: a frame comes in pieces as large as those of the source', async () => {
  async function* source(): AsyncGenerator<Buffer> {
    yield rawFrame(Array.from({ length: 20 }, () => 'block'));
  }
  for await (const frame of zstdFrames(source())) {
    const pieces: Buffer[] = [];
    for await (const piece of frame) pieces.push(piece);
    expect(pieces.map(({ length }) => length)).toEqual([4, 2 + 20 * 8]);
  }
});

test('a stream that is cut anywhere is refused', async () => {
  const frame = rawFrame(['abc', 'de'], true);
  for (let cut = 1; cut < frame.length; cut++) await expect(split(frame.subarray(0, cut), 5), `cut at ${cut}`).rejects.toThrow(/too early/);
});

test('what is no frame is refused', async () => {
  await expect(split(Buffer.concat([rawFrame(['a']), Buffer.from('garbage')]), 9)).rejects.toThrow(/no zstd frame/);
  await expect(split(Buffer.from('28b52ffd2000070000', 'hex'), 9)).rejects.toThrow(/no known type/);
});

test.each([0, 1, 255, 256, 257, 65_791, 65_792, 1 << 20])('a frame says that its content has %i bytes', (size) => {
  expect(contentSizeOf(zstdCompressSync(Buffer.alloc(size)))).toBe(size);
});

test('or it does not say', () => {
  // A window, no content size; then one of eight bytes, cut and whole.
  expect(contentSizeOf(Buffer.from('28b52ffd0050090000', 'hex'))).toBeUndefined();
  expect(contentSizeOf(Buffer.from('28b52ffde0ffffff', 'hex'))).toBeUndefined();
  expect(contentSizeOf(Buffer.from('28b52ffde0ffffffffffffff7f', 'hex'))).toBe(2 ** 63);
});
