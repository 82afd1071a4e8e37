import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../../../src/oci/digest.ts';
import { addClaims, readClaims } from '../../../src/storage/claims.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import { createStaging } from '../../../src/storage/staging.ts';
import type { Store } from '../../../src/storage/store.ts';

let base: string;
let store: Store;
const digestOf = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'claims-'));
  store = { layout: storeLayout(join(base, 'root'), join(base, 'run')), driver: 'auto' };
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

test('claims of one and of several owners add up, and end with their staging directories', async () => {
  const [one, two] = [createStaging(store), createStaging(store)];
  addClaims(one, { blobs: [digestOf('1')], layers: [] });
  addClaims(one, { blobs: [], layers: [digestOf('2')] });
  addClaims(two, { blobs: [digestOf('3')], layers: [digestOf('4')] });
  const { blobs, layers } = readClaims(store);
  expect([...blobs].sort()).toEqual([digestOf('1'), digestOf('3')]);
  expect([...layers].sort()).toEqual([digestOf('2'), digestOf('4')]);
  expect(statSync(one.path('claims')).mode & 0o777).toBe(0o600);
  await one.remove();
  expect(readClaims(store)).toEqual({ blobs: [digestOf('3')], layers: [digestOf('4')] });
});

test('what is being written is no claim yet, and takes nothing from those before it', () => {
  const staging = createStaging(store);
  addClaims(staging, { blobs: [digestOf('1')], layers: [] });
  appendFileSync(staging.path('claims'), `{"blobs":["${digestOf('2')}`);
  expect(readClaims(store)).toEqual({ blobs: [digestOf('1')], layers: [] });
});

test('a claim that can not be written is told', async () => {
  const staging = createStaging(store);
  await staging.remove();
  expect(() => addClaims(staging, { blobs: [digestOf('1')], layers: [] })).toThrow();
});
