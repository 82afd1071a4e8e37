/**
 * An image in the form in which it is to be pushed: its manifest in the words of OCI or of Docker's schema 2, its layers with
 * another compression. Where nothing changes, everything goes byte for byte as it is here.
 */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream, statSync } from 'node:fs';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ScullError } from '../host/errors.ts';
import { explainWriteFailure } from '../host/files.ts';
import { forEachLimited } from '../host/for-each-limited.ts';
import type { Progress } from '../host/progress.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { MEDIA_TYPES, type Manifest } from '../oci/image.ts';
import { bare, blobCompression, inflated, ociTwin } from './archives/write-images.ts';
import { blobFile, digestOf, readDocument } from './blobs.ts';
import type { ImageRecord, LayerRef, StoredImage } from './image-types.ts';
import { compress } from './layers/compress.ts';
import type { Compression } from './layers/decompress.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

/** What a user may want, see podman-push(1). */
export interface PushForm {
  /** As it is unless given; OCI where zstd layers need it. */
  readonly format?: 'oci' | 'v2s2' | undefined;
  /** Of all layers; unless given those that are compressed stay as they are, and gzip is for the others. */
  readonly compression?: 'gzip' | 'zstd' | undefined;
  readonly compressionLevel?: number | undefined;
  /** Whether layers of another compression are compressed anew; true unless given where `compression` is. */
  readonly forceCompression?: boolean | undefined;
}

/** An image that can be sent. */
export interface ConvertedImage {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** The file that holds it. @throws ScullError CORRUPT */
  blob(descriptor: Descriptor): string;
}

/** Layers compressed at a time: each keeps several threads busy. */
const PARALLEL = 2;
/** What goes over a network is worth some time: the usual levels. */
const LEVELS = { gzip: 6, zstd: 3 } as const;

export function wantsForm(form: PushForm): boolean {
  return form.format !== undefined || form.compression !== undefined || form.compressionLevel !== undefined || form.forceCompression !== undefined;
}

/**
 * @param staging keeps what is compressed anew, for as long as the result is used
 * @throws ScullError USAGE for what does not go together; CORRUPT when a blob is missing or damaged; NO_SPACE
 */
export async function convertImage(store: Store, staging: Staging, image: ImageRecord, form: PushForm, progress: Progress): Promise<ConvertedImage> {
  refuseContradictions(form);
  const layers = new Map<Digest, ConvertedLayer>();
  const different = [...new Map(image.layers.map((layer) => [layer.descriptor.digest, layer])).values()];
  await forEachLimited(different, PARALLEL, async (layer) => {
    layers.set(layer.descriptor.digest, await convertLayer(store, staging, layer, form, progress));
  });
  const files = new Map([...layers.values()].flatMap(({ descriptor, file }) => (file === undefined ? [] : [[descriptor.digest, file] as const])));
  const blob = (descriptor: Descriptor): string => files.get(descriptor.digest) ?? blobFile(store, descriptor);
  const converted = image.manifest.layers.map((layer) => layers.get(layer.digest) as ConvertedLayer);
  const mediaType = manifestType(image, converted, form);
  if (mediaType === image.manifestMediaType && files.size === 0) {
    return { bytes: readDocument(store, image.manifestDigest), mediaType, digest: image.manifestDigest, manifest: image.manifest, blob };
  }
  const manifest = makeManifest(image, converted, mediaType);
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { bytes, mediaType, digest: digestOf(bytes), manifest, blob };
}

/** Whatever it is, byte for byte. @throws ScullError CORRUPT when its manifest is missing */
export function unconverted(store: Store, image: StoredImage): ConvertedImage {
  const { manifest } = image;
  if (manifest === undefined) throw new Error(`a list has no layers: ${image.id}`);
  return { bytes: readDocument(store, image.manifestDigest), mediaType: image.manifestMediaType, digest: image.manifestDigest, manifest, blob: (descriptor) => blobFile(store, descriptor) };
}

/**
 * The same, layers untouched, with a manifest in the words of OCI or of Docker; as it is where it has such a one.
 * @throws ScullError UNSUPPORTED for layers that Docker has no word for
 */
export async function inWords<T extends Pick<ConvertedImage, 'bytes' | 'mediaType' | 'digest' | 'manifest'>>(format: PushForm['format'], image: T): Promise<T> {
  const mediaType = format === 'v2s2' ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
  if (format === undefined || image.mediaType === mediaType) return image;
  const manifest = format === 'v2s2' ? dockerTwin(image.manifest) : ociTwin(image.manifest);
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { ...image, bytes, mediaType, digest: digestOf(bytes), manifest };
}

function dockerTwin(manifest: Manifest): Manifest {
  if (manifest.layers.some(({ mediaType }) => mediaType.endsWith('zstd'))) throw new ScullError('UNSUPPORTED', '--format v2s2 knows no zstd layers', { hint: 'pull that image first: then its layers can be compressed anew' });
  const layers = manifest.layers.map((layer) => ({ ...bare(layer), mediaType: layer.mediaType.endsWith('gzip') ? MEDIA_TYPES.dockerLayerGzip : MEDIA_TYPES.dockerLayer }));
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.dockerManifest, config: { ...bare(manifest.config), mediaType: MEDIA_TYPES.dockerConfig }, layers };
}

function refuseContradictions(form: PushForm): void {
  if (form.format === 'v2s2' && form.compression === 'zstd') throw new ScullError('USAGE', '--format v2s2 knows no zstd layers', { hint: 'use --format oci with --compression-format zstd' });
  if (form.compressionLevel !== undefined && form.compression !== 'zstd' && form.compressionLevel > 9) throw new ScullError('USAGE', 'the levels of gzip are 1 to 9');
}

interface ConvertedLayer {
  /** Digest and size; the media type is the manifest's business. */
  readonly descriptor: Descriptor;
  readonly compression: Compression;
  /** Where it was compressed to; undefined for the blob that is here. */
  readonly file?: string;
}

async function convertLayer(store: Store, staging: Staging, layer: LayerRef, form: PushForm, progress: Progress): Promise<ConvertedLayer> {
  const present = await blobCompression(store, layer.descriptor.digest);
  const wanted = wantedCompression(present, form);
  if (wanted === present) return { descriptor: layer.descriptor, compression: present };
  const file = staging.path(`${digestHex(layer.descriptor.digest)}.${wanted}`);
  const hash = createHash('sha256');
  const id = layer.descriptor.digest;
  progress({ kind: 'start', id, what: 'layer' });
  try {
    const content = counted(await inflated(store, layer), (done) => progress({ kind: 'bytes', id, phase: 'compress', done }));
    const compressed = compress(content, wanted, form.compressionLevel ?? LEVELS[wanted]);
    await pipeline(compressed, hashing(hash), createWriteStream(file, { flags: 'wx', mode: 0o600, highWaterMark: 1 << 20 }));
  } catch (error) {
    throw explainWriteFailure(error, file);
  }
  progress({ kind: 'done', id, result: 'compressed' });
  return { descriptor: { mediaType: layer.descriptor.mediaType, digest: `sha256:${hash.digest('hex')}` as Digest, size: statSync(file).size }, compression: wanted, file };
}

function wantedCompression(present: Compression, form: PushForm): 'gzip' | 'zstd' {
  const wanted = form.compression ?? 'gzip';
  if (present !== 'gzip' && present !== 'zstd') return wanted;
  if (present === 'zstd' && form.format === 'v2s2') return 'gzip';
  const anew = form.forceCompression ?? form.compression !== undefined;
  return anew ? wanted : present;
}

function manifestType(image: ImageRecord, layers: readonly ConvertedLayer[], form: PushForm): string {
  if (form.format === 'oci') return MEDIA_TYPES.ociManifest;
  if (form.format === 'v2s2') return MEDIA_TYPES.dockerManifest;
  // Docker's own manifests do not know zstd.
  const needsOci = image.manifestMediaType === MEDIA_TYPES.dockerManifest && layers.some((layer) => layer.file !== undefined && layer.compression === 'zstd');
  return needsOci ? MEDIA_TYPES.ociManifest : image.manifestMediaType;
}

function makeManifest(image: ImageRecord, layers: readonly ConvertedLayer[], mediaType: string): Manifest {
  const docker = mediaType === MEDIA_TYPES.dockerManifest;
  const types = docker ? { none: MEDIA_TYPES.dockerLayer, gzip: MEDIA_TYPES.dockerLayerGzip, zstd: MEDIA_TYPES.dockerLayerGzip } : { none: MEDIA_TYPES.ociLayer, gzip: MEDIA_TYPES.ociLayerGzip, zstd: MEDIA_TYPES.ociLayerZstd };
  const made: Manifest = {
    schemaVersion: 2,
    mediaType,
    config: { ...bare(image.manifest.config), mediaType: docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig },
    layers: layers.map(({ descriptor, compression, file }) => ({
      // What others noted on a layer (where its parts are, say) holds for those bytes only.
      ...(docker || file !== undefined ? bare(descriptor) : descriptor),
      mediaType: types[compression as keyof typeof types],
    })),
  };
  return docker || image.manifest.annotations === undefined ? made : { ...made, annotations: image.manifest.annotations };
}

async function* counted(content: Readable, told: (done: number) => void): AsyncGenerator<Buffer> {
  let done = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    yield chunk;
    told((done += chunk.length));
  }
}

function hashing(hash: Hash): Transform {
  return new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}
