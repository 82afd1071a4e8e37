/** Where an archive goes that a command writes: standard output, or a file that is there only when it is whole. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { ClosedOutputError, errnoOf, ScullError } from '../host/errors.ts';
import { explainWriteFailure } from '../host/files.ts';

/**
 * Gives `write` a descriptor: standard output's, or that of a file which replaces `output` when all is written and flushed.
 * Pipes and devices are written to directly.
 * @throws ScullError USAGE for a terminal; NOT_FOUND (no such folder), PERMISSION, NO_SPACE; ClosedOutputError when nobody reads it any more; and what `write` throws
 */
export async function toFileOrOutput<T>(output: string | undefined, write: (fd: number) => Promise<T>): Promise<T> {
  if (output === undefined) {
    const { isatty } = await import('node:tty');
    if (isatty(1)) throw new ScullError('USAGE', 'an archive is not written to a terminal', { hint: 'name a file with -o, or redirect the output' });
    return write(1).catch(explainClosed);
  }
  if (isSpecial(output)) {
    const fd = openOutput(output, 'w', output);
    return write(fd).catch(explainClosed).finally(() => closeSync(fd));
  }
  const beside = `${output}.${process.pid}.part`;
  const ended = removeWhenSignalled(beside);
  let fd: number | undefined;
  try {
    fd = openOutput(beside, 'wx', output);
    const result = await write(fd);
    fsyncSync(fd);
    renameSync(beside, output);
    return result;
  } catch (error) {
    if (fd !== undefined) rmSync(beside, { force: true });
    throw explainWriteFailure(error, output);
  } finally {
    ended();
    if (fd !== undefined) closeSync(fd);
  }
}

/** Nobody sweeps the user's folders: who ends the command by a signal finds nothing half done there. @returns to be called when it is done */
function removeWhenSignalled(path: string): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const ignore = (): void => {
    for (const signal of signals) process.removeListener(signal, remove);
  };
  const remove = (signal: NodeJS.Signals): void => {
    rmSync(path, { force: true });
    ignore();
    // Where the command itself does not end in its own way, it ends as it would have without us.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, remove);
  return ignore;
}

function explainClosed(error: unknown): never {
  throw errnoOf(error) === 'EPIPE' ? new ClosedOutputError(141) : error;
}

function isSpecial(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) throw new ScullError('INVALID', `${JSON.stringify(path)} is a folder`);
  return stat !== undefined && !stat.isFile();
}

function openOutput(path: string, flags: string, output: string): number {
  try {
    return openSync(path, flags, 0o644);
  } catch (error) {
    throw explainMissingFolder(error, output);
  }
}

/** Makes a folder of the user's, and those above it. @param mode of those made @throws ScullError INVALID where a file is in its place; NOT_FOUND, PERMISSION, NO_SPACE */
export function makeUserFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    if (['EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw new ScullError('INVALID', `cannot make the folder ${JSON.stringify(path)}: there is a file in its place`, { cause: error });
    throw explainMissingFolder(error, path);
  }
}

/** What keeps a file or folder of the user's from being made. */
export function explainMissingFolder(error: unknown, path: string): unknown {
  if (errnoOf(error) === 'ENOENT') return new ScullError('NOT_FOUND', `cannot write ${JSON.stringify(path)}: its folder does not exist`, { cause: error });
  return explainWriteFailure(error, path);
}
