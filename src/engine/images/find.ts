/** Finding an image by what a person types. */
import { isScullError } from '../../host/errors.ts';
import { lookUpImage, lookUpStored } from '../../storage/image-lookup.ts';
import type { ImageRecord, StoredImage } from '../../storage/image-types.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from './by-alias.ts';

/**
 * The image called `nameOrId`: a name (short, full, with tag or digest), or an image id or the beginning of one.
 * @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID, CORRUPT
 */
export async function findImage(engine: Engine, nameOrId: string): Promise<ImageRecord> {
  return byAlias(nameOrId, (name) => lookUpImage(engine.store, name).image);
}

/** Whatever is called so: an image, a list as such, an artifact. @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID, CORRUPT */
export async function findStored(engine: Engine, nameOrId: string): Promise<StoredImage> {
  return byAlias(nameOrId, (name) => lookUpStored(engine.store, name).image);
}

/** @throws ScullError for anything but an image that is not there */
export async function imageExists(engine: Engine, nameOrId: string): Promise<boolean> {
  try {
    await byAlias(nameOrId, (name) => lookUpStored(engine.store, name));
    return true;
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE')) return false;
    throw error;
  }
}
