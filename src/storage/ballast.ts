/**
 * A file that does nothing but take up space, to be thrown overboard piece by piece when the disk is full: removing an image or
 * a container needs a few kilobytes for a moment (a new index, the directory of a lock), which on a full disk come from
 * here. It is filled up again when there is room.
 */
import { closeSync, openSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { errnoOf, isScullError } from '../host/errors.ts';
import { writeAllSync } from '../host/files.ts';
import type { Store } from './store.ts';

const SIZE = 512 * 1024;
/** As much as Web Crypto gives at once. Random, since some file systems compress. */
const PIECE = 64 * 1024;

/** Makes it whole where it is not, and there is more than enough room. The store has been used before. */
export function ensureBallast(store: Store): void {
  const { ballast, root } = store.layout;
  let size = sizeOf(ballast);
  if (size >= SIZE) return;
  try {
    const { bavail, bsize } = statfsSync(root);
    if (bavail * bsize < 2 * (SIZE - size)) return;
    const fd = openSync(ballast, 'a', 0o600);
    try {
      for (; size < SIZE; size += PIECE) writeAllSync(fd, globalThis.crypto.getRandomValues(new Uint8Array(PIECE)));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // No room after all, or a read-only disk: what is there of it is as good as it can be.
  }
}

/** Does what removes things; should there be no room for that, again with a piece less of the ballast. It may be done several times. */
export async function makingRoom<T>(store: Store, remove: () => Promise<T> | T): Promise<T> {
  for (;;) {
    try {
      return await remove();
    } catch (error) {
      if (!isScullError(error, 'NO_SPACE') || !throwOverboard(store.layout.ballast)) throw error;
    }
  }
}

function throwOverboard(ballast: string): boolean {
  const size = sizeOf(ballast);
  if (size === 0) return false;
  truncateSync(ballast, Math.max(0, size - PIECE));
  return true;
}

function sizeOf(ballast: string): number {
  return statSync(ballast, { throwIfNoEntry: false })?.size ?? 0;
}
