/** builder prune: what builds keep is forgotten, and the layers that only it needed are removed. */
import { pruneBuildCache, type PrunedCache } from '../../storage/build-cache.ts';
import { collectGarbage } from '../../storage/garbage.ts';
import type { Engine } from '../engine.ts';

/** @param unusedSince milliseconds since 1970: only what was not used since then */
export async function pruneBuilds(engine: Engine, unusedSince?: number): Promise<PrunedCache> {
  const pruned = await pruneBuildCache(engine.store, unusedSince);
  await collectGarbage(engine.store);
  return pruned;
}
