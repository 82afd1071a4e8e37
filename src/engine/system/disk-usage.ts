/** system df: where the space of the store goes. */
import { diskUsageBelow } from '../../storage/disk-usage.ts';
import type { Engine } from '../engine.ts';
import { KINDS } from './kinds.ts';
import type { KindUsage } from './store-kind.ts';

export interface DiskUsage {
  readonly root: string;
  /** All of the store, as du(1) sees it: the sum of the kinds. */
  readonly bytes: number;
  readonly kinds: readonly (KindUsage & { readonly label: string })[];
}

/** Levels below the root at which sizes of objects are found: volumes/NAME, images/blobs/sha256. */
const DEPTH = 3;

/** One look at the disk, then the records. @throws ScullError CORRUPT when the index of images is damaged */
export async function diskUsage(engine: Engine): Promise<DiskUsage> {
  const { root } = engine.store.layout;
  const sizes = await diskUsageBelow(root, DEPTH);
  const survey = { engine, size: (directory: string) => sizes.get(directory) ?? 0 };
  const kinds: (KindUsage & { label: string })[] = [];
  for (const { label, usage } of KINDS) if (usage !== undefined) kinds.push({ label, ...(await usage(survey)) });
  const bytes = sizes.get(root) ?? 0;
  const rest = Math.max(0, bytes - kinds.reduce((sum, kind) => sum + kind.size, 0));
  // Indexes, names, locks, the ballast, and the directories themselves: part of a store that works.
  kinds.push({ label: 'Other', total: 0, active: 0, size: rest, reclaimable: 0, columns: [], rows: [] });
  return { root, bytes, kinds };
}
