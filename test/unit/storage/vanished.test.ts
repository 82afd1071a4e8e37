import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { explainVanished } from '../../../src/storage/vanished.ts';

const reading = (path: string): unknown => {
  try {
    return readFileSync(path);
  } catch (error) {
    return error;
  }
};

test('a file of a container that is gone is explained; one that is missing from a container that stands, and any other, is not', () => {
  const base = mkdtempSync(join(tmpdir(), 'scull-vanished-'));
  const [there, gone] = ['a', 'b'].map((letter) => join(base, 'containers', letter.repeat(64))) as [string, string];
  mkdirSync(there, { recursive: true });
  expect(explainVanished(reading(join(gone, 'resolv.conf')))?.message).toBe('another command ended or removed container bbbbbbbbbbbb meanwhile');
  expect(explainVanished(reading(join(base, 'c', 'b'.repeat(64), 'config.json')))?.code).toBe('WRONG_STATE');
  expect(explainVanished(reading(join(there, 'resolv.conf')))).toBeUndefined();
  expect(explainVanished(reading(join(base, 'volumes', 'x')))).toBeUndefined();
  expect(explainVanished(reading(there))).toBeUndefined();
  rmSync(base, { recursive: true });
});
