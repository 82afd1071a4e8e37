/**
 * Facts → status. Nothing says "running" on disk: it is worked out on every read from crun's record (pid + start time), the
 * kernel, and the exit code the monitor left. See docs/store.md.
 *
 *   exit file            → exited with that code, at its time
 *   first process lives  → running, paused, or created (its init still waits)
 *   was started, neither → exited 255: the code was lost to a reboot or a killed monitor
 *   otherwise            → created
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { isAlive, processStat } from '../host/identity.ts';
import type { ContainerPaths, StoreLayout } from '../storage/layout.ts';
import type { ContainerState } from './container-record.ts';
import { readIdentity } from './claim.ts';
import { runsElsewhere } from './last-run.ts';
import { isRuntimeAlive, readRuntimeState, type RuntimeState } from './crun.ts';

/** Exit code of a container whose real one nobody saw. */
const LOST_EXIT_CODE = 255;

/**
 * @param mayRun false when crun is known to have no record of it, which a caller that asks for many finds out by one look
 */
export function readContainerState(paths: ContainerPaths, mayRun = true): ContainerState {
  const runtime = mayRun ? readRuntimeState(paths.runtimeState) : undefined;
  const alive = runtime !== undefined && isRuntimeAlive(runtime);
  // One listing instead of a failed look at each of them: failures are what costs.
  const facts = factsIn(paths.exitDirectory);
  const startedAt = facts.has('started') ? timeOf(paths.startedFile) : '';
  const base = { pid: 0, monitorPid: 0, startedAt, finishedAt: '', exitCode: 0, oomKilled: false, error: '' };
  if (alive && !runtime.waiting) {
    const monitorPid = processStat(runtime.pid)?.parent ?? 0;
    // Not noted by a command that was killed as it had started it: that removed a file from the folder of crun's record.
    const since = startedAt === '' ? timeOf(paths.runtimeState) : startedAt;
    return { ...base, status: isFrozen(runtime) ? 'paused' : 'running', startedAt: since, pid: runtime.pid, monitorPid: monitorPid > 1 ? monitorPid : 0 };
  }
  const exit = facts.has(paths.id) ? readTextIfPresent(paths.exitFile) : startedAt !== '' && runtime !== undefined && !alive ? comingExitCode(paths) : undefined;
  if (exit !== undefined) {
    const code = Number.parseInt(exit, 10);
    return {
      ...base,
      status: 'exited',
      // conmon writes -1 for a container it killed at --timeout
      exitCode: Number.isNaN(code) ? LOST_EXIT_CODE : code < 0 ? 137 : code,
      finishedAt: timeOf(paths.exitFile),
      oomKilled: facts.has('oom'),
    };
  }
  if (startedAt !== '' && !alive) {
    const host = runsElsewhere(paths);
    if (host !== undefined) return { ...base, status: 'running', host: host.name };
  }
  if (startedAt !== '' && !alive) return { ...base, status: 'exited', exitCode: LOST_EXIT_CODE, finishedAt: startedAt, error: 'the exit code was lost: the machine or the monitor was stopped' };
  return { ...base, status: 'created', error: facts.has('error') ? (readTextIfPresent(paths.errorFile) ?? '') : '' };
}

/** How long a question waits for an exit code that is about to be written, milliseconds. */
const PATIENCE = 2000;

/**
 * The code of a container that has ended while its monitor lives: that flushes the file it writes, which takes a while on a busy disk.
 * @param patience milliseconds @returns undefined when it does not come
 */
export function comingExitCode(paths: ContainerPaths, patience = PATIENCE): string | undefined {
  const monitor = readIdentity(paths.startedFile);
  for (const end = performance.now() + patience; ; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)) {
    // In this order: one that has ended has written it.
    const lives = monitor !== undefined && isAlive(monitor);
    const text = readTextIfPresent(paths.exitFile);
    if (text !== undefined || !lives || performance.now() > end) return text;
  }
}

/**
 * Names of the files that the monitor and we left about the last run; none where the folder was removed meanwhile. One that is there
 * and cannot be read throws: without it a container that has ended, or runs, would look as if it had never been started.
 */
function factsIn(directory: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(directory));
  } catch (error) {
    if (isMissing(error)) return new Set();
    throw error;
  }
}

/** Ids that crun has a record of: all that can be running. @throws where that can't be read: a listing would show nothing */
export function knownToRuntime(layout: StoreLayout): ReadonlySet<string> {
  return factsIn(layout.runtimeRoot);
}

/** True when the container has processes here: running or paused. */
export function isRunning(state: ContainerState): boolean {
  return state.host === undefined && (state.status === 'running' || state.status === 'paused');
}

function isFrozen(runtime: RuntimeState): boolean {
  if (runtime.cgroupPath === '') return false;
  return /^frozen 1$/m.test(readTextIfPresent(join('/sys/fs/cgroup', runtime.cgroupPath, 'cgroup.events')) ?? '');
}

/** RFC 3339 time of a file's last change, '' where there is none. */
function timeOf(path: string): string {
  try {
    return statSync(path).mtime.toISOString();
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}
