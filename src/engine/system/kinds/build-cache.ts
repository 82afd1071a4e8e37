/** What builds keep for the next one: results of steps, and the directories of cache mounts. Layers of steps are the layers' business. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../../host/errors.ts';
import { pruneBuildCache, readCacheRecords } from '../../../storage/build-cache.ts';
import { diskUsageOf } from '../../../storage/disk-usage.ts';
import { layerExists } from '../../../storage/layers/store.ts';
import type { Engine } from '../../engine.ts';
import type { KindUsage, PruneOptions, Pruned, StoreKind, UsageCell, UsageSurvey } from '../store-kind.ts';

export const buildCacheKind: StoreKind = {
  label: 'Build Cache',
  usage: buildCacheUsage,
  prune: {
    heading: 'Deleted Build Cache',
    applies: ({ all }) => all,
    warning: () => 'all results of build steps, and cache mounts of builds',
    run: pruneCache,
  },
};

function buildCacheUsage({ engine: { store }, size }: UsageSurvey): KindUsage {
  const records = readCacheRecords(store);
  const mounts = inFolder(store.layout.buildMounts);
  const mounted = mounts.map((name) => ({ name, bytes: size(join(store.layout.buildMounts, name)) }));
  const bytes = size(store.layout.buildCache) + mounted.reduce((sum, mount) => sum + mount.bytes, 0);
  return {
    total: records.length + mounts.length,
    active: records.filter((record) => record.layer !== undefined && layerExists(store, record.layer.chainId)).length,
    size: bytes,
    reclaimable: bytes,
    columns: ['WHAT', 'CREATED', 'SIZE', 'STEP'],
    rows: [
      ...records.map((record): UsageCell[] => ['step', { since: record.created }, '', record.step.replace(/\s+/g, ' ').slice(0, 60)]),
      ...mounted.map(({ name, bytes: own }): UsageCell[] => ['cache mount', '', { bytes: own }, name.slice(0, 12)]),
    ],
  };
}

/** The layers go with the images that are pruned next. */
async function pruneCache({ store }: Engine, { filters }: PruneOptions): Promise<Pruned> {
  const until = filters['until']?.[0];
  const mounts = inFolder(store.layout.buildMounts).map((name) => join(store.layout.buildMounts, name));
  const before = sum(await diskUsageOf(mounts));
  const { records } = await pruneBuildCache(store, until === undefined ? undefined : Number(until) * 1000);
  const after = sum(await diskUsageOf(inFolder(store.layout.buildMounts).map((name) => join(store.layout.buildMounts, name))));
  return { names: records === 0 ? [] : [`${records} ${records === 1 ? 'step' : 'steps'}`], bytes: before - after };
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((total, bytes) => total + bytes, 0);
}

function inFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
