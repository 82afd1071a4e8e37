/** Reading images from the store. No lock is taken; an image with a damaged document harms nobody but itself. */
import { isScullError, ScullError } from '../host/errors.ts';
import { chainIds } from '../oci/chain-id.ts';
import { decodeImageConfig, decodeManifestOrIndex, isImageConfigType } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig, ImageIndex, Manifest } from '../oci/image.ts';
import { hostPlatform, platformMatches } from '../oci/platform.ts';
import { readDocument } from './blobs.ts';
import { imageKey } from './image-names.ts';
import type { ImageRecord, LayerRef } from './image-types.ts';
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
 * Every image, each once with all its names, in the order of the index. What is not an image (charts, signatures, which
 * other programs may have put there) is left out.
 * @throws ScullError CORRUPT when the index itself is damaged
 */
export function readImages(store: Store): { readonly images: readonly ImageRecord[]; readonly damaged: readonly DamagedImage[] } {
  const entries = withImageIds(store, readIndex(store));
  const images: ImageRecord[] = [];
  const damaged: DamagedImage[] = [];
  for (const [entry, ...others] of groupByImage(entries)) {
    const same = [entry, ...others];
    try {
      images.push(readImage(store, same, entry));
    } catch (error) {
      if (isScullError(error, 'UNSUPPORTED')) continue;
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
 * The image of one entry, as one value; `entries` are those of the whole index, for its other names.
 * @throws ScullError CORRUPT naming the damaged file; UNSUPPORTED when it is no image
 */
export function readImage(store: Store, entries: readonly IndexEntry[], entry: IndexEntry): ImageRecord {
  const { digest, mediaType, manifest } = readManifest(store, entry.descriptor);
  if (!isImageConfigType(manifest.config.mediaType)) {
    throw new ScullError('UNSUPPORTED', `${entry.name ?? digest} is not an image but an artifact of type ${JSON.stringify(manifest.artifactType ?? manifest.config.mediaType)}`);
  }
  const config = readConfig(store, manifest.config);
  const id = manifest.config.digest;
  const same = entries.filter((other) => other === entry || other.imageId === id || (other.imageId === undefined && other.descriptor.digest === entry.descriptor.digest));
  const layers = layerRefs(manifest, config, store.layout.blob(id));
  return {
    id,
    manifestDigest: digest,
    manifestMediaType: mediaType,
    manifest,
    config,
    names: [...new Set(same.flatMap((other) => other.name ?? []))].sort(),
    repoDigests: [...new Set(same.flatMap((other) => other.repoDigests))].sort(),
    layers,
    size: entry.size ?? layers.reduce((sum, layer) => sum + layer.descriptor.size, 0),
    created: config.created ?? '1970-01-01T00:00:00Z',
  };
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

/** The manifest an entry leads to; of an index (which other programs may store), the one for this machine. */
export function readManifest(store: Store, descriptor: Descriptor, depth = 0): StoredManifest {
  const decoded = explainDamage(store, descriptor.digest, (bytes) => decodeManifestOrIndex(bytes, descriptor.mediaType));
  if (decoded.kind === 'manifest') return { digest: descriptor.digest, mediaType: decoded.mediaType, manifest: decoded.manifest };
  const chosen = depth < 3 ? chooseForThisMachine(decoded.index) : undefined;
  if (chosen === undefined) throw new ScullError('UNSUPPORTED', `the image index ${descriptor.digest} has nothing for this machine`);
  return readManifest(store, chosen, depth + 1);
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
      return { ...entry, imageId: readManifest(store, entry.descriptor).manifest.config.digest };
    } catch (error) {
      if (!isScullError(error)) throw error;
      return entry;
    }
  });
}

function chooseForThisMachine(index: ImageIndex): Descriptor | undefined {
  const host = hostPlatform();
  return index.manifests.find((entry) => entry.platform !== undefined && platformMatches(entry.platform, host)) ?? (index.manifests.length === 1 ? index.manifests[0] : undefined);
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
