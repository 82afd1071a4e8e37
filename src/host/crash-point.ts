/**
 * Named moments in every path that writes, at which a test build kills itself: `SCULL_CRASH_AT=NAME` or `NAME@N` for the N-th
 * time (of one process). `SCULL_CRASH_LOG=FILE` gets the names in the order in which they are passed. What the user gets has none of it: the build replaces the constant, and what is left is an empty function.
 */

import { appendFileSync } from 'node:fs';
import { errnoOf } from './errors.ts';

/** Defined by scripts/build.mjs: true in dist/crash only. */
declare const HAS_CRASH_POINTS: boolean;

export const CRASH_POINTS = [
  'file:written', // a record, beside the one that it replaces
  'file:renamed', // in its place, the directory not flushed yet
  'staging:made',
  'trash:moved',
  'tree:removed',
  'lock:prepared', // the directory with its owner, beside
  'lock:taken',
  'lock:released', // its owner is gone, the empty directory is not
  'host:registered',
  'blob:written',
  'blob:flushed',
  'blob:named',
  'partial:begun',
  'partial:written',
  'layer:extracted',
  'layer:recorded',
  'layer:unpacked', // in its staging directory, not flushed
  'layer:flushed',
  'layer:named',
  'layer:linked',
  'image:claimed',
  'image:fetched', // all but the index
  'image:entered',
  'garbage:blobs-moved',
  'garbage:layers-moved',
  'name:reserved',
  'container:written',
  'container:named',
  'container:claimed',
  'container:renamed', // the old name not given back
  'start:monitor', // its namespaces are being made
  'start:prepared',
  'start:bundle',
  'start:created',
  'start:filled', // new volumes have their content
  'start:executed', // not noted
  'start:noted',
  'rm:claimed',
  'rm:moved',
  'rm:name-released',
  'volume:written',
  'volume:named',
  'secret:written',
  'pod:written',
  'pod:named', // without its infra container
  'pod:emptied', // its infra container is the last
  'pod:without-infra',
  'pod:removed',
  'copy:made', // vfs: the root is complete, beside
  'copy:named', // vfs: not marked as complete
  'quarantine:moved',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Dies here, by SIGKILL, where a test wants it. */
export function crashPoint(name: CrashPoint): void {
  if (typeof HAS_CRASH_POINTS !== 'undefined' && HAS_CRASH_POINTS) dieIfWanted(name);
}

/** A test wants to see what happens when others fill the disk after it was looked at: the looks find room enough. */
export function roomIsPretended(): boolean {
  return typeof HAS_CRASH_POINTS !== 'undefined' && HAS_CRASH_POINTS && process.env['SCULL_PRETEND_ROOM'] === '1';
}

let passed = 0;

function dieIfWanted(name: CrashPoint): void {
  const log = process.env['SCULL_CRASH_LOG'];
  if (log !== undefined) note(log, name);
  const [wanted, times = '1'] = (process.env['SCULL_CRASH_AT'] ?? '').split('@');
  if (name !== wanted || ++passed < Number(times)) return;
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000); // the signal comes when it comes
}

/** Workers can't, where they may write nowhere but in their own directory. */
function note(log: string, name: CrashPoint): void {
  try {
    appendFileSync(log, `${name}\n`);
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error;
  }
}

/** What a worker of ours has to be told, for its own crash points. */
export function crashEnvironment(): Record<string, string> {
  if (typeof HAS_CRASH_POINTS === 'undefined' || !HAS_CRASH_POINTS) return {};
  const names = ['SCULL_CRASH_AT', 'SCULL_CRASH_LOG'].filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, process.env[name] as string]));
}
