import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { setWithTarAndCp } from '../../../../src/storage/layers/portable-xattrs.ts';

let base: string;
let layer: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'scull-xattrs-'));
  layer = join(base, 'diff');
  mkdirSync(join(layer, 'a folder/inner'), { recursive: true });
  writeFileSync(join(layer, 'a folder/file'), 'content');
  writeFileSync(Buffer.from(`${layer}/\xfftext`, 'latin1'), 'bytes');
  symlinkSync('a folder', join(layer, 'link'));
});

afterEach(() => rmSync(base, { recursive: true }));

/** As tar reads them back; there need be no getfattr. */
function attributesOf(path: string): string[] {
  const archive = execFileSync('tar', ['--xattrs', '--format=pax', '--no-recursion', '-c', '-f', '-', '-C', layer, path], { encoding: 'latin1' });
  return [...archive.matchAll(/SCHILY\.xattr\.([^\n]*)\n/g)].map((match) => match[1] as string).sort();
}

const mark = (path: string, name: string, value: string) => ({ path, name, value: Buffer.from(value, 'latin1') });

test('files and folders get theirs, and nothing else changes', async () => {
  const marks = [mark('a folder', 'user.overlay.opaque', 'y'), mark('a folder/file', 'user.one', 'x'.repeat(80)), mark('a folder/file', 'user.two', '=\0\xff'), mark('a folder/inner', 'user.overlay.opaque', 'y')];
  expect(await setWithTarAndCp(layer, marks)).toEqual([]);
  expect(attributesOf('a folder')).toEqual(['user.overlay.opaque=y']);
  expect(attributesOf('a folder/inner')).toEqual(['user.overlay.opaque=y']);
  expect(attributesOf('a folder/file')).toEqual([`user.one=${'x'.repeat(80)}`, 'user.two==\0\xff']);
  expect(readFileSync(join(layer, 'a folder/file'), 'utf8')).toBe('content');
  expect(readdirSync(join(layer, 'a folder')).sort()).toEqual(['file', 'inner']);
  expect(readdirSync(base)).toEqual(['diff']);
});

test('a name need not be text', async () => {
  expect(await setWithTarAndCp(layer, [mark('\xfftext', 'user.one', '1')])).toEqual([]);
  const archive = execFileSync('sh', ['-c', 'cd "$1" && tar --xattrs --format=pax -c -f - ./*text', 'sh', layer], { encoding: 'latin1' });
  expect(archive).toContain('SCHILY.xattr.user.one=1\n');
});

test('a link is not followed: what it can not have is told', async () => {
  const marks = [mark('link', 'user.one', '1')];
  expect(await setWithTarAndCp(layer, marks)).toEqual(marks);
  expect(attributesOf('a folder')).toEqual([]);
});
