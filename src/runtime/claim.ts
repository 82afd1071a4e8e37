/**
 * Who works on a container. Its bundle directory in the runtime folder is the claim: it is renamed into place, which the
 * kernel lets only one command do, and names the process that did. A claim holds while that process, the monitor or the
 * container lives; a dead one is cleared by the next who wants it, which also ends what a killed command left half started.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { isOthers } from '../host/directories.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, namesIn, readTextIfPresent, removeTree, writeFileAtomic } from '../host/files.ts';
import { killQuietly } from '../host/kill.ts';
import { identityOf, isAlive, ownerTag, ownIdentity, parseOwnerTag, type ProcessIdentity } from '../host/identity.ts';
import { isOver } from '../storage/hosts.ts';
import type { StoreLayout } from '../storage/layout.ts';
import type { CgroupPlan } from './cgroups.ts';
import { forgetRuntime, isRuntimeAlive, readRuntimeState } from './crun.ts';
import { killProcessesNaming } from './strays.ts';

export type ClaimRefusal = 'running' | 'busy';

export interface ClaimPurpose {
  /** The container is to be removed when a claim of it is found dead. */
  readonly autoRemove?: boolean;
  /** This process stays until the container ends and tidies up itself: nobody else may as long as it lives. */
  readonly stays?: boolean;
  /** The files are mounted where this process is seen to live: as long as it does, nobody else may change them. Instead of our own process. */
  readonly mountedBy?: ProcessIdentity;
}

/** starter.json */
interface Starter extends ProcessIdentity {
  readonly stays: boolean;
  readonly mounted?: boolean;
}

/** How long a command waits for another one that works on the same container, milliseconds. */
const PATIENCE = 20_000;

/**
 * Claims a container for this process; the caller releases it with {@link releaseClaim}, or leaves it to the container.
 * @returns 'running' when the container has processes, 'busy' when another command held it all the time
 * @throws ScullError IN_USE while its files are mounted inside `scull unshare`
 */
export async function claimContainer(layout: StoreLayout, cgroup: CgroupPlan, id: string, purpose: ClaimPurpose = {}): Promise<'claimed' | ClaimRefusal> {
  const paths = layout.container(id);
  const prepared = besides(layout);
  prepareClaim(layout, prepared, purpose);
  const deadline = Date.now() + PATIENCE;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    try {
      renameSync(prepared, paths.bundle);
      crashPoint('container:claimed');
      return 'claimed';
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw error;
    }
    const holder = claimState(layout, id);
    if (holder === 'dead' && (await clearClaim(layout, cgroup, id))) continue;
    if (isMounted(paths.starterFile)) {
      removeTree(prepared);
      throw new ScullError('IN_USE', `the files of container ${id.slice(0, 12)} are mounted inside \`scull unshare\` (process ${readIdentity(paths.starterFile)?.pid ?? '?'})`, {
        hint: `take them away with \`scull unmount ${id.slice(0, 12)}\` there, or leave it`,
      });
    }
    if (holder === 'running' || Date.now() > deadline) {
      removeTree(prepared);
      return holder === 'running' ? 'running' : 'busy';
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * The same for a container that is to exist: while this waited for the claim, the command that held it may have removed the container.
 * @throws ScullError IN_USE, NO_SUCH_CONTAINER
 */
export async function claimExisting(layout: StoreLayout, cgroup: CgroupPlan, id: string, purpose: ClaimPurpose = {}): Promise<'claimed' | ClaimRefusal> {
  const claim = await claimContainer(layout, cgroup, id, purpose);
  if (claim !== 'claimed' || existsSync(layout.container(id).directory)) return claim;
  await releaseClaim(layout, cgroup, id, purpose.mountedBy);
  throw new ScullError('NO_SUCH_CONTAINER', `container ${id.slice(0, 12)} was removed meanwhile: no such container`);
}

function prepareClaim(layout: StoreLayout, directory: string, purpose: ClaimPurpose): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    prepareRunRoot(layout);
    mkdirSync(directory, { mode: 0o700 });
  }
  writeFileAtomic(join(directory, 'starter.json'), JSON.stringify(starterOf(purpose)), { durable: false });
  touch(join(directory, `${CLAIMED}${ownerTag()}`));
  mkdirSync(join(directory, 'rootfs'), { mode: 0o700 });
  if (purpose.autoRemove === true) touch(join(directory, 'auto-remove'));
}

function touch(path: string): void {
  closeSync(openSync(path, 'wx', 0o600));
}

function starterOf({ mountedBy, stays = false }: ClaimPurpose): Starter {
  return mountedBy === undefined ? { ...ownIdentity(), stays } : { ...mountedBy, stays: true, mounted: true };
}

function isMounted(starterFile: string): boolean {
  const starter: Partial<Starter> | undefined = readIdentity(starterFile);
  return starter?.mounted === true;
}

/** Makes the runtime folder, and sweeps others. */
function prepareRunRoot(layout: StoreLayout): void {
  ensurePrivateDirectory(layout.claims);
  ensurePrivateDirectory(layout.runtimeRoot);
  const parent = join(layout.runRoot, '..');
  // Made by somebody else between our look and our making it, or given to us so: what is in it could be theirs.
  for (const directory of [parent, layout.runRoot]) {
    if (isOthers(directory)) throw new ScullError('PERMISSION', `the runtime directory ${directory} is not yours alone`, { hint: 'set XDG_RUNTIME_DIR or --runroot to a directory that only you can write' });
  }
  sweepRunRoots(layout);
}

/** Removes runtime folders of earlier boots, and of PID namespaces without life: what is in them is dead. */
export function sweepRunRoots(layout: StoreLayout): void {
  const parent = join(layout.runRoot, '..');
  const own = layout.runRoot.slice(layout.runRoot.lastIndexOf('/') + 1);
  for (const name of namesIn(parent)) {
    if (/^[0-9a-f]{32}$/.test(name) && name !== own && isOver(layout, name)) removeTree(join(parent, name));
  }
}

/** Remembers the monitor, so that a command killed while starting a container leaves nothing that can't be found. */
export function recordMonitor(layout: StoreLayout, id: string, pid: number): void {
  const identity = identityOf(pid);
  if (identity !== undefined) writeFileAtomic(layout.container(id).monitorFile, JSON.stringify(identity), { durable: false });
}

/** What holds a claim now. */
export function claimState(layout: StoreLayout, id: string): ClaimRefusal | 'dead' {
  const paths = layout.container(id);
  const starter = readIdentity(paths.starterFile);
  // Before the look at the container: a starter that starts it and ends in between would make it seem abandoned.
  const starting = starter !== undefined && isAlive(starter);
  const runtime = readRuntimeState(paths.runtimeState);
  if (runtime !== undefined && isRuntimeAlive(runtime) && !runtime.waiting) return 'running';
  if (starter?.stays === true && starting) return 'busy';
  const monitor = readIdentity(paths.monitorFile);
  if (monitor === undefined) return starting ? 'busy' : 'dead';
  if (!isAlive(monitor)) return 'dead';
  // The monitor lives: its container is being started, or has ended and the monitor is about to leave.
  const ended = runtime !== undefined && !isRuntimeAlive(runtime);
  return ended || starting ? 'busy' : 'dead';
}

/**
 * Ends what is left of a container whose claim is dead, and removes the claim. Until then its place is kept: nobody else starts
 * under the path that tells the processes of the old start.
 * @returns false when there is nothing to clear any more, or another command clears it
 */
async function clearClaim(layout: StoreLayout, cgroup: CgroupPlan, id: string): Promise<boolean> {
  const paths = layout.container(id);
  if (!takeOver(layout, id)) return false;
  const monitor = readIdentity(paths.monitorFile);
  const runtime = readRuntimeState(paths.runtimeState);
  // A start that got this far only may have processes which nobody wrote down.
  const halfStarted = runtime === undefined || runtime.waiting || (monitor !== undefined && isAlive(monitor));
  if (monitor !== undefined && isAlive(monitor)) killQuietly(monitor.pid);
  if (runtime !== undefined && isRuntimeAlive(runtime)) killQuietly(runtime.pid);
  if (halfStarted) await killProcessesNaming(paths.bundle);
  await forgetRuntime(layout, cgroup, id, paths.runtimeState);
  discard(layout, paths.bundle);
  return true;
}

/** What a claim's one file of changing name begins with: whose claim it is, or who clears it, by {@link ownerTag}. */
const [CLAIMED, CLEARING] = ['claimed.', 'clearing.'];

/**
 * Makes a dead claim this process's to clear. The file that is renamed has a name that no other claim has: should the claim have
 * been cleared between our look and this, and the container claimed anew, there is no such file.
 */
function takeOver(layout: StoreLayout, id: string): boolean {
  const { bundle } = layout.container(id);
  const mark = namesIn(bundle).find((name) => name.startsWith(CLAIMED) || name.startsWith(CLEARING));
  if (claimState(layout, id) !== 'dead') return false;
  if (mark === undefined) return existsSync(bundle); // made by a scull that did not have it yet
  const clearer = mark.startsWith(CLEARING) ? parseOwnerTag(mark.slice(CLEARING.length)) : undefined;
  if (clearer !== undefined && isAlive(clearer)) return false;
  try {
    renameSync(join(bundle, mark), join(bundle, `${CLEARING}${ownerTag()}`));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Gives this process's claim up after the container has ended (or was never started). A claim of another is left alone.
 * @param own whose claim it is, if not this process's
 */
export async function releaseClaim(layout: StoreLayout, cgroup: CgroupPlan, id: string, own = ownIdentity()): Promise<void> {
  const paths = layout.container(id);
  const starter = readIdentity(paths.starterFile);
  if (starter === undefined || starter.pid !== own.pid || starter.startTime !== own.startTime) return;
  await forgetRuntime(layout, cgroup, id, paths.runtimeState);
  discard(layout, paths.bundle);
}

/** In one step for all who look. */
function discard(layout: StoreLayout, bundle: string): void {
  const aside = besides(layout);
  try {
    renameSync(bundle, aside);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  removeTree(aside);
}

/**
 * Looks through the claims for what nobody will come back to: those of containers that do not exist any more, and of makers
 * that died before they had claimed anything. Cheap enough for every command that makes or removes a container.
 * @returns ids of containers that were to be removed at their end, have ended, and were not
 */
export async function sweepClaims(layout: StoreLayout, cgroup: CgroupPlan): Promise<string[]> {
  const overdue: string[] = [];
  for (const name of namesIn(layout.claims)) {
    if (!/^[0-9a-f]{64}$/.test(name)) {
      const maker = parseOwnerTag(name.slice(1));
      if (maker === undefined || !isAlive(maker)) removeTree(join(layout.claims, name));
      continue;
    }
    const paths = layout.container(name);
    const gone = !existsSync(paths.directory);
    // One that waits to be started, by a command that was killed, would wait for ever.
    if (!gone && !existsSync(paths.autoRemoveMark) && !existsSync(join(paths.runtimeState, 'exec.fifo'))) continue;
    if (claimState(layout, name) !== 'dead') continue;
    if (!gone && existsSync(paths.autoRemoveMark)) overdue.push(name);
    else await clearClaim(layout, cgroup, name);
  }
  return overdue;
}

/** A name beside the claims that says whose it is: for what becomes a claim, or was one. */
function besides(layout: StoreLayout): string {
  return join(layout.claims, `.${ownerTag()}`);
}

export function readIdentity(path: string): (ProcessIdentity & Partial<Starter>) | undefined {
  const text = readTextIfPresent(path);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<ProcessIdentity>;
    if (typeof value.pid === 'number' && typeof value.startTime === 'number' && typeof value.bootId === 'string') return value as ProcessIdentity;
  } catch {
    // Written by rename on a tmpfs of this boot: what is not JSON was not written by us, and names nobody.
  }
  return undefined;
}
