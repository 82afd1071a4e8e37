/** Room on the disk: a full one is told before it is full, so that removing and stopping still work. */
import { statfsSync } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';

/** Bytes that are left alone, and the part of a small file system that is as good. */
const RESERVE = 64 * 1024 ** 2;
const PART = 32;

/** Bytes of the file system that are left alone. */
export function reserveIn(directory: string): number {
  const { blocks, bsize } = statfsSync(directory);
  return blocks === 0 ? 0 : Math.min(RESERVE, (blocks * bsize) / PART);
}

/** Bytes of the file system that may still be used; undefined where it does not tell. */
export function roomIn(directory: string): number | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(directory);
    if (blocks === 0) return undefined; // it has no size, as some network file systems
    return bavail * bsize - reserveIn(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOSYS') return undefined;
    throw error;
  }
}

/** How much is written between two looks. */
export const LOOK_AFTER = 16 * 1024 ** 2;

/** @param what is being done, e.g. `fetching the layers` @throws ScullError NO_SPACE when `needed` bytes and the reserve are not free */
export function requireRoom(directory: string, needed: number, what: string): void {
  const room = roomIn(directory);
  if (room === undefined || room >= needed) return;
  const why = needed === 0 ? `${what} would fill the disk of ${directory}` : `${what} takes ${megabytes(needed)} at least, but ${directory} has only ${megabytes(Math.max(0, room))} to spare`;
  throw new ScullError('NO_SPACE', why, {
    hint: 'free some with `scull system prune`, or `scull rm` and `scull rmi`; removing needs no space',
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
