/**
 * Deleting blobs and layers that nothing needs any more (reach.ts says which), and what came of blobs that nobody is
 * fetching. They are renamed out of sight under the lock of the index, so that no name can lead to them meanwhile; the
 * deleting itself comes after.
 *
 * Containers are made without that lock. So there is a second look after the renaming: what a container that appeared
 * meanwhile stands on is put back. And whoever makes a container looks, once it can be seen, whether its layers are still
 * there (engine/containers/create.ts): one of the two always notices.
 */
import { renameSync } from 'node:fs';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, isScullError, type ScullError } from '../host/errors.ts';
import { explainWriteFailure } from '../host/files.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { ensureBallast, makingRoom } from './ballast.ts';
import { diskUsageOf } from './disk-usage.ts';
import { removeLink, sweepLinks } from './layers/links.ts';
import { removeLargeTrees } from './layers/remove-trees.ts';
import { layerPaths } from './layers/store.ts';
import { withLock } from './locks.ts';
import { dropPartialBlobs } from './partial-blobs.ts';
import { findGarbage, findNeeded, type Needed } from './reach.ts';
import { createStaging, moveToTrash, removeOwnedTree, sweepStaging, type Staging } from './staging.ts';
import type { Store } from './store.ts';
import { sweepTornFiles } from './torn-files.ts';

export interface Collected {
  readonly blobs: readonly Digest[];
  /** Chain ids. */
  readonly layers: readonly Digest[];
  /** On disk; 0 unless measured. */
  readonly bytes: number;
}

interface Removed {
  readonly digest: Digest;
  readonly place: string;
  /** Where it is now. */
  readonly gone: string;
}

/**
 * Deletes what is not needed, and goes on where something can't be moved. Where a container's record is damaged, nobody knows its layers: then all layers stay.
 * @param options.measure finds out how much that sets free, which means looking at every file of it
 * @throws ScullError TIMEOUT for the lock; CORRUPT when the index is damaged (nothing is deleted then); PERMISSION for the first that can't be moved, when the rest is deleted
 */
export function collectGarbage(store: Store, options: { readonly measure?: boolean } = {}): Promise<Collected> {
  return makingRoom(store, () => collect(store, options.measure === true));
}

async function collect(store: Store, measure: boolean): Promise<Collected> {
  let staging: Staging | undefined;
  const failed: ScullError[] = [];
  try {
    const removed = await withLock(store, 'images', () => {
      const garbage = findGarbage(store, findNeeded(store));
      const blobs = moveEach(garbage.blobs, failed, (digest) => moveBlob(store, digest));
      crashPoint('garbage:blobs-moved');
      let layers: Removed[] = [];
      if (garbage.layers.length > 0) {
        // Not the trash, which others empty at any time: some may have to go back.
        staging = createStaging(store);
        const { path } = staging;
        layers = putBack(moveEach(garbage.layers, failed, (chainId) => moveLayer(store, chainId, path(digestHex(chainId)))), findNeeded(store));
      }
      crashPoint('garbage:layers-moved');
      for (const { digest } of layers) removeLink(store, digest);
      sweepLinks(store);
      sweepTornFiles(store);
      return { blobs, layers, partial: dropPartialBlobs(store) };
    });
    const files = [...removed.blobs.map(({ gone }) => gone), ...removed.partial];
    const places = [...files, ...removed.layers.map(({ gone }) => gone)];
    const bytes = measure ? [...(await diskUsageOf(places)).values()].reduce((sum, size) => sum + size, 0) : 0;
    // What is left of the layers goes with the staging directory. Freeing the blocks of a large blob takes a while, too: at the same time.
    const trees = removeLargeTrees(removed.layers.map(({ gone }) => gone));
    const outcomes = await Promise.allSettled([trees, ...files.map(removeFile)]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (failed[0] !== undefined) throw failed[0];
    return { blobs: removed.blobs.map(({ digest }) => digest), layers: removed.layers.map(({ digest }) => digest), bytes };
  } finally {
    await staging?.remove();
    await sweepStaging(store);
    ensureBallast(store);
  }
}

/** On a thread; whatever it is. */
async function removeFile(path: string): Promise<void> {
  const { unlink } = await import('node:fs/promises');
  try {
    await unlink(path);
  } catch {
    await removeOwnedTree(path);
  }
}

/** Where there is no space, none of the others can be moved either, and there is a remedy: {@link makingRoom}. */
function moveEach(digests: readonly Digest[], failed: ScullError[], move: (digest: Digest) => Removed[]): Removed[] {
  return digests.flatMap((digest) => {
    try {
      return move(digest);
    } catch (error) {
      if (!isScullError(error) || error.code === 'NO_SPACE') throw error;
      failed.push(error);
      return [];
    }
  });
}

function moveBlob(store: Store, digest: Digest): Removed[] {
  const place = store.layout.blob(digest);
  const gone = moveToTrash(store, place);
  return gone === undefined ? [] : [{ digest, place, gone }];
}

function moveLayer(store: Store, digest: Digest, gone: string): Removed[] {
  const place = layerPaths(store, digest).directory;
  try {
    renameSync(place, gone);
    return [{ digest, place, gone }];
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw explainWriteFailure(error, place);
  }
}

/** Undoes what turned out to be needed. @returns what is still not needed */
function putBack(layers: readonly Removed[], needed: Needed): Removed[] {
  return layers.filter(({ digest, place, gone }) => {
    if (!needed.allLayers && !needed.layers.has(digest)) return true;
    try {
      renameSync(gone, place);
      return false;
    } catch (error) {
      // Unpacked anew meanwhile: this one is not needed any more.
      if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return true;
      throw error;
    }
  });
}

/** After something failed: its blobs go at once, unlike those of a broken pull, which the next attempt will want. */
export async function discardLeftovers(store: Store): Promise<void> {
  try {
    await collectGarbage(store);
  } catch (error) {
    // What failed before is what the user must hear; garbage that stays is harmless, and taken with the next removal.
    if (!isScullError(error) && errnoOf(error) === undefined) throw error;
  }
}
