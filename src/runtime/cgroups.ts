/** Where a container's cgroup can go on this host, worked out by looking; see cgroups(7) and systemd's CGROUP_DELEGATION. */
import { accessSync, constants, mkdirSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeDirectory, userRuntimeDirectory } from '../host/directories.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, readTextIfPresent } from '../host/files.ts';
import { remedyFor } from '../host/remedies.ts';
import type { ResourceSpec } from '../spec/container-spec.ts';

const CGROUP2_MAGIC = 0x63677270;

export interface CgroupPlan {
  readonly manager: 'systemd' | 'cgroupfs' | 'none';
  /** /sys/fs/cgroup is not a pure cgroup v2: our own namespace mounts one, or crun refuses to start. */
  readonly mountOwn: boolean;
  /** Controllers delegated to the user: cpu, memory, pids, io, cpuset … */
  readonly controllers: readonly string[];
  /** Why nothing can be limited, as half a sentence. */
  readonly reason?: string;
  /** What would bring more controllers: a command, or a sentence. */
  readonly remedy: string;
}

/** Of a container with its own wish. @throws ScullError UNSUPPORTED for --cgroups=split where our cgroup is not ours to divide, and for --cgroup-parent where there is none */
export function cgroupPlanFor({ cgroups, cgroupParent }: ResourceSpec): CgroupPlan {
  const plan = cgroupPlan();
  if (cgroups === 'disabled') {
    if (cgroupParent !== undefined) throw new ScullError('USAGE', '--cgroups=disabled and --cgroup-parent cannot be used together');
    return { ...plan, manager: 'none', controllers: [], reason: 'it was made with --cgroups=disabled', remedy: 'leave --cgroups=disabled out' };
  }
  if (cgroups !== 'split') {
    if (cgroupParent !== undefined && plan.manager === 'none') {
      throw new ScullError('UNSUPPORTED', `--cgroup-parent ${JSON.stringify(cgroupParent)} is no place for a container: ${plan.reason ?? 'there are no cgroups'}`, { hint: plan.remedy });
    }
    return plan;
  }
  if (cgroupParent !== undefined) throw new ScullError('USAGE', '--cgroups=split and --cgroup-parent cannot be used together');
  const own = splitBase();
  if (plan.mountOwn || own === undefined || !writable(own)) {
    throw new ScullError('UNSUPPORTED', `--cgroups=split needs a cgroup of our own, and ${plan.mountOwn ? plan.reason : `${own ?? 'the one we are in'} is not delegated to this user`}`, {
      hint: 'start it in a systemd unit with Delegate=yes, or leave --cgroups=split out',
    });
  }
  return { manager: 'cgroupfs', mountOwn: false, controllers: controllersOf(own), remedy: 'add Delegate=yes to the unit, and have its controllers delegated to the user' };
}

/** Where the monitor, its helpers and we go when the cgroup we are in is divided: one with children may hold no processes (cgroups(7)). */
const SUPERVISOR = 'supervisor';

/** With --cgroups=split the one we are in, where it is ours; where not, cgroupPlanFor refuses the container. */
export function cgroupToDivide({ cgroups }: ResourceSpec): string | undefined {
  if (cgroups !== 'split' || cgroupPlan().mountOwn) return undefined;
  const own = splitBase();
  return own !== undefined && writable(own) ? own : undefined;
}

/**
 * Moves the processes of a cgroup into a child and hands its controllers on, so that it can have other children: what the native
 * helper does beside making the namespaces (native/scull-helper/cgroups.c), for where that was not built.
 */
export function divideCgroup(own: string): void {
  const supervisor = join(own, SUPERVISOR);
  mkdirSync(supervisor, { recursive: true });
  for (let round = 0; round < 10; round += 1) {
    const pids = (readTextIfPresent(join(own, 'cgroup.procs')) ?? '').trim().split('\n').filter((pid) => pid !== '');
    if (pids.length === 0) break;
    for (const pid of pids) moveInto(supervisor, pid);
  }
  for (const controller of controllersOf(own)) enable(own, controller);
}

function moveInto(cgroup: string, pid: string): void {
  try {
    writeFileSync(join(cgroup, 'cgroup.procs'), pid);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error; // it has ended
  }
}

/** One that can't be handed on is missed where a limit needs it: crun says which. */
function enable(cgroup: string, controller: string): void {
  try {
    writeFileSync(join(cgroup, 'cgroup.subtree_control'), `+${controller}`);
  } catch {
    return;
  }
}

/** The cgroup we are in, seen from above once it has been divided. */
function splitBase(): string | undefined {
  const own = ownCgroup();
  return own?.endsWith(`/${SUPERVISOR}`) === true ? own.slice(0, -SUPERVISOR.length - 1) : own;
}

/** The path for config.json's cgroupsPath: crun's `slice:prefix:name` for systemd's scopes, one below /sys/fs/cgroup for cgroupfs. */
export function cgroupsPathOf(plan: CgroupPlan, { cgroupParent, cgroups }: ResourceSpec, id: string): string | undefined {
  if (plan.manager === 'none') return undefined;
  if (cgroups === 'split') return `${(splitBase() as string).slice('/sys/fs/cgroup'.length)}/scull-payload-${id}`;
  if (plan.manager === 'systemd') return `${cgroupParent ?? 'user.slice'}:scull:${id}`;
  // Relative to where we are, as podman-run(1) has it: the root is not ours.
  const base = (ownCgroup() ?? '/sys/fs/cgroup').slice('/sys/fs/cgroup'.length);
  if (cgroupParent === undefined) return `${base}/scull-${id}`;
  return `${cgroupParent.startsWith('/') ? cgroupParent : `${base}/${cgroupParent}`}/scull-${id}`;
}

let known: CgroupPlan | undefined;
/** --cgroup-manager=systemd: or nothing. */
let insisted = false;

/**
 * --cgroup-manager: instead of what is found. cgroupfs on a host where no cgroup is the user's to divide means none, as with Podman.
 * @throws ScullError UNSUPPORTED for systemd where the user has none running
 */
export function chooseCgroupManager(manager: 'systemd' | 'cgroupfs'): void {
  const found = look();
  if (manager === 'cgroupfs') known = found.manager === 'systemd' ? ownCgroupPlan(found.remedy) : found;
  else if (found.manager === 'systemd') [known, insisted] = [found, true];
  else throw new ScullError('UNSUPPORTED', `--cgroup-manager=systemd: ${found.reason ?? 'no systemd of this user is running'}`, { hint: 'leave it out: what works here is found out' });
}

export function cgroupPlan(): CgroupPlan {
  known ??= look();
  return known;
}

function look(): CgroupPlan {
  if (statfsSync('/sys/fs/cgroup').type !== CGROUP2_MAGIC) {
    return { manager: 'none', mountOwn: true, controllers: [], reason: 'this host does not run a pure cgroup v2 hierarchy', remedy: 'boot with systemd.unified_cgroup_hierarchy=1, so that cgroups are version 2 alone' };
  }
  const remedy = remedyFor({ kind: 'no-delegation' });
  const uid = process.getuid?.() ?? 0;
  const userService = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`;
  const bus = userBus();
  if (exists(bus) && writable(userService) && !isDistrusted(bus)) return { manager: 'systemd', mountOwn: false, controllers: controllersOf(userService), remedy };
  return ownCgroupPlan(remedy);
}

function ownCgroupPlan(remedy: string): CgroupPlan {
  const own = ownCgroup();
  if (own !== undefined && writable(own)) return { manager: 'cgroupfs', mountOwn: false, controllers: handedOn(own), remedy };
  return { manager: 'none', mountOwn: false, controllers: [], reason: 'no cgroup is delegated to this user', remedy };
}

/** Written when systemd made no scope although its bus is there; until that bus is another one. */
function distrustFile(): string {
  return join(runtimeDirectory(), 'no-scopes');
}

/**
 * Whether systemd makes scopes shows only when crun asks it for one. A start that failed for that is tried once more, without.
 * @returns true where that makes a difference
 */
export function distrustSystemd(message: string): boolean {
  if (insisted || cgroupPlan().manager !== 'systemd' || !/sd-bus|systemd/.test(message)) return false;
  ensurePrivateDirectory(runtimeDirectory());
  writeFileSync(distrustFile(), message, { mode: 0o600 });
  known = undefined;
  return true;
}

function isDistrusted(bus: string): boolean {
  const marked = statSync(distrustFile(), { throwIfNoEntry: false });
  return marked !== undefined && marked.mtimeMs >= (statSync(bus, { throwIfNoEntry: false })?.mtimeMs ?? 0);
}

/**
 * Words before a command line that joins a container's cgroup, as `crun exec` does. Under systemd's manager the kernel lets nobody
 * move a process out of a login session, or of another service, into the user's own subtree (cgroups(7), "Delegation
 * containment"): the user's manager has to do it, with a scope.
 */
export function joiningWords(plan: CgroupPlan): readonly string[] {
  if (plan.manager !== 'systemd') return [];
  const own = ownCgroup();
  if (own !== undefined && own.includes(`/user@${process.getuid?.() ?? 0}.service/`)) return [];
  return IN_A_SCOPE;
}

const IN_A_SCOPE = ['systemd-run', '--user', '--scope', '--quiet', '--collect', '--'];

/**
 * Words before a command whose process others need, too, such as the switch of all networks: out of a service, which takes with it whatever
 * is in its cgroup when it stops. Out of a system unit with User= only the user's manager leads: it asks the system's to move the process.
 */
export function outlivingWords(): readonly string[] {
  return inService() && userManagerAnswers() ? IN_A_SCOPE : [];
}

/** The name of the service that takes with it what is started here; undefined where nothing does, or {@link outlivingWords} lead out. */
export function confiningService(): string | undefined {
  return inService() && !userManagerAnswers() ? /([^/]+\.service)(?:\/|$)/.exec(ownCgroup() ?? '')?.[1] : undefined;
}

/** In a service of the user's manager or of the system's, that manager's own service aside. */
function inService(): boolean {
  return /\/[^/]+\.service(?:\/|$)/.test((ownCgroup() ?? '').replace(/\/user@\d+\.service(?=\/|$)/, ''));
}

function userManagerAnswers(): boolean {
  const bus = userBus();
  return exists(bus) && !isDistrusted(bus);
}

function userBus(): string {
  return join(userRuntimeDirectory() ?? `/run/user/${process.getuid?.() ?? 0}`, 'bus');
}

function ownCgroup(): string | undefined {
  const line = /^0::(\/.*)$/m.exec(readTextIfPresent('/proc/self/cgroup') ?? '');
  return line === null ? undefined : join('/sys/fs/cgroup', line[1] ?? '/');
}

function controllersOf(directory: string): string[] {
  return (readTextIfPresent(join(directory, 'cgroup.controllers')) ?? '').trim().split(' ').filter((name) => name !== '');
}

/** A cgroup with processes of its own can hand controllers on only if that was set up before we came. */
function handedOn(directory: string): string[] {
  return (readTextIfPresent(join(directory, 'cgroup.subtree_control')) ?? '').trim().split(' ').filter((name) => name !== '');
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function writable(directory: string): boolean {
  try {
    accessSync(join(directory, 'cgroup.procs'), constants.W_OK);
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
