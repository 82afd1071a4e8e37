/** Putting names on images and taking them away. */
import { ScullError } from '../../host/errors.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import { findEntry, noSuchImage } from '../../storage/image-lookup.ts';
import { dropNames, imageKey, putNames } from '../../storage/image-names.ts';
import { withImageIds } from '../../storage/images.ts';
import { changeIndex } from '../../storage/index-file.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { byAlias } from './by-alias.ts';

/**
 * Gives an image more names; whatever had them loses them. Short names become `localhost/…`, as with Podman.
 * @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID
 */
export async function tagImage(engine: Engine, nameOrId: string, names: readonly string[]): Promise<void> {
  return byAlias(nameOrId, (name) => tagNamed(engine, name, names));
}

async function tagNamed(engine: Engine, nameOrId: string, names: readonly string[]): Promise<void> {
  const full = names.map((name) => formatReference(localReference(name)));
  let id = '';
  await changeIndex(engine.store, (read) => {
    const entries = withImageIds(engine.store, read);
    const found = findEntry(engine.store, entries, nameOrId);
    if (found === undefined) throw noSuchImage(nameOrId);
    id = found.entry.imageId ?? '';
    return putNames(entries, found.entry, full);
  });
  for (const name of full) recordEvent(engine, { type: 'image', status: 'tag', id, name });
}

/**
 * Takes the given names away from an image, all of them when none is given. The image stays.
 * @throws ScullError NO_SUCH_IMAGE; INVALID when a name is not one of this image
 */
export async function untagImage(engine: Engine, nameOrId: string, names: readonly string[]): Promise<void> {
  return byAlias(nameOrId, (name) => untagNamed(engine, name, names));
}

async function untagNamed(engine: Engine, nameOrId: string, names: readonly string[]): Promise<void> {
  let taken: readonly string[] = [];
  let id = '';
  await changeIndex(engine.store, (read) => {
    const entries = withImageIds(engine.store, read);
    const found = findEntry(engine.store, entries, nameOrId);
    if (found === undefined) throw noSuchImage(nameOrId);
    const own = entries.filter((entry) => imageKey(entry) === imageKey(found.entry)).flatMap((entry) => entry.name ?? []);
    const wanted = names.map((name) => {
      const full = findEntry(engine.store, entries, name)?.name;
      if (full !== undefined && own.includes(full)) return full;
      throw new ScullError('NO_SUCH_IMAGE', `${JSON.stringify(name)} is not a name of image ${JSON.stringify(nameOrId)}`);
    });
    id = found.entry.imageId ?? '';
    taken = names.length === 0 ? own : wanted;
    return dropNames(entries, taken);
  });
  for (const name of taken) recordEvent(engine, { type: 'image', status: 'untag', id, name });
}
