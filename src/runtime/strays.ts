/**
 * What a start that is given up may leave: a monitor that is killed does not end crun, which goes on creating the container,
 * nor crun's init, which then waits for ever to be started. Neither has a pid that is known yet, but both carry the path of the
 * bundle in their command line.
 */
import { commandLines } from '../host/command-lines.ts';
import { isScullError } from '../host/errors.ts';
import { killQuietly } from '../host/kill.ts';

/** Kills every process with `path` as a word of its command line, until there is none: one may be about to start another. */
export async function killProcessesNaming(path: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const pids = processesNaming(path);
    if (pids.length === 0) return;
    for (const pid of pids) killOurs(pid);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function killOurs(pid: number): void {
  try {
    killQuietly(pid);
  } catch (error) {
    if (!isScullError(error, 'PERMISSION')) throw error; // somebody else looks at the bundle
  }
}

function processesNaming(path: string): number[] {
  return commandLines().flatMap(({ pid, words }) => (words.includes(path) ? [pid] : []));
}
