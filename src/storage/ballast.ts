/**
 * A file that does nothing but take up space, to be thrown overboard when the disk is full: removing an image or a container
 * needs a few kilobytes for a moment (a new index, the directory of a lock), which on a full disk come from here. It is made
 * again when there is room.
 */
import { closeSync, existsSync, openSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { errnoOf, isScullError } from '../host/errors.ts';
import { writeAllSync } from '../host/files.ts';
import { ownerTag } from '../host/identity.ts';
import type { Store } from './store.ts';

const SIZE = 512 * 1024;
/** As much as Web Crypto gives at once. Random, since some file systems compress. */
const PIECE = 65_536;

/** Makes it where it is missing or not whole, and there is more than enough room. The store has been used before. */
export function ensureBallast(store: Store): void {
  const { ballast, root } = store.layout;
  if (statSync(ballast, { throwIfNoEntry: false })?.size === SIZE) return;
  try {
    const { bavail, bsize } = statfsSync(root);
    if (bavail * bsize < SIZE + SIZE / 2) return;
    // Beside, so that two who make it do not make half of it each.
    const beside = `${ballast}.${ownerTag()}.tmp`;
    const fd = openSync(beside, 'wx', 0o600);
    try {
      for (let size = 0; size < SIZE; size += PIECE) writeAllSync(fd, globalThis.crypto.getRandomValues(new Uint8Array(PIECE)));
    } finally {
      closeSync(fd);
      renameSync(beside, ballast);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // No room after all, or a read-only disk: what is there of it is as good as it can be.
  }
}

/** Does what removes things; should there be no room for that, once more with the ballast thrown overboard. It may be done twice. */
export async function makingRoom<T>(store: Store, remove: () => Promise<T> | T): Promise<T> {
  try {
    return await remove();
  } catch (error) {
    if (!isScullError(error, 'NO_SPACE') || !existsSync(store.layout.ballast)) throw error;
  }
  rmSync(store.layout.ballast, { force: true });
  const done = await remove();
  ensureBallast(store);
  return done;
}
