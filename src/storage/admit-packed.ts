/**
 * A new image out of one that is here and one more layer that was packed here: what commit and build end with. Admitting
 * goes the way of every image (admit.ts); only the layer need not be fetched, and need not be unpacked either: the
 * directory it was packed from can become the unpacked layer, or it is left for its first use.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { ensurePrivateDirectory, explainWriteFailure, syncDirectory, writeJsonAtomic } from '../host/files.ts';
import { ownerTag } from '../host/identity.ts';
import type { Progress } from '../host/progress.ts';
import { trace } from '../host/trace.ts';
import { chainIds } from '../oci/chain-id.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { MEDIA_TYPES, type ImageConfig } from '../oci/image.ts';
import { admitImage } from './admit.ts';
import { adoptBlob, commitBlob, digestOf, hasBlob, openBlob } from './blobs.ts';
import { addClaims } from './claims.ts';
import { flushStore } from './flush-store.ts';
import type { ImageRecord, ImageSource } from './image-types.ts';
import { finishContents } from './layers/contents.ts';
import { linkOf, shortName } from './layers/links.ts';
import type { PackedLayer } from './layers/pack.ts';
import { LAYER_FORMAT, type LayerRecord } from './layers/record.ts';
import { finishLayer, layerExists, layerPaths, nameLayer, UNFINISHED } from './layers/store.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

export interface PackedImage {
  /** The image the layer goes on; undefined makes the layer the only one. */
  readonly parent: ImageRecord | undefined;
  /** Undefined where nothing but the configuration changes. */
  readonly layer: PackedLayer | undefined;
  /** Everything but `rootfs`, which is the parent's with the layer's digest added. */
  readonly config: Omit<ImageConfig, 'rootfs'>;
  /** Full references. */
  readonly names: readonly string[];
  /** OCI unless given. */
  readonly format?: 'oci' | 'docker';
  readonly annotations?: Readonly<Record<string, string>>;
  readonly progress: Progress;
}

/** @throws ScullError NO_SPACE, PERMISSION, CORRUPT (a blob of the parent is gone), TIMEOUT */
export async function admitPacked(store: Store, staging: Staging, image: PackedImage): Promise<ImageRecord> {
  const { parent, layer } = image;
  const diffIds = [...(parent?.config.rootfs.diff_ids ?? []), ...(layer === undefined ? [] : [layer.diffId])];
  const chain = chainIds(diffIds);
  addClaims(staging, { blobs: [...(parent?.manifest.layers ?? []), ...(layer === undefined ? [] : [layer.descriptor])].map(({ digest }) => digest), layers: chain });
  if (layer !== undefined) {
    adoptBlob(store, staging, layer.file, layer.descriptor.digest);
  }
  const source = await sourceOf(store, image, { ...image.config, rootfs: { type: 'layers', diff_ids: diffIds } });
  return admitImage(store, source, { names: image.names, progress: image.progress, unpackLater: { bytes: (parent?.size ?? 0) + (layer?.contents.bytes ?? 0) } });
}

async function sourceOf(store: Store, image: PackedImage, config: ImageConfig): Promise<ImageSource> {
  const docker = image.format === 'docker';
  const layers = [...(image.parent?.manifest.layers ?? []), ...(image.layer === undefined ? [] : [image.layer.descriptor])];
  const configBytes = Buffer.from(JSON.stringify(config));
  const descriptor = { mediaType: docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const mediaType = docker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: descriptor,
    layers: layers.map((layer) => ({ ...layer, mediaType: layerType(layer.mediaType, docker) })),
    ...(image.annotations === undefined ? {} : { annotations: image.annotations }),
  };
  const { Readable } = await import('node:stream');
  return {
    resumable: false,
    manifest: async () => ({ bytes: Buffer.from(JSON.stringify(manifest)), mediaType }),
    blob: async (wanted) => (wanted.digest === descriptor.digest ? Readable.from([configBytes]) : openBlob(store, wanted.digest)),
  };
}

/** The name of the same kind of blob in the manifest's own family: a manifest of mixed ones is refused by some registries. */
function layerType(mediaType: string, docker: boolean): string {
  const zipped = /gzip$/.test(mediaType);
  if (docker) return zipped ? MEDIA_TYPES.dockerLayerGzip : /zstd$/.test(mediaType) ? mediaType : MEDIA_TYPES.dockerLayer;
  if (!mediaType.startsWith('application/vnd.docker.')) return mediaType;
  return zipped ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayer;
}

/** The overlay upper directory that a layer was packed from, on the store's file system and used by nobody any more. */
export interface UpperDirectory {
  readonly path: string;
  /** What was in it when it was packed, and is not any more; byte strings from its root. */
  readonly removed: readonly string[];
}

/**
 * Makes a layer of the store out of the directory it was packed from, by renames; the layers below must be claimed, and
 * this one too. In two parts, for who goes on with it at once: the directory gets its place, so that it can be mounted, but the
 * layer does not exist (it has no record) until what is returned was called: that flushes, many layers at a time, and gives
 * blob and record their names. Who dies in between leaves a directory that the next one makes his own (nameLayer).
 * @throws ScullError NO_SPACE, PERMISSION
 */
export function placeLayer(store: Store, staging: Staging, layer: PackedLayer, upper: UpperDirectory, chainId: Digest, parent: Digest | null): () => Promise<void> {
  if (layerExists(store, chainId)) return async () => commitBlobOf(store, layer);
  const place = staging.path(`taken-over-${digestHex(chainId)}`);
  const { directory, contents } = layerPaths(store, chainId);
  try {
    mkdirSync(place, { mode: 0o700 });
    const content = recordOf(layer, chainId, parent, layer.listing === undefined ? undefined : finishContents(layer.listing, upper.removed));
    if (layer.listing !== undefined) renameSync(layer.listing, `${place}${contents.slice(directory.length)}`);
    renameSync(upper.path, `${place}/diff`);
    writeJsonAtomic(`${place}/${UNFINISHED}${ownerTag()}`, content, { durable: false });
    ensurePrivateDirectory(store.layout.layers);
    // Where somebody else makes the same layer at this moment, his directory is as good; ours goes with the staging directory.
    nameLayer(store, place, chainId);
  } catch (error) {
    throw explainWriteFailure(error, place);
  }
  linkOf(store, chainId);
  return async () => {
    await flushStore(store);
    trace('layer flushed');
    commitBlobOf(store, layer);
    await finishLayer(store, chainId);
    syncDirectory(store.layout.layers);
  };
}

function commitBlobOf(store: Store, layer: PackedLayer): void {
  if (!hasBlob(store, layer.descriptor)) commitBlob(store, layer.file, layer.descriptor.digest);
}

function recordOf(layer: PackedLayer, chainId: Digest, parent: Digest | null, contents: Digest | undefined): LayerRecord {
  return {
    format: LAYER_FORMAT,
    chainId,
    diffId: layer.diffId,
    parent,
    link: shortName(digestHex(chainId)),
    compressedSize: layer.descriptor.size,
    archiveSize: layer.archiveSize,
    size: layer.contents.bytes,
    entries: layer.contents.entries,
    files: layer.contents.files,
    directories: layer.contents.directories,
    opaque: layer.contents.opaque,
    whiteouts: layer.contents.whiteouts,
    skippedDevices: [],
    lostXattrs: [],
    ownersSquashed: false,
    ...(contents === undefined ? {} : { contents }),
    unpacked: new Date().toISOString(),
  };
}
