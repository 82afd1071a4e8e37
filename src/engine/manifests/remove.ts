/** `manifest rm`: removing lists. The images in them that have names of their own stay. */
import { isScullError, type ScullError } from '../../host/errors.ts';
import type { Engine } from '../engine.ts';
import { removeImages, type RemovedImages } from '../images/remove.ts';
import { findList } from './find-list.ts';

/** Removes lists, each on its own; `errors` has NO_SUCH_IMAGE, and INVALID for what is no list. */
export async function removeManifests(engine: Engine, names: readonly string[], options: { readonly ignore?: boolean } = {}): Promise<RemovedImages> {
  const lists: string[] = [];
  const errors: ScullError[] = [];
  for (const name of names) {
    try {
      lists.push((await findList(engine, name)).name);
    } catch (error) {
      if (!isScullError(error)) throw error;
      if (!(options.ignore === true && isScullError(error, 'NO_SUCH_IMAGE'))) errors.push(error);
    }
  }
  const removed = await removeImages(engine, lists, options);
  return { ...removed, errors: [...errors, ...removed.errors] };
}
