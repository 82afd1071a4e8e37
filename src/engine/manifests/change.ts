/** `manifest create`, `add`, `annotate`, `remove`: lists of images for several platforms. */
import { ScullError } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { annotateIndex, annotateInstance, EMPTY_INDEX, noteOn, withoutInstance, type InstanceNotes } from '../../oci/index-edit.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { hostPlatform, normalizePlatform, type Platform } from '../../oci/platform.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import { changeList, createList } from '../../storage/image-lists.ts';
import type { Engine } from '../engine.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { findList } from './find-list.ts';
import { findInstances, findsInstance, withInstances } from './instances.ts';

export type Annotations = Readonly<Record<string, string>>;

export interface CreateManifestOptions extends RegistryChoices {
  /** Of lists among the images, everything in them. */
  readonly all?: boolean | undefined;
  /** Add to the list of this name, if there is one. */
  readonly amend?: boolean | undefined;
  /** On the list itself. */
  readonly annotations?: Annotations | undefined;
}

/**
 * Makes a list.
 * @param name a short one becomes `localhost/…`
 * @param images names in this store, else in a registry, or with a transport in files
 * @returns its id
 * @throws ScullError NAME_TAKEN, INVALID, NO_SUCH_IMAGE, UNSUPPORTED; and what registries make one throw
 */
export async function createManifest(engine: Engine, name: string, images: readonly string[], options: CreateManifestOptions = {}): Promise<Digest> {
  const full = listName(name);
  return withInstances(engine, images, options, (instances) => createList(engine.store, full, annotateIndex(EMPTY_INDEX, options.annotations ?? {}), instances, { amend: options.amend === true }));
}

/** A name for a list; a short one becomes `localhost/…`. @throws ScullError INVALID */
export function listName(name: string): string {
  const reference = localReference(name);
  if (reference.digest !== undefined) throw new ScullError('INVALID', `a list can't be called ${JSON.stringify(name)}: what its digest is shows when it is complete`);
  return formatReference(reference);
}

export interface AddToManifestOptions extends RegistryChoices {
  readonly all?: boolean | undefined;
  /** What the list shall say of the images; platforms also choose among those of another list. */
  readonly notes: InstanceNotes;
}

/**
 * Adds images to a list. @returns the list's id
 * @throws ScullError NO_SUCH_IMAGE, INVALID, UNSUPPORTED; and what registries make one throw
 */
export async function addToManifest(engine: Engine, list: string, images: readonly string[], options: AddToManifestOptions): Promise<Digest> {
  const { name } = await findList(engine, list); // before anything is fetched
  const { notes } = options;
  return withInstances(engine, images, { ...options, platform: wantedPlatform(notes) }, (instances) => {
    const noted = instances.map((instance) => ({ ...instance, descriptor: noteOn(instance.descriptor, notes) }));
    return changeList(engine.store, name, (index) => index, noted);
  });
}

function wantedPlatform({ os, architecture, variant }: InstanceNotes): Platform | undefined {
  if (os === undefined && architecture === undefined && variant === undefined) return undefined;
  const host = hostPlatform();
  return normalizePlatform({ os: os ?? host.os, architecture: architecture ?? host.architecture, ...(variant === undefined ? {} : { variant }) });
}

/**
 * Notes something on one image of a list.
 * @param image a digest in the list, or the name of an image here that is in it
 * @returns the list's id
 * @throws ScullError NO_SUCH_IMAGE for either; INVALID
 */
export async function annotateManifest(engine: Engine, list: string, image: string, notes: InstanceNotes): Promise<Digest> {
  const { name } = await findList(engine, list);
  const instanceIn = await findsInstance(engine, image);
  return changeList(engine.store, name, (index) => annotateInstance(index, instanceIn(index), notes));
}

/**
 * Notes something on a list itself.
 * @param subject name of the image that the list belongs to
 * @returns the list's id
 * @throws ScullError NO_SUCH_IMAGE, INVALID
 */
export async function annotateManifestIndex(engine: Engine, list: string, annotations: Annotations, subject?: string): Promise<Digest> {
  const { name } = await findList(engine, list);
  const [instance] = subject === undefined ? [] : await findInstances(engine, subject, {});
  return changeList(engine.store, name, (index) => annotateIndex(index, annotations, instance === undefined ? undefined : bare(instance.descriptor)));
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** Takes an image out of a list. @returns the list's id @throws ScullError NO_SUCH_IMAGE for either; INVALID */
export async function removeFromManifest(engine: Engine, list: string, image: string): Promise<Digest> {
  const { name } = await findList(engine, list);
  const instanceIn = await findsInstance(engine, image);
  return changeList(engine.store, name, (index) => withoutInstance(index, instanceIn(index)));
}
