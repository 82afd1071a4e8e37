/** Volumes as mounts of a container: made where missing, and on their first use filled from the image. */
import { ScullError } from '../../host/errors.ts';
import type { VolumeMount } from '../../spec/container-spec.ts';
import type { ResolvedMount } from '../../runtime/container-record.ts';
import { parseVolumeOptions } from '../../storage/volume-options.ts';
import { checkVolumeDevice, claimFirstUse, endFirstUse, giveUpFirstUse, readVolume, volumeSource, type VolumeRecord, type WriteVolumeOptions } from '../../storage/volumes.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { Engine } from '../engine.ts';
import { createAnonymousVolume, ensureVolume } from './create.ts';

/** The mount that a wish for a volume comes to; makes the volume where it is missing. */
export async function resolveVolumeMount(engine: Engine, mount: VolumeMount, options: WriteVolumeOptions = {}): Promise<ResolvedMount> {
  const record = await volumeFor(engine, mount, options);
  const { source } = parseVolumeOptions(record.options);
  const common = {
    name: record.name,
    ...(record.anonymous ? { anonymous: true } : {}),
    target: mount.target,
    readOnly: mount.readOnly || source.mountOptions.includes('ro'),
    propagation: '',
    options: [...source.mountOptions.filter((word) => word !== 'ro' && word !== 'rw'), ...mount.options],
  };
  if (source.kind === 'tmpfs') return { ...common, type: 'tmpfs', source: 'tmpfs' };
  return {
    ...common,
    type: 'volume',
    source: volumeSource(engine.store, record),
    ...(mount.subpath === undefined ? {} : { subpath: mount.subpath }),
    ...(mount.chown ? { chown: true } : {}),
    ...(mount.overlay === true ? { overlay: true } : {}),
    copyUp: mount.copy,
  };
}

async function volumeFor(engine: Engine, { name, mustExist }: VolumeMount, options: WriteVolumeOptions): Promise<VolumeRecord> {
  if (name === undefined) return createAnonymousVolume(engine, options);
  if (mustExist !== true) return ensureVolume(engine, name, options);
  const record = readVolume(engine.store, name);
  if (record !== undefined) return record;
  throw new ScullError('NO_SUCH_VOLUME', `there is no volume ${JSON.stringify(name)}, and nocreate forbids to make it`, { hint: `make it with \`scull volume create ${name}\`` });
}

/** What a launch has to do for the volumes of a container that were never used. */
export interface FirstUses {
  readonly steps: readonly LaunchStep[];
  /** The volumes are filled: call it after the launch's steps ran and before the container's own program starts. */
  done(): void;
  /** The launch failed. */
  failed(): void;
}

/**
 * Claims the first use of every fresh volume among the mounts.
 * @param root where the launch mounts the container's root, path as the launch sees it
 * @param user ids of the container's process as inside: an empty new volume is given to it, unless the image has a
 *   directory there, whose owner and mode are then taken
 * @throws ScullError NO_SUCH_VOLUME-like failures of a volume that vanished, NOT_FOUND for the device of a bind volume
 */
export async function claimFirstUses(engine: Engine, mounts: readonly ResolvedMount[], root: string, user: { readonly uid: number; readonly gid: number }): Promise<FirstUses> {
  const steps: LaunchStep[] = [];
  const claimed: string[] = [];
  const { store } = engine;
  for (const mount of mounts) {
    if (mount.type !== 'volume' || mount.name === undefined) continue;
    const record = await volumeOf(engine, mount.name);
    checkVolumeDevice(record);
    // A part of a volume, or one asked for without copying, is taken as it is; the volume stays fresh for another.
    if (mount.copyUp !== true || mount.subpath !== undefined || claimed.includes(mount.name)) continue;
    if ((await claimFirstUse(store, mount.name)) === 'ready') continue;
    claimed.push(mount.name);
    const { data } = store.layout.volume(mount.name);
    const owned = record.uid !== undefined || record.gid !== undefined;
    if (!owned && (user.uid !== 0 || user.gid !== 0)) steps.push({ kind: 'chown', owner: `${user.uid}:${user.gid}`, path: data });
    steps.push({ kind: 'fill', root, path: mount.target, volume: data });
    if (owned) steps.push({ kind: 'chown', owner: `${record.uid ?? 0}:${record.gid ?? 0}`, path: data });
  }
  return {
    steps,
    done: () => claimed.forEach((name) => endFirstUse(store, name)),
    failed: () => claimed.forEach((name) => giveUpFirstUse(store, name)),
  };
}

/** A volume removed behind a container's back is made again, empty, as Docker does. */
async function volumeOf(engine: Engine, name: string): Promise<VolumeRecord> {
  return readVolume(engine.store, name) ?? ensureVolume(engine, name, { claim: true });
}
