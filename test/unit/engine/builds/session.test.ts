import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildSession, LostMeanwhile } from '../../../../src/engine/builds/session.ts';
import type { Digest } from '../../../../src/oci/digest.ts';
import { CACHE_FORMAT, writeCached } from '../../../../src/storage/build-cache.ts';
import { readClaims } from '../../../../src/storage/claims.ts';
import type { LayerRef } from '../../../../src/storage/image-types.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import { lateStaging } from '../../../../src/storage/staging.ts';
import type { Store } from '../../../../src/storage/store.ts';
import { sleep } from '../../../support/eventually.ts';

let base: string;
let store: Store;
const key = 'a'.repeat(64);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'session-'));
  store = { layout: storeLayout(join(base, 'root'), join(base, 'run')), driver: 'auto' };
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** What of a session concerns layers asks nothing else of a build. */
function session(): BuildSession {
  const options = { abort: new AbortController().signal } as BuildSession['options'];
  return new BuildSession({ engine: { store, progress: () => undefined }, options, staging: lateStaging(store), file: {} as BuildSession['file'], context: {} as BuildSession['context'] });
}

/** A layer in the store, with its blob. */
function layer(digit: string): LayerRef {
  const digest = `sha256:${digit.repeat(64)}` as Digest;
  mkdirSync(store.layout.layer(digit.repeat(64)).directory, { recursive: true });
  writeFileSync(store.layout.layer(digit.repeat(64)).record, '{}');
  mkdirSync(join(store.layout.blob(digest), '..'), { recursive: true });
  writeFileSync(store.layout.blob(digest), 'four');
  return { descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 4 }, diffId: digest, chainId: digest };
}

function remember(made: LayerRef): void {
  writeCached(store, { format: CACHE_FORMAT, key, created: '2026-01-02T03:04:05.000Z', step: 'RUN x', layer: made });
}

test('what is only found leaves the store as it is; before anything is made of it, all of it is claimed', () => {
  const [image, step] = [layer('1'), layer('2')];
  remember(step);
  const build = session();
  build.rely([image]);
  expect(build.find(key, {})?.layer).toEqual(step);
  expect(existsSync(store.layout.staging)).toBe(false);
  build.hold();
  expect([...readClaims(store).layers].sort()).toEqual([image.chainId, step.chainId]);
  build.rely([layer('3')]);
  expect(readClaims(store).layers).toHaveLength(3);
});

test('what was removed before it was claimed is not made anything of', () => {
  const step = layer('2');
  remember(step);
  const build = session();
  build.find(key, {});
  rmSync(store.layout.blob(step.descriptor.digest));
  expect(() => build.hold()).toThrow(LostMeanwhile);

  const other = session();
  other.rely([layer('1')]);
  rmSync(store.layout.layer('1'.repeat(64)).record);
  expect(() => other.hold()).toThrow(LostMeanwhile);
});

test('a record whose layer is gone is no reason to look again; one that is put upon other layers is claimed at once', () => {
  const step = layer('2');
  remember(step);
  rmSync(store.layout.blob(step.descriptor.digest));
  const build = session();
  expect(build.find(key, {})).toBeUndefined();
  build.hold();
  layer('2');
  const other = session();
  expect(other.find(key, { blobOnly: true })).toBeDefined();
  expect(readClaims(store).layers).toEqual([step.chainId]);
});

test('a place to write in, a claim of something else, or what takes long: what was found is claimed before', async () => {
  const found = layer('1');
  for (const begin of [(build: BuildSession) => build.place('x'), (build: BuildSession) => build.claim([layer('2')]), (build: BuildSession) => build.waitFor(sleep(20))]) {
    const build = session();
    build.rely([found]);
    await build.waitFor(Promise.resolve());
    expect(readClaims(store).layers).toEqual([]);
    await begin(build);
    expect(readClaims(store).layers).toContain(found.chainId);
    await build.staging.remove();
  }
});
