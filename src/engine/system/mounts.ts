/**
 * `mount` of containers and images: inside `scull unshare`, where the caller is root of a user + mount namespace. The
 * mounts are seen there only, and go with the last process in it.
 */
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { identityOf, ownIdentity, processStat, type ProcessIdentity } from '../../host/identity.ts';
import { startChild } from '../../host/child.ts';
import { minimalEnvironment, run } from '../../host/process.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { claimExisting, releaseClaim } from '../../runtime/claim.ts';
import { findContainer, readContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { chainIds } from '../../runtime/root-file-system.ts';
import type { MountRequest } from '../../storage/drivers/driver.ts';
import { mountPlan } from '../../storage/drivers/plan.ts';
import { lookUpImage } from '../../storage/image-lookup.ts';
import { ensureLayers } from '../../storage/admit.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import { isUnshared } from '../../userns/unshared.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from '../images/by-alias.ts';
import { listImages } from '../images/list.ts';

export interface Shown {
  /** Hex. */
  readonly id: string;
  /** Name of the container, names of the image. */
  readonly names: readonly string[];
  readonly place: string;
}

/**
 * @param command how to say it, for the hint
 * @param options.placed whether the command prints a place to look at
 * @throws ScullError UNSUPPORTED outside
 */
export function requireUnshare(command: string, { placed = true }: { readonly placed?: boolean } = {}): void {
  if (isUnshared()) return;
  const inOneLine = placed ? `; or: scull unshare sh -c 'ls "$(${command})"'` : '';
  throw new ScullError('UNSUPPORTED', 'mounting takes the user namespace that containers use', { hint: `enter it first: scull unshare, then ${command}${inOneLine}` });
}

/**
 * Shows a container's files, to be changed too unless it runs: then they are shown as they are.
 * @returns the directory where they are seen
 * As long as they can be changed nobody can start the container, or mount them once more elsewhere.
 * @throws ScullError UNSUPPORTED outside of `scull unshare`, NO_SUCH_CONTAINER, IN_USE
 */
export async function mountContainer(engine: Engine, name: string): Promise<string> {
  requireUnshare(`scull mount ${name}`);
  const record = findContainer(engine.store.layout, name);
  if (record.image === undefined) return record.spec.rootfs ?? '/nonexistent';
  const paths = engine.store.layout.container(record.id);
  const target = join(engine.store.layout.shown, record.id);
  const request: MountRequest = { lowers: chainIds(record), upper: paths.upper, work: paths.work, target };
  if (mountPoints().includes(target)) return target;
  const holder = holderOfMounts();
  for (;;) {
    if (isRunning(readContainerState(paths))) return show(engine, target, { ...request, readOnlyUpper: true });
    const claim = await claimExisting(engine.store.layout, cgroupPlan(), record.id, { mountedBy: holder });
    if (claim === 'busy') throw new ScullError('IN_USE', `another command is working on container ${record.name}`);
    if (claim === 'running') continue;
    try {
      return await show(engine, target, request);
    } catch (error) {
      await releaseClaim(engine.store.layout, cgroupPlan(), record.id, holder);
      throw error;
    }
  }
}

/**
 * The process that mounts made here live as long as: the one highest up among our ancestors that is in our mount namespace, the
 * program that `scull unshare` started.
 */
function holderOfMounts(): ProcessIdentity {
  const own = ownIdentity();
  const here = mountNamespace(own.pid);
  let holder = own;
  for (;;) {
    const parent = identityOf(processStat(holder.pid)?.parent ?? 0);
    if (parent === undefined || mountNamespace(parent.pid) !== here) return holder;
    holder = parent;
  }
}

/** Undefined for processes outside of our user namespace: they are none of ours to look at. */
function mountNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** Ids of all images; lists and artifacts have no files to show. */
export function mountableImages(engine: Engine): string[] {
  return listImages(engine).filter(({ kind }) => kind === 'image').map(({ id }) => id);
}

/** Shows an image's files, read-only. @throws ScullError UNSUPPORTED outside of `scull unshare`, NO_SUCH_IMAGE */
export async function mountImage(engine: Engine, name: string): Promise<string> {
  requireUnshare(`scull image mount ${name}`);
  const { image } = await byAlias(name, (meant) => lookUpImage(engine.store, meant));
  await ensureLayers(engine.store, image, engine.progress);
  const target = join(engine.store.layout.shown, `image-${image.id.slice(image.id.indexOf(':') + 1)}`);
  return show(engine, target, { lowers: image.layers.map((layer) => layer.chainId), target });
}

async function show(engine: Engine, target: string, request: MountRequest): Promise<string> {
  if (mountPoints().includes(target)) return target;
  mkdirSync(target, { recursive: true, mode: 0o700 });
  for (const step of await mountPlan(engine.store, request)) await doStep(step);
  return target;
}

/** What the launcher does elsewhere, by mount(8): we are inside already. */
async function doStep(step: LaunchStep): Promise<void> {
  if (step.kind === 'fuse') return serve(step);
  const [file, ...args] = wordsOf(step);
  const result = await run(file as string, args, step.kind === 'overlay' ? { cwd: step.directory } : {});
  if (result.status !== 0) throw new ScullError('TOOL_FAILED', `mounting failed: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
}

/** HOLDER PROGRAM …: a server in the mount namespace keeps that, and with it what it serves; so it is ended with the holder. */
const SERVE_SCRIPT = 'holder=$1; shift; "$@" & server=$!; { tail --pid="$holder" -f /dev/null; kill "$server"; } & watcher=$!; wait "$server"; kill "$watcher"';

async function serve({ program, options, target }: Extract<LaunchStep, { kind: 'fuse' }>): Promise<void> {
  const words = ['-c', SERVE_SCRIPT, 'scull-mount', String(holderOfMounts().pid), program, '-f', '-o', options, target];
  const server = startChild('sh', words, { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true });
  let ended = false;
  void server.ended.then(() => (ended = true));
  server.unref();
  while (!mountPoints().includes(target)) {
    if (ended) throw new ScullError('TOOL_FAILED', `mounting failed: ${program} ended before it had mounted ${target}`, { hint: 'run `scull doctor` to see whether FUSE works' });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function wordsOf(step: LaunchStep): string[] {
  switch (step.kind) {
    case 'overlay':
      return ['mount', '-t', 'overlay', 'overlay', '-o', step.options, step.target];
    case 'bind':
      return ['mount', '--bind', step.source, step.target];
    default:
      throw new ScullError('UNSUPPORTED', `this storage driver can't be mounted here (${step.kind})`);
  }
}

/** What is shown in this mount namespace. */
export function shownContainers(engine: Engine): Shown[] {
  return shownPlaces(engine).flatMap((place) => {
    const id = basename(place);
    if (id.startsWith('image-')) return [];
    const record = readContainer(engine.store.layout, id);
    return [{ id, names: record === undefined ? [] : [record.name], place }];
  });
}

export function shownImages(engine: Engine): Shown[] {
  return shownPlaces(engine).flatMap((place) => {
    const id = /^image-([0-9a-f]+)$/.exec(basename(place))?.[1];
    return id === undefined ? [] : [{ id, names: lookUpImage(engine.store, id).image.names, place }];
  });
}

function shownPlaces(engine: Engine): string[] {
  return [...new Set(mountPoints())].filter((place) => place.startsWith(`${engine.store.layout.shown}/`)).sort();
}

/** proc_pid_mountinfo(5): the fifth field, with blanks and the like in octal. */
function mountPoints(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((text) => text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))));
}

/**
 * Takes what is shown away.
 * @param force also while something is in use there: it goes when nobody uses it any more
 * @throws ScullError WRONG_STATE where it is not shown; IN_USE
 */
export async function unmount(shown: Shown, force: boolean): Promise<void> {
  const result = await run('umount', [...(force ? ['--lazy'] : []), shown.place]);
  if (result.status !== 0) {
    throw new ScullError(/busy/.test(result.stderr) ? 'IN_USE' : 'TOOL_FAILED', `cannot unmount ${shown.place}: ${result.stderr.trim().split('\n')[0] ?? ''}`, { hint: 'a process works in it, or has a file of it open; -f unmounts all the same' });
  }
  if (existsSync(shown.place) && !mountPoints().includes(shown.place)) rmdirSync(shown.place);
}

/** The same for a container, which may be started again then. */
export async function unmountContainer(engine: Engine, shown: Shown, force: boolean): Promise<void> {
  await unmount(shown, force);
  await releaseClaim(engine.store.layout, cgroupPlan(), shown.id, holderOfMounts());
}

/** The shown container that a name means. @throws ScullError NO_SUCH_CONTAINER, WRONG_STATE */
export function findShownContainer(engine: Engine, name: string): Shown {
  const { id } = findContainer(engine.store.layout, name);
  return shownContainers(engine).find((shown) => shown.id === id) ?? notShown(name);
}

/** The shown image that a name means. @throws ScullError NO_SUCH_IMAGE, WRONG_STATE */
export async function findShownImage(engine: Engine, name: string): Promise<Shown> {
  const { id } = await byAlias(name, (meant) => lookUpImage(engine.store, meant).image);
  return shownImages(engine).find((shown) => id.endsWith(`:${shown.id}`)) ?? notShown(name);
}

function notShown(name: string): never {
  throw new ScullError('WRONG_STATE', `${JSON.stringify(name)} is not mounted here`);
}
