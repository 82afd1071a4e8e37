/**
 * Lists of images for several platforms, in the store. A list is an entry of index.json whose descriptor leads to an OCI
 * index; the document is replaced with each change, the entry's id stays. Manifests and configurations of the images in it
 * are always here (so that one can be chosen, and the list pushed); layers of those that a registry offers are not, and the
 * entry remembers where they are.
 */
import { join } from 'node:path';
import { ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, syncDirectory } from '../host/files.ts';
import { randomHex } from '../host/identity.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { MEDIA_TYPES, type ImageIndex } from '../oci/image.ts';
import { encodeIndex, withInstances } from '../oci/index-edit.ts';
import { digestOf, storeBlob, storeDocument } from './blobs.ts';
import { addClaims } from './claims.ts';
import { findEntry, noSuchImage } from './image-lookup.ts';
import { imageKey, putNames } from './image-names.ts';
import { readManifestOrIndex, withImageIds } from './images.ts';
import { changeIndex, readIndex, type IndexEntry } from './index-file.ts';
import { createStaging, sweepStaging, type Staging } from './staging.ts';
import type { Store } from './store.ts';

export interface ImageList {
  readonly entry: IndexEntry;
  /** The name it was asked for by, if it was one. */
  readonly name?: string;
  readonly index: ImageIndex;
}

/** Content to be stored with a list. */
export interface NewBlob {
  readonly descriptor: Descriptor;
  open(): AsyncIterable<Uint8Array>;
}

/** An image to be put into a list. */
export interface NewInstance {
  readonly descriptor: Descriptor;
  /** Manifest and configuration, where they may not be in the store yet. */
  readonly documents: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
  /** Layers, where they may not be in the store and no registry has them. */
  readonly blobs?: readonly NewBlob[];
  /** `repository@digest`, where its layers may not be in the store. */
  readonly origin?: string;
}

/** @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, CORRUPT; INVALID for what is no list */
export function lookUpList(store: Store, text: string): ImageList {
  return findList(store, readIndex(store), text);
}

function findList(store: Store, entries: readonly IndexEntry[], text: string): ImageList {
  const found = findEntry(store, entries, text);
  if (found === undefined) throw noSuchImage(text);
  const document = readManifestOrIndex(store, found.entry.descriptor);
  if (document.kind !== 'index') throw new ScullError('INVALID', `${JSON.stringify(text)} is not a list of images but a single one`);
  return { ...found, index: document.index };
}

/**
 * Makes a list under a name nobody has.
 * @param options.amend add to the list that has this name, if there is one
 * @returns its id
 * @throws ScullError NAME_TAKEN; INVALID where the name belongs to something else than a list; NO_SPACE
 */
export async function createList(store: Store, name: string, index: ImageIndex, instances: readonly NewInstance[], options: { readonly amend: boolean }): Promise<Digest> {
  return changing(store, instances, async (staging, entries) => {
    const taken = entries.find((entry) => entry.name === name);
    if (taken !== undefined && !options.amend) {
      throw new ScullError('NAME_TAKEN', `the name ${name} is already taken`, { hint: 'add to a list of that name with --amend, or remove it with `scull manifest rm`' });
    }
    if (taken !== undefined) {
      const before = findList(store, entries, name);
      return replace(store, staging, entries, before, { ...before.index, annotations: { ...before.index.annotations, ...index.annotations } }, instances);
    }
    const entry = newEntry(await storeIndex(store, staging, withAdded(index, instances)), instances);
    return { id: imageKey(entry) as Digest, entries: putNames(entries, entry, [name]) };
  });
}

/**
 * Makes a list under names that it takes from whatever had them. One that is here already gets the names.
 * @returns its id and where it is
 * @throws ScullError NO_SPACE
 */
export async function putList(store: Store, names: readonly string[], index: ImageIndex, instances: readonly NewInstance[]): Promise<{ readonly id: Digest; readonly descriptor: Descriptor }> {
  let descriptor: Descriptor | undefined;
  const id = await changing(store, instances, async (staging, entries) => {
    descriptor = await storeIndex(store, staging, withAdded(index, instances));
    const { digest } = descriptor;
    const same = entries.filter((known) => known.descriptor.digest === digest);
    const entry = same.find(({ name }) => name !== undefined && names.includes(name)) ?? same[0] ?? newEntry(descriptor, instances);
    return { id: imageKey(entry) as Digest, entries: putNames(entries, entry, names) };
  });
  return { id, descriptor: descriptor as Descriptor };
}

function newEntry(descriptor: Descriptor, instances: readonly NewInstance[]): IndexEntry {
  return { descriptor, imageId: `sha256:${randomHex(32)}` as Digest, repoDigests: [], created: new Date().toISOString(), origins: originsOf(instances) };
}

/**
 * Changes a list, under all its names.
 * @param change from what is in it to what shall be; may throw to change nothing
 * @returns its id
 * @throws ScullError as {@link lookUpList}; NO_SPACE
 */
export async function changeList(store: Store, text: string, change: (index: ImageIndex) => ImageIndex, instances: readonly NewInstance[] = []): Promise<Digest> {
  return changing(store, instances, async (staging, entries) => {
    const list = findList(store, entries, text);
    return replace(store, staging, entries, list, change(list.index), instances);
  });
}

interface Changed {
  readonly id: Digest;
  readonly entries: readonly IndexEntry[];
}

async function changing(store: Store, instances: readonly NewInstance[], change: (staging: Staging, entries: readonly IndexEntry[]) => Promise<Changed>): Promise<Digest> {
  ensurePrivateDirectory(store.layout.root);
  await sweepStaging(store);
  const staging = createStaging(store);
  try {
    const documents = instances.flatMap((instance) => instance.documents);
    const blobs = instances.flatMap((instance) => instance.blobs ?? []);
    addClaims(staging, { blobs: [...documents.map(({ digest }) => digest), ...blobs.map(({ descriptor }) => descriptor.digest)], layers: [] });
    for (const { digest, bytes } of documents) await storeDocument(store, staging, digest, bytes);
    for (const { descriptor, open } of blobs) await storeBlob(store, staging, descriptor, async () => open());
    let id: Digest | undefined;
    await changeIndex(store, async (read) => {
      const changed = await change(staging, withImageIds(store, read));
      id = changed.id;
      return changed.entries;
    });
    return id as Digest;
  } finally {
    await staging.remove();
  }
}

async function replace(store: Store, staging: Staging, entries: readonly IndexEntry[], list: ImageList, index: ImageIndex, instances: readonly NewInstance[]): Promise<Changed> {
  const after = withAdded(index, instances);
  const descriptor = await storeIndex(store, staging, after);
  const inList = new Set<string>(after.manifests.map((entry) => entry.digest));
  const known = [...(list.entry.origins ?? []), ...originsOf(instances)];
  const origins = [...new Set(known)].filter((origin) => inList.has(origin.slice(origin.lastIndexOf('@') + 1)));
  const key = imageKey(list.entry);
  return { id: key as Digest, entries: entries.map((entry) => (imageKey(entry) === key ? { ...entry, descriptor, origins, repoDigests: [] } : entry)) };
}

function withAdded(index: ImageIndex, instances: readonly NewInstance[]): ImageIndex {
  return withInstances(index, instances.map((instance) => instance.descriptor));
}

function originsOf(instances: readonly NewInstance[]): readonly string[] {
  return instances.flatMap((instance) => instance.origin ?? []);
}

async function storeIndex(store: Store, staging: Staging, index: ImageIndex): Promise<Descriptor> {
  const bytes = encodeIndex(index) as Uint8Array;
  const digest = digestOf(bytes);
  await storeDocument(store, staging, digest, bytes);
  syncDirectory(join(store.layout.blob(digest), '..'));
  return { mediaType: MEDIA_TYPES.ociIndex, digest, size: bytes.length };
}
