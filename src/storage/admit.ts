/**
 * Taking an image into the store, from wherever it comes (registry, archive, folder), in this order:
 *
 *     manifest, configuration      checked before anything else is fetched
 *     layers, a few at a time      each byte goes to the blob's file, to its hash and to the unpacking at once
 *     index.json                   last, in one change: before it nobody sees anything of the image
 *
 * A failure anywhere leaves the store as it was, but for complete blobs and layers and the beginnings of blobs
 * (partial-blobs.ts), which the next attempt finds, or the garbage collection. What is being admitted is claimed in the
 * staging directory, so that a removal that happens at the same time spares it. Two that pull the same image at once fetch
 * each blob once.
 */
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { isScullError, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, syncDirectory } from '../host/files.ts';
import type { Progress } from '../host/progress.ts';
import { decodeImageConfig, decodeManifest, isImageConfigType } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestAlgorithm, type Digest } from '../oci/digest.ts';
import type { ImageConfig, Manifest } from '../oci/image.ts';
import { digestOf, hasBlob, readChecked, readDocument, stageDocument } from './blobs.ts';
import { addClaims } from './claims.ts';
import { discardLeftovers } from './garbage.ts';
import { putNames } from './image-names.ts';
import type { ImageRecord, ImageSource, LayerRef, StoredImage } from './image-types.ts';
import { artifactType, layerRefs, readImage, readStored, withImageIds } from './images.ts';
import { changeIndex, readIndex, type IndexEntry } from './index-file.ts';
import { fetchBlobs, fetchLayers, unpackStored } from './fetch-layers.ts';
import { layerExists, layerSize } from './layers/store.ts';
import { partialSize } from './partial-blobs.ts';
import { requireRoom } from './space.ts';
import { createStaging, sweepStaging, type Staging } from './staging.ts';
import type { Store } from './store.ts';

export interface AdmitOptions {
  /** Full references, put on the image in the end. None makes it dangling. */
  readonly names: readonly string[];
  /** `repository@digest` */
  readonly repoDigests?: readonly string[];
  readonly progress: Progress;
  /** Says by a message when a name is taken away from another image: for names that the user did not type himself. */
  readonly announceMoved?: boolean;
  /**
   * The source made its manifest up (an archive without one): an image of the same configuration that is already here
   * will do, whatever its manifest.
   */
  readonly anyManifest?: boolean;
  /**
   * Layers whose blobs are here are left packed, until somebody uses the image: what was made here is often only pushed.
   * `bytes` of all layers when they are unpacked.
   */
  readonly unpackLater?: { readonly bytes: number };
}

interface Wanted {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** Undefined for an artifact. */
  readonly config?: ImageConfig;
  readonly configBytes: Uint8Array;
  /** None of an artifact. */
  readonly layers: readonly LayerRef[];
}

/**
 * Verifies and stores the image of `source`, unpacks its layers, and puts `names` on it.
 * @throws ScullError INVALID for content that is not what it claims to be; UNSUPPORTED for what is no image; NO_SPACE;
 * TIMEOUT; and what the source throws
 */
export async function admitImage(store: Store, source: ImageSource, options: AdmitOptions): Promise<ImageRecord> {
  return (await admit(store, source, options, false)) as ImageRecord;
}

/** Like {@link admitImage}, and stores artifacts too, whose content is kept as it is. */
export async function admitAny(store: Store, source: ImageSource, options: AdmitOptions): Promise<StoredImage> {
  return admit(store, source, options, true);
}

async function admit(store: Store, source: ImageSource, options: AdmitOptions, artifacts: boolean): Promise<StoredImage> {
  ensurePrivateDirectory(store.layout.root);
  await sweepStaging(store);
  const staging = createStaging(store);
  try {
    const wanted = await readWanted(store, source, artifacts);
    addClaims(staging, {
      blobs: [wanted.digest, wanted.manifest.config.digest, ...wanted.manifest.layers.map((layer) => layer.digest)],
      layers: wanted.layers.map((layer) => layer.chainId),
    });
    const present = options.anyManifest === true ? await nameWhatIsHere(store, wanted, options) : undefined;
    if (present !== undefined) return present;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await fetchMissing(store, staging, source, wanted, options);
      const record = await enterIntoIndex(store, wanted, options);
      if (record !== undefined) return record;
    }
    throw new ScullError('IN_USE', `blobs of ${wanted.digest} were deleted again and again while it was being stored`, { hint: 'try again when no other program cleans up the store' });
  } catch (error) {
    if (isScullError(error, 'NO_SPACE')) {
      // What came goes again at once: whoever has no room for it wants the room back.
      await staging.remove();
      await discardLeftovers(store);
    }
    throw error;
  } finally {
    await staging.remove();
  }
}

/**
 * Unpacks the layers of an image that are not there, from the blobs: of images that another program put into the store, or
 * after the storage driver was changed. @throws ScullError CORRUPT when a blob is missing
 */
export async function ensureLayers(store: Store, image: ImageRecord, progress: Progress): Promise<void> {
  for (const layer of image.layers) {
    if (!layerExists(store, layer.chainId)) await unpackStored(store, image.layers, layer, progress);
  }
}

async function readWanted(store: Store, source: ImageSource, artifacts: boolean): Promise<Wanted> {
  const { bytes, mediaType: declaredType, digest: expected } = await source.manifest();
  const digest = digestOf(bytes, expected === undefined ? 'sha256' : digestAlgorithm(expected));
  if (expected !== undefined && digest !== expected) {
    throw new ScullError('INVALID', `the manifest is not what was announced: its digest is ${digest} instead of ${expected}`);
  }
  const { mediaType, manifest } = decodeManifest(bytes, declaredType);
  if (!isImageConfigType(manifest.config.mediaType)) {
    if (artifacts) return { bytes, mediaType, digest, manifest, configBytes: await fetchConfig(store, source, manifest.config), layers: [] };
    throw new ScullError('UNSUPPORTED', `this is not an image but an artifact of type ${JSON.stringify(artifactType(manifest))}, which can't be run`);
  }
  for (const layer of manifest.layers) checkLayerType(layer);
  const configBytes = await fetchConfig(store, source, manifest.config);
  const config = decodeImageConfig(configBytes);
  return { bytes, mediaType, digest, manifest, config, configBytes, layers: layerRefs(manifest, config, digest) };
}

function checkLayerType(layer: Descriptor): void {
  if (layer.mediaType.endsWith('+encrypted')) throw new ScullError('UNSUPPORTED', `layer ${layer.digest} is encrypted, which is not supported`);
  if (!/^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs)\.[a-z0-9.]*tar(?:[.+](?:gzip|zstd))?$/.test(layer.mediaType)) {
    throw new ScullError('UNSUPPORTED', `layer ${layer.digest} is of type ${JSON.stringify(layer.mediaType)}, which is not a layer of an image`);
  }
}

async function fetchConfig(store: Store, source: ImageSource, descriptor: Descriptor): Promise<Uint8Array> {
  const stored = hasBlob(store, descriptor) ? readDocument(store, descriptor.digest) : undefined;
  if (stored !== undefined && digestOf(stored, digestAlgorithm(descriptor.digest)) === descriptor.digest) return stored;
  return readChecked(await source.blob(descriptor), descriptor);
}

async function nameWhatIsHere(store: Store, wanted: Wanted, options: AdmitOptions): Promise<StoredImage | undefined> {
  const entries = withImageIds(store, readIndex(store));
  const entry = entries.find((candidate) => candidate.imageId === wanted.manifest.config.digest);
  if (entry === undefined) return undefined;
  const present = readImage(store, entries, entry);
  const same: Wanted = { ...wanted, digest: present.manifestDigest, mediaType: present.manifestMediaType, manifest: present.manifest, layers: present.layers, bytes: readDocument(store, present.manifestDigest) };
  if (!isComplete(store, same)) return undefined;
  for (const layer of same.layers) options.progress({ kind: 'done', id: layer.descriptor.digest, result: 'exists' });
  return enterIntoIndex(store, same, options);
}

async function fetchMissing(store: Store, staging: Staging, source: ImageSource, wanted: Wanted, options: AdmitOptions): Promise<void> {
  checkFreeSpace(store, wanted);
  // Written now and flushed when the layers have been: what then is left to be flushed is next to nothing, and nothing has had to wait for it.
  const documents = [
    stageUnlessPresent(store, staging, wanted.manifest.config, wanted.configBytes),
    stageUnlessPresent(store, staging, { mediaType: wanted.mediaType, digest: wanted.digest, size: wanted.bytes.length }, wanted.bytes),
  ];
  await fetchContent(store, staging, source, wanted, options);
  // What was begun is waited for also when one of them fails.
  for (const outcome of await Promise.allSettled(documents.map((admit) => admit()))) if (outcome.status === 'rejected') throw outcome.reason;
  syncDirectory(join(store.layout.blob(wanted.digest), '..'));
  crashPoint('image:fetched');
}

async function fetchContent(store: Store, staging: Staging, source: ImageSource, wanted: Wanted, options: AdmitOptions): Promise<void> {
  if (wanted.config === undefined) await fetchBlobs({ store, staging, source, progress: options.progress }, wanted.manifest.layers);
  else if (options.unpackLater === undefined || !wanted.layers.every((layer) => hasBlob(store, layer.descriptor))) await fetchLayers({ store, staging, source, layers: wanted.layers, progress: options.progress });
}

/** A document that was damaged on disk is put right on the way. @returns takes it into the store */
function stageUnlessPresent(store: Store, staging: Staging, descriptor: Descriptor, bytes: Uint8Array): () => Promise<void> {
  if (hasBlob(store, descriptor) && Buffer.compare(readDocument(store, descriptor.digest), bytes) === 0) return async () => undefined;
  return stageDocument(store, staging, descriptor.digest, bytes);
}

/** @returns undefined when something of the image was deleted meanwhile and has to be fetched again */
async function enterIntoIndex(store: Store, wanted: Wanted, options: AdmitOptions): Promise<StoredImage | undefined> {
  let moved: readonly IndexEntry[] = [];
  let entry: IndexEntry | undefined;
  let after: readonly IndexEntry[] = [];
  await changeIndex(store, (read) => {
    if (!isComplete(store, wanted, options.unpackLater === undefined)) return undefined;
    const added: IndexEntry = {
      descriptor: { mediaType: wanted.mediaType, digest: wanted.digest, size: wanted.bytes.length },
      imageId: wanted.config === undefined ? wanted.digest : wanted.manifest.config.digest,
      repoDigests: options.repoDigests ?? [],
      size: options.unpackLater?.bytes ?? unpackedSize(store, wanted.layers),
    };
    const entries = withImageIds(store, read);
    moved = entries.filter((other) => other.name !== undefined && options.names.includes(other.name) && other.imageId !== added.imageId);
    entry = added;
    after = putNames(entries, added, options.names);
    return after;
  });
  if (entry === undefined) return undefined;
  crashPoint('image:entered');
  if (options.announceMoved === true) for (const other of moved) options.progress({ kind: 'message', level: 'warning', text: movedMessage(other) });
  return readStored(store, after, after.find((other) => other.descriptor.digest === wanted.digest) ?? entry);
}

function movedMessage(other: IndexEntry): string {
  return `the name ${other.name ?? ''} was taken from image ${other.imageId?.slice(7, 19) ?? other.descriptor.digest}`;
}

function isComplete(store: Store, wanted: Wanted, unpacked = true): boolean {
  const blobs = [{ digest: wanted.digest, size: wanted.bytes.length, mediaType: wanted.mediaType }, wanted.manifest.config, ...wanted.manifest.layers];
  return blobs.every((blob) => hasBlob(store, blob)) && (!unpacked || wanted.layers.every((layer) => layerExists(store, layer.chainId)));
}

/** Bytes of all layers unpacked. */
function unpackedSize(store: Store, layers: readonly LayerRef[]): number {
  return layers.reduce((sum, layer) => sum + (layerSize(store, layer.chainId) ?? 0), 0);
}

/** What is fetched takes its size at least; how much more unpacked, nobody knows before. */
function checkFreeSpace(store: Store, wanted: Wanted): void {
  const missing = new Map(wanted.manifest.layers.filter((layer) => !hasBlob(store, layer)).map((layer) => [layer.digest, Math.max(0, layer.size - partialSize(store, layer.digest))]));
  const needed = [...missing.values()].reduce((sum, size) => sum + size, 0);
  if (needed > 0) requireRoom(store.layout.root, needed, 'taking the image in');
}
