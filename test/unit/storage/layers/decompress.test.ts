import { expect, test } from 'vitest';
import { detectCompression } from '../../../../src/storage/layers/decompress.ts';

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
