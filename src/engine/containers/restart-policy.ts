/**
 * --restart: after a container's end, its keeper starts `container cleanup`, which comes here. Nothing of ours waits while it runs; a
 * pause before the next start is slept through by a shell, which then starts us once more.
 */
import { startChild } from '../../host/child.ts';
import { identityOf } from '../../host/identity.ts';
import { minimalEnvironment } from '../../host/process.ts';
import { isScullError } from '../../host/errors.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { claimExisting, releaseClaim } from '../../runtime/claim.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { ONCE_MORE, scull } from '../../runtime/keeper.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { isEndWanted, nextRestart, readRestarts, writeRestarts } from '../../runtime/restart-state.ts';
import type { Engine } from '../engine.ts';
import { startContainer } from './launch.ts';

const FAILED_START = 125;

/** @param waited its pause is over */
export async function restartAfterEnd(engine: Engine, record: ContainerRecord, waited = false): Promise<void> {
  const { layout } = engine.store;
  const paths = layout.container(record.id);
  const { restart } = record.spec;
  // Who has ended it may be about to remove it, and is not to find it claimed.
  if (restart === undefined || isEndWanted(paths)) return;
  const cgroup = cgroupPlan();
  const claim = await claimExisting(layout, cgroup, record.id).catch((error: unknown) => {
    if (isScullError(error, 'NO_SUCH_CONTAINER')) return 'removed';
    throw error;
  });
  if (claim !== 'claimed') return; // somebody else has started or removed it
  const now = readContainerState(paths);
  // Looked at under the claim: who stops it from now on waits until it runs.
  // Its last start by the policy failed: that counts as an end.
  const state = now.startedAt === '' && waited ? { ...now, exitCode: FAILED_START } : now;
  const next = isRunning(state) || (state.startedAt === '' && !waited) ? undefined : nextRestart(restart, { state, restarts: readRestarts(paths), endWanted: isEndWanted(paths) });
  if (next === undefined) return releaseClaim(layout, cgroup, record.id);
  if (next.after > 0 && !waited) {
    writeRestarts(paths, { ...readRestarts(paths), ...waitingFor(engine, record, next.after) });
    return releaseClaim(layout, cgroup, record.id);
  }
  writeRestarts(paths, next.restarts);
  try {
    await startContainer(engine, record, { claimed: true, byPolicy: true });
  } catch (error) {
    if (!isScullError(error)) throw error;
    // It has no keeper now that would try again: the failure counts as an end.
    const again = nextRestart(restart, { state: { exitCode: FAILED_START, startedAt: '', finishedAt: '' }, restarts: next.restarts, endWanted: isEndWanted(paths) });
    if (again !== undefined) writeRestarts(paths, { ...next.restarts, ...waitingFor(engine, record, Math.max(again.after, 1000)) });
    throw error;
  }
}

/** Starts the process that sleeps and then starts us again. */
function waitingFor(engine: Engine, record: ContainerRecord, milliseconds: number): { waiting?: NonNullable<ReturnType<typeof identityOf>> } {
  const again = scull(engine.store.layout, 'container', 'cleanup', '--waited', record.id);
  // Told to end, it ends its sleep too.
  const script = `trap 'kill $!; exit' TERM; sleep "$1" & wait $!; trap - TERM; shift; "$@"; ${ONCE_MORE}`;
  const child = startChild('sh', ['-c', script, 'scull-restart', (milliseconds / 1000).toFixed(3), again.file, ...again.args], { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true });
  child.unref();
  const waiting = identityOf(child.pid);
  return waiting === undefined ? {} : { waiting };
}
