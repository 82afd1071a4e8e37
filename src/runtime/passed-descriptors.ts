/**
 * Descriptors of the caller's that a process in a container gets too, under the same numbers: --preserve-fd, --preserve-fds.
 * The runtime passes on all from 3 to the highest of them; what lies between is /dev/null.
 */
import { readlinkSync } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';

/** For the start of a program: its streams from 3 on. @throws ScullError INVALID for one that is not open */
export function passedStreams(descriptors: readonly number[]): ('ignore' | number)[] {
  for (const fd of descriptors) {
    if (!isCallers(fd)) throw new ScullError('INVALID', `cannot pass file descriptor ${fd} on: it is not open`);
  }
  return Array.from({ length: Math.max(2, ...descriptors) - 2 }, (_, index) => (descriptors.includes(index + 3) ? index + 3 : 'ignore'));
}

/** Numbers that the caller left free the JavaScript runtime uses for its own event queue, which a container has no business with. */
function isCallers(fd: number): boolean {
  try {
    return !readlinkSync(`/proc/self/fd/${fd}`).startsWith('anon_inode:');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
