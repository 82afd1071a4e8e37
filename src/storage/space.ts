/** Room on the disk: a full one is told before it is full, so that removing and stopping still work. */
import { statfsSync } from 'node:fs';
import { roomIsPretended } from '../host/crash-point.ts';
import { errnoOf, isScullError, ScullError } from '../host/errors.ts';
import { NO_SPACE_HINT } from '../host/files.ts';

/** Bytes that are left alone, and the part of a small file system that is as good. */
const RESERVE = 64 * 1024 ** 2;
const PART = 32;

/** Bytes of the file system that are left alone. */
export function reserveIn(directory: string): number {
  if (roomIsPretended()) return 0;
  const { blocks, bsize } = statfsSync(directory);
  return blocks === 0 ? 0 : Math.min(RESERVE, (blocks * bsize) / PART);
}

/** Bytes of the file system that may still be used; undefined where it does not tell. */
function roomIn(directory: string): number | undefined {
  if (roomIsPretended()) return undefined;
  try {
    const { bavail, blocks, bsize } = statfsSync(directory);
    if (blocks === 0) return undefined; // it has no size, as some network file systems
    return bavail * bsize - reserveIn(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOSYS') return undefined;
    throw error;
  }
}

/** There is no room for one small file more. */
export function isFull(directory: string): boolean {
  const { bavail, bsize, files, ffree } = statfsSync(directory);
  return bavail * bsize < 4 * bsize || (files > 0 && ffree < 4);
}

/** What another program failed with because the disk is full is told as that, whatever its own words are. */
export function explainFullDisk(error: unknown, directory: string): unknown {
  if (!isScullError(error, 'TOOL_FAILED') || !isFull(directory)) return error;
  return new ScullError('NO_SPACE', `no space left in ${directory}: ${error.message}`, { hint: NO_SPACE_HINT, detail: error.detail, cause: error });
}

/** How much is written between two looks. */
export const LOOK_AFTER = 16 * 1024 ** 2;

/** @param what is being done, e.g. `fetching the layers` @throws ScullError NO_SPACE when `needed` bytes and the reserve are not free */
export function requireRoom(directory: string, needed: number, what: string): void {
  const room = roomIn(directory);
  if (room === undefined || room >= needed) return;
  const why = needed === 0 ? `${what} would fill the disk of ${directory}` : `${what} takes ${megabytes(needed)} at least, but ${directory} has only ${megabytes(Math.max(0, room))} to spare`;
  throw new ScullError('NO_SPACE', why, {
    hint: NO_SPACE_HINT,
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
