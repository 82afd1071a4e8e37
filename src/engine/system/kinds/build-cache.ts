/** What builds keep for the next one: results of steps with the layers that no image has, and the directories of cache mounts. */
import { join } from 'node:path';
import { namesIn } from '../../../host/files.ts';
import { pruneBuildCache, readCacheRecords } from '../../../storage/build-cache.ts';
import { diskUsageOf } from '../../../storage/disk-usage.ts';
import { layerPaths } from '../../../storage/layers/store.ts';
import { findCachedOnly } from '../../../storage/reach.ts';
import type { Engine } from '../../engine.ts';
import type { KindUsage, PruneOptions, Pruned, StoreKind, UsageCell, UsageSurvey } from '../store-kind.ts';
import { fileSize } from './images.ts';

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
  const cached = findCachedOnly(store);
  const mounts = namesIn(store.layout.buildMounts).map((name) => ({ name, bytes: size(join(store.layout.buildMounts, name)) }));
  // What several records share is counted with the first.
  const counted = new Set<string>();
  const once = (path: string, bytes: number): number => (counted.size < counted.add(path).size ? bytes : 0);
  const steps = records.map((record) => {
    const { layer } = record;
    const blob = layer !== undefined && cached.blobs.has(layer.descriptor.digest) ? store.layout.blob(layer.descriptor.digest) : undefined;
    const directory = layer !== undefined && cached.layers.has(layer.chainId) ? layerPaths(store, layer.chainId).directory : undefined;
    const bytes = (blob === undefined ? 0 : once(blob, fileSize(blob))) + (directory === undefined ? 0 : once(directory, size(directory)));
    return { record, bytes, shared: layer !== undefined && directory === undefined };
  });
  const bytes = size(store.layout.buildCache) + [...steps, ...mounts].reduce((sum, one) => sum + one.bytes, 0);
  return {
    total: records.length + mounts.length,
    active: steps.filter(({ shared }) => shared).length,
    size: bytes,
    reclaimable: bytes,
    columns: ['WHAT', 'CREATED', 'SIZE', 'STEP'],
    rows: [
      ...steps.map(({ record, bytes: own, shared }): UsageCell[] => ['step', { since: record.created }, shared ? 'of an image' : { bytes: own }, record.step.replace(/\s+/g, ' ').slice(0, 60)]),
      ...mounts.map(({ name, bytes: own }): UsageCell[] => ['cache mount', '', { bytes: own }, name.slice(0, 12)]),
    ],
  };
}

/** The layers go with the images that are pruned next. */
async function pruneCache({ store }: Engine, { filters }: PruneOptions): Promise<Pruned> {
  const until = filters['until']?.[0];
  const mounts = namesIn(store.layout.buildMounts).map((name) => join(store.layout.buildMounts, name));
  const before = sum(await diskUsageOf(mounts));
  const { records, failed } = await pruneBuildCache(store, until === undefined ? undefined : Number(until) * 1000);
  const after = sum(await diskUsageOf(namesIn(store.layout.buildMounts).map((name) => join(store.layout.buildMounts, name))));
  return { names: records === 0 ? [] : [`${records} ${records === 1 ? 'step' : 'steps'}`], bytes: before - after, failed };
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((total, bytes) => total + bytes, 0);
}
