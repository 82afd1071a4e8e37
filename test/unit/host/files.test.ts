import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeIfDifferent } from '../../../src/host/files.ts';
import { randomHex } from '../../../src/host/identity.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

test('a file is written where its content is another, and in place', () => {
  const path = join(base, 'hosts');
  writeIfDifferent(path, 'one\n', { mode: 0o644 });
  chmodSync(path, 0o600);
  const { ino } = statSync(path);
  for (const content of ['two\n', Buffer.from('longer\n'), '']) {
    writeIfDifferent(path, content, { mode: 0o644 });
    expect(readFileSync(path, 'utf8')).toBe(content.toString());
    expect(statSync(path)).toMatchObject({ ino, mode: 0o100600 });
  }
});

test('one that has the content is not touched', () => {
  const path = join(base, 'hosts');
  writeFileSync(path, 'é\n');
  utimesSync(path, 1, 1);
  writeIfDifferent(path, 'é\n', { mode: 0o644 });
  expect(statSync(path).mtimeMs).toBe(1000);
});

test('random names are of the length asked for, and no two alike, however many', () => {
  const lengths = [8, 32, 256, 1, 8];
  const made = Array.from({ length: 400 }, (_, index) => ({ bytes: lengths[index % lengths.length] as number, hex: randomHex(lengths[index % lengths.length] as number) }));
  for (const { bytes, hex } of made) expect(hex).toMatch(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
  const long = made.filter(({ bytes }) => bytes >= 8).map(({ hex }) => hex.slice(0, 16));
  expect(new Set(long).size).toBe(long.length);
});
