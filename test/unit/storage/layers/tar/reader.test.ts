import { describe, expect, test } from 'vitest';
import type { TarEntry, TarSink } from '../../../../../src/storage/layers/tar/entry.ts';
import { TarReader } from '../../../../../src/storage/layers/tar/reader.ts';
import { archive, base256Field, directory, file, gnuLong, hardlink, header, octalField, padded, pax, symlink } from '../../../../support/raw-tar.ts';

interface Seen {
  readonly entry: TarEntry;
  /** As the file would be, holes as zeros. */
  readonly content: string;
}

class Collector implements TarSink {
  readonly seen: Seen[] = [];
  #entry: TarEntry | undefined;
  #content = Buffer.alloc(0);
  begin(entry: TarEntry): void {
    this.#entry = entry;
    this.#content = Buffer.alloc(entry.size);
  }
  data(chunk: Buffer, position: number): void {
    this.#content.set(chunk, position);
  }
  end(): void {
    this.seen.push({ entry: this.#entry as TarEntry, content: this.#content.toString('latin1') });
  }
}

function read(bytes: Buffer, chunk = bytes.length): Seen[] {
  const sink = new Collector();
  const reader = new TarReader(sink);
  for (let at = 0; at < bytes.length; at += chunk) reader.feed(bytes.subarray(at, at + chunk));
  reader.finish();
  return sink.seen;
}

function only(bytes: Buffer): Seen {
  const seen = read(bytes);
  expect(seen).toHaveLength(1);
  return seen[0] as Seen;
}

describe('what a header says', () => {
  test('a file, a directory and links come with their names, modes, owners and times', () => {
    const seen = read(archive(file('a', 'hello', { mode: 0o4755, uid: 7, gid: 8, mtime: 5 }), directory('d/'), symlink('s', '../x'), hardlink('h', 'a')));
    expect(seen.map((one) => [one.entry.type, one.entry.name, one.entry.linkName, one.content])).toEqual([
      ['file', 'a', '', 'hello'],
      ['directory', 'd/', '', ''],
      ['symlink', 's', '../x', ''],
      ['hardlink', 'h', 'a', ''],
    ]);
    expect(seen[0]?.entry).toMatchObject({ mode: 0o4755, uid: 7, gid: 8, mtime: { seconds: 5, nanoseconds: 0 }, size: 5 });
  });

  test('names are kept byte for byte, also when they are not UTF-8', () => {
    expect(only(archive(file('caf\xe9\xff'))).entry.name).toBe('caf\xe9\xff');
  });

  test('the prefix field of POSIX headers belongs to the name, that of GNU headers does not', () => {
    expect(only(archive(file('b', '', { prefix: 'long/a' }))).entry.name).toBe('long/a/b');
    expect(only(archive(file('b', '', { prefix: 'long/a', magic: 'ustar  \0' }))).entry.name).toBe('b');
  });

  test('an old header whose name ends in a slash is a directory', () => {
    expect(only(archive(header('old/', { type: '\0', magic: '' }))).entry.type).toBe('directory');
    expect(only(archive(header('old', { type: '\0', magic: '' }))).entry.type).toBe('file');
  });

  test('base-256 numbers go beyond octal ones and below zero', () => {
    const large = header('x', { patch: [{ at: 108, bytes: base256Field(1_516_583_083n, 8) }, { at: 136, bytes: base256Field(-3n, 12) }] });
    expect(only(archive(large)).entry).toMatchObject({ uid: 1_516_583_083, mtime: { seconds: -3 } });
  });

  test.each([
    ['a wrong checksum', header('x', { checksum: 1 })],
    ['a number that is not octal', header('x', { patch: [{ at: 108, bytes: '12x4567\0' }] })],
    ['a number beyond what can be counted', header('x', { patch: [{ at: 124, bytes: base256Field(1n << 90n, 12) }] })],
    ['a negative size', header('x', { patch: [{ at: 124, bytes: base256Field(-1n, 12) }] })],
    ['an unknown type', header('x', { type: 'M' })],
  ])('%s is refused', (_, block) => {
    expect(() => read(archive(file('before', 'x'), block))).toThrow(/damaged or hostile/);
  });

  test('what does not begin with a header is no tar archive', () => {
    expect(() => read(archive(header('x', { checksum: 1 })))).toThrow('this is not a tar archive');
    expect(() => read(Buffer.alloc(1024, 'root:x:0:0:root:/root:/bin/bash\n'))).toThrow('this is not a tar archive');
  });
});

describe('extended headers', () => {
  test('PAX values replace those of the header, for one entry', () => {
    const seen = read(
      archive(pax({ path: 'p'.repeat(300), uid: '70000', gid: '70001', mtime: '12.345678901', linkpath: 'l' }), symlink('x', 'y'), file('plain')),
    );
    expect(seen[0]?.entry).toMatchObject({ name: 'p'.repeat(300), linkName: 'l', uid: 70000, gid: 70001, mtime: { seconds: 12, nanoseconds: 345678901 } });
    expect(seen[1]?.entry.name).toBe('plain');
  });

  test('a PAX size counts, also where the header has none', () => {
    const bytes = archive(pax({ size: '5' }), Buffer.concat([header('x', { size: 0 }), padded(Buffer.from('12345'))]), file('next'));
    expect(read(bytes).map((one) => [one.entry.name, one.content])).toEqual([['x', '12345'], ['next', '']]);
  });

  test('times before 1970 count their fraction upwards', () => {
    expect(only(archive(pax({ mtime: '-1.25' }), file('x'))).entry.mtime).toEqual({ seconds: -2, nanoseconds: 750_000_000 });
  });

  test('extended attributes come as bytes', () => {
    const value = Buffer.from([1, 0, 0, 2, 0x0a, 0x3d]);
    expect(only(archive(pax({ 'SCHILY.xattr.security.capability': value }), file('x'))).entry.xattrs).toEqual(new Map([['security.capability', value]]));
  });

  test('a global header counts for all entries, but for names', () => {
    const seen = read(archive(pax({ mtime: '9', path: 'no', comment: 'x' }, 'g'), file('a'), pax({ mtime: '3' }), file('b'), file('c')));
    expect(seen.map((one) => [one.entry.name, one.entry.mtime.seconds])).toEqual([['a', 9], ['b', 3], ['c', 9]]);
  });

  test('GNU long names and links', () => {
    const name = `${'n/'.repeat(150)}x`;
    expect(only(archive(gnuLong('L', name), gnuLong('K', 'k'.repeat(200)), symlink('short', 'short'))).entry).toMatchObject({ name, linkName: 'k'.repeat(200) });
  });

  test.each([
    ['a record without "="', file('x', '9 abcdefg\n'.slice(0, 10), { type: 'x' })],
    ['a record that claims more than there is', file('x', '99 a=b\n', { type: 'x' })],
    ['a record of length zero', file('x', '0 a=b\n', { type: 'x' })],
    ['a record without length', file('x', 'a=b\n', { type: 'x' })],
    ['a NUL in a name', pax({ path: 'a\0b' })],
    ['a size that is no number', pax({ size: '-5' })],
    ['a time that is none', pax({ mtime: '1e5' })],
  ])('%s is refused', (_, block) => {
    expect(() => read(archive(block, file('y')))).toThrow(/damaged or hostile/);
  });

  test('a megabyte is the most that an extended header may claim', () => {
    expect(() => read(header('x', { type: 'x', size: 1024 * 1024 + 1 }))).toThrow(/claims 1048577 bytes/);
    expect(() => read(header('x', { type: 'L', size: 0o77777777777 }))).toThrow(/damaged or hostile/);
  });
});

describe('sparse files', () => {
  const shown = `\0\0\0\0abc\0\0\0de\0\0`;

  test('in the old GNU format, with a continued map', () => {
    const run = (offset: number, length: number): string => octalField(offset, 12) + octalField(length, 12);
    const first = header('s', {
      type: 'S', magic: 'ustar  \0', size: 5,
      patch: [{ at: 386, bytes: run(4, 1) + run(5, 1) + run(6, 1) + run(10, 1) }, { at: 482, bytes: '\x01' }, { at: 483, bytes: octalField(14, 12) }],
    });
    const more = Buffer.alloc(512);
    more.write(run(11, 1), 0, 'latin1');
    expect(only(archive(first, more, padded(Buffer.from('abcde')))).content).toBe(shown);
  });

  test('in the PAX formats 0.0, 0.1 and 1.0', () => {
    const zero = pax([
      ['GNU.sparse.size', '14'], ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.offset', '4'], ['GNU.sparse.numbytes', '3'], ['GNU.sparse.offset', '10'], ['GNU.sparse.numbytes', '2'],
    ]);
    const zeroOne = pax({ 'GNU.sparse.size': '14', 'GNU.sparse.numblocks': '2', 'GNU.sparse.name': 's', 'GNU.sparse.map': '4,3,10,2' });
    for (const extended of [zero, zeroOne]) expect(only(archive(extended, file('s', 'abcde')))).toMatchObject({ content: shown, entry: { name: 's', size: 14 } });
    const one = pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '14' });
    const content = Buffer.concat([padded(Buffer.from('3\n4\n3\n10\n2\n14\n0\n')), Buffer.from('abcde')]);
    expect(only(archive(one, file('GNUSparseFile.0/s', content)))).toMatchObject({ content: shown, entry: { name: 's', size: 14 } });
  });

  test.each([
    ['runs that leave the file', '0,2,13,3'],
    ['runs that overlap', '4,3,5,2'],
    ['half a run', '4,3,10'],
    ['runs that do not add up to the content', '4,3'],
    ['runs that are no numbers', '4,3,x,2'],
  ])('%s are refused', (_, map) => {
    expect(() => read(archive(pax({ 'GNU.sparse.size': '14', 'GNU.sparse.map': map }), file('s', 'abcde')))).toThrow(/damaged or hostile/);
  });

  test.each([
    ['with an empty line', '\n'],
    ['with an absurd count', '9999999\n'],
    ['with letters', 'a\n'],
    ['without an end', '200\n'.padEnd(512, '1\n')],
  ])('a map of format 1.0 %s is refused', (_, map) => {
    const one = pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '14' });
    expect(() => read(archive(one, file('s', padded(Buffer.from(map)))))).toThrow(/damaged or hostile/);
  });
});

describe('the stream', () => {
  const entries = [Buffer.concat([pax({ path: 'q'.repeat(700) }), file('x', 'a'.repeat(1500))]), directory('d'), file('y', 'b'.repeat(512))];
  const bytes = archive(...entries);

  test.each([1, 7, 511, 512, 513, 1024, 4096])('pieces of %i bytes read like one', (chunk) => {
    expect(read(bytes, chunk)).toEqual(read(bytes));
  });

  test('an archive may end without zero blocks, but not in the middle of anything', () => {
    expect(read(file('x', 'abc'))).toHaveLength(1);
    expect(read(Buffer.alloc(0))).toHaveLength(0);
    const borders = entries.map((_, index) => Buffer.concat(entries.slice(0, index + 1)).length);
    for (let cut = 1; cut < bytes.length - 1024; cut++) {
      if (!borders.includes(cut)) expect(() => read(bytes.subarray(0, cut)), `cut at ${cut}`).toThrow(/ends/);
    }
  });

  test('what follows the end mark is not looked at', () => {
    expect(read(Buffer.concat([archive(file('x')), Buffer.from('garbage'.repeat(100))]))).toHaveLength(1);
  });

  test('a single empty block in the middle is refused', () => {
    expect(() => read(Buffer.concat([file('x'), Buffer.alloc(512), file('y')]))).toThrow(/empty block/);
  });
});
