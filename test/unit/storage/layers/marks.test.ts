import { existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Mark } from '../../../../src/storage/layers/marks.ts';
import { checkoutDirectory, runFromCheckout } from '../../../support/checkout.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

describe.each(['the native helper', "the field's own tools"])('with %s', (means) => {
  let applyMarks: (directory: string, marks: readonly Mark[]) => Promise<string[]>;

  beforeAll(async () => {
    if (means === 'the native helper') {
      if (!existsSync(join(checkoutDirectory, 'dist/scull-layer'))) throw new Error('dist/scull-layer is not there: run `npm run build` first');
      runFromCheckout();
    } else process.argv[1] = '/nonexistent/bin/scull';
    // Where scull is gets remembered by the module: a fresh one for each.
    const { vi } = await import('vitest');
    vi.resetModules();
    ({ applyMarks } = await import('../../../../src/storage/layers/marks.ts'));
  });

  function layer(): string {
    const directory = join(scratchDirectory(), 'diff');
    mkdirSync(join(directory, 'd'), { recursive: true });
    writeFileSync(join(directory, 'd/f'), '');
    return directory;
  }

  test('whiteouts are character devices 0:0, whatever bytes are in their names', async () => {
    const directory = layer();
    expect(await applyMarks(directory, [{ kind: 'whiteout', path: 'd/gone' }, { kind: 'whiteout', path: 'caf\xe9' }])).toEqual([]);
    for (const path of [Buffer.from(join(directory, 'd/gone')), Buffer.from(`${directory}/caf\xe9`, 'latin1')]) {
      expect([lstatSync(path).isCharacterDevice(), lstatSync(path).rdev]).toEqual([true, 0]);
    }
  });

  test('FIFOs have mode and owner', async () => {
    const directory = layer();
    await applyMarks(directory, [{ kind: 'fifo', path: 'd/p', attributes: { mode: 0o622, ...own, mtime: { seconds: 1, nanoseconds: 0 } } }]);
    const stat = lstatSync(join(directory, 'd/p'));
    expect([stat.isFIFO(), stat.mode & 0o7777]).toEqual([true, 0o622]);
  });

  test('times are set, also before 1970', async () => {
    const directory = layer();
    await applyMarks(directory, [{ kind: 'time', path: 'd/f', mtime: { seconds: 1000, nanoseconds: 123_456_000 } }, { kind: 'time', path: 'd', mtime: { seconds: -10, nanoseconds: 0 } }]);
    expect(statSync(join(directory, 'd/f')).mtimeMs).toBeCloseTo(1_000_123.456, 1);
    expect(statSync(join(directory, 'd')).mtimeMs).toBe(-10_000);
  });

  test('attributes that do not fit beside a file are noted: the disk is not full', async () => {
    const large = (name: string): Mark => ({ kind: 'xattr', path: 'd/f', name, value: Buffer.alloc(60_000, 'v') });
    const lost = await applyMarks(layer(), [large('user.a'), large('user.b')]);
    for (const line of lost) expect(line).toMatch(/^(?:d\/f: user\.[ab]: |setfattr: )/);
  });

  test('nothing is left beside the layer', async () => {
    const directory = layer();
    await applyMarks(directory, [{ kind: 'whiteout', path: 'w' }]);
    expect(existsSync(`${directory}.whiteout`)).toBe(false);
  });
});

describe('the native helper', () => {
  const helper = join(checkoutDirectory, 'dist/scull-layer');

  function tell(directory: string, ...words: string[]): string {
    return execFileSync(helper, { cwd: directory, input: `${words.join('\0')}\0` }).toString();
  }

  test('sets times to the nanosecond and extended attributes', () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'f'), '');
    expect(tell(directory, 't', 'f', '5', '123456789', 'x', 'f', 'user.a', '0001')).toBe('');
    expect(lstatSync(join(directory, 'f'), { bigint: true }).mtimeNs).toBe(5_123_456_789n);
  });

  test('CVE-2021-32760 class: it goes through no link and not above its directory, and does the rest', () => {
    const around = scratchDirectory();
    const directory = join(around, 'diff');
    mkdirSync(directory);
    execFileSync('ln', ['-s', around, join(directory, 'out')]);
    const answer = tell(directory, 'w', 'out/a', 'w', '../b', 'w', '/c', 'w', 'good');
    expect(answer.trim().split('\n').map((line) => line.split(' ')[0])).toEqual(['0', '1', '2']);
    expect(lstatSync(join(directory, 'good')).isCharacterDevice()).toBe(true);
    expect(existsSync(join(around, 'a')) || existsSync(join(around, 'b'))).toBe(false);
  });

  test('input that makes no sense ends it', () => {
    expect(() => tell(scratchDirectory(), 'z', 'y')).toThrow();
    expect(() => tell(scratchDirectory(), 'x', 'only')).toThrow();
  });
});
