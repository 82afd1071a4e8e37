import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containerFilters, readSelection, removalStatus } from '../../../src/cli/selection.ts';
import { ScullError } from '../../../src/host/errors.ts';

const now = Date.parse('2024-05-31T12:00:00Z');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scull-selection-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('which containers a command is about', () => {
  it('names, files with ids, everything, or what filters say', () => {
    const file = join(folder, 'cid');
    writeFileSync(file, `${'ab'.repeat(32)}\nrubbish\n`);
    expect(readSelection(['a', 'b'], {}, now)).toEqual({ names: ['a', 'b'], all: false, ignore: false });
    expect(readSelection(['a'], { cidfile: [file] }, now).names).toEqual(['a', 'ab'.repeat(32)]);
    expect(readSelection([], { all: true }, now)).toEqual({ names: [], all: true, ignore: false });
    expect(readSelection([], { filter: ['status=exited', 'status=created'] }, now).filters).toEqual({ status: ['exited', 'created'] });
  });
  it('a missing --cidfile is nothing with --ignore', () => {
    expect(readSelection([], { cidfile: [join(folder, 'none')], ignore: true }, now)).toEqual({ names: [], all: false, ignore: true });
    expect(() => readSelection([], { cidfile: [join(folder, 'none')] }, now)).toThrow('there is no --cidfile');
  });
  it('an empty --cidfile never means everything', () => {
    const file = join(folder, 'empty');
    writeFileSync(file, '\n');
    expect(() => readSelection([], { cidfile: [file] }, now)).toThrow('is empty');
  });
  it.each([
    [[], {}, 'the name or id of a container is missing'],
    [['a'], { all: true }, '--all takes no names of containers'],
    [['a'], { filter: ['status=exited'] }, '--filter takes no names of containers'],
    [[], { filter: ['stauts=exited'] }, 'there is no filter "stauts"'],
  ])('%j with %j is refused', (words, flags, message) => {
    expect(() => readSelection(words, flags, now)).toThrow(message);
  });
  it('until is a time, also as a span', () => {
    expect(containerFilters(['until=10m'], now)['until']).toEqual([String(now / 1000 - 600)]);
  });
});

describe('the exit status of rm', () => {
  const failed = (code: 'NO_SUCH_CONTAINER' | 'WRONG_STATE' | 'NO_SPACE') => ({ name: 'x', error: new ScullError(code, 'x') });
  it.each([
    [[{ name: 'a' }], 0, 0],
    [[failed('NO_SUCH_CONTAINER'), failed('WRONG_STATE')], 125, 1],
    [[{ name: 'a' }, failed('WRONG_STATE')], 125, 2],
    [[failed('NO_SPACE')], 125, 125],
  ])('%#', (outcomes, status, expected) => {
    expect(removalStatus(outcomes, status)).toBe(expected);
  });
});
