/** builder prune: what builds keep is forgotten, and the layers that only it needed are removed. */
import { isScullError } from '../../host/errors.ts';
import { pruneBuildCache, type PrunedCache } from '../../storage/build-cache.ts';
import { collectGarbage } from '../../storage/garbage.ts';
import type { Engine } from '../engine.ts';

/** @param unusedSince milliseconds since 1970: only what was not used since then */
export async function pruneBuilds(engine: Engine, unusedSince?: number): Promise<PrunedCache> {
  const pruned = await pruneBuildCache(engine.store, unusedSince);
  try {
    await collectGarbage(engine.store);
    return pruned;
  } catch (error) {
    if (!isScullError(error)) throw error;
    return { ...pruned, failed: [...pruned.failed, error] };
  }
}
