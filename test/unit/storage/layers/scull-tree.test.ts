/** native/scull-tree by itself, on directories that anybody can make: what needs no namespace. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { treeArguments } from '../../../../src/storage/layers/tree-program.ts';

test('a view and its options become an argument list', () => {
  expect(treeArguments('pack', { kind: 'upper', upper: '/u', below: ['/b', '/a'], dotMarks: true }, { leaveOut: ['dev'], clampTo: 5 })).toEqual(
    'pack --upper --dot-marks --new /u --old /b --old /a --skip dev --clamp 5'.split(' '),
  );
  expect(treeArguments('diff', { kind: 'compare', layers: ['/n'], below: ['/o'] })).toEqual('diff --compare --new /n --old /o'.split(' '));
  expect(treeArguments('pack', { kind: 'whole', layers: ['/u', '/a'] })).toEqual('pack --new /u --new /a'.split(' '));
});

const program = join(dirname(fileURLToPath(import.meta.url)), '../../../../dist/scull-tree');

describe.skipIf(!existsSync(program))('the native program', () => {
  let base: string;

  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'scull-tree-'));
    for (const folder of ['new/a/deep', 'old/a', 'new/b.d', 'new/b']) mkdirSync(join(base, folder), { recursive: true });
    writeFileSync(join(base, 'new/a/deep/f'), 'text');
    linkSync(join(base, 'new/a/deep/f'), join(base, 'new/b/hard'));
    symlinkSync('/etc', join(base, 'new/link'));
    writeFileSync(join(base, 'new', `long-${'x'.repeat(150)}`), '');
    writeFileSync(join(base, 'new/sparse'), 'begin');
    truncateSync(join(base, 'new/sparse'), 5_000_000);
    writeFileSync(join(base, 'old/a/same'), 'same');
    writeFileSync(join(base, 'new/a/same'), 'same');
    writeFileSync(join(base, 'old/a/gone'), 'gone');
    for (const side of ['old', 'new']) utimesSync(join(base, side, 'a/same'), 1e9, 1e9);
  });

  afterAll(() => rmSync(base, { recursive: true, force: true }));

  function tree(...args: string[]): string {
    return execFileSync(program, args, { cwd: base, encoding: 'latin1', maxBuffer: 1 << 26 });
  }

  function listed(archive: string): string[] {
    return execFileSync('tar', ['-t'], { input: Buffer.from(archive, 'latin1'), encoding: 'utf8' }).trim().split('\n');
  }

  test('comparing finds what was added, changed and deleted, and nothing else', () => {
    expect(tree('diff', '--compare', '--new', 'new', '--old', 'old').split('\0').filter((line) => !line.includes('long'))).toEqual(
      ['C /a', 'A /a/deep', 'A /a/deep/f', 'D /a/gone', 'A /b', 'A /b.d', 'A /b/hard', 'A /link', 'A /sparse', ''].sort((one, two) => order(one, two)),
    );
  });

  /** As the program walks: by name within each folder, what is in a folder right after it. */
  function order(one: string, two: string): number {
    if (one === '' || two === '') return one === '' ? 1 : -1;
    const [a, b] = [one.slice(2).split('/'), two.slice(2).split('/')];
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return (a[i] as string) < (b[i] as string) ? -1 : 1;
    return a.length - b.length;
  }

  test('comparing tells a file of the same size and time by its content, unless it was not touched since it was copied', () => {
    const [old, copy] = [join(base, 'original'), join(base, 'copy')];
    for (const side of [old, copy]) {
      mkdirSync(side);
      execFileSync('mkfifo', [join(side, 'fifo')]);
      utimesSync(join(side, 'fifo'), 1e9, 1e9);
      for (const name of ['kept', 'written', 'again']) writeFileSync(join(side, name), 'text');
      for (const name of ['kept', 'written', 'again']) utimesSync(join(side, name), 1e9, 1e9);
    }
    writeFileSync(join(copy, 'kept'), 'lies'); // what nobody looks at any more
    utimesSync(join(copy, 'kept'), 1e9, 1e9);
    // ctime(2) comes from a clock that ticks: the marker is made when it has gone on.
    while (statSync(join(copy, 'kept'), { bigint: true }).ctimeNs >= tick(base)) continue;
    writeFileSync(join(base, 'copy.copied'), '');
    writeFileSync(join(copy, 'written'), 'TEXT');
    writeFileSync(join(copy, 'again'), 'text');
    for (const name of ['written', 'again']) utimesSync(join(copy, name), 1e9 + 0.5, 1e9 + 0.5);
    expect(tree('diff', '--compare', '--copied', 'copy.copied', '--new', 'copy', '--old', 'original')).toBe('C /written\0');
    expect(tree('diff', '--compare', '--new', 'copy', '--old', 'original')).toBe('C /kept\0C /written\0');
  });

  /** The time of the file system, now. */
  function tick(directory: string): bigint {
    writeFileSync(join(directory, 'tick'), '');
    const { ctimeNs } = statSync(join(directory, 'tick'), { bigint: true });
    rmSync(join(directory, 'tick'));
    return ctimeNs;
  }

  test('the archive is what tar reads: hard links, long names, holes', () => {
    const archive = tree('pack', '--new', 'new');
    expect(listed(archive)).toEqual(['a/', 'a/deep/', 'a/deep/f', 'a/same', 'b/', 'b/hard', 'b.d/', 'link', `long-${'x'.repeat(150)}`, 'sparse']);
    expect(archive.length).toBeLessThan(100_000);
    const size = execFileSync('sh', ['-c', 'tar -xO sparse | wc -c'], { input: Buffer.from(archive, 'latin1'), encoding: 'utf8' });
    expect(size.trim()).toBe('5000000');
    expect(tree('pack', '--new', 'new')).toBe(archive);
  });

  test('what is deleted becomes a whiteout', () => {
    expect(listed(tree('pack', '--compare', '--new', 'new', '--old', 'old'))).toContain('a/.wh.gone');
  });

  test('a path is followed within the root only', () => {
    const result = spawnSync(program, ['pack', '--root', 'new', '--path', '/link', '--as', 'x'], { cwd: base, encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([3, 'scull-tree: /link\n']);
    expect(listed(tree('pack', '--root', 'new', '--path', '../../a/deep', '--as', 'taken'))).toEqual(['taken/', 'taken/f']);
  });

  test('words that make no sense are refused', () => {
    for (const args of [[], ['pack'], ['walk', '--new', 'new'], ['pack', '--new'], ['pack', '--new', 'new', '--other', 'x'], ['pack', '--upper', '--new', 'new', '--new', 'old']]) {
      expect(spawnSync(program, args, { cwd: base }).status, args.join(' ')).toBe(2);
    }
  });
});
