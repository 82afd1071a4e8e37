import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readUserFile, writeUserFile } from '../../../src/cli/user-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'scull-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a file that the user names is read', () => {
  writeFileSync(join(folder, 'cid'), 'abc\n');
  expect(readUserFile(join(folder, 'cid'), '--cidfile')).toBe('abc\n');
});

test.each([
  ['missing', 'NOT_FOUND', 'no such file or directory'],
  ['cid/x', 'NOT_FOUND', 'a part of the path is no directory'],
  ['.', 'INVALID', 'it is a directory'],
])('%s is refused in words', (name, code, why) => {
  const path = `${folder}/${name}`;
  expect(() => readUserFile(path, '--cidfile')).toThrow(expect.objectContaining({ code, message: `cannot read the --cidfile "${path}": ${why}` }));
});

test('a file that the user names is written anew', () => {
  for (const text of ['a longer text', 'short']) writeUserFile(join(folder, 'digest'), text, '--digestfile');
  expect(readFileSync(join(folder, 'digest'), 'utf8')).toBe('short');
});

test.each([
  ['no/such/folder', 'NOT_FOUND', 'no such file or directory'],
  ['.', 'INVALID', 'it is a directory'],
])('%s is not written, in words', (name, code, why) => {
  const path = `${folder}/${name}`;
  expect(() => writeUserFile(path, 'x', '--digestfile')).toThrow(expect.objectContaining({ code, message: `cannot write the --digestfile "${path}": ${why}` }));
});
