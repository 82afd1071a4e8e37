/**
 * A named pipe as a sign of life. Whether any process has it open for reading, the kernel says to everybody who asks: also across
 * PID namespaces, where no pid can be looked up. See fifo(7).
 */
import { closeSync, constants, openSync } from 'node:fs';
import { errnoOf, ScullError } from './errors.ts';

/**
 * Shows a sign of life until this process ends, and every program that inherits the descriptor. Makes the pipe where there is none.
 * @returns the descriptor @throws ScullError TOOL_FAILED, and what the file system says
 */
export function showLife(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  // JavaScript has no mkfifo(3). Loaded here since it is needed once in the life of a PID namespace.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { status, stderr } = spawnSync('mkfifo', ['-m', '600', '--', path], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new ScullError('TOOL_FAILED', `cannot make the named pipe ${path}: ${stderr?.trim() || `mkfifo ended with status ${status}`}`, { cause });
  }
}

/** Whether somebody shows a sign of life there. */
export function showsLife(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    // ENXIO: nobody reads.
    if (errnoOf(error) === 'ENXIO' || errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
