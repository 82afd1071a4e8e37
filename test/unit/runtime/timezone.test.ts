import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readZone } from '../../../src/runtime/timezone.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scull-zones-'));
  mkdirSync(join(folder, 'Europe'));
  writeFileSync(join(folder, 'Europe/Berlin'), 'TZif2 berlin');
  writeFileSync(join(folder, 'zone.tab'), '# a table');
});

afterEach(() => rmSync(folder, { recursive: true }));

const zone = (name: string, localtime = join(folder, 'none')): string | undefined => readZone(name, { folders: [join(folder, 'missing'), folder], localtime })?.toString();

test('a zone is found by its name in any of the folders', () => {
  expect(zone('Europe/Berlin')).toBe('TZif2 berlin');
});

test('local is what /etc/localtime leads to', () => {
  symlinkSync('Europe/Berlin', join(folder, 'localtime'));
  expect(zone('local', join(folder, 'localtime'))).toBe('TZif2 berlin');
});

test('a host without /etc/localtime has no zone to give', () => {
  expect(zone('local')).toBeUndefined();
});

test('an unknown zone is told from a known one', () => {
  expect(() => zone('Europe/Atlantis')).toThrow(expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringContaining('"Europe/Atlantis"') as string }));
});

test.each(['', '../../etc/passwd', '/etc/localtime', 'Europe/', 'Europe', 'Europe/../Europe/Berlin', 'a b', 'Europe/Berlin\0'])('%j is no zone', (name) => {
  expect(() => zone(name)).toThrow(expect.objectContaining({ code: 'INVALID' }));
});

test('a file that is no zone is not taken for one', () => {
  writeFileSync(join(folder, 'leapseconds'), '# text');
  expect(() => zone('leapseconds')).toThrow(expect.objectContaining({ code: 'INVALID' }));
});
