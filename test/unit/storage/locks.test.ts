import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bootId, identityOf } from '../../../src/host/identity.ts';
import { withLock } from '../../../src/storage/locks.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';

let root: string;
let store: Store;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-locks-'));
  store = { layout: storeLayout(root, join(root, 'run')), driver: 'auto' };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function pretendHeldBy(owner: { pid: number; startTime: number; bootId: string }): void {
  mkdirSync(join(store.layout.locks, 'images'), { recursive: true });
  writeFileSync(join(store.layout.locks, 'images', `${owner.pid}.${owner.startTime}.${owner.bootId}.0123456789abcdef`), '');
}

test('only one of many holds a lock at a time, and all get it', async () => {
  let inside = 0;
  let most = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: 8 }, () =>
      withLock(store, 'images', async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(2);
        inside -= 1;
        done += 1;
      }),
    ),
  );
  expect({ most, done }).toEqual({ most: 1, done: 8 });
});

test('a lock is free again after an error inside it', async () => {
  await expect(withLock(store, 'images', () => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
  expect(await withLock(store, 'images', () => 'free', { timeout: 0 })).toBe('free');
});

test('the lock of a dead owner is taken over at once', async () => {
  pretendHeldBy({ pid: 1, startTime: 4, bootId: bootId() });
  const before = performance.now();
  expect(await withLock(store, 'images', () => 'mine')).toBe('mine');
  expect(performance.now() - before).toBeLessThan(2000);
  expect(readdirSync(store.layout.locks)).toEqual([]);
});

test('the lock of an owner from before a reboot is taken over', async () => {
  pretendHeldBy({ pid: process.pid, startTime: 1, bootId: '0'.repeat(32) });
  expect(await withLock(store, 'images', () => 'mine')).toBe('mine');
});

test('many that find the lock of a dead owner still enter one by one', async () => {
  pretendHeldBy({ pid: 1, startTime: 4, bootId: bootId() });
  let inside = 0;
  await Promise.all(
    Array.from({ length: 8 }, () =>
      withLock(store, 'images', async () => {
        expect(++inside).toBe(1);
        await sleep(1);
        inside -= 1;
      }),
    ),
  );
});

test('a living owner keeps its lock, and the error names it', async () => {
  const holder = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    const identity = identityOf(holder.pid as number);
    if (identity === undefined) throw new Error('the holder did not start');
    pretendHeldBy(identity);
    const attempt = withLock(store, 'images', () => 'mine', { timeout: 50 });
    await expect(attempt).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining(`process ${holder.pid}`), detail: 'sleep 60' });
  } finally {
    holder.kill();
  }
});

test('a lock name can not leave the directory of locks', async () => {
  await expect(withLock(store, '../images', () => 'mine')).rejects.toThrow('not a lock name');
});
