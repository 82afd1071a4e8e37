/**
 * Restart policies: docker-run(1), "Restart policies". restart.json beside the container's record counts what was done since the
 * user started it; an empty file `stopped` in its exit directory says that the user wants it to stay as it is.
 */
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { readTextIfPresent, removeFiles, writeFileAtomic } from '../host/files.ts';
import { isAlive, type ProcessIdentity } from '../host/identity.ts';
import { killQuietly } from '../host/kill.ts';
import type { RestartSpec } from '../spec/container-spec.ts';
import type { ContainerPaths } from '../storage/layout.ts';
import type { ContainerRecord, ContainerState } from './container-record.ts';

export interface RestartState {
  /** How often the policy, or a health check that failed, has started it since the user did. */
  readonly count: number;
  /** How often in a row it has ended soon after its start. */
  readonly streak: number;
  /** The process that waits for the time of the next start. */
  readonly waiting?: ProcessIdentity;
}

const NOTHING: RestartState = { count: 0, streak: 0 };
/** A container that ran for that long is well again (Docker). Milliseconds. */
const SOON = 10_000;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 60_000;

/** What of a record says who may start the container again. */
interface Restartable {
  readonly spec: Pick<ContainerRecord['spec'], 'restart'>;
  readonly config: Pick<ContainerRecord['config'], 'health'>;
}

/** Something other than the user may start it again: its policy, or a health check that fails. */
export function countsRestarts({ spec, config }: Restartable): boolean {
  return spec.restart !== undefined || config.health?.onFailure === 'restart';
}

export function restartCount(record: Restartable, paths: ContainerPaths): number {
  return countsRestarts(record) ? readRestarts(paths).count : 0;
}

export function readRestarts(paths: ContainerPaths): RestartState {
  try {
    return { ...NOTHING, ...(JSON.parse(readTextIfPresent(paths.restartFile) ?? '{}') as Partial<RestartState>) };
  } catch (error) {
    if (error instanceof SyntaxError) return NOTHING; // after a power cut, which begins the count anew
    throw error;
  }
}

export function writeRestarts(paths: ContainerPaths, state: RestartState): void {
  writeFileAtomic(paths.restartFile, JSON.stringify(state), { durable: false });
}

const SHUTDOWN = 'shutdown';

/** The user (or --health-on-failure=stop) has ended it, or is about to: no policy starts it again until somebody does. */
export function markStopped(paths: ContainerPaths): void {
  closeSync(openSync(paths.stoppedFile, 'a', 0o600));
}

/** The same until the next boot only: the machine goes down. */
export function markShutDown(paths: ContainerPaths): void {
  if (!existsSync(paths.stoppedFile)) writeFileSync(paths.stoppedFile, SHUTDOWN, { mode: 0o600 });
}

/** True where its end was asked for: its policy is not to start it again. */
export function isEndWanted(paths: ContainerPaths): boolean {
  return existsSync(paths.stoppedFile);
}

export function isStoppedByUser(paths: ContainerPaths): boolean {
  const text = readTextIfPresent(paths.stoppedFile);
  return text !== undefined && text !== SHUTDOWN;
}

/** Forgets all this, for a start that somebody asked for. */
export async function forgetRestarts(paths: ContainerPaths): Promise<void> {
  cancelWaiting(paths);
  await removeFiles([paths.stoppedFile, paths.restartFile]);
}

/** True while a process waits for the time to start it again. */
export function isRestarting(paths: ContainerPaths): boolean {
  const { waiting } = readRestarts(paths);
  return waiting !== undefined && isAlive(waiting);
}

/** Ends the wait for the next start. */
export function cancelWaiting(paths: ContainerPaths): void {
  const { waiting } = readRestarts(paths);
  if (waiting !== undefined && isAlive(waiting)) killQuietly(waiting.pid, 'SIGTERM');
}

export interface Ended {
  readonly state: Pick<ContainerState, 'exitCode' | 'startedAt' | 'finishedAt'>;
  readonly restarts: RestartState;
  readonly endWanted: boolean;
}

/**
 * Whether a container that has ended is started again, and after how many milliseconds: at once the first time, then after a tenth
 * of a second, twice as much each time it ends within ten seconds, a minute at most. Pure.
 */
export function nextRestart(policy: RestartSpec, { state, restarts, endWanted }: Ended): { readonly after: number; readonly restarts: RestartState } | undefined {
  if (endWanted || policy.name === 'no') return undefined;
  if (policy.name === 'on-failure' && (state.exitCode === 0 || (policy.maxRetries !== undefined && policy.maxRetries > 0 && restarts.count >= policy.maxRetries))) return undefined;
  const lived = Date.parse(state.finishedAt) - Date.parse(state.startedAt);
  const soon = !(lived >= SOON); // also where it is not known
  const after = soon && restarts.streak > 0 ? Math.min(FIRST_PAUSE * 2 ** (restarts.streak - 1), LONGEST_PAUSE) : 0;
  return { after, restarts: { count: restarts.count + 1, streak: soon ? restarts.streak + 1 : 1 } };
}

/** podman-run(1), --restart: what `scull boot` starts, of containers that do not run and have run before. */
export function startsOnBoot(policy: RestartSpec | undefined, stoppedByUser: boolean): boolean {
  return policy?.name === 'always' || (policy?.name === 'unless-stopped' && !stoppedByUser);
}
