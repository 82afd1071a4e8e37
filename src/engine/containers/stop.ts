/** stop, kill, and waiting for the end. Signals go straight to the container's first process, after a look that it is still the same. */
import { existsSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { isAlive, processStat } from '../../host/identity.ts';
import { killQuietly } from '../../host/kill.ts';
import { readNetworkState } from '../../network/state.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { claimState, readIdentity } from '../../runtime/claim.ts';
import { isRuntimeAlive, readRuntimeState } from '../../runtime/crun.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { cancelWaiting, countsRestarts, markStopped } from '../../runtime/restart-state.ts';
import { refuseElsewhere } from '../../runtime/last-run.ts';
import { parseSignal } from '../../spec/signal.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { forEachSelected, type Outcome, type Selection } from './selection.ts';

export interface StopOptions extends Selection {
  /** Seconds between the stop signal and SIGKILL; the container's own unless given. -1 waits for ever. */
  readonly timeout?: number;
}

/** podman-stop(1): a container that does not run is no error. */
export function stopContainers(engine: Engine, options: StopOptions): Promise<Outcome[]> {
  return forEachSelected(engine, options, ({ record }) => stopContainer(engine, record, options.timeout));
}

/** Stop signal, then SIGKILL when the time is up. Returns when the container has ended. */
export async function stopContainer(engine: Engine, record: ContainerRecord, timeout?: number): Promise<void> {
  if (countsRestarts(record)) await endRestarts(engine, record);
  await endRunning(engine, record, timeout);
}

/** The same, but not as somebody's wish that it stays so. */
export async function endRunning(engine: Engine, record: ContainerRecord, timeout?: number): Promise<void> {
  const paths = engine.store.layout.container(record.id);
  const state = readContainerState(paths);
  if (state.host !== undefined) refuseElsewhere(engine.store.layout.container(record.id));
  if (!isRunning(state)) return;
  const seconds = timeout ?? record.config.stopTimeout;
  const signal = parseSignal(record.config.stopSignal).number;
  await endContainer(engine, record, state.status === 'paused', { seconds, signal });
  recordContainerEvent(engine, record, 'stop');
}

/** From now on no policy starts it again; a start that is under way is waited for, so that it can be stopped. */
export async function endRestarts(engine: Engine, record: ContainerRecord): Promise<void> {
  const { layout } = engine.store;
  const paths = layout.container(record.id);
  markStopped(paths);
  cancelWaiting(paths);
  const deadline = Date.now() + 20_000;
  while (!isRunning(readContainerState(paths)) && existsSync(paths.bundle) && claimState(layout, record.id) === 'busy' && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function endContainer(engine: Engine, record: ContainerRecord, paused: boolean, { seconds, signal }: { readonly seconds: number; readonly signal: number }): Promise<void> {
  if (seconds === 0) return killAndWait(engine, record);
  signalContainer(engine, record, signal);
  if (paused) await thaw(engine, record);
  if (await waitForEnd(engine, record.id, seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000)) return;
  engine.progress({
    kind: 'message',
    level: 'warning',
    text: `container ${record.name} did not end within ${seconds} seconds of ${record.config.stopSignal}, sending SIGKILL`,
  });
  await killAndWait(engine, record);
}

/** SIGKILL and wait. @throws ScullError TIMEOUT when even that does not end it (a process in uninterruptible sleep) */
export async function killAndWait(engine: Engine, record: Pick<ContainerRecord, 'id' | 'name'>): Promise<void> {
  const runtime = readRuntimeState(engine.store.layout.container(record.id).runtimeState);
  if (runtime !== undefined && isRuntimeAlive(runtime)) killQuietly(runtime.pid, 'SIGKILL');
  if (await waitForEnd(engine, record.id, 30_000)) return;
  throw new ScullError('TIMEOUT', `container ${record.name} did not end within 30 seconds of SIGKILL`, { hint: 'a process in it may be waiting for a device or a network file system' });
}

async function thaw(engine: Engine, record: ContainerRecord): Promise<void> {
  const { unpauseContainer } = await import('./pause.ts');
  await unpauseContainer(engine, record);
}

export interface KillOptions extends Selection {
  /** Name or number, SIGKILL unless given. */
  readonly signal?: string;
}

/** podman-kill(1): a container that does not run is an error, except with --all. @throws ScullError INVALID for a bad signal */
export function killContainers(engine: Engine, options: KillOptions): Promise<Outcome[]> {
  const signal = parseSignal(options.signal ?? 'SIGKILL').number;
  /** As Docker: who kills it by such a signal, or by the one that stops it, does not want it back. */
  const ends = (record: ContainerRecord): boolean => countsRestarts(record) && (signal === 9 || signal === parseSignal(record.config.stopSignal).number);
  const running = (record: ContainerRecord): boolean => isRunning(readContainerState(engine.store.layout.container(record.id)));
  return forEachSelected(engine, options, async ({ record }) => {
    if (options.all === true && !running(record)) return;
    if (ends(record)) await endRestarts(engine, record);
    signalContainer(engine, record, signal, () => recordContainerEvent(engine, record, 'kill', { attributes: { signal: String(signal) } }));
    if (signal === 9) await waitForEnd(engine, record.id, 10_000);
  });
}

/** @param before called when it runs, just before @throws ScullError WRONG_STATE when it does not run */
export function signalContainer(engine: Engine, record: ContainerRecord, signal: number, before?: () => void): void {
  const runtime = readRuntimeState(engine.store.layout.container(record.id).runtimeState);
  if (runtime === undefined || !isRuntimeAlive(runtime)) {
    refuseElsewhere(engine.store.layout.container(record.id));
    throw new ScullError('WRONG_STATE', `can only kill running containers. ${record.id} is in state ${readContainerState(engine.store.layout.container(record.id)).status}`);
  }
  before?.();
  killQuietly(runtime.pid, signal);
}

/**
 * Waits until the container's processes and its monitor are gone, so that its exit code and log are complete.
 * @param patience milliseconds
 * @returns false when it still runs
 */
export async function waitForEnd(engine: Engine, id: string, patience: number): Promise<boolean> {
  const paths = engine.store.layout.container(id);
  const deadline = Date.now() + patience;
  let monitor = 0;
  for (let pause = 1; ; pause = Math.min(pause * 1.5, 25)) {
    const runtime = readRuntimeState(paths.runtimeState);
    if (runtime !== undefined && isRuntimeAlive(runtime)) monitor = processStat(runtime.pid)?.parent ?? monitor;
    else if (isOver(monitor, paths)) return true;
    if (Date.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Monitor and, where ports are published, network have ended too: the exit code is written, the ports are free. */
function isOver(monitor: number, paths: ContainerPaths): boolean {
  const recorded = readIdentity(paths.monitorFile);
  if (recorded !== undefined ? isAlive(recorded) : monitor > 1 && !isGone(monitor)) return false;
  const network = readNetworkState(paths.networkState);
  return network?.process === undefined || network.ports.length === 0 || !isAlive(network.process);
}

/** The monitor is our own child now and then: a zombie is gone. */
function isGone(pid: number): boolean {
  const stat = processStat(pid);
  return stat === undefined || stat.state === 'Z' || stat.state === 'X';
}

/** The state once more, for callers that have just changed it. */
export function stateOf(engine: Engine, record: ContainerRecord): ContainerState {
  return readContainerState(engine.store.layout.container(record.id));
}
