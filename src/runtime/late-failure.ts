/**
 * What goes wrong with a container after it was started, and is no end of its own. That a file can't be executed shows at the very
 * last moment: crun's init says so on the container's own standard error and ends with status 1. It has closed every other
 * descriptor by then, so only the log tells.
 */
import { existsSync, statSync } from 'node:fs';
import { ScullError } from '../host/errors.ts';
import { BROKEN_DISK_HINT, NO_SPACE_HINT, readTextIfPresent } from '../host/files.ts';
import type { ContainerPaths } from '../storage/layout.ts';
import { isFull } from '../storage/space.ts';
import type { ContainerRecord } from './container-record.ts';
import { explainRuntimeFailure } from './crun.ts';

/** A log with more than this holds more than the one sentence. */
const LONGEST = 8192;

/** @returns COMMAND_NOT_EXECUTABLE or COMMAND_NOT_FOUND when nothing but crun's sentence came from the container */
export function lateFailure(record: ContainerRecord, paths: ContainerPaths, exitCode: number): ScullError | undefined {
  if (exitCode !== 1 || record.spec.log.driver !== 'k8s-file') return undefined;
  const path = record.spec.log.path ?? paths.log;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0 || size > LONGEST) return undefined;
  const said = /^\S+ std(?:out|err) F (exec container process .*: .*?)\r?\n$/.exec(readTextIfPresent(path) ?? '');
  return said === null ? undefined : explainRuntimeFailure(said[1] as string);
}

/**
 * @param monitorStatus of a monitor that was waited for
 * @returns NO_SPACE or PERMISSION where the monitor could not write the exit code down, on a disk that is full or broken
 */
export function unnotedEnd(record: ContainerRecord, paths: ContainerPaths, monitorStatus: number | undefined): ScullError | undefined {
  if (existsSync(paths.exitFile)) return undefined;
  if (isFull(paths.directory)) return new ScullError('NO_SPACE', `container ${record.name} has ended, but there is no space left to write its exit code to ${paths.exitFile}`, { hint: NO_SPACE_HINT });
  // One that was killed could not even try.
  if (monitorStatus === undefined || monitorStatus >= 128) return undefined;
  return new ScullError('PERMISSION', `container ${record.name} has ended, but its exit code could not be written to ${paths.exitFile}: an input/output error`, { hint: BROKEN_DISK_HINT });
}
