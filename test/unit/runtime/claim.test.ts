import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cgroupPlan } from '../../../src/runtime/cgroups.ts';
import { bootId } from '../../../src/host/identity.ts';
import { claimExisting, claimState, releaseClaim, sweepClaims } from '../../../src/runtime/claim.ts';
import { type StoreLayout, storeLayout } from '../../../src/storage/layout.ts';

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

/** A claim whose owner is no more: pids do not start at this time. */
async function deadClaim(): Promise<StoreLayout> {
  const layout = storeLayout(join(base, 'root'), join(base, 'run', 'b'.repeat(32)));
  mkdirSync(layout.container(ID).directory, { recursive: true });
  expect(await claimExisting(layout, cgroupPlan(), ID)).toBe('claimed');
  writeFileSync(layout.container(ID).starterFile, JSON.stringify({ pid: process.pid, startTime: 1, bootId: bootId() }));
  expect(claimState(layout, ID)).toBe('dead');
  return layout;
}

const mark = (layout: StoreLayout): string => readdirSync(layout.container(ID).bundle).find((name) => /^(claimed|clearing)\./.test(name)) as string;

test('who takes a dead claim ends what its start had under way, which nobody had written down', async () => {
  const layout = await deadClaim();
  const stray = spawn('sh', ['-c', 'while sleep 1; do :; done', 'crun', '--bundle', layout.container(ID).bundle], { stdio: 'ignore' });
  await once(stray, 'spawn');
  const ended = once(stray, 'exit');
  expect(await claimExisting(layout, cgroupPlan(), ID)).toBe('claimed');
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(claimState(layout, ID)).toBe('busy');
  await releaseClaim(layout, cgroupPlan(), ID);
  expect(readdirSync(layout.claims)).toEqual([]);
});

test('what another command is clearing is left to it, until that is dead too', async () => {
  const layout = await deadClaim();
  rmSync(layout.container(ID).directory, { recursive: true });
  const { bundle } = layout.container(ID);
  const ours = mark(layout);
  renameSync(join(bundle, ours), join(bundle, ours.replace('claimed', 'clearing')));
  expect(await sweepClaims(layout, cgroupPlan())).toEqual([]);
  expect(existsSync(bundle)).toBe(true);
  renameSync(join(bundle, mark(layout)), join(bundle, `clearing.${process.pid}.1.${bootId()}.${'0'.repeat(16)}`));
  await sweepClaims(layout, cgroupPlan());
  expect(readdirSync(layout.claims)).toEqual([]);
});
