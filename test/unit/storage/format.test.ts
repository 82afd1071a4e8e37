import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkFormat, ensureFormat } from '../../../src/storage/format.ts';
import { changeIndex, readIndex } from '../../../src/storage/index-file.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';

let root: string;
let store: Store;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-format-'));
  store = { layout: storeLayout(join(root, 'deep', 'store'), join(root, 'run')), driver: 'vfs' };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('reading makes nothing, the first change makes the store and marks it', async () => {
  expect(readIndex(store)).toEqual([]);
  expect(existsSync(store.layout.root)).toBe(false);
  await changeIndex(store, () => []);
  expect(readFileSync(store.layout.versionFile, 'utf8')).toBe('1\n');
  expect(statSync(store.layout.root).mode & 0o777).toBe(0o700);
  const { mtimeMs } = statSync(store.layout.versionFile);
  ensureFormat(store);
  checkFormat(store);
  expect(statSync(store.layout.versionFile).mtimeMs).toBe(mtimeMs);
});

test.each([
  ['2\n', 'UNSUPPORTED', /newer scull \(format 2, this one knows 1\)/],
  ['', 'CORRUPT', /version is damaged/],
  ['one', 'CORRUPT', /version is damaged/],
])('a store marked %j is neither read nor changed', async (text, code, message) => {
  mkdirSync(store.layout.root, { recursive: true });
  writeFileSync(store.layout.versionFile, text);
  const expected = { code, message: expect.stringMatching(message) };
  expect(() => readIndex(store)).toThrow(expect.objectContaining(expected));
  await expect(changeIndex(store, () => [])).rejects.toMatchObject(expected);
  expect(existsSync(store.layout.images)).toBe(false);
});
