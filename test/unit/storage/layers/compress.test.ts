import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { compress } from '../../../../src/storage/layers/compress.ts';

async function compressed(bytes: Buffer, cut: number): Promise<Buffer> {
  async function* source(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += cut) yield Buffer.from(bytes.subarray(at, at + cut));
  }
  const parts: Buffer[] = [];
  for await (const part of compress(source(), 'gzip')) parts.push(part);
  return Buffer.concat(parts);
}

const text = Buffer.from('all work and no play makes jack a dull boy\n'.repeat(60_000));

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a byte', Buffer.from('x')],
  ['text of several pieces', text],
  ['zeros', Buffer.alloc(3 * 1024 * 1024 + 17)],
  ['noise', randomBytes(2 * 1024 * 1024 + 3)],
  ['text, then noise, then text', Buffer.concat([text, randomBytes(1024 * 1024), text])],
])('%s comes out of gunzip as it went in', async (_name, bytes) => {
  expect(gunzipSync(await compressed(bytes, 65_536)).equals(bytes)).toBe(true);
});

test('how the source is cut does not show in the result', async () => {
  expect((await compressed(text, 777)).equals(await compressed(text, 1_000_000))).toBe(true);
});

test('what can be made smaller is, and noise grows by no more than a thousandth', async () => {
  expect((await compressed(text, 65_536)).length).toBeLessThan(text.length / 20);
  const noise = randomBytes(4 * 1024 * 1024);
  expect((await compressed(noise, 65_536)).length).toBeLessThan(noise.length * 1.001);
});

test('a source that fails is not taken for one that ended', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from('beginning');
    throw new Error('cut off');
  }
  await expect(async () => {
    for await (const _part of compress(broken(), 'gzip'));
  }).rejects.toThrow('cut off');
});
