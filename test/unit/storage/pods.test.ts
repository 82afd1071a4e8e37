import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/engine.ts';
import { podNames, readPod, removePodFile, writePod, type PodRecord } from '../../../src/storage/pods.ts';
import type { Store } from '../../../src/storage/store.ts';

let base: string;
let store: Store;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'scull-pods-'));
  ({ store } = openEngine({ root: join(base, 'root'), runRoot: join(base, 'run') }));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const pod = (name: string, digit: string): PodRecord => ({ format: 1, id: digit.repeat(64), name, created: '2026-01-01T00:00:00.000Z', labels: {}, hostname: name, exitPolicy: 'continue', share: [], members: { mounts: [], volumesFrom: [], devices: [] } });

test('a pod has its name alone; what is read is what was written', async () => {
  await writePod(store, pod('p', 'a'));
  expect(readPod(store, 'p')).toEqual(pod('p', 'a'));
  await expect(writePod(store, pod('p', 'b'))).rejects.toThrow('the pod name "p" is already in use');
  expect(podNames(store)).toEqual(['p']);
  expect(readPod(store, '../p')).toBeUndefined();
  await expect(writePod(store, pod('../x', 'a'))).rejects.toThrow('invalid pod name');
});

test('who removes a pod does not remove one that took its name meanwhile', async () => {
  await writePod(store, pod('p', 'b'));
  expect(await removePodFile(store, 'p', 'a'.repeat(64))).toBe(false);
  expect(await removePodFile(store, 'p', 'b'.repeat(64))).toBe(true);
  expect(await removePodFile(store, 'p', 'b'.repeat(64))).toBe(false);
});

test.each(['', '{', '[]', 'null', '{"format":1,"name":"p"}', JSON.stringify({ ...pod('p', 'a'), members: {} }), JSON.stringify({ ...pod('p', 'a'), infra: { id: '../x' } }), JSON.stringify({ ...pod('p', 'a'), infra: { id: 'b'.repeat(64), name: 'i', spec: {} } })])('a damaged record is told by name: %j', async (text) => {
  await writePod(store, pod('p', 'a'));
  writeFileSync(store.layout.pod('p'), text);
  expect(() => readPod(store, 'p')).toThrow(/pods\/p/);
});
