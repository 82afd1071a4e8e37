import { errnoOf, ScullError } from './errors.ts';

/** SIGKILL to a process that may be gone already. @throws ScullError PERMISSION */
export function killQuietly(pid: number, signal: NodeJS.Signals | number = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return;
    throw new ScullError('PERMISSION', `cannot send ${signal} to process ${pid}`, { cause: error });
  }
}
