/**
 * rmi: taking names away, and with the last name the image. The rules are Podman's (and, but for the order of the words,
 * Docker's): a name of several is only untagged; the last name, or the id, stands for the image itself.
 */
import { isScullError, ScullError } from '../../host/errors.ts';
import { readContainerImages, type ContainerImage } from '../../storage/container-images.ts';
import { makingRoom } from '../../storage/ballast.ts';
import { collectGarbage } from '../../storage/garbage.ts';
import { findEntry, noSuchImage } from '../../storage/image-lookup.ts';
import { dropImage, dropNames, imageKey } from '../../storage/image-names.ts';
import { imagesBehind, withImageIds } from '../../storage/images.ts';
import { changeIndex, readIndex, type IndexEntry } from '../../storage/index-file.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { byAlias } from './by-alias.ts';

export interface RemoveImagesOptions {
  /** Containers made from the image are removed with it, running or not; an id may have several names. */
  readonly force?: boolean;
  /** Every image; `names` is empty then. */
  readonly all?: boolean;
  /** An image that is not there is no error. */
  readonly ignore?: boolean;
  /** Only the names go; the data stays until the next prune. */
  readonly noPrune?: boolean;
}

export interface RemovedImages {
  /** Full names, in order. */
  readonly untagged: readonly string[];
  /** Hex ids, in order. */
  readonly deleted: readonly string[];
  /** One for each that could not be removed; the others were. */
  readonly errors: readonly ScullError[];
}

/** Removes images, each on its own: what fails is told in `errors` (NO_SUCH_IMAGE, IN_USE, AMBIGUOUS, …). */
export async function removeImages(engine: Engine, names: readonly string[], options: RemoveImagesOptions = {}): Promise<RemovedImages> {
  const untagged: string[] = [];
  const deleted: string[] = [];
  const errors: ScullError[] = [];
  for (const target of options.all === true ? allImages(engine) : names) {
    try {
      const removed = await makingRoom(engine.store, () => (typeof target === 'string' ? byAlias(target, (name) => removeOne(engine, name, options)) : removeOne(engine, target, options)));
      untagged.push(...removed.untagged);
      if (removed.deleted !== undefined) deleted.push(removed.deleted);
      for (const name of removed.untagged) recordEvent(engine, { type: 'image', status: 'untag', id: removed.id, name });
      if (removed.deleted !== undefined) recordEvent(engine, { type: 'image', status: 'remove', id: removed.id, name: removed.untagged[0] ?? '' });
    } catch (error) {
      if (!isScullError(error)) throw error;
      // With --all, one that another command removed meanwhile is what was wanted.
      if (!(isScullError(error, 'NO_SUCH_IMAGE') && (options.ignore === true || options.all === true))) errors.push(error);
    }
  }
  if (deleted.length > 0 && options.noPrune !== true) await collectGarbage(engine.store);
  return { untagged, deleted, errors };
}

interface Removed {
  /** `sha256:…` */
  readonly id: string;
  readonly untagged: readonly string[];
  readonly deleted?: string;
}

/** What one removal is going to do, decided on the index as it is under its lock. */
interface Plan {
  readonly removed: Removed;
  readonly entries: readonly IndexEntry[];
  readonly users: readonly ContainerImage[];
}

async function removeOne(engine: Engine, target: string | IndexEntry, options: RemoveImagesOptions): Promise<Removed> {
  // Containers are stopped and removed outside the lock; then everything is looked at again.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    let plan: Plan | undefined;
    await changeIndex(engine.store, (read) => {
      plan = planRemoval(engine, withImageIds(engine.store, read), target, options);
      return plan.users.length === 0 ? plan.entries : undefined;
    });
    if (plan === undefined) break;
    if (plan.users.length === 0) return plan.removed;
    await removeUsers(engine, plan.users);
  }
  throw new ScullError('IN_USE', `new containers of the image ${describe(target)} keep being created`);
}

function planRemoval(engine: Engine, entries: readonly IndexEntry[], target: string | IndexEntry, options: RemoveImagesOptions): Plan {
  const found = typeof target === 'string' ? findEntry(engine.store, entries, target) : { entry: target };
  const key = found === undefined ? undefined : imageKey(found.entry);
  const own = entries.filter((entry) => imageKey(entry) === key);
  if (found === undefined || key === undefined || own.length === 0) throw noSuchImage(describe(target));
  const names = own.flatMap((entry) => entry.name ?? []);
  const id = found.entry.imageId ?? key;
  const tag = 'name' in found ? found.name : undefined;
  if (names.length > 1 && tag !== undefined && names.includes(tag)) {
    return { removed: { id, untagged: [tag] }, entries: dropNames(entries, [tag]), users: [] };
  }
  if (names.length > 1 && options.force !== true && options.all !== true) {
    throw new ScullError('AMBIGUOUS', `image ${describe(target)} has more than one name: ${names.join(', ')}`, { hint: 'remove it by force with -f, or name by name' });
  }
  const going = imagesBehind(engine.store, entries, found.entry);
  const users = readContainerImages(engine.store).containers.filter((container) => container.imageId !== undefined && going.has(container.imageId));
  if (users.length > 0 && options.force !== true) throw inUse(describe(target), users);
  return { removed: { id, untagged: names, deleted: key.slice(key.indexOf(':') + 1) }, entries: dropImage(entries, key), users };
}

function inUse(image: string, users: readonly ContainerImage[]): ScullError {
  const listed = users.slice(0, 10).map((container) => `${container.containerName} (${container.containerId.slice(0, 12)})`);
  const rest = users.length > listed.length ? ` and ${users.length - listed.length} more` : '';
  return new ScullError('IN_USE', `image ${image} is used by ${users.length === 1 ? 'container' : 'containers'} ${listed.join(', ')}${rest}`, {
    hint: 'remove the containers first, or both with `scull rmi -f`',
  });
}

async function removeUsers(engine: Engine, users: readonly ContainerImage[]): Promise<void> {
  const { removeContainers } = await import('../containers/remove.ts');
  const outcomes = await removeContainers(engine, { names: users.map((container) => container.containerId), force: true, ignore: true, volumes: true });
  const failed = outcomes.find((outcome) => outcome.error !== undefined);
  if (failed?.error !== undefined) throw failed.error;
}

/** One entry for each image. */
function allImages(engine: Engine): readonly IndexEntry[] {
  const entries = withImageIds(engine.store, readIndex(engine.store));
  return [...new Map(entries.map((entry) => [imageKey(entry), entry])).values()];
}

function describe(target: string | IndexEntry): string {
  return typeof target === 'string' ? target : (target.name ?? target.imageId ?? target.descriptor.digest);
}
