/** podman-wait(1). */
import type { ContainerRecord, ContainerState, ContainerStatus } from '../../runtime/container-record.ts';
import { readContainer } from '../../runtime/container-store.ts';
import { readHealth } from '../../runtime/health-state.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { isEndWanted } from '../../runtime/restart-state.ts';
import { ScullError } from '../../host/errors.ts';
import type { Engine } from '../engine.ts';
import { askForExitCode, keptExitCode } from './exit-codes.ts';
import { forEachSelected, selectContainers, type Outcome, type Selection } from './selection.ts';
import { waitForEnd } from './stop.ts';

export interface WaitOptions extends Selection {
  /** Any of them ends the waiting; stopped unless given. */
  readonly conditions?: readonly string[];
  /** Milliseconds between looks, for conditions other than stopped. */
  readonly interval?: number;
  /** The first one is enough. */
  readonly first?: boolean;
}

/** Waits for each; `exitCode` is -1 for a condition other than an end, as Podman's. */
export async function waitContainers(engine: Engine, options: WaitOptions): Promise<(Outcome & { readonly exitCode?: number })[]> {
  const conditions = (options.conditions ?? []).length === 0 ? ['stopped'] : (options.conditions as readonly string[]);
  for (const condition of conditions) checkCondition(condition);
  if (options.first === true) return waitForFirst(engine, options, conditions);
  const codes = new Map<string, number>();
  const outcomes = await forEachSelected(engine, options, async ({ record }) => {
    codes.set(record.id, await waitFor(engine, record, conditions, options.interval ?? 100));
  });
  return outcomes.map((outcome) => (outcome.id === undefined ? outcome : { ...outcome, exitCode: codes.get(outcome.id) ?? -1 }));
}

/** @returns one outcome; those that do not exist come before it */
async function waitForFirst(engine: Engine, options: WaitOptions, conditions: readonly string[]): Promise<(Outcome & { readonly exitCode?: number })[]> {
  const { selected, failed } = selectContainers(engine, options);
  const waits = selected.map(async ({ name, record }) => {
    const outcome = { name, id: record.id };
    try {
      return { ...outcome, exitCode: await waitFor(engine, record, conditions, options.interval ?? 100) };
    } catch (error) {
      if (error instanceof ScullError) return { ...outcome, error };
      throw error;
    }
  });
  return waits.length === 0 || failed.some(({ error }) => error?.code !== 'NO_SUCH_CONTAINER') ? failed : [...failed, await Promise.race(waits)];
}

function checkCondition(condition: string): void {
  const known = ['created', 'configured', 'initialized', 'running', 'paused', 'stopped', 'exited', 'removing', 'removed', 'not-running', 'next-exit', 'healthy', 'unhealthy'];
  if (known.includes(condition)) return;
  throw new ScullError('INVALID', `unknown condition ${JSON.stringify(condition)}`, { hint: `conditions are ${known.join(', ')}` });
}

async function waitFor(engine: Engine, record: ContainerRecord, conditions: readonly string[], interval: number): Promise<number> {
  const paths = engine.store.layout.container(record.id);
  const ending = conditions.some((condition) => ['stopped', 'exited', 'not-running', 'removed', 'next-exit'].includes(condition));
  const asksForHealth = conditions.some((condition) => condition === 'healthy' || condition === 'unhealthy');
  let lastCode = 0;
  if (ending && isRunning(readContainerState(paths))) askForExitCode(engine.store.layout, record.id);
  for (;;) {
    const gone = readContainer(engine.store.layout, record.id) === undefined;
    const state = readContainerState(paths);
    if (!gone) lastCode = state.exitCode;
    for (const condition of conditions) {
      if (gone && ending) return keptExitCode(engine.store.layout, record.id) ?? lastCode;
      if (condition === 'healthy' || condition === 'unhealthy') {
        if (!gone && isHealth(engine, record, condition, state, ending)) return -1;
        continue;
      }
      if (matches(condition, state.status)) return state.status === 'exited' || condition === 'not-running' ? lastCode : -1;
    }
    if (gone) throw new ScullError('NO_SUCH_CONTAINER', `container ${record.name} was removed while waiting for it`);
    if (ending && !asksForHealth && state.status === 'running') {
      if (await waitForEnd(engine, record.id, Number.POSITIVE_INFINITY)) {
        // The code is there once the monitor is gone, unless the container was removed with its end (--rm).
        const after = readContainerState(paths);
        lastCode = after.status === 'exited' ? after.exitCode : (keptExitCode(engine.store.layout, record.id) ?? lastCode);
        if (!conditions.every((condition) => condition === 'removed')) return lastCode;
      }
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** @throws ScullError WRONG_STATE where that will never be: no check, or the container has ended and nothing starts it again */
function isHealth(engine: Engine, record: ContainerRecord, wanted: string, state: ContainerState, endWanted: boolean): boolean {
  const paths = engine.store.layout.container(record.id);
  const { health } = record.config;
  if (health === undefined) throw new ScullError('WRONG_STATE', `container ${record.name} has no health check to wait for`, { hint: 'give it one with --health-cmd when it is made' });
  if (state.status === 'exited' && !endWanted && (record.spec.restart === undefined || isEndWanted(paths))) {
    throw new ScullError('WRONG_STATE', `container ${record.name} ended with exit code ${state.exitCode} before it was ${wanted}`, { hint: `see what it said with \`scull logs ${record.name}\`` });
  }
  return isRunning(state) && readHealth(paths, health).Status === wanted;
}

function matches(condition: string, status: ContainerStatus): boolean {
  switch (condition) {
    case 'stopped':
    case 'exited':
      // A container that was never started has nothing to wait for, as in Podman.
      return status === 'exited' || status === 'created';
    case 'not-running':
      return status !== 'running' && status !== 'paused';
    case 'configured':
    case 'initialized':
      return status === 'created';
    default:
      return status === condition;
  }
}
