import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contentDigest } from '../../../../src/build/files/content-digest.ts';
import { follow, type Tree } from '../../../../src/build/files/confined.ts';
import { ignoreRules, NOTHING_IGNORED } from '../../../../src/build/files/ignore.ts';
import { select, TAKE_ALL } from '../../../../src/build/files/selection.ts';

let root: string;
let tree: Tree;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'selection-'));
  tree = { root, escapes: 'refuse' };
  for (const file of ['a.txt', 'b.txt', 'c.log', 'd/one', 'd/e/two', 'd/e/keep.log', 'odd [name]/x']) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), file);
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function taken(source: string, options = TAKE_ALL): string[] {
  return select(tree, source, options).flatMap((selection) => selection.files.map(({ to }) => to));
}

test.each([
  ['a.txt', ['a.txt']],
  ['/a.txt', ['a.txt']],
  ['./d/../a.txt', ['a.txt']],
  ['*.txt', ['a.txt', 'b.txt']],
  ['?.log', ['c.log']],
  ['[ab].txt', ['a.txt', 'b.txt']],
  ['[^a].txt', ['b.txt']],
  ['d', ['', 'e', 'e/keep.log', 'e/two', 'one']],
  ['d/', ['', 'e', 'e/keep.log', 'e/two', 'one']],
  ['d/*', ['', 'keep.log', 'two', 'one']],
  ['d/**/two', ['two']],
  ['odd \\[name\\]/x', ['x']],
])('%s takes %j', (source, expected) => {
  expect(taken(source)).toEqual(expected);
});

test('--parents keeps the path, from /./ on', () => {
  const options = { ...TAKE_ALL, parents: true };
  expect(taken('d/e/two', options)).toEqual(['d', 'd/e', 'd/e/two']);
  expect(taken('d/./e/two', options)).toEqual(['e', 'e/two']);
});

test('--exclude and ignored files are left out, and directories that only they made necessary', async () => {
  expect(taken('d', { ...TAKE_ALL, exclude: await ignoreRules('**/*.log\none') })).toEqual(['', 'e', 'e/two']);
  expect(taken('.', { ...TAKE_ALL, ignore: await ignoreRules('d\nodd*\n*.txt') })).toEqual(['', 'c.log']);
  expect(taken('.', { ...TAKE_ALL, ignore: await ignoreRules('*\n!d/e/keep.log') })).toEqual(['', 'd', 'd/e', 'd/e/keep.log']);
});

test.each([
  ['*/temp*', 'dir/temporary.txt', true],
  ['*/temp*', 'a/b/temp', false],
  ['temp?', 'tempa', true],
  ['**/*.go', 'x/y/z.go', true],
  ['*.md\n!README.md', 'README.md', false],
  ['*.md\n!README.md', 'OTHER.md', true],
  ['node_modules', 'node_modules/x/y', true],
  ['/abs', 'abs', true],
  ['# comment\n\nfoo/', 'foo/bar', true],
  ['**', 'anything', true],
  ['a/../b', 'b', true],
])('the ignore file %j and the path %s', async (text, path, expected) => {
  expect((await ignoreRules(text)).ignores(path)).toBe(expected);
});

test('what is not there, and what was meant', () => {
  expect(() => taken('a.text')).toThrow('"a.text" is not in the build context');
  expect(() => taken('*.zip')).toThrow('nothing matches "*.zip" in the build context');
});

test('CVE-2020-10696, CVE-2024-1753 class: no link and no .. leads out of the context', () => {
  symlinkSync('/etc', join(root, 'etc'));
  symlinkSync('../..', join(root, 'up'));
  symlinkSync('d/one', join(root, 'inside'));
  symlinkSync('loop', join(root, 'loop'));
  for (const source of ['etc/passwd', 'up/etc/passwd', '../x', 'd/../../x', 'etc']) expect(() => taken(source), source).toThrow(/leads out of the build context/);
  expect(() => taken('loop')).toThrow(/too many symbolic links/);
  expect(taken('inside')).toEqual(['inside']);
  // Copied as a link with its directory: it leads nowhere for us.
  expect(select(tree, '.', TAKE_ALL)[0]!.files.find(({ to }) => to === 'etc')).toMatchObject({ kind: 'symlink', link: '/etc' });
});

test('in the file system of an image links and .. stay in it', () => {
  symlinkSync('/d', join(root, 'abs'));
  symlinkSync('../../../d', join(root, 'up'));
  const image: Tree = { root, escapes: 'stay' };
  expect(follow(image, '/abs/one', 'follow').path).toBe('d/one');
  expect(follow(image, '/up/e/../../../one', 'follow').path).toBe('one');
  expect(follow(image, '/abs', 'keep').path).toBe('abs');
});

test('the digest knows names, modes, content and owners, but no times', () => {
  const digest = (): string => contentDigest(select(tree, 'd', TAKE_ALL)[0]!.files, { owner: '0:0' });
  const first = digest();
  writeFileSync(join(root, 'd/one'), 'd/one'); // a new time
  expect(digest()).toBe(first);
  writeFileSync(join(root, 'd/one'), 'other');
  expect(digest()).not.toBe(first);
  writeFileSync(join(root, 'd/one'), 'd/one');
  expect(digest()).toBe(first);
  expect(contentDigest(select(tree, 'd', TAKE_ALL)[0]!.files, { owner: '1:1' })).not.toBe(first);
  expect(contentDigest(select(tree, 'd', TAKE_ALL)[0]!.files, { owner: '0:0', chmod: '700' })).not.toBe(first);
  expect(NOTHING_IGNORED.count).toBe(0);
});
