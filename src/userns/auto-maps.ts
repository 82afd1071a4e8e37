/** --userns=auto: which of the caller's ids a container gets for itself. Pure. */
import { ScullError } from '../host/errors.ts';
import type { IdRange, UserNamespaceSpec } from '../spec/container-spec.ts';
import { gaps, pairIds, type IdRun } from '../spec/user-namespace.ts';

/** Maps of a user namespace, `host` in ids of the default one. */
export interface OwnIds {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

export interface AutoFacts {
  /** How many ids the caller has, himself included. */
  readonly available: { readonly uids: number; readonly gids: number };
  /** What other containers have for themselves. */
  readonly used: OwnIds;
  /** Ids from 0 on that the container needs. */
  readonly size: number;
}

/**
 * The container's ids 0 to `size`, each with one of the caller's subordinate ids that no other container has, never with the
 * caller himself. What the wish maps by hand is mapped so, whoever has it.
 * @throws ScullError UNSUPPORTED where too few are free
 */
export function autoMaps(wish: Extract<UserNamespaceSpec, { mode: 'auto' }>, facts: AutoFacts): OwnIds {
  const maps = (kind: 'uids' | 'gids'): IdRange[] => {
    const byHand = wish[kind] ?? [];
    return [...freeIds(kind, byHand, facts), ...byHand].sort((a, b) => a.container - b.container);
  };
  return { uids: maps('uids'), gids: maps('gids') };
}

function freeIds(kind: 'uids' | 'gids', byHand: readonly IdRange[], { available, used, size }: AutoFacts): IdRange[] {
  const wanted = gaps(byHand.map(({ container, size: length }) => ({ first: container, size: length })), size);
  const need = total(wanted);
  const caller = { first: 0, size: 1 };
  const free = gaps([caller, ...[...used[kind], ...byHand].map(({ host, size: length }) => ({ first: host, size: length }))], available[kind]);
  if (total(free) < need) throw tooFew(kind, need, total(free), available[kind]);
  const whole = free.find((run) => run.size >= need);
  return pairIds(wanted, whole === undefined ? free : [whole]);
}

function total(runs: readonly IdRun[]): number {
  return runs.reduce((sum, run) => sum + run.size, 0);
}

function tooFew(kind: 'uids' | 'gids', need: number, free: number, available: number): ScullError {
  const what = kind === 'uids' ? 'user' : 'group';
  if (available <= 1) return new ScullError('UNSUPPORTED', '--userns=auto needs subordinate ids, and you have none', { hint: 'run `scull doctor` to see how to get them' });
  if (need >= available) {
    return new ScullError('UNSUPPORTED', `--userns=auto: the container needs ${need} ${what} ids, and you have ${available - 1} subordinate ones`, { hint: 'ask for fewer with --userns=auto:size=N; files of other owners then show as those of nobody' });
  }
  return new ScullError('UNSUPPORTED', `--userns=auto: the container needs ${need} ${what} ids for itself, and only ${free} of your ${available - 1} subordinate ones are free`, {
    hint: 'remove containers that have the others (`scull ps -a`), ask for fewer with --userns=auto:size=N, or get more subordinate ids (subuid(5))',
  });
}
