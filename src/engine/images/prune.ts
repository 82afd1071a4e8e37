/** Removing images nobody needs, and the data that belongs to none. */
import { isScullError, type ScullError } from '../../host/errors.ts';
import { readContainerImages } from '../../storage/container-images.ts';
import { makingRoom } from '../../storage/ballast.ts';
import { collectGarbage } from '../../storage/garbage.ts';
import { dropImage, imageKey } from '../../storage/image-names.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import { imagesBehind, readStored, withImageIds } from '../../storage/images.ts';
import { changeIndex, type IndexEntry } from '../../storage/index-file.ts';
import type { Engine } from '../engine.ts';

export interface PrunedImages {
  /** Hex ids. */
  readonly deleted: readonly string[];
  /** Set free on disk; 0 unless measured. */
  readonly bytes: number;
  /** Why something could not be removed. */
  readonly failed: readonly ScullError[];
}

export interface PruneOptions {
  /** Those with a name too. */
  readonly all?: boolean;
  /** Only those for which this is true; damaged ones stay then. */
  readonly where?: ((image: StoredImage) => boolean) | undefined;
  /** Results of build steps and directories of cache mounts too. */
  readonly buildCache?: boolean;
  /** Finds out how much is set free. */
  readonly measure?: boolean;
}

/**
 * Removes images without a name (with `all`: every image) that no container was made from, and blobs and layers that
 * belong to no image.
 */
export async function pruneImages(engine: Engine, options: PruneOptions = {}): Promise<PrunedImages> {
  const deleted: string[] = [];
  const failed: ScullError[] = [];
  await makingRoom(engine.store, () => changeIndex(engine.store, (read) => {
    deleted.length = 0; // with the ballast thrown overboard it is done again
    const entries = withImageIds(engine.store, read);
    const used = new Set(readContainerImages(engine.store).containers.map((container) => container.imageId));
    const named = new Set(entries.filter((entry) => entry.name !== undefined).map(imageKey));
    const isUsed = (key: string): boolean => used.has(key) || entries.some((entry) => imageKey(entry) === key && [...imagesBehind(engine.store, entries, entry)].some((id) => used.has(id)));
    let left: readonly IndexEntry[] = entries;
    for (const key of new Set(entries.map(imageKey))) {
      if (isUsed(key) || (options.all !== true && named.has(key))) continue;
      if (options.where !== undefined && !matches(engine, entries, key, options.where)) continue;
      deleted.push(key.slice(key.indexOf(':') + 1));
      left = dropImage(left, key);
    }
    return deleted.length === 0 ? undefined : left;
  }));
  if (options.buildCache === true) {
    const { pruneBuildCache } = await import('../../storage/build-cache.ts');
    const pruned = await pruneBuildCache(engine.store);
    failed.push(...pruned.failed);
  }
  try {
    const { bytes } = await collectGarbage(engine.store, { measure: options.measure ?? false });
    return { deleted, bytes, failed };
  } catch (error) {
    // The images are gone all the same, and that must be told.
    if (!isScullError(error)) throw error;
    return { deleted, bytes: 0, failed: [...failed, error] };
  }
}

function matches(engine: Engine, entries: readonly IndexEntry[], key: string, where: (image: StoredImage) => boolean): boolean {
  const entry = entries.find((candidate) => imageKey(candidate) === key);
  try {
    return entry !== undefined && where(readStored(engine.store, entries, entry));
  } catch (error) {
    if (isScullError(error)) return false;
    throw error;
  }
}
