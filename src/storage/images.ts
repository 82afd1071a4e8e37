/** Reading images from the store. No lock is taken; an image with a damaged document harms nobody but itself. */
import { isScullError, ScullError } from '../host/errors.ts';
import { chainIds } from '../oci/chain-id.ts';
import { decodeImageConfig, decodeManifestOrIndex, isImageConfigType, isIndexType, type DecodedIndex, type DecodedManifest } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig, ImageIndex, Manifest } from '../oci/image.ts';
import { choosePlatform, formatPlatform, hostPlatform, type Platform } from '../oci/platform.ts';
import { readDocument } from './blobs.ts';
import { imageKey } from './image-names.ts';
import type { ImageRecord, LayerRef, StoredImage } from './image-types.ts';
import { readIndex, type IndexEntry } from './index-file.ts';
import type { Store } from './store.ts';

/** An image that is listed, but can't be read. It can still be untagged and removed. */
export interface DamagedImage {
  readonly digest: Digest;
  readonly names: readonly string[];
  readonly error: ScullError;
}

/** A manifest in the store, with what is needed to find and pass it on. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifest: Manifest;
}

/**
 * Every image, list and artifact, each once with all its names, in the order of the index.
 * @throws ScullError CORRUPT when the index itself is damaged
 */
export function readImages(store: Store): { readonly images: readonly StoredImage[]; readonly damaged: readonly DamagedImage[] } {
  const entries = withImageIds(store, readIndex(store));
  const images: StoredImage[] = [];
  const damaged: DamagedImage[] = [];
  for (const [entry, ...others] of groupByImage(entries)) {
    const same = [entry, ...others];
    try {
      images.push(readStored(store, same, entry));
    } catch (error) {
      if (!isScullError(error)) throw error;
      damaged.push({ digest: entry.descriptor.digest, names: same.flatMap((other) => other.name ?? []), error });
    }
  }
  return { images, damaged };
}

function groupByImage(entries: readonly IndexEntry[]): Iterable<[IndexEntry, ...IndexEntry[]]> {
  const groups = new Map<string, [IndexEntry, ...IndexEntry[]]>();
  for (const entry of entries) {
    const group = groups.get(imageKey(entry));
    if (group === undefined) groups.set(imageKey(entry), [entry]);
    else group.push(entry);
  }
  return groups.values();
}

/**
 * The image of one entry, as one value; `entries` are those of the whole index, for its other names. Of a list the image for
 * `platform` is meant, this machine's unless given.
 * @throws ScullError CORRUPT naming the damaged file; UNSUPPORTED when it is no image, or a list without a fitting one
 */
export function readImage(store: Store, entries: readonly IndexEntry[], entry: IndexEntry, platform?: Platform): ImageRecord {
  const stored = readManifest(store, entry.descriptor, { name: entry.name, platform });
  if (isImageConfigType(stored.manifest.config.mediaType)) return imageRecord(store, entries, entry, stored);
  throw new ScullError('UNSUPPORTED', `${entry.name ?? stored.digest} is not an image but an artifact of type ${JSON.stringify(artifactType(stored.manifest))}, which can't be run`);
}

/** Whatever the entry leads to, as one value. @throws ScullError CORRUPT naming the damaged file */
export function readStored(store: Store, entries: readonly IndexEntry[], entry: IndexEntry): StoredImage {
  const { digest, mediaType } = entry.descriptor;
  const document = readManifestOrIndex(store, entry.descriptor);
  if (document.kind === 'manifest' && isImageConfigType(document.manifest.config.mediaType)) {
    return imageRecord(store, entries, entry, { digest, mediaType: document.mediaType, manifest: document.manifest });
  }
  const id = entry.imageId ?? digest;
  const same = entries.filter((other) => other === entry || other.imageId === id);
  const common = { id, manifestDigest: digest, manifestMediaType: mediaType, ...namesOf(same), layers: [] };
  if (document.kind === 'index') return { ...common, kind: 'list', size: entry.descriptor.size, created: entry.created ?? EPOCH };
  const { manifest } = document;
  const size = manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
  return { ...common, kind: 'artifact', manifest, size, created: manifest.annotations?.['org.opencontainers.image.created'] ?? EPOCH };
}

function imageRecord(store: Store, entries: readonly IndexEntry[], entry: IndexEntry, { digest, mediaType, manifest }: StoredManifest): ImageRecord {
  const config = readConfig(store, manifest.config);
  const id = manifest.config.digest;
  const same = entries.filter((other) => other === entry || other.imageId === id || (other.imageId === undefined && other.descriptor.digest === entry.descriptor.digest));
  const layers = layerRefs(manifest, config, store.layout.blob(id));
  const known = entry.descriptor.digest === digest ? entry.size : undefined;
  return {
    kind: 'image',
    id,
    manifestDigest: digest,
    manifestMediaType: mediaType,
    manifest,
    config,
    ...namesOf(same),
    layers,
    size: known ?? layers.reduce((sum, layer) => sum + layer.descriptor.size, 0),
    created: config.created ?? EPOCH,
  };
}

const EPOCH = '1970-01-01T00:00:00Z';

function namesOf(entries: readonly IndexEntry[]): Pick<StoredImage, 'names' | 'repoDigests'> {
  const sortedUnion = (words: readonly string[]): readonly string[] => [...new Set(words)].sort();
  return { names: sortedUnion(entries.flatMap((entry) => entry.name ?? [])), repoDigests: sortedUnion(entries.flatMap((entry) => entry.repoDigests)) };
}

/** What kind of artifact: image-spec manifest.md, "artifactType". */
export function artifactType(manifest: Manifest): string {
  return manifest.artifactType ?? manifest.config.mediaType;
}

/** Pairs a manifest's layers with the configuration's. @throws ScullError INVALID when their numbers differ */
export function layerRefs(manifest: Manifest, config: ImageConfig, where: string): readonly LayerRef[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new ScullError('INVALID', `the image is inconsistent: its manifest lists ${manifest.layers.length} layers, its configuration ${diffIds.length}`, { detail: where });
  }
  const chain = chainIds(diffIds);
  return manifest.layers.map((descriptor, index) => ({ descriptor, diffId: diffIds[index] as Digest, chainId: chain[index] as Digest }));
}

/** Manifest or index, as it is. @throws ScullError CORRUPT naming the file */
export function readManifestOrIndex(store: Store, descriptor: Descriptor): DecodedManifest | DecodedIndex {
  return explainDamage(store, descriptor.digest, (bytes) => decodeManifestOrIndex(bytes, descriptor.mediaType));
}

/** The name to call it by in messages, and which image of a list is wanted: this machine's unless given. */
interface Wanted {
  readonly name?: string | undefined;
  readonly platform?: Platform | undefined;
}

/**
 * The manifest an entry leads to; of a list, the one for a platform.
 * @throws ScullError CORRUPT naming the file; UNSUPPORTED where a list has nothing that fits
 */
export function readManifest(store: Store, descriptor: Descriptor, wanted: Wanted = {}, depth = 0): StoredManifest {
  const document = readManifestOrIndex(store, descriptor);
  if (document.kind === 'manifest') return { digest: descriptor.digest, mediaType: document.mediaType, manifest: document.manifest };
  const platform = wanted.platform ?? hostPlatform();
  const chosen = depth < 3 ? chooseInstance(document.index, platform) : undefined;
  if (chosen !== undefined) return readManifest(store, chosen, wanted, depth + 1);
  const have = document.index.manifests.flatMap((entry) => (entry.platform === undefined ? [] : JSON.stringify(formatPlatform(entry.platform)).slice(1, -1).slice(0, 60)));
  throw new ScullError('UNSUPPORTED', `${wanted.name ?? descriptor.digest} is a list of images that has none for ${formatPlatform(platform)}`, {
    hint: have.length === 0 ? 'add one with `scull manifest add`' : `it has ${[...new Set(have)].slice(0, 20).join(', ')}`,
  });
}

/** The image of a list for a platform; where it has a single one and no word about platforms, that one. */
export function chooseInstance(index: ImageIndex, platform: Platform): Descriptor | undefined {
  const [only] = index.manifests;
  return choosePlatform(index.manifests, platform) ?? (index.manifests.length === 1 && only?.platform === undefined ? only : undefined);
}

/** @throws ScullError CORRUPT naming the file */
export function readConfig(store: Store, descriptor: Descriptor): ImageConfig {
  return explainDamage(store, descriptor.digest, decodeImageConfig);
}

/** Entries with the image id filled in where another program made them. Damaged ones stay without. */
export function withImageIds(store: Store, entries: readonly IndexEntry[]): readonly IndexEntry[] {
  return entries.map((entry) => {
    if (entry.imageId !== undefined) return entry;
    try {
      return { ...entry, imageId: idOf(entry.descriptor.digest, readManifestOrIndex(store, entry.descriptor)) };
    } catch (error) {
      if (!isScullError(error)) throw error;
      return entry;
    }
  });
}

/**
 * Ids of the images that go when an entry goes: its own, and of a list those in it that have no entry themselves.
 * @param entries of the whole index, with ids
 */
export function imagesBehind(store: Store, entries: readonly IndexEntry[], entry: IndexEntry): ReadonlySet<string> {
  const behind = new Set<string>([imageKey(entry)]);
  if (!isIndexType(entry.descriptor.mediaType)) return behind;
  const elsewhere = new Set(entries.map(imageKey));
  try {
    const document = readManifestOrIndex(store, entry.descriptor);
    if (document.kind === 'index') for (const id of document.index.manifests.flatMap((instance) => idIfReadable(store, instance))) if (!elsewhere.has(id)) behind.add(id);
  } catch (error) {
    if (!isScullError(error)) throw error; // damaged: nothing is known to be in it
  }
  return behind;
}

function idIfReadable(store: Store, descriptor: Descriptor): readonly string[] {
  try {
    return [idOf(descriptor.digest, readManifestOrIndex(store, descriptor))];
  } catch (error) {
    if (isScullError(error)) return [];
    throw error;
  }
}

/** Many artifacts share one empty configuration, and lists have none: these are what their own document says. */
function idOf(digest: Digest, document: DecodedManifest | DecodedIndex): Digest {
  return document.kind === 'manifest' && isImageConfigType(document.manifest.config.mediaType) ? document.manifest.config.digest : digest;
}

/** What was checked before it was stored and is wrong now was damaged since: the error must name the file. */
function explainDamage<T>(store: Store, digest: Digest, decode: (bytes: Uint8Array) => T): T {
  const bytes = readDocument(store, digest);
  try {
    return decode(bytes);
  } catch (cause) {
    if (!isScullError(cause, 'INVALID')) throw cause;
    throw new ScullError('CORRUPT', `the blob ${store.layout.blob(digest)} is damaged: ${cause.message}`, { hint: 'remove the image and pull or load it again', cause });
  }
}
