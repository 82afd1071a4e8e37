import { type Stats, readdirSync, utimesSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync, chmodSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { changedMode } from '../../../../src/build/files/modes.ts';
import { makeDirectory, placeFiles, type PlacedTree, type PlaceOptions } from '../../../../src/build/files/place.ts';
import { select, TAKE_ALL, type Selection } from '../../../../src/build/files/selection.ts';
import { checkoutDirectory, runFromCheckout } from '../../../support/checkout.ts';

let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'place-'));
  root = join(base, 'root');
  for (const directory of ['root/usr/lib', 'root/etc', 'context/d/sub', 'outside']) mkdirSync(join(base, directory), { recursive: true });
  writeFileSync(join(base, 'context/f'), 'f');
  writeFileSync(join(base, 'context/d/g'), 'g');
  writeFileSync(join(base, 'context/d/sub/h'), 'h');
  symlinkSync('g', join(base, 'context/d/link'));
  chmodSync(join(base, 'context/d/sub'), 0o750);
  symlinkSync('usr/lib', join(root, 'lib'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function place(sources: readonly string[], target: string, more: Partial<PlaceOptions> = {}): void {
  const tree = { root: join(base, 'context'), escapes: 'refuse' } as const;
  const selections = sources.flatMap((source) => select(tree, source, TAKE_ALL));
  placeFiles(root, selections, { target, owner: { uid: 0, gid: 0 }, parentOwner: { uid: 0, gid: 0 }, keepLinks: false, singleId: true, ...more });
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

test('a file becomes the target, or goes into it', () => {
  place(['f'], '/new/name');
  expect(read('new/name')).toBe('f');
  place(['f'], '/new/dir/');
  expect(read('new/dir/f')).toBe('f');
  place(['f'], '/etc');
  expect(read('etc/f')).toBe('f');
});

test('of a directory the contents are copied', () => {
  place(['d'], '/new');
  expect([read('new/g'), read('new/sub/h'), readlinkSync(join(root, 'new/link'))]).toEqual(['g', 'h', 'g']);
  expect(lstatSync(join(root, 'new/sub')).mode & 0o7777).toBe(0o750);
});

test('links of the image are followed inside it', () => {
  place(['f'], '/lib/name');
  expect(read('usr/lib/name')).toBe('f');
  expect(lstatSync(join(root, 'lib')).isSymbolicLink()).toBe(true);
});

test('CVE-2024-9676, CVE-2025-9566 class: a link of the image never leads a copy to the host', () => {
  symlinkSync(join(base, 'outside'), join(root, 'evil'));
  symlinkSync('../../outside', join(root, 'etc/up'));
  symlinkSync(join(base, 'outside/victim'), join(root, 'etc/file'));
  writeFileSync(join(base, 'outside/victim'), 'untouched');
  place(['f'], '/evil/x');
  place(['f'], '/etc/up/y');
  place(['f'], '/etc/file');
  expect(existsSync(join(base, 'outside/x'))).toBe(false);
  expect(existsSync(join(base, 'outside/y'))).toBe(false);
  expect(readFileSync(join(base, 'outside/victim'), 'utf8')).toBe('untouched');
  expect(read('etc/file')).toBe('f');
});

test('what is there is replaced, but a directory is no file', () => {
  place(['f'], '/etc/f');
  place(['d/g'], '/etc/f');
  expect(read('etc/f')).toBe('g');
  writeFileSync(join(root, 'etc/sub'), 'a file');
  expect(() => place(['d'], '/etc')).toThrow(/cannot copy a directory onto "\/etc\/sub"/);
});

test('--chmod and a fixed time', () => {
  place(['d'], '/new', { chmod: 'u=rwX,go=', time: 1_000_000 });
  expect(lstatSync(join(root, 'new/g')).mode & 0o7777).toBe(0o600);
  expect(lstatSync(join(root, 'new/sub')).mode & 0o7777).toBe(0o700);
  for (const path of ['new', 'new/g', 'new/sub', 'new/link']) expect(lstatSync(join(root, path)).mtimeMs, path).toBe(1_000_000_000);
});

test('a directory is made with those above it, and left alone when it is there', () => {
  expect(makeDirectory(root, '/lib/a/b', { uid: 0, gid: 0 }, { singleId: true })).toBe(true);
  expect(lstatSync(join(root, 'usr/lib/a/b')).isDirectory()).toBe(true);
  expect(makeDirectory(root, '/lib/a/b', { uid: 0, gid: 0 }, { singleId: true })).toBe(false);
});

test.each([
  [0o644, '755', false, 0o755],
  [0o644, '4711', false, 0o4711],
  [0o644, 'u=rwx,go=rx', false, 0o755],
  [0o644, '+x', false, 0o755],
  [0o777, 'o-w,g-w', false, 0o755],
  [0o600, 'a+rX', false, 0o644],
  [0o600, 'a+rX', true, 0o755],
  [0o755, 'u+s,g+s', false, 0o6755],
  [0o6755, 'u=rx', false, 0o2555],
  [0o755, '+t', true, 0o1755],
])('mode %o with --chmod=%s (a directory: %s) becomes %o', (mode, chmod, isDirectory, expected) => {
  expect(changedMode(mode, chmod, isDirectory)).toBe(expected);
});

// Each makes hundreds of files, which a disk that others are using can take long for.
describe.each(['the native program', 'JavaScript alone'])('a tree of many files, with %s', { timeout: 120_000 }, (means) => {
  let placeTree: typeof import('../../../../src/build/files/place.ts').placeTree;

  beforeAll(async () => {
    if (means === 'the native program') {
      if (!existsSync(join(checkoutDirectory, 'dist/scull-layer'))) throw new Error('dist/scull-layer is not there: run `npm run build` first');
      runFromCheckout();
    } else process.argv[1] = '/nonexistent/bin/scull';
    // Where scull is gets remembered by the module: a fresh one for each.
    vi.resetModules();
    ({ placeTree } = await import('../../../../src/build/files/place.ts'));
  });

  const FILES = 320;
  const options = { owner: { uid: 0, gid: 0 }, parentOwner: { uid: 0, gid: 0 }, keepLinks: false, singleId: true };

  async function placeMany(more: Partial<PlaceOptions> = {}, aside?: string): Promise<PlacedTree> {
    return placeTree(root, selectMany(), { target: '/etc', ...options, ...more }, aside);
  }

  function selectMany(): Selection[] {
    return select({ root: join(base, 'context'), escapes: 'refuse' }, 'd', TAKE_ALL);
  }

  beforeEach(() => {
    for (let index = 0; index < FILES; index++) writeFileSync(join(base, 'context/d', index % 2 === 0 ? 'sub' : '.', `file ${index}`), `${index}\n`, { mode: index % 2 === 0 ? 0o640 : 0o755 });
    writeFileSync(join(base, 'context/d/large'), 'x'.repeat(300_000));
    utimesSync(join(base, 'context/d/file 1'), 1_000_000_000.25, 1_000_000_000.25);
  });

  test('is the same as if each came by itself: content, modes, times, links, what is there', async () => {
    mkdirSync(join(root, 'etc/sub'), { mode: 0o700 });
    writeFileSync(join(root, 'etc/file 3'), 'old', { mode: 0o600 });
    symlinkSync(join(base, 'outside/victim'), join(root, 'etc/file 5'));
    const xattrs = [{ name: 'user.a', value: '31' }];
    const given = selectMany().map((whole) => ({ ...whole, files: whole.files.map((file) => (['sub', 'file 1', 'file 3', 'sub/file 2', 'large'].includes(file.to) ? { ...file, xattrs } : file)) }));
    const { placed } = await placeTree(root, given, { target: '/etc', ...options });
    expect(placed.map(({ to }) => to).sort()).toEqual(['etc/file 1', 'etc/file 3', 'etc/large', 'etc/sub', 'etc/sub/file 2']);
    expect(placed.every((one) => one.xattrs === xattrs)).toBe(true);
    expect([read('etc/file 1'), read('etc/file 3'), read('etc/file 5'), read('etc/sub/file 300'), read('etc/g'), readlinkSync(join(root, 'etc/link'))]).toEqual(['1\n', '3\n', '5\n', '300\n', 'g', 'g']);
    expect(existsSync(join(base, 'outside/victim'))).toBe(false);
    expect(read('etc/large').length).toBe(300_000);
    const [odd, even, directory] = ['etc/file 1', 'etc/sub/file 2', 'etc/sub'].map((path) => lstatSync(join(root, path))) as [Stats, Stats, Stats];
    expect([odd.mode & 0o7777, even.mode & 0o7777, directory.mode & 0o7777, odd.mtimeMs]).toEqual([0o755, 0o640, 0o750, 1_000_000_000_250]);
  });

  test('with modes and a time of their own', async () => {
    await placeMany({ target: '/new', chmod: 'u=rwx,go=', time: 1_500_000_000 });
    const [file, directory] = ['new/file 1', 'new/sub'].map((path) => lstatSync(join(root, path))) as [Stats, Stats];
    expect([file.mode & 0o7777, file.mtimeMs, directory.mtimeMs]).toEqual([0o700, 1_500_000_000_000, 1_500_000_000_000]);
  });

  test('what is new as a whole is made aside, to be moved, where the native program does it', async () => {
    const aside = join(base, 'aside/tree');
    mkdirSync(join(base, 'aside'));
    chmodSync(join(base, 'context/d'), 0o711);
    const tree = await placeMany({ target: '/lib/deep/new/' }, aside);
    if (means !== 'the native program') {
      expect([tree.moveTo, tree.root, lstatSync(join(root, 'usr/lib/deep/new')).mode & 0o7777]).toEqual([undefined, root, 0o711]);
      return;
    }
    expect([tree.moveTo, tree.root, readdirSync(join(root, 'usr/lib/deep/new'))]).toEqual(['/usr/lib/deep/new', join(base, 'aside'), []]);
    expect([readFileSync(join(aside, 'sub/file 2'), 'utf8'), readlinkSync(join(aside, 'link')), lstatSync(aside).mode & 0o7777]).toEqual(['2\n', 'g', 0o711]);
    // Not where something is that it is merged with, or a link stands.
    symlinkSync('nowhere', join(root, 'dangling'));
    expect((await placeMany({ target: '/etc' }, aside)).moveTo).toBeUndefined();
    await expect(placeMany({ target: '/dangling' }, aside)).rejects.toThrow('cannot copy a directory onto "/dangling"');
  });

  test('what can not be is told: a directory in the place of a file', async () => {
    mkdirSync(join(root, 'etc/file 7'));
    await expect(placeMany()).rejects.toThrow('cannot copy a file onto "/etc/file 7", which is a directory');
  });
});
