/**
 * --userns=auto: a container gets ids that no other one has as long as both exist. Its record says which, so there is nothing
 * else to keep, and they are free again when it is removed.
 *
 * Containers in the default map, with nomap, or with keep-id without a size have all of the caller's ids anyway; they are not
 * counted, or none could be made beside them.
 */
import { readFileSync } from 'node:fs';
import { errnoOf, isScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { containerIds, readContainer } from '../../runtime/container-store.ts';
import { chainIds, rootDirectories } from '../../runtime/root-file-system.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import type { IdRange } from '../../spec/container-spec.ts';
import { largestOwner } from '../../storage/layers/contents.ts';
import { layerPaths } from '../../storage/layers/store.ts';
import { withLock } from '../../storage/locks.ts';
import { autoMaps, type OwnIds } from '../../userns/auto-maps.ts';
import { defaultIdMaps, mappedCount } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';
import { nestedNamespace } from './nested-namespace.ts';

/** As Podman: fewer are of little use, since programs expect users like 1000. */
const SMALLEST = 1024;
const NOBODY = 65534;

/**
 * @param record of a container that is being made with --userns=auto
 * @param commit makes it exist; until then nobody else chooses
 * @returns the record with its ids
 * @throws ScullError UNSUPPORTED where the caller's ids do not suffice
 */
export async function withOwnIds(engine: Engine, record: ContainerRecord, commit: (record: ContainerRecord) => void): Promise<ContainerRecord> {
  const wish = record.spec.namespaces.user;
  if (wish.mode !== 'auto') throw new Error(`no ids of its own are wanted with --userns=${wish.mode}`);
  const size = wish.size ?? neededIds(engine, record);
  const maps = defaultIdMaps();
  const available = { uids: mappedCount(maps.uids), gids: mappedCount(maps.gids) };
  return withLock(engine.store, 'own-ids', () => {
    const ids = autoMaps(wish, { available, used: usedIds(engine), size });
    nestedNamespace(wish, ids); // refuses what was mapped by hand and is not the caller's
    const complete = { ...record, config: { ...record.config, ids } };
    commit(complete);
    return complete;
  });
}

function usedIds(engine: Engine): OwnIds {
  const all = containerIds(engine.store.layout).flatMap((id) => idsOf(engine, id) ?? []);
  return { uids: all.flatMap(({ uids }) => uids), gids: all.flatMap(({ gids }) => gids) };
}

/** What a container has for itself; of a damaged one nobody knows. */
function idsOf(engine: Engine, id: string): OwnIds | undefined {
  let record: ContainerRecord | undefined;
  try {
    record = readContainer(engine.store.layout, id);
  } catch (error) {
    if (isScullError(error, 'CORRUPT') || isScullError(error, 'UNSUPPORTED')) return undefined;
    throw error;
  }
  if (record === undefined) return undefined;
  if (record.config.ids !== undefined) return record.config.ids;
  const wish = record.spec.namespaces.user;
  if (wish.mode === 'explicit') return wish;
  if (wish.mode !== 'keep-id' || wish.size === undefined) return undefined;
  const fact = nestedNamespace(wish);
  if (fact?.kind !== 'maps') return undefined;
  const ranges = (list: typeof fact.uids): IdRange[] => list.map(({ containerID, hostID, size }) => ({ container: containerID, host: hostID, size }));
  return { uids: ranges(fact.uids), gids: ranges(fact.gids) };
}

/** Enough for every user and group that the image's files and its passwd(5) and group(5) name, and for who the container is. */
function neededIds(engine: Engine, record: ContainerRecord): number {
  const { config, spec } = record;
  const asked = [...config.user.split(':'), ...spec.groupAdd].filter((word) => /^\d{1,9}$/.test(word)).map(Number);
  const largest = Math.max(...asked, ...chainIds(record).map((layer) => largestOfLayer(layerPaths(engine.store, layer).contents)), ...namedIds(rootDirectories(engine.store.layout, record)));
  return Math.max(SMALLEST, largest + 1);
}

function largestOfLayer(contents: string): number {
  try {
    return largestOwner(readFileSync(contents, 'latin1'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return -1; // unpacked before there were such lists
    throw error;
  }
}

function namedIds(directories: readonly string[]): number[] {
  const texts = ['/etc/passwd', '/etc/group'].map((path) => readRootfsFile(directories, path) ?? '');
  // name:password:uid:gid… and name:password:gid…
  return texts.flatMap((text, index) => text.split('\n').flatMap((line) => line.split(':').slice(2, index === 0 ? 4 : 3))).flatMap((field) => (/^\d{1,9}$/.test(field) && Number(field) !== NOBODY ? [Number(field)] : []));
}
