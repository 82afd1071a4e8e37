/** boot: starts what should run, after the machine has started or whenever somebody calls it. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, isScullError, type ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { forEachLimited } from '../../host/for-each-limited.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { isRestarting, isStoppedByUser, startsOnBoot } from '../../runtime/restart-state.ts';
import { openNursery } from '../../userns/nursery.ts';
import { namedContainers } from '../containers/dependents.ts';
import { startContainer } from '../containers/launch.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';

export interface BootOutcome {
  readonly name: string;
  readonly error?: ScullError;
}

/** As many as start at once: crun's work is on the processor. */
const AT_ONCE = 8;

/** For whoever asks first since the machine has started: the runtime folder is that boot's. */
export function isFirstSinceBoot(engine: Engine): boolean {
  const { runRoot } = engine.store.layout;
  ensurePrivateDirectory(runRoot);
  try {
    closeSync(openSync(join(runRoot, 'booted'), 'wx', 0o600));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Starts every container whose policy is `always`, or `unless-stopped` and the user has not stopped it, that has run before and
 * does not now: several at once, those in whose namespaces others live first.
 */
export async function startOnBoot(engine: Engine, tell: (outcome: BootOutcome) => void): Promise<void> {
  const due = readContainers(engine).filter((record) => isDue(engine, record));
  const nursery = due.length > 1 ? await openNursery() : undefined;
  try {
    for (const rank of inRanks(engine, due)) {
      await forEachLimited(rank, AT_ONCE, async (record) => {
        try {
          await startContainer(engine, record, { within: nursery?.pid });
          tell({ name: record.name });
        } catch (error) {
          if (!isScullError(error)) throw error;
          tell({ name: record.name, error });
        }
      });
    }
  } finally {
    await nursery?.leave();
  }
}

function isDue(engine: Engine, record: ContainerRecord): boolean {
  const paths = engine.store.layout.container(record.id);
  if (!startsOnBoot(record.spec.restart, isStoppedByUser(paths))) return false;
  const state = readContainerState(paths);
  const hasRun = state.startedAt !== '' || existsSync(paths.hasRunFile);
  return hasRun && !isRunning(state) && !isRestarting(paths);
}

/** Lists to be started one after the other: who needs another one that is due comes after it. */
function inRanks(engine: Engine, due: readonly ContainerRecord[]): ContainerRecord[][] {
  const byId = new Map(due.map((record) => [record.id, record]));
  const ranks = new Map<string, number>();
  const rankOf = (record: ContainerRecord, trail: readonly string[]): number => {
    const known = ranks.get(record.id);
    if (known !== undefined) return known;
    const needed = namedContainers(engine, record).flatMap((id) => byId.get(id) ?? []).filter(({ id }) => id !== record.id && !trail.includes(id));
    const rank = needed.reduce((highest, other) => Math.max(highest, rankOf(other, [...trail, record.id]) + 1), 0);
    ranks.set(record.id, rank);
    return rank;
  };
  const lists: ContainerRecord[][] = [];
  for (const record of due) (lists[rankOf(record, [])] ??= []).push(record);
  return Array.from(lists, (list) => list ?? []);
}
