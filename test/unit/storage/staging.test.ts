import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bootId, ownerTag, ownIdentity, parseOwnerTag } from '../../../src/host/identity.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import { createStaging, moveToTrash, sweepStaging } from '../../../src/storage/staging.ts';
import type { Store } from '../../../src/storage/store.ts';

let root: string;
let store: Store;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-staging-'));
  store = { layout: storeLayout(root, join(root, 'run')), driver: 'auto' };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a staging directory is private and names its owner', async () => {
  const staging = createStaging(store);
  expect(statSync(staging.directory).mode & 0o777).toBe(0o700);
  expect(parseOwnerTag(readdirSync(store.layout.staging)[0] as string)).toEqual(ownIdentity());
  await staging.remove();
  expect(readdirSync(store.layout.staging)).toEqual([]);
});

test('sweeping removes what dead owners left, and nothing of living ones', async () => {
  const alive = createStaging(store);
  const dead = join(store.layout.staging, `1.4.${bootId()}.0123456789abcdef`);
  mkdirSync(join(dead, 'deep'), { recursive: true });
  writeFileSync(join(dead, 'deep', 'file'), 'x');
  const stranger = join(store.layout.staging, 'not-ours');
  mkdirSync(stranger);
  await sweepStaging(store);
  expect([existsSync(alive.directory), existsSync(dead), existsSync(stranger)]).toEqual([true, false, true]);
});

test('sweeping removes what a process left that died while it was asking for a lock', async () => {
  const dead = join(store.layout.locks, `images.1.4.${bootId()}.0123456789abcdef`);
  const mine = join(store.layout.locks, `images.${ownerTag()}`);
  mkdirSync(dead, { recursive: true });
  mkdirSync(mine);
  await sweepStaging(store);
  expect([existsSync(dead), existsSync(mine)]).toEqual([false, true]);
});

test('what is thrown away is out of sight at once and deleted by the next sweep', async () => {
  const file = join(root, 'thing');
  writeFileSync(file, 'x');
  const trash = moveToTrash(store, file);
  expect([existsSync(file), existsSync(trash as string)]).toEqual([false, true]);
  await sweepStaging(store);
  expect(existsSync(trash as string)).toBe(false);
  expect(moveToTrash(store, file)).toBeUndefined();
});
