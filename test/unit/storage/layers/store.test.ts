import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ownerTag } from '../../../../src/host/identity.ts';
import type { Digest } from '../../../../src/oci/digest.ts';
import { linkOf } from '../../../../src/storage/layers/links.ts';
import { finishLayer, layerExists, layerPaths, layerSize, listLayers, nameLayer, readLayer, UNFINISHED } from '../../../../src/storage/layers/store.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import type { Store } from '../../../../src/storage/store.ts';
import { sleep } from '../../../support/eventually.ts';
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

/** A directory like those that builds rename into their place, with the record of `owner`. */
function made(store: Store, owner: string, size: number): string {
  const directory = join(store.layout.root, `made-${size}`);
  mkdirSync(directory, { recursive: true });
  mkdirSync(store.layout.layers, { recursive: true });
  writeFileSync(join(directory, `${UNFINISHED}${owner}`), JSON.stringify({ ...sound, size }));
  return directory;
}

const DEAD = ownerTag().replace(/^[0-9]+\.[0-9]+/, '1.1');

test('a layer that somebody named and did not finish is finished by who comes next, and never taken away: it may be mounted', async () => {
  const store = storeWith();
  expect(nameLayer(store, made(store, DEAD, 1), chain)).toBe(true);
  const { ino } = statSync(layerPaths(store, chain).directory);
  expect(nameLayer(store, made(store, ownerTag(), 2), chain)).toBe(false);
  expect([layerExists(store, chain), statSync(layerPaths(store, chain).directory).ino]).toEqual([false, ino]);
  await Promise.all([finishLayer(store, chain), finishLayer(store, chain)]);
  expect([readLayer(store, chain).size, readdirSync(layerPaths(store, chain).directory)]).toEqual([1, ['layer.json']]);
});

test('what was not finished when the machine stopped is replaced', async () => {
  const store = storeWith();
  nameLayer(store, made(store, DEAD.replace(/[0-9a-f]{32}/, 'f'.repeat(32)), 1), chain);
  expect(nameLayer(store, made(store, ownerTag(), 2), chain)).toBe(true);
  await finishLayer(store, chain);
  expect(readLayer(store, chain).size).toBe(2);
});

test('a garbage collection that had moved it puts it back: it is waited for', async () => {
  const store = storeWith();
  const { directory } = layerPaths(store, chain);
  nameLayer(store, made(store, ownerTag(), 1), chain);
  renameSync(directory, `${directory}.moved`);
  const finished = finishLayer(store, chain);
  await sleep(20);
  renameSync(`${directory}.moved`, directory);
  await finished;
  expect(layerExists(store, chain)).toBe(true);
});
