import { expect, test } from 'vitest';
import { checkExpansion, layerLimits } from '../../../../src/storage/layers/limits.ts';

const GiB = 1024 ** 3;

test('a layer may grow with its size, between sixteen and 256 GiB', () => {
  expect(layerLimits(1000, undefined).unpackedSize).toBe(16 * GiB);
  expect(layerLimits(GiB / 2, undefined).unpackedSize).toBe(100 * GiB);
  expect(layerLimits(50 * GiB, undefined).unpackedSize).toBe(256 * GiB);
});

test('the environment replaces that, also by less', () => {
  expect(layerLimits(1000, '500g').unpackedSize).toBe(500 * GiB);
  expect(layerLimits(50 * GiB, '10m').unpackedSize).toBe(10 * 1024 ** 2);
  expect(() => layerLimits(1, 'plenty')).toThrow(/SCULL_MAX_LAYER_SIZE/);
});

test('what grows beyond it while it is read is stopped with a remedy', () => {
  checkExpansion(16 * GiB, 1);
  expect(() => checkExpansion(16 * GiB + 1, 1)).toThrow(expect.objectContaining({ code: 'INVALID', hint: expect.stringContaining('SCULL_MAX_LAYER_SIZE') as unknown }));
});
