/** system prune: podman-system-prune(1). */
import { isScullError, ScullError } from '../../host/errors.ts';
import type { Engine } from '../engine.ts';
import { PRUNE_ORDER } from './kinds.ts';
import type { KindPrune, PruneOptions, Pruned } from './store-kind.ts';

/** One kind's part, where it had any. */
export interface PrunedKind extends Pruned {
  readonly heading: string;
}

/** What a prune with these options removes, a line for each kind. @throws ScullError USAGE for options that do not go together */
export function pruneWarnings(options: PruneOptions): string[] {
  if (options.volumes && options.filters['until'] !== undefined) {
    throw new ScullError('USAGE', '--filter until does not go with --volumes: volumes are not removed by their age', { hint: 'prune them on their own with `scull volume prune`' });
  }
  return prunesOf(options).flatMap((prune) => prune.warning(options) ?? []);
}

/** Removes what nothing uses, each kind after those that use it; what can't be removed does not keep the rest. */
export async function pruneSystem(engine: Engine, options: PruneOptions): Promise<PrunedKind[]> {
  const done: PrunedKind[] = [];
  for (const prune of prunesOf(options)) done.push({ heading: prune.heading, ...(await pruneKind(prune, engine, options)) });
  return done;
}

async function pruneKind(prune: KindPrune, engine: Engine, options: PruneOptions): Promise<Pruned> {
  try {
    return await prune.run(engine, options);
  } catch (error) {
    if (!isScullError(error)) throw error;
    return { names: [], bytes: 0, failed: [error] };
  }
}

function prunesOf(options: PruneOptions): KindPrune[] {
  return PRUNE_ORDER.flatMap(({ prune }) => (prune === undefined || prune.applies?.(options) === false ? [] : [prune]));
}
