import { randomBytes } from 'node:crypto';
import { createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { detectCompression, inflate } from '../../../../src/storage/layers/decompress.ts';

test.each([
  ['gzip', '1f8b08000000'],
  ['zstd', '28b52ffd0458'],
  ['zstd', '502a4d180400'], // a skippable frame first
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68393141'],
  ['none', '2e2f00000000'],
  ['none', ''],
  ['none', '1f'],
])('%s begins with %s', (name, hex) => {
  expect(detectCompression(Buffer.from(hex, 'hex'))).toBe(name);
});

async function inflated(bytes: Buffer, compression: 'none' | 'gzip' | 'zstd' | 'xz'): Promise<string> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += 10) yield bytes.subarray(at, at + 10);
  }
  const parts: Buffer[] = [];
  for await (const part of inflate(pieces(), compression)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('gzip of several members is one stream', async () => {
  expect(await inflated(Buffer.concat([gzipSync('one, '), gzipSync('two')]), 'gzip')).toBe('one, two');
});

test('zstd of several frames is one stream', async () => {
  // "one, " and "two" as frames of uncompressed blocks
  const frames = Buffer.from('28b52ffd20052900006f6e652c20' + '28b52ffd200319000074776f', 'hex');
  expect(await inflated(frames, 'zstd')).toBe('one, two');
});

test('frames of any size, that say their size or not, come in their order', async () => {
  const unsized = createZstdCompress();
  unsized.write('without a size, ');
  unsized.end();
  const frames = [zstdCompressSync('small, '), Buffer.concat((await unsized.toArray()) as Buffer[]), zstdCompressSync(''), zstdCompressSync('x'.repeat(300_000)), zstdCompressSync(randomBytes(200_000).toString('hex')), zstdCompressSync(', last')];
  const text = await inflated(Buffer.concat(frames), 'zstd');
  expect(text).toMatch(/^small, without a size, x{300000}[0-9a-f]{400000}, last$/);
});

test.each([
  ['has less than it says', '28b52ffd200509000041'],
  ['has more than it says', '28b52ffd20011100004141'],
  ['has a wrong checksum', '28b52ffd240109000041' + '00000000'],
  ['says that it has 2^62 bytes', '28b52ffde00000000000000040' + '09000041'],
  ['wants a window of 2 GiB', '28b52ffd00a8' + '09000041'],
  ['wants a dictionary', '28b52ffd210701' + '09000041'],
])('a small frame that %s is damaged', async (_what, hex) => {
  await expect(inflated(Buffer.concat([zstdCompressSync('good'), Buffer.from(hex, 'hex')]), 'zstd')).rejects.toMatchObject({ code: 'INVALID', message: expect.stringMatching(/^the compressed data/) as unknown });
});

test('damaged and cut streams are told as that, and what we cannot inflate with a remedy', async () => {
  const whole = gzipSync('some text that is long enough to be cut');
  await expect(inflated(whole.subarray(0, 25), 'gzip')).rejects.toMatchObject({ code: 'INVALID', message: 'the compressed data ends too early' });
  await expect(inflated(Buffer.concat([whole.subarray(0, 10), Buffer.from('ffffffff', 'hex')]), 'gzip')).rejects.toMatchObject({ code: 'INVALID' });
  await expect(inflated(Buffer.from('x'), 'xz')).rejects.toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringContaining('decompress it with xz') as unknown });
});
