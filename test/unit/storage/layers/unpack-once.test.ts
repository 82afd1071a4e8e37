/** Of several that want the same layer one unpacks it. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { bootId, identityOf } from '../../../../src/host/identity.ts';
import { digestHex } from '../../../../src/oci/digest.ts';
import { whenNobodyElseUnpacks } from '../../../../src/storage/layers/unpack.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import type { Store } from '../../../../src/storage/store.ts';
import { sha256 } from '../../../support/digest.ts';
import { sleep } from '../../../support/eventually.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

const layer = sha256(Buffer.from('a layer'));
let store: Store;
beforeEach(() => {
  const root = scratchDirectory();
  store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' };
});

test('those that come later wait, and find it there', async () => {
  let unpacked = 0;
  const work = async (): Promise<void> => {
    if (unpacked > 0) return;
    await sleep(50);
    unpacked += 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => whenNobodyElseUnpacks(store, layer, work)));
  expect(unpacked).toBe(1);
});

test('the next one tries when the first has failed, whose error is its own', async () => {
  const failing = whenNobodyElseUnpacks(store, layer, () => Promise.reject(new Error('no')));
  let done = false;
  const next = whenNobodyElseUnpacks(store, layer, async () => void (done = true));
  await expect(failing).rejects.toThrow('no');
  await next;
  expect(done).toBe(true);
});

test('the turn of a process that died is taken over at once', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const lock = join(store.layout.locks, `layer-${digestHex(layer)}`);
  mkdirSync(lock, { recursive: true });
  writeFileSync(join(lock, `${child.pid}.${identityOf(child.pid as number)?.startTime}.${bootId()}.0123456789abcdef`), '');
  let done = false;
  const waiting = whenNobodyElseUnpacks(store, layer, async () => void (done = true));
  await sleep(100);
  expect(done).toBe(false);
  child.kill('SIGKILL');
  await waiting;
  expect(done).toBe(true);
  rmSync(lock, { recursive: true, force: true });
});
