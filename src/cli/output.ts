/**
 * Standard output and error as plain descriptors. process.stdout is not touched: making it costs 11 ms in the
 * single-file executable, and it leaves O_NONBLOCK on a pipe that a container may inherit.
 */
import { fstatSync } from 'node:fs';
import { ClosedOutputError, errnoOf, ScullError } from '../host/errors.ts';
import { writeAllSync } from '../host/files.ts';
import { describeErrno } from '../host/errno.ts';

/** Writes all of it to standard output, waiting where a pipe is full. @throws ClosedOutputError, ScullError where it cannot be written */
export function writeOut(data: string | Uint8Array): void {
  try {
    writeAllSync(1, data);
  } catch (error) {
    const errno = errnoOf(error);
    // EBADF: started with standard output closed (`>&-`).
    if (errno === 'EPIPE' || errno === 'EBADF') throw new ClosedOutputError();
    throw new ScullError(errno === 'ENOSPC' ? 'NO_SPACE' : 'NOT_FOUND', `cannot write standard output: ${describeErrno(error)}`, { cause: error });
  }
}

/** Writes to standard error. Nobody reading it is no reason to stop. */
export function writeErr(data: string | Uint8Array): void {
  try {
    writeAllSync(2, data);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EPIPE' && errno !== 'EBADF' && errno !== 'EIO') throw error;
  }
}

/** The kernel's devices of memory, /dev/null among them: Documentation/admin-guide/devices.txt. */
const MEMORY_DEVICES = 1;

/** True if the descriptor is a terminal. Only a character device, and not /dev/null, is worth asking node:tty (2 to 3 ms) about. */
export async function isTerminal(fd: 0 | 1 | 2): Promise<boolean> {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev >> 8 === MEMORY_DEVICES) return false;
  } catch {
    return false; // closed
  }
  const { isatty } = await import('node:tty');
  return isatty(fd);
}
