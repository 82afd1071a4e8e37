import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheKey } from '../../../src/build/cache-key.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { cachedContent, CACHE_FORMAT, findCached, pruneBuildCache, useCacheMount, writeCached, type CacheRecord } from '../../../src/storage/build-cache.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';
import { sleep } from '../../support/eventually.ts';

let base: string;
let store: Store;
const key = 'a'.repeat(64);
const digest = `sha256:${'b'.repeat(64)}` as Digest;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'build-cache-'));
  store = { layout: storeLayout(join(base, 'root'), join(base, 'run')), driver: 'auto' };
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function record(more: Partial<CacheRecord> = {}): CacheRecord {
  return { format: CACHE_FORMAT, key, created: '2026-01-02T03:04:05.000Z', step: 'RUN x', ...more };
}

function makeLayer(): NonNullable<CacheRecord['layer']> {
  mkdirSync(store.layout.layer('b'.repeat(64)).directory, { recursive: true });
  writeFileSync(store.layout.layer('b'.repeat(64)).record, '{}');
  mkdirSync(join(store.layout.blob(digest), '..'), { recursive: true });
  writeFileSync(store.layout.blob(digest), 'four');
  return { descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 4 }, diffId: digest, chainId: digest };
}

test('a record is found by its key, and only while its layer is whole', () => {
  expect(findCached(store, key)).toBeUndefined();
  const layer = makeLayer();
  writeCached(store, record({ layer }));
  expect(findCached(store, key)).toEqual(record({ layer }));
  expect(cachedContent(store)).toEqual({ blobs: [digest], layers: [digest] });
  writeFileSync(store.layout.blob(digest), 'fou');
  expect(findCached(store, key)).toBeUndefined();
});

test('its layer is claimed before it is looked for, so that no garbage collection comes in between', () => {
  const layer = makeLayer();
  writeCached(store, record({ layer }));
  const claim = (claimed: typeof layer): void => {
    expect(claimed).toEqual(layer);
    rmSync(store.layout.blob(digest)); // a garbage collection that did not see the claim yet
  };
  expect(findCached(store, key, { claim })).toBeUndefined();
});

test('a record that is damaged, of another key or too old is none', () => {
  writeCached(store, record());
  expect(findCached(store, key, { newerThan: Date.parse('2026-01-02T03:04:04Z') })).toBeDefined();
  expect(findCached(store, key, { newerThan: Date.parse('2026-01-02T03:04:06Z') })).toBeUndefined();
  for (const text of ['', '{', '[]', 'null', '{"format":1}', JSON.stringify(record({ key: 'c'.repeat(64) })), JSON.stringify({ ...record(), layer: { chainId: '../../x' } }), JSON.stringify({ ...record(), format: 2 })]) {
    writeFileSync(join(store.layout.buildCache, `${key}.json`), text);
    expect(findCached(store, key), text).toBeUndefined();
  }
  expect(() => findCached(store, '../../etc/passwd')).toThrow('not a cache key');
});

test('a cache mount is shared, private, or locked', async () => {
  const never = new AbortController().signal;
  const first = await useCacheMount(store, key, 'shared', never);
  expect(first.fresh).toBe(true);
  const second = await useCacheMount(store, key, 'shared', never);
  expect([second.directory, second.fresh]).toEqual([first.directory, false]);
  const own = await useCacheMount(store, key, 'private', never);
  expect(own.directory).not.toBe(first.directory);
  let locked = false;
  const waiting = useCacheMount(store, key, 'locked', never).then((place) => {
    locked = true;
    return place;
  });
  await sleep(100);
  expect(locked).toBe(false);
  for (const place of [first, second, own]) place.release();
  (await waiting).release();
  const abort = new AbortController();
  const holder = await useCacheMount(store, key, 'shared', never);
  abort.abort(new Error('stop'));
  await expect(useCacheMount(store, key, 'locked', abort.signal)).rejects.toThrow('stop');
  holder.release();
  await expect(useCacheMount(store, '../x', 'shared', never)).rejects.toThrow('not a name');
});

test('the mount of a process that died is free', async () => {
  const place = join(store.layout.buildMounts, key);
  mkdirSync(join(place, 'users', `1.1.${'0'.repeat(32)}.${'0'.repeat(16)}`), { recursive: true });
  const mount = await useCacheMount(store, key, 'locked', new AbortController().signal);
  expect(readdirSync(join(place, 'users'))).toHaveLength(1);
  mount.release();
});

test('pruning spares what was used since, and mounts in use', async () => {
  writeCached(store, record());
  const mount = await useCacheMount(store, key, 'shared', new AbortController().signal);
  const old = new Date('2020-01-01');
  utimesSync(join(store.layout.buildCache, `${key}.json`), old, old);
  writeCached(store, record({ key: 'c'.repeat(64) }));
  expect(await pruneBuildCache(store, Date.parse('2021-01-01'))).toEqual({ records: 1, mounts: 0, failed: [] });
  expect(await pruneBuildCache(store)).toEqual({ records: 1, mounts: 0, failed: [] });
  mount.release();
  expect(await pruneBuildCache(store)).toEqual({ records: 0, mounts: 1, failed: [] });
  expect(existsSync(join(store.layout.buildMounts, key))).toBe(false);
});

test('a key depends on every part, and on nothing else', () => {
  expect(cacheKey('run', { a: 1, b: [2, undefined] })).toBe(cacheKey('run', { b: [2, undefined], a: 1, c: undefined }));
  const keys = [cacheKey('run', ['a', 'b']), cacheKey('run', ['ab']), cacheKey('copy', ['a', 'b']), cacheKey('run', ['a', 'b', null]), cacheKey('run', [['a'], 'b'])];
  expect(new Set(keys).size).toBe(keys.length);
});
