/** volume rm and volume prune. */
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { removeVolumeDirectory, volumeNames, volumeSize, type VolumeRecord } from '../../storage/volumes.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { findVolumeName } from './find.ts';
import { selectVolumes, type VolumeFilters } from './list.ts';
import { volumeUsers } from './usage.ts';

export interface RemoveVolumesOptions {
  readonly names: readonly string[];
  /** Containers that use it are removed too, running or not; a missing volume is no error. */
  readonly force?: boolean;
  /** Every volume. */
  readonly all?: boolean;
  /** A missing volume is no error. */
  readonly ignore?: boolean;
  /** Seconds that running containers get to stop, with force. */
  readonly timeout?: number;
}

/** What became of one volume. */
export interface VolumeOutcome {
  /** As typed; with `all` its name. */
  readonly name: string;
  readonly error?: ScullError;
}

/** Removes volumes one by one; an error with one does not keep the others from being removed. */
export async function removeVolumes(engine: Engine, options: RemoveVolumesOptions): Promise<VolumeOutcome[]> {
  const names = options.all === true ? volumeNames(engine.store) : options.names;
  const outcomes: VolumeOutcome[] = [];
  if (names.length === 0) return outcomes;
  const users = volumeUsers(engine);
  for (const typed of names) {
    try {
      const name = findVolumeName(engine, typed);
      const containers = users.get(name) ?? [];
      if (containers.length > 0) {
        if (options.force !== true) throw inUse(name, containers);
        await removeContainersOf(engine, containers, options.timeout);
      }
      await removeAndTell(engine, name);
      outcomes.push({ name: typed });
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
      const forgiven = error.code === 'NO_SUCH_VOLUME' && (options.ignore === true || options.force === true);
      if (!forgiven) outcomes.push({ name: typed, error });
    }
  }
  return outcomes;
}

/** @returns false when another command was first */
async function removeAndTell(engine: Engine, name: string): Promise<boolean> {
  const removed = await removeVolumeDirectory(engine.store, name);
  if (removed) recordEvent(engine, { type: 'volume', status: 'remove', id: name, name, attributes: { driver: 'local' } });
  return removed;
}

function inUse(name: string, containers: readonly ContainerRecord[]): ScullError {
  const list = containers.map((container) => container.name).join(', ');
  return new ScullError('IN_USE', `volume "${name}" is used by ${containers.length === 1 ? 'container' : 'containers'} ${list}`, {
    hint: `remove ${containers.length === 1 ? 'it' : 'them'} first with \`scull rm ${containers.map((container) => container.name).join(' ')}\`, or everything with \`scull volume rm -f ${name}\``,
  });
}

async function removeContainersOf(engine: Engine, containers: readonly ContainerRecord[], timeout: number | undefined): Promise<void> {
  const { removeContainers } = await import('../containers/remove.ts');
  const outcomes = await removeContainers(engine, {
    names: containers.map((container) => container.id),
    force: true,
    ignore: true,
    ...(timeout === undefined ? {} : { timeout }),
  });
  const failed = outcomes.find((outcome) => outcome.error !== undefined);
  if (failed?.error !== undefined) throw failed.error;
}

export interface PruneResult {
  readonly removed: readonly { readonly name: string; readonly size: number }[];
  /** Bytes. */
  readonly reclaimed: number;
  /** Why some could not be removed. */
  readonly failed: readonly ScullError[];
}

/**
 * Removes volumes that no container uses: only anonymous ones unless `all`, as Docker and Podman 6 do.
 * @param options.dryRun only says what would be removed
 */
export async function pruneVolumes(engine: Engine, options: { readonly all?: boolean; readonly filters?: VolumeFilters; readonly dryRun?: boolean } = {}): Promise<PruneResult> {
  const { all: allFilter, ...filters } = options.filters ?? {};
  const everything = options.all === true || (allFilter ?? []).some((value) => /^(?:1|t|true)$/i.test(value)) || filters['anonymous'] !== undefined;
  const users = volumeUsers(engine);
  const removed: { name: string; size: number }[] = [];
  const failed: ScullError[] = [];
  for (const record of selectVolumes(engine, filters)) {
    if (users.has(record.name) || !(everything || record.anonymous)) continue;
    const size = await sizeOf(engine, record);
    try {
      if (options.dryRun !== true && !(await removeAndTell(engine, record.name))) continue; // another command was first
      removed.push({ name: record.name, size });
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
      failed.push(error);
    }
  }
  return { removed, reclaimed: removed.reduce((sum, { size }) => sum + size, 0), failed };
}

/** A size is told, not needed: what can't be measured counts as nothing. */
async function sizeOf(engine: Engine, record: VolumeRecord): Promise<number> {
  try {
    return await volumeSize(engine.store, record);
  } catch (error) {
    engine.progress({ kind: 'message', level: 'warning', text: `cannot measure volume "${record.name}": ${(error as Error).message}` });
    return 0;
  }
}
