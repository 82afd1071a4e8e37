import { gzipSync } from 'node:zlib';
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

test('damaged and cut streams are told as that, and what we cannot inflate with a remedy', async () => {
  const whole = gzipSync('some text that is long enough to be cut');
  await expect(inflated(whole.subarray(0, 25), 'gzip')).rejects.toMatchObject({ code: 'INVALID', message: 'the compressed data ends too early' });
  await expect(inflated(Buffer.concat([whole.subarray(0, 10), Buffer.from('ffffffff', 'hex')]), 'gzip')).rejects.toMatchObject({ code: 'INVALID' });
  await expect(inflated(Buffer.from('x'), 'xz')).rejects.toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringContaining('decompress it with xz') as unknown });
});
