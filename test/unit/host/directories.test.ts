import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isOthers, userRuntimeDirectory } from '../../../src/host/directories.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'scull-directories-'));
});
afterEach(() => rmSync(base, { recursive: true }));

test('a directory of our own that nobody else may write is ours', () => {
  mkdirSync(join(base, 'own'), { mode: 0o700 });
  expect(isOthers(join(base, 'own'))).toBe(false);
});

test('what is not there is nobody else’s', () => {
  expect(isOthers(join(base, 'missing'))).toBe(false);
});

test('a directory that others may write, a link and a file are not trusted', () => {
  mkdirSync(join(base, 'open'));
  chmodSync(join(base, 'open'), 0o777);
  symlinkSync(base, join(base, 'link'));
  writeFileSync(join(base, 'file'), '');
  for (const name of ['open', 'link', 'file']) expect(isOthers(join(base, name)), name).toBe(true);
});

test('a directory of another user is not trusted', () => {
  // /proc belongs to root, and to nobody when root itself asks from inside a namespace.
  if (process.getuid?.() !== 0) expect(isOthers('/proc')).toBe(true);
});

test('the runtime directory is the one of the variable where that is ours, else logind’s, whoever calls', () => {
  const usual = userRuntimeDirectoryWith(undefined);
  expect(usual === undefined || usual === `/run/user/${process.getuid?.()}`).toBe(true);
  expect(userRuntimeDirectoryWith(base)).toBe(base);
  for (const wrong of ['relative', join(base, 'missing')]) expect(userRuntimeDirectoryWith(wrong)).toBe(usual);
});

function userRuntimeDirectoryWith(value: string | undefined): string | undefined {
  vi.stubEnv('XDG_RUNTIME_DIR', value);
  try {
    return userRuntimeDirectory();
  } finally {
    vi.unstubAllEnvs();
  }
}
