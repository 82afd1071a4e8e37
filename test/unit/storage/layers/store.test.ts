import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Digest } from '../../../../src/oci/digest.ts';
import { linkOf } from '../../../../src/storage/layers/links.ts';
import { layerExists, layerPaths, layerSize, listLayers, readLayer, removeLayer } from '../../../../src/storage/layers/store.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import type { Store } from '../../../../src/storage/store.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

const chain = `sha256:${'ab'.repeat(32)}` as Digest;
const sound = { format: 1, chainId: chain, diffId: chain, parent: null, link: 'x', size: 42, opaque: [] };

function storeWith(record?: string | object): Store {
  const root = scratchDirectory();
  const store: Store = { layout: storeLayout(root, join(root, 'run')), driver: 'auto' };
  if (record !== undefined) {
    const paths = layerPaths(store, chain);
    mkdirSync(paths.diff, { recursive: true });
    writeFileSync(paths.record, typeof record === 'string' ? record : JSON.stringify(record));
  }
  return store;
}

test('a layer that is there is found, listed and measured', () => {
  const store = storeWith(sound);
  linkOf(store, chain);
  expect([layerExists(store, chain), listLayers(store), layerSize(store, chain), readLayer(store, chain).size]).toEqual([true, [chain], 42, 42]);
});

test('in an empty store there is none', () => {
  const store = storeWith();
  expect([layerExists(store, chain), listLayers(store), layerSize(store, chain)]).toEqual([false, [], undefined]);
  expect(() => readLayer(store, chain)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
});

test.each([
  ['is empty', ''],
  ['is no JSON', '{"format":1'],
  ['is no object', '"x"'],
  ['is null', 'null'],
  ['lacks a digest', { ...sound, chainId: 'sha256:../../etc' }],
  ['has no size', { ...sound, size: '42' }],
  ['has strange paths', { ...sound, opaque: [1] }],
])('a record that %s is told as damaged, by its path', (_, record) => {
  expect(() => readLayer(storeWith(record), chain)).toThrow(expect.objectContaining({ code: 'CORRUPT', message: expect.stringContaining('layer.json') as unknown }));
});

test('a record of a newer format is refused as that', () => {
  expect(() => readLayer(storeWith({ ...sound, format: 2 }), chain)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
});

test('a removed layer leaves neither directory nor link nor garbage; removing it twice is fine', async () => {
  const store = storeWith(sound);
  linkOf(store, chain);
  await removeLayer(store, chain);
  await removeLayer(store, chain);
  expect(existsSync(layerPaths(store, chain).directory)).toBe(false);
  expect([readdirSync(store.layout.layerLinks), readdirSync(store.layout.trash)]).toEqual([[], []]);
});
