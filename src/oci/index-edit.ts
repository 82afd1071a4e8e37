/** Changing an image index (image-index.md), a list of images for several platforms. Pure: index in, index out. */
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { isManifestType } from './decode.ts';
import { MEDIA_TYPES, type ImageIndex } from './image.ts';
import { formatPlatform, normalizePlatform, type Platform } from './platform.ts';

export const EMPTY_INDEX: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] };

/** What may be said of one image in a list. What is undefined stays as it is. */
export interface InstanceNotes {
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
  readonly features?: readonly string[] | undefined;
}

/** Adds images to the list; one that is in it already is described anew, in its place. */
export function withInstances(index: ImageIndex, added: readonly Descriptor[]): ImageIndex {
  const manifests = new Map(index.manifests.map((entry) => [entry.digest, entry]));
  for (const descriptor of added) manifests.set(descriptor.digest, descriptor);
  return { ...index, manifests: [...manifests.values()] };
}

/** Takes out what is for one of these platforms. */
export function withoutPlatforms(index: ImageIndex, platforms: readonly Platform[]): ImageIndex {
  const gone = new Set(platforms.map(formatPlatform));
  return { ...index, manifests: index.manifests.filter((entry) => entry.platform === undefined || !gone.has(formatPlatform(entry.platform))) };
}

/** Takes an image out. */
export function withoutInstance(index: ImageIndex, digest: Digest): ImageIndex {
  return { ...index, manifests: index.manifests.filter((entry) => entry.digest !== digest) };
}

/** Notes something on one entry. Annotations are added to those there are. */
export function noteOn(entry: Descriptor, notes: InstanceNotes): Descriptor {
  const { annotations, ...aboutPlatform } = notes;
  const platform = Object.values(aboutPlatform).every((value) => value === undefined) ? entry.platform : notedPlatform(entry.platform, aboutPlatform);
  return {
    ...entry,
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations: { ...entry.annotations, ...annotations } }),
  };
}

function notedPlatform(before: Platform | undefined, notes: Omit<InstanceNotes, 'annotations'>): Platform {
  const { variant = before?.variant } = notes;
  const named = { os: notes.os ?? before?.os ?? 'linux', architecture: notes.architecture ?? before?.architecture ?? '', ...(variant === undefined ? {} : { variant }) };
  // Who writes arm64 v8 into a list means to: only the spelling of the processor is put right.
  const { architecture } = normalizePlatform(named);
  return {
    ...before,
    ...named,
    architecture,
    ...(notes.osVersion === undefined ? {} : { 'os.version': notes.osVersion }),
    ...(notes.osFeatures === undefined ? {} : { 'os.features': notes.osFeatures }),
    ...(notes.features === undefined ? {} : { features: notes.features }),
  };
}

/** Notes on the entry of an image; the others stay. */
export function annotateInstance(index: ImageIndex, digest: Digest, notes: InstanceNotes): ImageIndex {
  return { ...index, manifests: index.manifests.map((entry) => (entry.digest === digest ? noteOn(entry, notes) : entry)) };
}

/** Notes on the list itself. */
export function annotateIndex(index: ImageIndex, annotations: Readonly<Record<string, string>>, subject?: Descriptor): ImageIndex {
  const all = { ...index.annotations, ...annotations };
  return { ...index, ...(Object.keys(all).length === 0 ? {} : { annotations: all }), ...(subject === undefined ? {} : { subject }) };
}

/**
 * The list as the bytes of a document, of Docker's kind where that is wanted.
 * @returns undefined where Docker's kind can't hold what is in it: images of OCI's kind, annotations, a subject
 */
export function encodeIndex(index: ImageIndex, kind: 'oci' | 'docker' = 'oci'): Uint8Array | undefined {
  const { manifests, artifactType, subject } = index;
  const annotations = Object.keys(index.annotations ?? {}).length === 0 ? undefined : index.annotations;
  if (kind === 'oci') {
    const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, ...(artifactType === undefined ? {} : { artifactType }), manifests, ...(subject === undefined ? {} : { subject }), ...(annotations === undefined ? {} : { annotations }) };
    return Buffer.from(JSON.stringify(document));
  }
  const fits = manifests.every((entry) => entry.mediaType === MEDIA_TYPES.dockerManifest && entry.annotations === undefined && entry.platform !== undefined);
  if (!fits || annotations !== undefined || subject !== undefined) return undefined;
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.dockerManifestList, manifests }));
}

/** True where an entry leads to the manifest of one image, which a list of lists does not. */
export function isInstance(entry: Descriptor): boolean {
  return isManifestType(entry.mediaType);
}
