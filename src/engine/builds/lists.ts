/** Lists of images that a build makes: of several platforms under the names of -t, and that of --manifest. */
import { isScullError } from '../../host/errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { EMPTY_INDEX, withoutPlatforms } from '../../oci/index-edit.ts';
import { changeList, createList, lookUpList, putList, type NewInstance } from '../../storage/image-lists.ts';
import type { Store } from '../../storage/store.ts';
import { recordEvent } from '../events/record.ts';
import { listName } from '../manifests/change.ts';
import type { BuildSession } from './session.ts';

/** A list as it is after the build. */
export interface BuiltList {
  readonly id: Digest;
  readonly descriptor: Descriptor;
}

/** Names that had another image or list are taken from it, as with an image. @throws ScullError NO_SPACE */
export async function nameList({ engine }: BuildSession, names: readonly string[], instances: readonly NewInstance[]): Promise<BuiltList> {
  const list = await putList(engine.store, names, EMPTY_INDEX, instances);
  recordEvent(engine, { type: 'image', status: 'build', id: list.id, name: names[0] ?? '' });
  return list;
}

/**
 * podman-build(1), "--manifest": what was there for the same platform goes, the others stay.
 * @throws ScullError INVALID where the name is a single image's; NO_SPACE
 */
export async function addToList({ engine: { store } }: BuildSession, name: string, instances: readonly NewInstance[]): Promise<BuiltList> {
  const full = listName(name);
  const platforms = instances.flatMap(({ descriptor }) => descriptor.platform ?? []);
  const id = isThere(store, full) ? await changeList(store, full, (index) => withoutPlatforms(index, platforms), instances) : await createList(store, full, EMPTY_INDEX, instances, { amend: true });
  return { id, descriptor: lookUpList(store, full).entry.descriptor };
}

function isThere(store: Store, name: string): boolean {
  try {
    lookUpList(store, name);
    return true;
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE')) return false;
    throw error;
  }
}
