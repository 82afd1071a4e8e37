import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cgroupPlan } from '../../../src/runtime/cgroups.ts';
import { claimExisting } from '../../../src/runtime/claim.ts';
import { storeLayout } from '../../../src/storage/layout.ts';

const ID = 'a'.repeat(64);
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'scull-claim-'));
});
afterEach(() => rmSync(base, { recursive: true }));

test('a container that was removed while others waited for it is claimed by none of them', async () => {
  const layout = storeLayout(join(base, 'root'), join(base, 'run', 'b'.repeat(32)));
  mkdirSync(layout.container(ID).directory, { recursive: true });
  expect(await claimExisting(layout, cgroupPlan(), ID)).toBe('claimed');
  rmSync(layout.container(ID).bundle, { recursive: true });
  rmSync(layout.container(ID).directory, { recursive: true });
  await expect(claimExisting(layout, cgroupPlan(), ID)).rejects.toMatchObject({ code: 'NO_SUCH_CONTAINER' });
  expect(existsSync(layout.container(ID).bundle)).toBe(false);
  expect(readdirSync(layout.claims)).toEqual([]);
});
