/** Archives made to break out of the place where layers are unpacked, named after the advisory that inspired them. */
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isScullError } from '../../src/host/errors.ts';
import { planMarks } from '../../src/storage/layers/marks.ts';
import { LowerLayers } from '../../src/storage/layers/lower.ts';
import { extract, feed, finish, prepareTarget, removeAll, scratchDirectory, type ExtractOptions } from '../support/extracted.ts';
import { fuzz, mutate, type Fuzz } from '../support/fuzz.ts';
import { archive, base256Field, directory, file, gnuLong, hardlink, header, pax, symlink } from '../support/raw-tar.ts';

/** A place outside with a file that must stay as it is. */
function bait(): { place: string; untouched(): void } {
  const place = scratchDirectory();
  writeFileSync(join(place, 'secret'), 'secret', { mode: 0o600 });
  return {
    place,
    untouched: () => {
      expect(readdirSync(place)).toEqual(['secret']);
      expect(readFileSync(join(place, 'secret'), 'utf8')).toBe('secret');
      expect([statSync(join(place, 'secret')).mode & 0o7777, statSync(join(place, 'secret')).nlink, statSync(place).mode & 0o7777]).toEqual([0o600, 1, 0o700]);
    },
  };
}

/** Extracting must fail as the archive's fault, and leave nothing outside its directory. */
function refuses(bytes: Buffer, message: RegExp, options: ExtractOptions = {}): void {
  const target = prepareTarget(options);
  expect(() => feed(target.layer, bytes)).toThrow(expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(message) as unknown }));
  expect(readdirSync(target.around)).toEqual(['diff']);
}

describe('CVE-2014-6407, CVE-2014-9356, CVE-2025-48387: leaving by names', () => {
  test.each(['../out', 'a/../../out', '/../out', 'a/..', '..', './..//x'])('the name %j is refused', (name) => {
    refuses(archive(file(name)), /leads out of the layer/);
    refuses(archive(pax({ path: name }), file('x')), /leads out of the layer/);
    refuses(archive(gnuLong('L', name), file('x')), /leads out of the layer/);
  });

  test('an absolute name stays inside', () => {
    const { place, untouched } = bait();
    const { directory: root } = extract(archive(file(`${place}/secret`, 'mine')));
    expect(readFileSync(join(root, place, 'secret'), 'utf8')).toBe('mine');
    untouched();
  });

  test.each(['../secret', '/../x'])('a hard link to %j is refused', (target) => {
    refuses(archive(hardlink('x', target)), /leads out of the layer/);
  });
});

describe('CVE-2014-6407, CVE-2021-32803, CVE-2024-12905: leaving by links of the archive', () => {
  test('no file is written through a symbolic link', () => {
    const { place, untouched } = bait();
    refuses(archive(symlink('x', place), file('x/secret', 'mine')), /leads through "x", which is no directory but a symlink/);
    refuses(archive(symlink('x', '..'), file('x/out')), /leads through/);
    refuses(archive(directory('d'), symlink('d/x', place), directory('d/x/y')), /leads through/);
    untouched();
  });

  test('a link that replaces a directory is not taken for it (poisoned cache)', () => {
    const { place, untouched } = bait();
    refuses(archive(directory('x'), file('x/a'), symlink('x', place), file('x/secret', 'mine')), /leads through/);
    untouched();
  });

  test('CVE-2021-37701, -37712: neither by case, Unicode forms, nor slashes', () => {
    const { place, untouched } = bait();
    refuses(archive(directory('x'), symlink('x//', place), file('x/secret')), /leads through/);
    refuses(archive(directory('./x'), symlink('x/.', place), file('x/secret')), /leads through/);
    // Different bytes are different names: nothing leads anywhere.
    const { directory: root } = extract(archive(directory('caf\xc3\xa9'), symlink('cafe\xcc\x81', place), file('caf\xc3\xa9/secret', 'mine'), symlink('CAF\xc3\xa9', place)));
    expect(readdirSync(join(root, 'café'))).toEqual(['secret']);
    untouched();
  });

  test('a file with the name of a link replaces the link', () => {
    const { place, untouched } = bait();
    const { directory: root } = extract(archive(symlink('x', `${place}/secret`), file('x', 'mine', { mode: 0o777 })));
    expect([lstatSync(join(root, 'x')).isFile(), readFileSync(join(root, 'x'), 'utf8')]).toEqual([true, 'mine']);
    untouched();
  });

  test('a directory with the name of a link replaces the link', () => {
    const { place, untouched } = bait();
    const { directory: root } = extract(archive(symlink('x', place), directory('x', { mode: 0o777 })));
    expect([lstatSync(join(root, 'x')).isDirectory(), statSync(join(root, 'x')).mode & 0o777]).toEqual([true, 0o777]);
    untouched();
  });

  test('a removed tree that holds links is removed, not what they lead to', () => {
    const { place, untouched } = bait();
    extract(archive(directory('x'), symlink('x/l', place), symlink('x/s', `${place}/secret`), file('x')));
    untouched();
  });
});

describe('CVE-2026-23745, CVE-2026-24842, CVE-2025-59343: hard links', () => {
  test('their targets are files of this layer, found without following links', () => {
    const { place, untouched } = bait();
    refuses(archive(hardlink('x', `${place}/secret`)), /no file of this layer/);
    refuses(archive(symlink('d', place), hardlink('x', 'd/secret')), /no file of this layer/);
    refuses(archive(symlink('a', 'b'), symlink('b', place), hardlink('x', 'a/secret')), /no file of this layer/);
    refuses(archive(directory('d'), hardlink('x', 'd')), /a directory/);
    refuses(archive(hardlink('x', '.')), /a directory/);
    refuses(archive(hardlink('x', '')), /a directory/);
    refuses(archive(directory('d'), file('d/f'), hardlink('d', 'd/f')), /below itself/);
    untouched();
  });

  test('a link to a link is a link, and nothing is written through it', () => {
    const { place, untouched } = bait();
    const { directory: root } = extract(archive(symlink('l', `${place}/secret`), hardlink('h', 'l'), file('h', 'mine', { mode: 0o777 })));
    expect([lstatSync(join(root, 'h')).isFile(), lstatSync(join(root, 'l')).isSymbolicLink()]).toEqual([true, true]);
    untouched();
  });
});

describe('CVE-2021-29136: the root entry', () => {
  test.each(['.', './', '/', '', './/.'])('%j may only be a directory', (name) => {
    const { place, untouched } = bait();
    refuses(archive(symlink(name, place)), /root directory/);
    refuses(archive(hardlink(name, 'x')), /root directory/);
    refuses(archive(header(name, { type: '6' })), /root directory/);
    untouched();
  });
});

describe('CVE-2021-32760: attributes through links', () => {
  test('mode, owner and time of a link are its own', () => {
    const { place, untouched } = bait();
    extract(archive(symlink('l', `${place}/secret`, { mode: 0o777, mtime: 1 }), symlink('d', place, { mode: 0o777, mtime: 1 })));
    untouched();
    expect(statSync(place).mtimeMs).not.toBe(1000);
  });
});

describe('whiteouts and attributes that steer overlay', () => {
  test.each(['.wh.', 'd/.wh..', '.wh...'])('the whiteout %j is refused', (name) => {
    refuses(archive(file(name)), /whiteout of no name/);
  });

  test('a whiteout cannot be smuggled in as a device', () => {
    const { directory: root, layer } = extract(archive(header('etc/passwd', { type: '3' })));
    expect(readdirSync(join(root, 'etc'))).toEqual([]);
    expect(layer.skippedDevices).toEqual(['etc/passwd']);
  });

  test('no attribute of a storage driver comes from an archive', () => {
    const names = ['user.overlay.redirect', 'user.overlay.metacopy', 'user.overlay.opaque', 'trusted.overlay.opaque', 'user.fuseoverlayfs.origin', 'user.containers.override_stat', 'user.overlay.whiteout'];
    const extracted = extract(archive(pax(Object.fromEntries(names.map((name) => [`SCHILY.xattr.${name}`, '/etc']))), directory('d')));
    expect(planMarks(extracted.layer, new LowerLayers([])).marks).toEqual([]);
  });
});

describe('CVE-2017-14992, CVE-2020-1702, CVE-2023-25153: bombs and unbounded reads', () => {
  test('sizes are refused before they are written', () => {
    refuses(archive(header('x', { patch: [{ at: 124, bytes: base256Field(1n << 52n, 12) }] })), /unpacks to more than/);
    refuses(archive(pax({ 'GNU.sparse.size': '9007199254740991', 'GNU.sparse.map': '' }), file('x')), /unpacks to more than/);
    refuses(archive(...Array.from({ length: 11 }, (_, i) => file(`f${i}`, Buffer.alloc(1000)))), /unpacks to more than 10000 bytes/, { limits: { unpackedSize: 10_000 } });
  });

  test('so are too many entries', () => {
    refuses(archive(...Array.from({ length: 11 }, (_, i) => symlink(`l${i}`, 'x'))), /more than 10 entries/, { limits: { entries: 10 } });
  });

  test('so are names and attributes that would fill the memory', () => {
    const limits = { memory: 100_000 };
    refuses(archive(pax({ 'SCHILY.xattr.user.a': 'x'.repeat(60_000) }), file('a'), pax({ 'SCHILY.xattr.user.a': 'x'.repeat(60_000) }), file('b')), /names and attributes take more/, { limits });
    refuses(archive(...Array.from({ length: 500 }, (_, i) => file(`.wh.${'n'.repeat(90)}${i}`))), /names and attributes take more/, { limits: { memory: 10_000 } });
    refuses(archive(...Array.from({ length: 500 }, (_, i) => file(`${'n'.repeat(90)}${i}`))), /names and attributes take more/, { limits: { memory: 10_000 } });
  });

  test('a disk is not filled to the brim', () => {
    const target = prepareTarget({ limits: { freeSpace: Number.MAX_SAFE_INTEGER } });
    expect(() => feed(target.layer, archive(file('x', Buffer.alloc(70 * 1024 ** 2, 1))))).toThrow(expect.objectContaining({ code: 'NO_SPACE' }));
  });

  test('gigabytes of zeros take no space', () => {
    const target = prepareTarget();
    const size = 3 * 1024 ** 3;
    target.layer.begin({ type: 'file', name: 'zeros', linkName: '', mode: 0o644, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, storedSize: size, size, mtime: { seconds: 0, nanoseconds: 0 }, xattrs: new Map() });
    const zeros = Buffer.alloc(16 * 1024 ** 2);
    for (let at = 0; at < size; at += zeros.length) target.layer.data(zeros, at);
    target.layer.end();
    expect(statSync(join(target.directory, 'zeros'))).toMatchObject({ size, blocks: 0 });
  });

  test('endless extended headers are refused', () => {
    refuses(header('x', { type: 'x', size: 0o77777777777 }), /extended header claims/);
  });
});

describe('CVE-2021-32804, CVE-2024-28863: odd names and deep trees', () => {
  test('names and paths that no file system takes are refused', () => {
    refuses(archive(pax({ path: 'n'.repeat(256) }), file('x')), /a name has 256 bytes/);
    refuses(archive(pax({ path: `${'d/'.repeat(2100)}x` }), file('x')), /a path has \d+ bytes/);
    refuses(archive(pax({ path: 'x/'.repeat(400_000) }), directory('x')), /a name has \d+ bytes/);
    refuses(archive(pax({ linkpath: 'l'.repeat(5000) }), symlink('x', '')), /target of 5000 bytes/);
    refuses(archive(symlink('x', '')), /target of 0 bytes/);
  });

  test('a deep tree is made, finished and replaced', () => {
    const deep = pax({ path: 'd/'.repeat(600) });
    expect(existsSync(join(extract(archive(deep, directory('x'))).directory, 'd/'.repeat(600)))).toBe(true);
    expect(readFileSync(join(extract(archive(deep, directory('x'), file('d', 'flat'))).directory, 'd'), 'utf8')).toBe('flat');
  });
});

describe('archives that are cut, mixed up or nonsense', () => {
  test('each prefix of an archive either unpacks or is refused as damaged', () => {
    const whole = archive(directory('d'), pax({ mtime: '1.5' }), file('d/f', 'x'.repeat(700)), symlink('l', 'd'), hardlink('h', 'd/f'));
    for (let cut = 0; cut < whole.length; cut += 97) outcome(whole.subarray(0, cut));
  });

  test('control characters of names are escaped in messages', () => {
    const target = prepareTarget();
    try {
      feed(target.layer, archive(file('../\x1b[31mred\x07')));
    } catch (error) {
      expect((error as Error).message).toContain('\\u001b[31mred\\u0007');
      return;
    }
    throw new Error('nothing was thrown');
  });

  // A quick fuzz in every run, with another seed each time; SCULL_FUZZ_SECONDS makes it a long one.
  test('whatever bytes come, there is an error about the archive or none, and nothing escapes', { timeout: 600_000 }, () => {
    const seeds = fuzzSeeds();
    fuzz((source) => {
      const bytes = mutateTar(source.pick(seeds), source);
      try {
        outcome(bytes, 1 + source.random(2000), source.random(2) === 0);
      } catch (error) {
        throw new Error(`archive ${bytes.toString('base64')}: ${(error as Error).message}`, { cause: error });
      }
    });
  });
});

/** Ids that anybody may give to files, so that the outcome is the same for root and for others. */
const OWN_IDS = { uids: [{ first: process.geteuid?.() ?? 0, size: 1 }], gids: [{ first: process.getegid?.() ?? 0, size: 1 }], single: false };

/** Extracts into a fresh place; anything thrown must be an error about the archive. */
function outcome(bytes: Buffer, chunk = bytes.length || 1, single = false): void {
  const around = mkdtempSync(join(tmpdir(), 'scull-fuzz-'));
  try {
    const target = prepareTarget({ around, ids: { ...OWN_IDS, single }, limits: { unpackedSize: 50_000_000, entries: 1000 } });
    try {
      feed(target.layer, bytes, chunk);
      const lower = new LowerLayers([]);
      planMarks(target.layer, lower);
      finish(target.layer, lower);
    } catch (error) {
      if (!isScullError(error, 'INVALID', 'UNSUPPORTED')) throw error;
    }
    expect(readdirSync(around)).toEqual(['diff']);
  } finally {
    removeAll(around);
  }
}

function fuzzSeeds(): Buffer[] {
  return [
    archive(directory('d', { mode: 0o755 }), file('d/f', 'content'), symlink('l', 'd'), hardlink('h', 'd/f'), file('d/.wh.x'), file('.wh..wh..opq')),
    archive(pax({ path: 'long', mtime: '1.5', 'SCHILY.xattr.user.a': 'v', size: '3' }), file('x', 'abc'), gnuLong('L', 'name'), file('y')),
    archive(pax({ 'GNU.sparse.size': '14', 'GNU.sparse.map': '4,3,10,2' }), file('s', 'abcde'), header('p', { type: '6' }), header('c', { type: '3' })),
    archive(pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '14' }), file('s', `${'2\n4\n3\n10\n2\n'.padEnd(512, '\0')}abcde`)),
  ];
}

/** Changes some bytes, some types of entries, and mostly repairs the checksums, so that the parser behind them is reached. */
function mutateTar(seed: Buffer, source: Fuzz): Buffer {
  const bytes = mutate(seed, source, '/.0123456789-,=\n\0x');
  if (bytes.length > 512 && source.random(3) === 0) bytes[Math.floor(source.random(bytes.length) / 512) * 512 + 156] = source.pick([...'01234567xgLKSV\0']).charCodeAt(0);
  if (source.random(10) > 0) for (let block = 0; block + 512 <= bytes.length; block += 512) repair(bytes.subarray(block, block + 512));
  return bytes;
}

function repair(block: Buffer): void {
  if (block.toString('latin1', 257, 262) !== 'ustar') return;
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
