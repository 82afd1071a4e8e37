/** The launcher's steps for one container, in order: its root, then what mounts need before crun can bind them. */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord, ResolvedMount } from '../../runtime/container-record.ts';
import type { ContainerUsers } from '../../runtime/container-users.ts';
import type { UserNamespaceFact } from '../../runtime/oci-spec/input.ts';
import { chainIds } from '../../runtime/root-file-system.ts';
import { findTool } from '../../host/tools.ts';
import type { Digest } from '../../oci/digest.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import type { NestedMaps } from '../../storage/drivers/driver.ts';
import { mountPlan } from '../../storage/drivers/plan.ts';
import { defaultIdMaps, toInside } from '../../userns/id-maps.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { Engine } from '../engine.ts';
import { entrySteps } from './image-users.ts';
import { canEnterOurFolders, openFolder } from './root-place.ts';
import type { FirstUses } from '../volumes/mount.ts';

export interface StepFacts {
  readonly cgroup: CgroupPlan;
  readonly users: ContainerUsers;
  /** Of a user namespace inside ours. */
  readonly userNamespace: UserNamespaceFact | undefined;
}

export interface Steps {
  readonly list: readonly LaunchStep[];
  /** Where the container's root is seen. */
  readonly root: string;
  /** New volumes that the steps fill from the image; to be told how that went. */
  readonly firstUses: Pick<FirstUses, 'done' | 'failed'>;
}

export async function mountSteps(engine: Engine, record: ContainerRecord, facts: StepFacts): Promise<{ steps: Steps; mounts: ResolvedMount[] }> {
  const list: LaunchStep[] = [];
  if (facts.cgroup.mountOwn) list.push({ kind: 'cgroup2' });
  const { root, steps } = await rootSteps(engine, record, facts);
  list.push(...steps, ...entrySteps(record, root, facts.users));
  if (record.spec.namespaces.ipc.mode === 'shareable') mkdirSync(join(engine.store.layout.container(record.id).bundle, 'shm'), { mode: 0o1777, recursive: true });
  const owner = ownerOutside(facts);
  const firstUses = await volumesFirstUses(engine, record, root, owner);
  list.push(...firstUses.steps);
  const mounts: ResolvedMount[] = [];
  for (const [index, mount] of record.config.mounts.entries()) {
    const prepared = await prepareMount(engine, record, mount, index, facts);
    list.push(...prepared.steps);
    mounts.push(prepared.mount);
  }
  return { steps: { list, root, firstUses }, mounts };
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

function knownMaps(fact: UserNamespaceFact | undefined): NestedMaps | undefined {
  return fact?.uids === undefined || fact.gids === undefined ? undefined : { uids: fact.uids, gids: fact.gids };
}

/** The container's user in ids of the namespace in which the steps are done. Unmapped ids are refused elsewhere. */
function ownerOutside({ users: { user }, userNamespace }: StepFacts): Owner {
  return idsOutside(userNamespace, user.uid, user.gid);
}

/** Ids of the container in ids of the namespace in which the steps are done. */
export function idsOutside(userNamespace: UserNamespaceFact | undefined, uid: number, gid: number): { readonly uid: number; readonly gid: number } {
  const nested = knownMaps(userNamespace);
  if (nested === undefined) return { uid, gid };
  const outside = (maps: readonly IdMapping[], id: number): number => {
    const map = maps.find(({ containerID, size }) => id >= containerID && id < containerID + size);
    return map === undefined ? id : map.hostID + id - map.containerID;
  };
  return { uid: outside(nested.uids, uid), gid: outside(nested.gids, gid) };
}

async function volumesFirstUses(engine: Engine, record: ContainerRecord, root: string, owner: Owner): Promise<FirstUses> {
  if (!record.config.mounts.some((mount) => mount.type === 'volume')) return { steps: [], done: () => undefined, failed: () => undefined };
  const { claimFirstUses } = await import('../volumes/mount.ts');
  return claimFirstUses(engine, record.config.mounts, root, owner);
}

/** With --rootfs the directory itself is the root, and nothing is mounted where the runtime can reach it. */
async function rootSteps(engine: Engine, record: ContainerRecord, { userNamespace }: StepFacts): Promise<{ root: string; steps: readonly LaunchStep[] }> {
  const paths = engine.store.layout.container(record.id);
  const nested = knownMaps(userNamespace);
  const reachable = canEnterOurFolders(userNamespace);
  // A pod's own container has no files but those that are mounted into it.
  const plain = record.pod?.infra === true ? paths.upper : record.image === undefined ? (record.spec.rootfs as string) : undefined;
  const covered = record.spec.rootfsOverlay === true;
  if (plain !== undefined && reachable && !covered) return { root: plain, steps: [] };
  const root = reachable ? paths.rootfs : openFolder([...record.config.mounts.map((mount) => mount.source), paths.directory, paths.bundle, ...(plain === undefined ? [] : [plain]), ...programs()]);
  if (plain !== undefined) return { root, steps: covered ? overlayOver(plain, paths.upper, paths.work, root, !existsSync(paths.startedFile)) : [{ kind: 'bind', source: plain, target: root }] };
  const steps = await mountPlan(engine.store, {
    lowers: chainIds(record),
    upper: paths.upper,
    work: paths.work,
    target: root,
    ...(nested === undefined ? {} : { nested }),
  });
  return { root, steps };
}

/** What is started after the root was mounted. */
function programs(): string[] {
  return (['crun', 'conmon', 'catatonit'] as const).flatMap((name) => findTool(name)?.path ?? []);
}

/** Where a mount's source must first be made, it is made below the bundle, in our own mount namespace only. */
async function prepareMount(engine: Engine, record: ContainerRecord, mount: ResolvedMount, index: number, facts: StepFacts): Promise<{ mount: ResolvedMount; steps: LaunchStep[] }> {
  if (mount.type === 'tmpfs' && mount.chown === true) return { mount: ownedTmpfs(mount, facts.users.user), steps: [] };
  const paths = engine.store.layout.container(record.id);
  const place = join(paths.bundle, 'mounts', String(index));
  const changes = join(paths.overlays, String(index));
  const upper = join(changes, 'upper');
  const work = join(changes, 'work');
  const steps: LaunchStep[] = [];
  let source = mount.source;
  if (mount.type === 'image') {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    if (!mount.readOnly) for (const directory of [upper, work]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    const nested = knownMaps(facts.userNamespace);
    steps.push(
      ...(await mountPlan(engine.store, {
        lowers: mount.source.split(',') as Digest[],
        target: place,
        ...(mount.readOnly ? {} : { upper, work }),
        ...(nested === undefined ? {} : { nested }),
      })),
    );
    source = place;
  }
  if (mount.overlay === true) {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    const fresh = mkdirSync(upper, { recursive: true, mode: 0o700 }) !== undefined;
    mkdirSync(work, { recursive: true, mode: 0o700 });
    steps.push(...overlayOver(source, upper, work, place, fresh));
    source = place;
  }
  if (mount.subpath !== undefined) {
    const inner = join(paths.bundle, 'mounts', `${index}-sub`);
    mkdirSync(join(paths.bundle, 'mounts'), { recursive: true, mode: 0o700 });
    steps.push({ kind: 'beneath', base: source, path: mount.subpath, target: inner });
    source = inner;
  }
  if (mount.chown === true) {
    const owner = ownerOutside(facts);
    steps.push({ kind: 'chown', owner: `${owner.uid}:${owner.gid}`, path: source });
  }
  return { mount: { ...mount, source }, steps };
}

/** The container mounts it itself: ids are those inside. */
function ownedTmpfs(mount: ResolvedMount, user: Owner): ResolvedMount {
  return { ...mount, options: [...mount.options.filter((option) => !/^[ug]id=/.test(option)), `uid=${user.uid}`, `gid=${user.gid}`] };
}

/**
 * A directory of the host that is seen at `target` and not changed: what is written goes to `upper`.
 * @param fresh of an overlay's own top directory the upper one's owner and mode are seen: at first it gets those of the source
 */
function overlayOver(source: string, upper: string, work: string, target: string, fresh: boolean): LaunchStep[] {
  const steps = fresh ? likeSource(upper, source) : [];
  const options = `lowerdir=${escapeOverlay(source)},upperdir=${escapeOverlay(upper)},workdir=${escapeOverlay(work)},userxattr`;
  return [...steps, { kind: 'overlay', directory: '/', options, target }];
}

function likeSource(upper: string, source: string): LaunchStep[] {
  const { mode, uid, gid } = statSync(source);
  chmodSync(upper, mode & 0o7777);
  const maps = defaultIdMaps();
  const owner = [toInside(maps.uids, uid) ?? 0, toInside(maps.gids, gid) ?? 0];
  return owner.every((id) => id === 0) ? [] : [{ kind: 'chown', owner: owner.join(':'), path: upper }];
}

/** overlay's own separators. */
function escapeOverlay(path: string): string {
  return path.replace(/[\\,:]/g, '\\$&');
}
