import { mkdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveDriver } from '../../../../src/storage/drivers/resolve.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import type { DriverName, Store } from '../../../../src/storage/store.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

function storeThatRemembers(value: unknown, driver: DriverName | 'auto' = 'auto'): Store {
  const root = join(scratchDirectory(), 'store');
  mkdirSync(root);
  const store: Store = { layout: storeLayout(root, join(root, 'run')), driver };
  writeFileSync(store.layout.driverFile, typeof value === 'string' ? value : JSON.stringify(value));
  return store;
}

const remembered = { format: 1, driver: 'overlay', host: `linux ${release()}`, refused: {} };

test('a driver that was asked for is not questioned', async () => {
  expect(await resolveDriver(storeThatRemembers(remembered, 'vfs'))).toBe('vfs');
});

test('what was found by trying is remembered as long as the kernel is the same', async () => {
  expect(await resolveDriver(storeThatRemembers(remembered))).toBe('overlay');
});

test.each([
  ['of another kernel', { ...remembered, host: 'linux 4.19' }],
  ['that is damaged', '{'],
  ['of an unknown driver', { ...remembered, driver: 'zfs' }],
  ['that is null', 'null'],
])('an answer %s is asked again', async (_, value) => {
  // Trying needs a user namespace; as root, or without the helper, it says so instead of using the stale answer.
  const answer = await resolveDriver(storeThatRemembers(value)).catch((error: unknown) => (error as { code: string }).code);
  expect(['overlay', 'fuse-overlayfs', 'vfs', 'UNSUPPORTED', 'MISSING_TOOL']).toContain(answer);
  if (process.getuid?.() === 0) expect(answer).not.toBe('overlay');
});
