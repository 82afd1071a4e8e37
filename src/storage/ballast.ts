/**
 * Files that do nothing but take up space, to be thrown overboard one by one when the disk is full: removing an image or a
 * container needs a few kilobytes and a few files for a moment (a new index, the directory of a lock), which on a full disk come
 * from here. What was thrown overboard is replaced by later processes, when there is room.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, isScullError } from '../host/errors.ts';
import { writeAllSync } from '../host/files.ts';
import type { Store } from './store.ts';

const PIECES = 8;
/** Bytes; as much as Web Crypto gives at once. Random, since some file systems compress. */
const PIECE = 64 * 1024;

/** Taking what was thrown overboard on board again, while it is needed, would never end. */
let needed = false;

/** Makes it whole where it is not, and there is more than enough room. The store has been used before. */
export function ensureBallast(store: Store): void {
  if (needed) return;
  const { ballast, root } = store.layout;
  try {
    const there = piecesIn(ballast);
    if (there.length >= PIECES) return;
    const { bavail, bsize } = statfsSync(root);
    if (bavail * bsize < 2 * (PIECES - there.length) * PIECE) return;
    mkdirSync(ballast, { recursive: true, mode: 0o700 });
    for (let number = 0; number < PIECES; number++) if (!there.includes(String(number))) makePiece(join(ballast, String(number)));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // No room after all, or a read-only disk: what is there of it is as good as it can be.
  }
}

function makePiece(path: string): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    writeAllSync(fd, globalThis.crypto.getRandomValues(new Uint8Array(PIECE)));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
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
  needed = true;
  const piece = piecesIn(ballast).at(-1);
  if (piece === undefined) return false;
  try {
    unlinkSync(join(ballast, piece));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error; // another command needed it as well
  }
  return true;
}

function piecesIn(ballast: string): string[] {
  try {
    return readdirSync(ballast);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    // One file, as the first versions had it.
    if (errnoOf(error) === 'ENOTDIR') rmSync(ballast);
    else throw error;
    return [];
  }
}
