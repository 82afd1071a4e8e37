/** system check: is everything as it was written? */
import { isScullError, ScullError } from '../../host/errors.ts';
import type { Engine } from '../engine.ts';
import { KINDS } from './kinds.ts';
import type { CheckRun, Problem } from './store-kind.ts';

export interface CheckReport {
  readonly looked: readonly { readonly what: string; readonly count: number; readonly bytes?: number }[];
  readonly problems: readonly FoundProblem[];
}

export interface FoundProblem {
  readonly object: string;
  readonly file: string;
  readonly what: string;
  /** What the repair did; undefined where there was none. */
  readonly repaired?: string;
  /** Why it could not be repaired, or what the user can do. */
  readonly remedy?: string;
}

export interface CheckOptions {
  readonly quick?: boolean;
  readonly repair?: boolean;
}

/**
 * Goes through every kind, and repairs each kind before the next is looked at, whose repairs may need it. Changes nothing
 * unless `repair` is set.
 */
export async function checkStore(engine: Engine, options: CheckOptions = {}): Promise<CheckReport> {
  const looked: { what: string; count: number; bytes?: number }[] = [];
  const problems: FoundProblem[] = [];
  for (const { check } of KINDS) {
    if (check === undefined) continue;
    const found: Problem[] = [];
    const run: CheckRun = {
      engine,
      quick: options.quick === true,
      found: (problem) => void found.push(problem),
      looked: (what, count, bytes) => void looked.push({ what, count, ...(bytes === undefined ? {} : { bytes }) }),
    };
    await check(run);
    for (const problem of found) problems.push(await settle(problem, options.repair === true));
  }
  return { looked, problems };
}

async function settle({ object, file, what, remedy, repair }: Problem, mend: boolean): Promise<FoundProblem> {
  const told = { object, file, what, ...(remedy === undefined ? {} : { remedy }) };
  if (!mend || repair === undefined) return told;
  try {
    return { object, file, what, repaired: await repair() };
  } catch (error) {
    if (!isScullError(error)) throw error;
    return { object, file, what, remedy: `${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}` };
  }
}

/** What is damaged still; undefined when all is well. */
export function damageError(report: CheckReport): ScullError | undefined {
  // Of a layer with many damaged files the first one's repair is that of all.
  const repaired = new Set(report.problems.filter((problem) => problem.repaired !== undefined).map(({ object }) => object));
  const left = report.problems.filter((problem) => !repaired.has(problem.object));
  if (left.length === 0) return undefined;
  const objects = new Set(left.map(({ object }) => object));
  return new ScullError('CORRUPT', `${left.length === 1 ? 'one file' : `${left.length} files`} of the store ${left.length === 1 ? 'is' : 'are'} damaged, which breaks ${[...objects].slice(0, 5).join(', ')}${objects.size > 5 ? ' …' : ''}`, {
    ...(left.some((problem) => problem.remedy === undefined) ? { hint: '`scull system check --repair` fetches again what it can and puts the rest out of use' } : {}),
  });
}
