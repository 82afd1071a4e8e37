/**
 * Making thousands of small files at once: nearly all of the time goes by in the kernel, so several runs of native/scull-layer
 * share them. (A copy that is killed ends them too: nobody tells them any more files.)
 */
import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { runOrThrow } from '../../host/process.ts';
import { nativeProgram } from '../../host/product.ts';

export interface NewFile {
  /** From the directory, without a link on the way. */
  readonly to: string;
  /** Absolute; a file, no link. */
  readonly from: string;
  readonly mode: number;
  /** Undefined leaves it to who makes it. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mtimeMs: number;
}

/** For fewer the start of a program does not pay. */
export const MANY = 300;

/** Whether the program is there that does it. */
export function canMakeMany(): boolean {
  return nativeProgram('scull-layer') !== undefined;
}

/**
 * Makes files that are not there yet, below `directory`.
 * @returns indexes of those that could not be made so, of which nothing is left
 * @throws ScullError TOOL_FAILED
 */
export async function makeMany(directory: string, files: readonly NewFile[]): Promise<number[]> {
  const program = nativeProgram('scull-layer');
  if (program === undefined) throw new Error('there is no scull-layer');
  const share = Math.ceil(files.length / Math.min(4, availableParallelism()));
  const begins = Array.from({ length: Math.ceil(files.length / share) }, (_, index) => index * share);
  const failed = await Promise.all(
    begins.map(async (begin) => {
      const words = files.slice(begin, begin + share).map(commandFor);
      const { stdout } = await runOrThrow(program, [], { cwd: directory, input: Buffer.from(words.join('')) });
      return stdout.split('\n').filter((line) => line !== '').map((line) => begin + Number(line.split(' ')[0]));
    }),
  );
  const indexes = failed.flat();
  if (indexes.some((index) => files[index] === undefined)) throw new ScullError('TOOL_FAILED', 'scull-layer gave an answer that makes no sense');
  return indexes;
}

/**
 * Has directories that will be made in this one put to another place on the disk. ext4 takes inodes beside those of the directory above, and
 * has to pass by each that was removed in the last minutes (a build's before, a pruned one's): with thousands of those that is most
 * of the time that making a file takes. Where the file system knows no such wish, nothing happens.
 */
export async function setApart(directory: string): Promise<void> {
  const program = nativeProgram('scull-layer');
  if (program !== undefined) await runOrThrow(program, [], { cwd: dirname(directory), input: Buffer.from(`a\0${basename(directory)}\0`) });
}

function commandFor({ to, from, mode, owner, mtimeMs }: NewFile): string {
  const seconds = Math.floor(mtimeMs / 1000);
  const nanoseconds = Math.round((mtimeMs - seconds * 1000) * 1e6);
  return `f\0${to}\0${from}\0${mode.toString(8)}\0${owner?.uid ?? '-'}\0${owner?.gid ?? '-'}\0${seconds}\0${Math.min(nanoseconds, 999_999_999)}\0`;
}
