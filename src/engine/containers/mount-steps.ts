/** The launcher's steps for one container, in order: its root, then what mounts need before crun can bind them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord, ResolvedMount } from '../../runtime/container-record.ts';
import type { UserNamespaceFact } from '../../runtime/oci-spec/input.ts';
import { chainIds } from '../../runtime/root-file-system.ts';
import type { ResolvedUser } from '../../runtime/user.ts';
import type { Digest } from '../../oci/digest.ts';
import { mountPlan } from '../../storage/drivers/plan.ts';
import type { LaunchStep } from '../../userns/launch.ts';
import type { Engine } from '../engine.ts';
import type { FirstUses } from '../volumes/mount.ts';

export interface StepFacts {
  readonly cgroup: CgroupPlan;
  readonly user: ResolvedUser;
  readonly userNamespace: UserNamespaceFact | undefined;
}

export interface Steps {
  readonly list: readonly LaunchStep[];
  /** --rootfs: the directory itself is the root, nothing is mounted. */
  readonly rootIsPlain: boolean;
  /** New volumes that the steps fill from the image; to be told how that went. */
  readonly firstUses: Pick<FirstUses, 'done' | 'failed'>;
}

export async function mountSteps(engine: Engine, record: ContainerRecord, facts: StepFacts): Promise<{ steps: Steps; mounts: ResolvedMount[] }> {
  const list: LaunchStep[] = [];
  if (facts.cgroup.mountOwn) list.push({ kind: 'cgroup2' });
  const rootIsPlain = record.image === undefined;
  if (!rootIsPlain) list.push(...(await rootSteps(engine, record, facts.userNamespace)));
  if (record.spec.namespaces.ipc.mode === 'shareable') mkdirSync(join(engine.store.layout.container(record.id).bundle, 'shm'), { mode: 0o1777, recursive: true });
  const firstUses = await volumesFirstUses(engine, record, facts.user);
  list.push(...firstUses.steps);
  const mounts: ResolvedMount[] = [];
  for (const [index, mount] of record.config.mounts.entries()) {
    const prepared = await prepareMount(engine, record, mount, index, facts.user);
    list.push(...prepared.steps);
    mounts.push(prepared.mount);
  }
  return { steps: { list, rootIsPlain, firstUses }, mounts };
}

async function volumesFirstUses(engine: Engine, record: ContainerRecord, user: ResolvedUser): Promise<FirstUses> {
  if (!record.config.mounts.some((mount) => mount.type === 'volume')) return { steps: [], done: () => undefined, failed: () => undefined };
  const { claimFirstUses } = await import('../volumes/mount.ts');
  const root = record.image === undefined ? (record.spec.rootfs as string) : engine.store.layout.container(record.id).rootfs;
  return claimFirstUses(engine, record.config.mounts, root, user);
}

async function rootSteps(engine: Engine, record: ContainerRecord, userNamespace: UserNamespaceFact | undefined): Promise<readonly LaunchStep[]> {
  const paths = engine.store.layout.container(record.id);
  return mountPlan(engine.store, {
    lowers: chainIds(record),
    upper: paths.upper,
    work: paths.work,
    target: paths.rootfs,
    ...(userNamespace?.kind === 'maps' ? { nested: { uids: userNamespace.uids, gids: userNamespace.gids } } : {}),
  });
}

/** Where a mount's source must first be made, it is made below the bundle, in our own mount namespace only. */
async function prepareMount(engine: Engine, record: ContainerRecord, mount: ResolvedMount, index: number, user: ResolvedUser): Promise<{ mount: ResolvedMount; steps: LaunchStep[] }> {
  const paths = engine.store.layout.container(record.id);
  const place = join(paths.bundle, 'mounts', String(index));
  const steps: LaunchStep[] = [];
  let source = mount.source;
  if (mount.type === 'image') {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    steps.push(...(await mountPlan(engine.store, { lowers: mount.source.split(',') as Digest[], target: place })));
    source = place;
  }
  if (mount.overlay === true) {
    const base = join(paths.directory, 'overlays', String(index));
    for (const part of ['upper', 'work']) mkdirSync(join(base, part), { recursive: true, mode: 0o700 });
    mkdirSync(place, { recursive: true, mode: 0o700 });
    const options = `lowerdir=${escapeOverlay(source)},upperdir=${escapeOverlay(join(base, 'upper'))},workdir=${escapeOverlay(join(base, 'work'))},userxattr`;
    steps.push({ kind: 'overlay', directory: '/', options, target: place });
    source = place;
  }
  if (mount.subpath !== undefined) {
    const inner = join(paths.bundle, 'mounts', `${index}-sub`);
    mkdirSync(join(paths.bundle, 'mounts'), { recursive: true, mode: 0o700 });
    steps.push({ kind: 'beneath', base: source, path: mount.subpath, target: inner });
    source = inner;
  }
  if (mount.chown === true) steps.push({ kind: 'chown', owner: `${user.uid}:${user.gid}`, path: source });
  return { mount: { ...mount, source }, steps };
}

/** overlay's own separators. */
function escapeOverlay(path: string): string {
  return path.replace(/[\\,:]/g, '\\$&');
}
