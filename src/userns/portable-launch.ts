/**
 * Where no native helper was built (no C compiler at build time): the same namespaces and mounts by POSIX sh, util-linux and
 * coreutils. Slower by some milliseconds; nothing else differs.
 *
 *     scull ── spawn ──> M: sh OUTER ── unshare(1) ──> holder: sh, sleeps in the new namespaces
 *                        │  newuidmap holder … & newgidmap holder …
 *                        │  exec nsenter -t holder …                 M is inside now, with all capabilities
 *                        │  exec sh INNER: the holder ends, mounts, steps
 *                        └  exec PROGRAM                             M keeps its pid from first to last
 *
 * The detour over a holder is what user_namespaces(7) demands: a program executed before the maps are written loses its
 * capabilities, and a shell can't write maps between unshare(2) and execve(2). The holder reads from a pipe whose other end
 * only M has: it ends when M closes that, and as well when M is killed.
 *
 * The scripts are constant. Paths, options and programs reach them as positional parameters, never as shell text.
 */
import { realpathSync } from 'node:fs';
import { ScullError } from '../host/errors.ts';
import { defaultIdMaps, type IdRange } from './id-maps.ts';
import type { LaunchRequest } from './launch-request.ts';
import { INNER_SCRIPT, INSIDE_SCRIPT, JOIN_SCRIPT, OUTER_SCRIPT } from './portable-scripts.ts';
import { isUnshared } from './unshared.ts';

/** A POSIX shell redirects descriptors of one digit; two of them are the pipe to the holder. */
const HIGHEST_FD = 7;

const NO_HELPER_HINT = 'install a C compiler (`sudo apt-get install gcc libc6-dev`) and run `npm run build` again';

/** In PROGRAM the writing end of a pipe that nobody writes to: it tells its end. */
const LIFELINE_FD = HIGHEST_FD;

/**
 * The command line that does with util-linux's tools what `scull-helper launch` does.
 * @param steps those of the request, in words; the scripts have the helper's
 * @throws ScullError UNSUPPORTED for a descriptor above 7
 */
export function portableLaunchCommand(request: LaunchRequest, steps: readonly string[]): { file: string; args: string[] } {
  const namespaces = ['--mount', ...(request.network === true ? ['--net'] : []), ...(request.cgroup === true ? ['--cgroup'] : [])].join(' ');
  const inner = [INNER_SCRIPT, ...innerWords(request, steps)];
  if (typeof request.joinUser === 'string') throw new ScullError('UNSUPPORTED', `whose namespace ${JSON.stringify(request.joinUser)} is only the native helper finds out`, { hint: NO_HELPER_HINT });
  if (request.joinUser !== undefined) return { file: 'sh', args: ['-c', JOIN_SCRIPT, 'scull-launch', String(request.joinUser), namespaces, ...inner] };
  if (isUnshared()) return { file: 'sh', args: ['-c', INSIDE_SCRIPT, 'scull-launch', namespaces, ...inner] };
  const maps = request.maps ?? defaultIdMaps();
  const single = isSingle(maps.uids) && isSingle(maps.gids);
  const credentials = single || request.keepGroups === true ? 'keep' : 'root';
  return { file: 'sh', args: ['-c', OUTER_SCRIPT, 'scull-launch', single ? 'single' : 'many', mapWords(maps.uids), mapWords(maps.gids), namespaces, credentials, ...inner] };
}

/** One id of our own may be mapped without newuidmap. */
function isSingle(ranges: readonly IdRange[]): boolean {
  return ranges.length === 1 && ranges[0]?.size === 1;
}

/** As newuidmap(1) and `/proc/PID/uid_map` take them. */
function mapWords(ranges: readonly IdRange[]): string {
  return ranges.map((range) => `${range.inside} ${range.outside} ${range.size}`).join(' ');
}

function innerWords(request: LaunchRequest, steps: readonly string[]): string[] {
  if (request.restFrom !== undefined) throw new Error('without the native helper a launch is begun when all of it is known');
  const ready = request.readyFd === undefined ? undefined : descriptor(request.readyFd);
  const kept = new Set((request.keepFds ?? []).map(descriptor));
  const words: string[] = [];
  for (let fd = 3; fd <= HIGHEST_FD; fd++) if (!kept.has(String(fd)) && String(fd) !== ready) words.push('close', String(fd));
  if (request.network === true) words.push('loopback');
  if (ready !== undefined) {
    // Who wants to know when the namespaces stand watches over the program as well.
    if (!kept.has(String(LIFELINE_FD)) && ready !== String(LIFELINE_FD)) words.push('lifeline');
    words.push('ready', ready);
    if (!kept.has(ready)) words.push('close', ready);
  }
  words.push(...steps);
  // /proc/self/mountinfo names mount points without symbolic links.
  if (request.writable !== undefined && request.writable.length > 0) words.push('read-only', String(request.writable.length), ...request.writable.map((path) => realpathSync(path)));
  return [...words, 'exec', ...request.program];
}

function descriptor(fd: number): string {
  if (Number.isInteger(fd) && fd >= 3 && fd <= HIGHEST_FD) return String(fd);
  throw new ScullError('UNSUPPORTED', `descriptor ${fd} can't be passed on without the native helper, only 3 to ${HIGHEST_FD}`, { hint: NO_HELPER_HINT });
}
