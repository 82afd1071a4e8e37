/**
 * What is no object: unfinished work of processes that live or have died, what is being deleted, blobs and layers that nothing
 * leads to any more, and what a repair took out of use.
 */
import { join } from 'node:path';
import { namesIn } from '../../../host/files.ts';
import { parseOwnerTag, type ProcessIdentity } from '../../../host/identity.ts';
import { sweepRunRoots } from '../../../runtime/claim.ts';
import { diskUsageOf } from '../../../storage/disk-usage.ts';
import { otherHost, ownerMayLive } from '../../../storage/hosts.ts';
import { layerPaths } from '../../../storage/layers/store.ts';
import { partialBlobs } from '../../../storage/partial-blobs.ts';
import { findGarbage, findNeeded } from '../../../storage/reach.ts';
import { removeOwnedTree } from '../../../storage/staging.ts';
import type { Store } from '../../../storage/store.ts';
import { sweepAllTornFiles } from '../../../storage/torn-files.ts';
import { cleanUpBuilds } from '../../builds/orphans.ts';
import type { Engine } from '../../engine.ts';
import type { KindUsage, PruneOptions, Pruned, StoreKind, UsageCell, UsageSurvey } from '../store-kind.ts';
import { fileSize } from './images.ts';

export const leftoverKind: StoreKind = {
  label: 'Leftovers',
  usage: leftoverUsage,
  prune: {
    heading: 'Deleted Leftovers',
    warning: ({ all }) => (all ? 'what a repair has put into quarantine' : undefined),
    run: pruneLeftovers,
  },
};

interface Leftover {
  readonly what: string;
  readonly path: string;
  readonly bytes: number;
  /** Whose work it is. */
  readonly owner: string;
  readonly inUse: boolean;
}

function leftoverUsage({ engine: { store }, size }: UsageSurvey): KindUsage {
  const { layout } = store;
  const garbage = findGarbage(store, findNeeded(store));
  const found: Leftover[] = [
    ...unfinishedWork(store, size),
    ...inFolder(layout.trash).map((path) => ({ what: 'being deleted', path, bytes: size(path) || fileSize(path), owner: '', inUse: false })),
    ...partialBlobs(store).map(({ path, owner }) => ({ what: 'blob in part', path, bytes: fileSize(path), ...ownership(store, owner) })),
    ...garbage.blobs.map((digest) => layout.blob(digest)).map((path) => ({ what: 'unused blob', path, bytes: fileSize(path), owner: '', inUse: false })),
    ...garbage.layers.map((chainId) => layerPaths(store, chainId).directory).map((path) => ({ what: 'unused layer', path, bytes: size(path), owner: '', inUse: false })),
    ...inFolder(layout.quarantine).map((path) => ({ what: 'quarantine', path, bytes: size(path) || fileSize(path), owner: '', inUse: false })),
  ];
  const sum = (some: readonly Leftover[]): number => some.reduce((bytes, one) => bytes + one.bytes, 0);
  return {
    total: found.length,
    active: found.filter(({ inUse }) => inUse).length,
    size: sum(found),
    reclaimable: sum(found.filter(({ inUse }) => !inUse)),
    columns: ['WHAT', 'OWNER', 'SIZE', 'PATH'],
    rows: found.map(({ what, owner, bytes, path }): UsageCell[] => [what, owner, { bytes }, path]),
  };
}

function unfinishedWork(store: Store, size: UsageSurvey['size']): Leftover[] {
  return inFolder(store.layout.staging).flatMap((path) => {
    const owner = parseOwnerTag(path.slice(path.lastIndexOf('/') + 1));
    return owner === undefined ? [] : [{ what: 'unfinished work', path, bytes: size(path), ...ownership(store, owner) }];
  });
}

function ownership(store: Store, owner: ProcessIdentity | undefined): Pick<Leftover, 'owner' | 'inUse'> {
  if (owner === undefined) return { owner: '', inUse: false };
  const inUse = ownerMayLive(store.layout, owner);
  const host = otherHost(store.layout, owner.bootId);
  const name = host === undefined ? `process ${owner.pid}` : `process ${owner.pid} on ${host.name}`;
  return { owner: inUse ? name : `${name}, which has ended`, inUse };
}

async function pruneLeftovers(engine: Engine, options: PruneOptions): Promise<Pruned> {
  const { store } = engine;
  // Blobs and layers are the images' business, which are pruned before.
  const doomed = [...unfinishedWork(store, () => 0).filter(({ inUse }) => !inUse).map(({ path }) => path), ...inFolder(store.layout.trash)];
  const quarantined = options.all ? inFolder(store.layout.quarantine) : [];
  const sizes = await diskUsageOf([...doomed, ...quarantined]);
  await cleanUpBuilds(engine);
  sweepAllTornFiles(store);
  sweepRunRoots(store.layout);
  for (const path of quarantined) await removeOwnedTree(path);
  return { names: quarantined, bytes: [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

function inFolder(folder: string): string[] {
  return namesIn(folder).map((name) => join(folder, name));
}
