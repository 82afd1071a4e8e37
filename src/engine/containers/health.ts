/**
 * Health checks: one exec in the container each. The timer is the container's keeper (runtime/keeper.ts), which starts
 * `scull healthcheck run --timer` and is told when to do so again; nothing of ours waits in between.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isScullError, ScullError } from '../../host/errors.ts';
import { writeFileAtomic } from '../../host/files.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { startExec } from '../../runtime/exec.ts';
import { checkCommand, type HealthPlan } from '../../runtime/health-config.ts';
import { afterCheck, readHealth, writeHealth, type CheckResult, type Checked, type HealthState, type HealthStatus } from '../../runtime/health-state.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { countsRestarts, isEndWanted } from '../../runtime/restart-state.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { execProcess } from './exec.ts';

export interface HealthAnswer {
  readonly status: HealthStatus | 'stopped';
  /** Of this very check. */
  readonly ok: boolean;
  /** Milliseconds until the next one; undefined where there is no timer. */
  readonly next: number | undefined;
}

/** After how long a check comes again that was too early, milliseconds. */
const UNTIL_STARTED = 100;

/** Bytes of output that are looked at: more than anybody keeps, less than a container could make us hold. */
const MOST_OUTPUT = 1 << 20;

/**
 * podman-healthcheck-run(1): one check, noted, and what follows from it done.
 * @throws ScullError WRONG_STATE when the container has no health check or does not run
 */
export async function runHealthCheck(engine: Engine, nameOrId: string): Promise<HealthAnswer> {
  const record = findContainer(engine.store.layout, nameOrId);
  const plan = record.config.health;
  if (plan === undefined) throw new ScullError('WRONG_STATE', `container ${record.name} has no health check`, { hint: 'give it one with --health-cmd when it is made' });
  const paths = engine.store.layout.container(record.id);
  const { status, startedAt } = readContainerState(paths);
  if (status !== 'running') throw new ScullError('WRONG_STATE', `container ${record.name} is not running but ${status}`);
  const startup = readHealth(paths, plan).startup === undefined ? undefined : plan.startup;
  const result = await check(engine, record, checkCommand((startup ?? plan.healthcheck).Test), (startup ?? plan.healthcheck).Timeout / 1e6);
  // One that is being stopped fails its check, which is no failure.
  if ((countsRestarts(record) && isEndWanted(paths)) || !isRunning(readContainerState(paths))) return { status: 'stopped', ok: result.exitCode === 0, next: undefined };
  // Read once more: another check may have been noted meanwhile.
  const before = readHealth(paths, plan);
  const checked = afterCheck(before, result, plan, Date.parse(startedAt));
  note(engine, record, plan, before, checked);
  await act(engine, record, checked.action);
  return { status: checked.state.Status, ok: result.exitCode === 0, next: checked.next };
}

/**
 * The same for the timer. What keeps one check from being run or noted (a paused container, a full disk) does not end the timer.
 * @returns milliseconds until the next one; undefined where there is none
 */
export async function runTimedHealthCheck(engine: Engine, id: string): Promise<number | undefined> {
  try {
    return (await runHealthCheck(engine, id)).next;
  } catch (error) {
    if (!isScullError(error) || isScullError(error, 'NO_SUCH_CONTAINER')) throw error;
    const record = findContainer(engine.store.layout, id);
    const { health } = record.config;
    const state = readContainerState(engine.store.layout.container(record.id));
    // On a busy machine its command may not have been executed yet: the timer is there before that, and ends with the monitor.
    if (health !== undefined && state.status === 'created') return UNTIL_STARTED;
    return health === undefined || !isRunning(state) ? undefined : health.healthcheck.Interval / 1e6 || undefined;
  }
}

async function check(engine: Engine, record: ContainerRecord, command: readonly string[], timeout: number): Promise<CheckResult> {
  const { layout } = engine.store;
  const start = new Date();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let late = false;
  const result = (exitCode: number, said?: string): CheckResult => ({ start, end: new Date(), exitCode, output: said ?? Buffer.concat(chunks).toString() });
  try {
    const session = await startExec({
      layout,
      cgroup: cgroupPlan(),
      id: record.id,
      process: execProcess(engine, record, layout.container(record.id).bundleConfig, { command }),
      stdin: false,
      background: false,
      detachKeys: [],
      descriptors: [],
      capture: (chunk) => {
        if (length < MOST_OUTPUT) chunks.push(chunk);
        length += chunk.length;
      },
    });
    const timer = setTimeout(() => {
      late = true;
      session.kill();
    }, timeout);
    try {
      const status = await session.ended;
      return late ? result(-1, `the check took longer than ${timeout / 1000} s\n${Buffer.concat(chunks).toString()}`) : result(status === 0 ? 0 : 1);
    } finally {
      clearTimeout(timer);
    }
  } catch (error) {
    // A command that is not there is a failed check, as for Docker and Podman.
    if (!isScullError(error)) throw error;
    return result(late ? -1 : 1, error.message);
  }
}

function note(engine: Engine, record: ContainerRecord, plan: HealthPlan, before: HealthState, { state }: Checked): void {
  const paths = engine.store.layout.container(record.id);
  const shown = { Status: state.Status, FailingStreak: state.FailingStreak, Log: state.Log };
  if (plan.logDestination.startsWith('/')) writeLog(plan.logDestination, record, shown);
  writeHealth(paths, state);
  const last = state.Log.at(-1);
  if (plan.logDestination === 'events_logger') recordContainerEvent(engine, record, 'health_status', { health: state.Status, attributes: { health_log: last?.Output ?? '', health_failing_streak: String(state.FailingStreak) } });
  else if (state.Status !== before.Status) recordContainerEvent(engine, record, 'health_status', { health: state.Status });
}

function writeLog(directory: string, record: ContainerRecord, shown: object): void {
  try {
    writeFileAtomic(join(directory, `${record.id}-healthcheck.log`), JSON.stringify(shown), { durable: false });
  } catch (cause) {
    if (isScullError(cause)) throw cause;
    throw new ScullError('NOT_FOUND', `cannot write the health log of container ${record.name} in ${JSON.stringify(directory)}: ${(cause as Error).message}`, { cause });
  }
}

async function act(engine: Engine, record: ContainerRecord, action: HealthPlan['onFailure']): Promise<void> {
  switch (action) {
    case 'none':
      return;
    case 'kill': {
      // No wish of the user's: a restart policy starts it again.
      const { killAndWait } = await import('./stop.ts');
      return killAndWait(engine, record);
    }
    case 'stop': {
      const { stopContainer } = await import('./stop.ts');
      return stopContainer(engine, record);
    }
    case 'restart': {
      const { restartUnhealthy } = await import('./restart.ts');
      return restartUnhealthy(engine, record);
    }
  }
}

/** @throws ScullError NOT_FOUND for a --health-log-destination that is no directory */
export function checkLogDestination(plan: HealthPlan | undefined): void {
  const place = plan?.logDestination ?? '';
  if (place.startsWith('/') && statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) throw new ScullError('NOT_FOUND', `the --health-log-destination ${JSON.stringify(place)} is no directory`);
}
