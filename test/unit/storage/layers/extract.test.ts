import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planMarks } from '../../../../src/storage/layers/marks.ts';
import { LowerLayers } from '../../../../src/storage/layers/lower.ts';
import type { Extracted } from '../../../support/extracted.ts';
import { ALL_IDS, extract, scratchDirectory } from '../../../support/extracted.ts';
import { archive, directory, file, hardlink, header, pax, symlink } from '../../../support/raw-tar.ts';

function mode(path: string): number {
  return statSync(path).mode & 0o7777;
}

function marksOf(extracted: Extracted, lower: readonly string[] = []): { kind: string; path: string }[] {
  return planMarks(extracted.layer, new LowerLayers(lower)).marks.map(({ kind, path }) => ({ kind, path }));
}

describe('files', () => {
  test('come with content, mode and time, directories too', () => {
    const { directory: root } = extract(
      archive(directory('d', { mode: 0o1777, mtime: 100 }), file('d/f', 'text', { mode: 0o6751, mtime: 200 }), symlink('d/s', 'anywhere/../else', { mtime: 300 })),
    );
    expect(readFileSync(join(root, 'd/f'), 'utf8')).toBe('text');
    expect([mode(join(root, 'd')), mode(join(root, 'd/f'))]).toEqual([0o1777, 0o6751]);
    expect(readlinkSync(join(root, 'd/s'))).toBe('anywhere/../else');
    expect(['d', 'd/f', 'd/s'].map((name) => lstatSync(join(root, name)).mtimeMs / 1000)).toEqual([100, 200, 300]);
  });

  test('a directory that forbids everything still gets its files', () => {
    const { directory: root } = extract(archive(directory('closed', { mode: 0 }), file('closed/f', 'x'), directory('closed/d')));
    expect(mode(join(root, 'closed'))).toBe(0);
  });

  test('names that are not UTF-8 are made byte for byte', () => {
    const { directory: root } = extract(archive(directory('\xe9'), file('\xe9/\xff\xfe', 'x'), symlink('l', '\xe9/\xff')));
    expect(readdirSync(root, { encoding: 'buffer' }).map((name) => name.toString('latin1')).sort()).toEqual(['l', '\xe9']);
    expect(readdirSync(Buffer.from(`${root}/\xe9`, 'latin1'), { encoding: 'buffer' })[0]?.toString('latin1')).toBe('\xff\xfe');
    expect(readlinkSync(join(root, 'l'), { encoding: 'buffer' }).toString('latin1')).toBe('\xe9/\xff');
  });

  test('long runs of zeros become holes, and the content is the same', () => {
    const content = Buffer.concat([Buffer.from('start'), Buffer.alloc(8 * 1024 * 1024), Buffer.from('end'), Buffer.alloc(100_000)]);
    for (const chunk of [content.length, 65_536, 10_000_000]) {
      const { directory: root } = extract(archive(file('f', content)), { chunk });
      expect(readFileSync(join(root, 'f')).equals(content)).toBe(true);
      expect(statSync(join(root, 'f')).blocks * 512).toBeLessThan(2 * 1024 * 1024);
    }
  });

  test('a sparse file has its full length', () => {
    const { directory: root } = extract(archive(pax({ 'GNU.sparse.size': '5000000', 'GNU.sparse.map': '1000000,3' }), file('s', 'abc')));
    const content = readFileSync(join(root, 's'));
    expect([content.length, content.toString('latin1', 1_000_000, 1_000_003), content[999_999]]).toEqual([5_000_000, 'abc', 0]);
  });

  test('hard links share the file, also links to symbolic links', () => {
    const { directory: root } = extract(archive(file('a', 'x'), directory('d'), hardlink('d/b', './a'), symlink('s', 'a'), hardlink('t', '/s')));
    expect(statSync(join(root, 'a')).ino).toBe(statSync(join(root, 'd/b')).ino);
    expect(lstatSync(join(root, 's')).ino).toBe(lstatSync(join(root, 't')).ino);
  });

  test('a leading slash or dot means the root of the layer', () => {
    const { directory: root } = extract(archive(directory('./', { mode: 0o711 }), file('/etc/a'), file('./etc//./b')));
    expect(readdirSync(join(root, 'etc')).sort()).toEqual(['a', 'b']);
    expect(mode(root)).toBe(0o711);
  });

  test('devices are left out and noted', () => {
    const extracted = extract(archive(header('dev/null', { type: '3' }), header('sda', { type: '4' })));
    expect(readdirSync(join(extracted.directory, 'dev'))).toEqual([]);
    expect(extracted.layer.skippedDevices).toEqual(['dev/null', 'sda']);
  });
});

describe('a later entry of the same name', () => {
  test.each([
    ['a file replaces a file', [file('x', 'old'), file('x', 'new')], 'new'],
    ['a file replaces a tree', [directory('x'), directory('x/y'), file('x/y/z'), symlink('x/l', '/'), file('x', 'new')], 'new'],
    ['a file replaces a link without writing through it', [file('target', 'old'), symlink('x', 'target'), file('x', 'new')], 'new'],
    ['a hard link replaces a file', [file('o', 'new'), file('x', 'old'), hardlink('x', 'o')], 'new'],
    ['a hard link to itself changes nothing', [file('x', 'new'), hardlink('x', 'x')], 'new'],
  ])('%s', (_, entries, content) => {
    const { directory: root } = extract(archive(...entries));
    expect(lstatSync(join(root, 'x')).isFile()).toBe(true);
    expect(readFileSync(join(root, 'x'), 'utf8')).toBe(content);
    if (existsSync(join(root, 'target'))) expect(readFileSync(join(root, 'target'), 'utf8')).toBe('old');
  });

  test('a directory replaces a link and a file, and updates a directory', () => {
    const { directory: root } = extract(
      archive(symlink('l', '/etc'), directory('l'), file('l/in'), file('f'), directory('f'), directory('d', { mode: 0o700 }), file('d/keep'), directory('d', { mode: 0o755 })),
    );
    expect([lstatSync(join(root, 'l')).isDirectory(), lstatSync(join(root, 'f')).isDirectory(), mode(join(root, 'd'))]).toEqual([true, true, 0o755]);
    expect(readdirSync(join(root, 'd'))).toEqual(['keep']);
  });
});

describe('what lower layers have', () => {
  function lowerLayer(): string {
    const lower = join(scratchDirectory(), 'diff');
    mkdirSync(join(lower, 'var/lib'), { recursive: true });
    for (const [name, bits] of [['var', 0o750], ['var/lib', 0o2770]] as const) mkdirSync(join(lower, name), { recursive: true, mode: bits });
    writeFileSync(join(lower, 'var/lib/gone'), '');
    writeFileSync(join(lower, 'top'), '');
    return lower;
  }

  test('directories that the layer does not describe get mode and owner from below, else plain ones', () => {
    const lower = join(extract(archive(directory('var', { mode: 0o750 }), directory('var/lib', { mode: 0o2770, mtime: 77 }))).directory);
    const { directory: root } = extract(archive(file('var/lib/x'), file('new/y')), { lower: [lower] });
    expect([mode(join(root, 'var')), mode(join(root, 'var/lib')), mode(join(root, 'new'))]).toEqual([0o750, 0o2770, 0o755]);
    expect(statSync(join(root, 'var/lib')).mtimeMs).toBe(77_000);
  });

  test('nothing is inherited through a link of a lower layer', () => {
    const lower = extract(archive(directory('real/sub', { mode: 0o700 }), symlink('var', 'real'))).directory;
    const { directory: root } = extract(archive(file('var/sub/x')), { lower: [lower] });
    expect(mode(join(root, 'var/sub'))).toBe(0o755);
  });

  test('whiteouts hide what is there below, and are no files themselves', () => {
    const extracted = extract(archive(file('var/lib/.wh.gone'), file('.wh.never')));
    expect(readdirSync(join(extracted.directory, 'var/lib'))).toEqual([]);
    expect(marksOf(extracted, [lowerLayer()])).toEqual([{ kind: 'whiteout', path: 'var/lib/gone' }]);
  });

  test('an opaque directory is marked, an opaque root hides each name', () => {
    const extracted = extract(archive(file('d/.wh..wh..opq'), file('d/x'), file('.wh..wh..opq'), file('top', 'new')));
    expect(marksOf(extracted, [lowerLayer()])).toEqual([{ kind: 'whiteout', path: 'var' }, { kind: 'xattr', path: 'd' }]);
  });

  test.each([
    ['before', [file('.wh.var'), directory('var'), file('var/mine')]],
    ['after', [directory('var'), file('var/mine'), file('.wh.var')]],
  ])('a whiteout %s a directory of its name makes that opaque', (_, entries) => {
    const extracted = extract(archive(...entries));
    expect(readdirSync(join(extracted.directory, 'var'))).toEqual(['mine']);
    expect(marksOf(extracted, [lowerLayer()])).toEqual([{ kind: 'xattr', path: 'var' }]);
  });

  test('a device that is left out still hides what it replaces', () => {
    expect(marksOf(extract(archive(header('top', { type: '3' }))), [lowerLayer()])).toEqual([{ kind: 'whiteout', path: 'top' }]);
  });

  test("notes of AUFS are dropped with all that is in them, other names below a whiteout are refused", () => {
    const extracted = extract(archive(file('.wh..wh.aufs'), directory('.wh..wh.plnk'), file('.wh..wh.plnk/12.34', 'content'), directory('.wh..wh.plnk/d/e'), file('mine', 'm')));
    expect(marksOf(extracted)).toEqual([]);
    expect(readdirSync(extracted.directory)).toEqual(['mine']);
    expect(readFileSync(join(extracted.directory, 'mine'), 'utf8')).toBe('m');
    expect(() => extract(archive(file('.wh.x/y')))).toThrow(/below a whiteout/);
  });
});

describe('owners', () => {
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

  test('an id that is not mapped is named, with file and remedy, before anything is written', () => {
    const ids = { uids: [{ first: 0, size: 65537 }], gids: [{ first: 0, size: 65537 }], single: false };
    const attempt = (): unknown => extract(archive(file('srv/app', 'x', { uid: 1_516_583, gid: 0 })), { ids });
    expect(attempt).toThrow(expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(/"srv\/app" belongs to user 1516583, but you have only the ids 0 to 65536/) as unknown }));
    expect(attempt).toThrow(expect.objectContaining({ hint: expect.stringMatching(/sudo usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ \$USER/) as unknown }));
  });

  test('with a single id all files become the caller\'s, and that is noted', () => {
    const ids = { ...ALL_IDS, single: true };
    const extracted = extract(archive(directory('d', { uid: 33, gid: 33 }), file('d/f', '', { uid: 33, gid: 4 }), symlink('s', 'x', { uid: 1 })), { ids });
    for (const name of ['d', 'd/f', 's']) expect(lstatSync(join(extracted.directory, name))).toMatchObject(own);
    expect(extracted.layer.squashed).toBe(true);
  });
});

describe('marks for what JavaScript cannot make', () => {
  test('FIFOs, kept attributes and exact times; steering attributes are dropped', () => {
    const attributes = {
      'SCHILY.xattr.user.mine': 'v', 'SCHILY.xattr.security.capability': 'c', 'SCHILY.xattr.user.overlay.opaque': 'y', 'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      'SCHILY.xattr.user.fuseoverlayfs.opaque': 'y', 'SCHILY.xattr.user.containers.override_stat': '0:0:4755', 'SCHILY.xattr.security.selinux': 'x',
    };
    const extracted = extract(archive(pax({ ...attributes, mtime: '5.5' }), file('f'), header('p', { type: '6' }), hardlink('q', 'p')));
    expect([...(extracted.layer.marks.get('f')?.xattrs?.keys() ?? [])]).toEqual(['user.mine', 'security.capability']);
    expect(extracted.layer.marks.get('f')?.mtime).toEqual({ seconds: 5, nanoseconds: 500_000_000 });
    expect(marksOf(extracted)).toEqual([
      { kind: 'fifo', path: 'p' },
      { kind: 'fifo', path: 'q' },
      { kind: 'xattr', path: 'f' },
      { kind: 'xattr', path: 'f' },
    ]);
  });

  test('a replaced file leaves no marks', () => {
    const extracted = extract(archive(directory('d'), pax({ 'SCHILY.xattr.user.a': 'v' }), file('d/f'), file('d')));
    expect(extracted.layer.marks.size).toBe(0);
  });
});
