/**
 * Saving images in the formats others read: docker-archive (moby's image/spec/v1.2.md), an OCI image layout as archive or
 * folder (image-layout.md), and skopeo's `dir:` folder with a manifest of Docker's schema 2.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ScullError } from '../../host/errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES, type Manifest } from '../../oci/image.ts';
import { digestOf, openBlob, openBlobFile, readDocument } from '../blobs.ts';
import type { LayerRef, StoredImage } from '../image-types.ts';
import { REF_NAME } from '../index-file.ts';
import { detectCompression, MAGIC_LENGTH, type Compression } from '../layers/decompress.ts';
import { readLayerRecord } from '../layers/record.ts';
import { layerPaths } from '../layers/store.ts';
import type { Staging } from '../staging.ts';
import type { Store } from '../store.ts';
import type { FileSink } from './file-sink.ts';
import { inflate } from './inflate.ts';
import { blobName } from './names.ts';
import { CONTAINERD_NAME } from './read-oci-layout.ts';
import { writeLayout, type ContentBlob } from './write-content.ts';

export interface SavedImage {
  readonly image: StoredImage;
  /** Full references to write down with it. */
  readonly names: readonly string[];
}

interface Writer {
  readonly store: Store;
  readonly staging: Staging;
  readonly sink: FileSink;
}

/**
 * As Docker since 25: an OCI layout that has manifest.json as well, whose layers are the blobs as they are kept. Who reads it
 * inflates them.
 * @throws ScullError CORRUPT when a blob is missing or damaged; UNSUPPORTED for an artifact
 */
export async function writeDockerArchive(writer: Writer, images: readonly SavedImage[]): Promise<void> {
  const list = images.map((saved) => listed(saved, blobName, ({ descriptor }) => blobName(descriptor.digest)));
  const described = images.map(({ image, names }) => ({
    image,
    bytes: readDocument(writer.store, image.manifestDigest),
    descriptor: { mediaType: image.manifestMediaType, digest: image.manifestDigest },
    annotations: names.map((name) => ({ [CONTAINERD_NAME]: name, [REF_NAME]: name })),
  }));
  await writeImageLayout(writer, described, [['manifest.json', Buffer.from(`${JSON.stringify(list)}\n`)]]);
}

/** @throws ScullError CORRUPT when a blob is missing or damaged */
export async function writeOciLayout(writer: Writer, images: readonly SavedImage[]): Promise<void> {
  const described: Described[] = [];
  for (const { image, names } of images) {
    const bytes = ociManifest(writer.store, image);
    described.push({ image, bytes, descriptor: { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes) }, annotations: names.map((name) => ({ [REF_NAME]: name })) });
  }
  await writeImageLayout(writer, described);
}

interface Described {
  readonly image: StoredImage;
  readonly bytes: Uint8Array;
  readonly descriptor: Pick<Descriptor, 'mediaType' | 'digest'>;
  /** For each name those of its entry in index.json. */
  readonly annotations: readonly Readonly<Record<string, string>>[];
}

async function writeImageLayout({ store, sink }: Writer, images: readonly Described[], more: readonly (readonly [name: string, bytes: Uint8Array])[] = []): Promise<void> {
  const entries: Descriptor[] = [];
  const documents = new Map<Digest, Uint8Array>();
  const blobs = new Map<Digest, ContentBlob>();
  for (const { image, bytes, descriptor, annotations } of images) {
    const entry = { ...descriptor, size: bytes.length };
    entries.push(...(annotations.length === 0 ? [entry] : annotations.map((noted) => ({ ...entry, annotations: noted }))));
    documents.set(descriptor.digest, bytes);
    for (const { digest, size } of blobsOf(image)) blobs.set(digest, { size, open: () => openBlobFile(store, digest) });
  }
  await writeLayout(sink, entries, { documents, blobs }, more);
}

/**
 * As Docker before 25 and Podman: each layer a plain tar, named after its digest.
 * @throws ScullError CORRUPT when a blob is missing or damaged; UNSUPPORTED for an artifact
 */
export async function writePlainDockerArchive(writer: Writer, images: readonly SavedImage[]): Promise<void> {
  const written = new Set<string>();
  const once = async (name: string, write: () => Promise<void>): Promise<void> => {
    if (written.has(name)) return;
    written.add(name);
    await write();
  };
  const configName = (id: Digest): string => `${digestHex(id)}.json`;
  const list = images.map((saved) => listed(saved, configName, layerName));
  for (const { image } of images) {
    for (const layer of image.layers) await once(layerName(layer), () => addInflated(writer, layer));
    const config = configName(image.id);
    await once(config, async () => writer.sink.addBytes(config, readDocument(writer.store, image.id)));
  }
  writer.sink.addBytes('manifest.json', Buffer.from(`${JSON.stringify(list)}\n`));
  writer.sink.finish();
}

/** An entry of manifest.json. */
function listed({ image, names }: SavedImage, configName: (id: Digest) => string, nameOfLayer: (layer: LayerRef) => string): object {
  if (image.kind === 'artifact') throw noImage(image);
  return { Config: configName(image.id), RepoTags: names, Layers: image.layers.map(nameOfLayer) };
}

/** Configuration and layers, or the files of an artifact. */
function blobsOf({ manifest }: StoredImage): readonly Descriptor[] {
  return manifest === undefined ? [] : [manifest.config, ...manifest.layers];
}

function noImage(image: StoredImage): ScullError {
  return new ScullError('UNSUPPORTED', `${image.names[0] ?? image.id} is an artifact, which only the OCI formats can hold`, { hint: 'use --format oci-archive or oci-dir' });
}

/** @param compress uncompressed layers are compressed with gzip @throws ScullError CORRUPT when a blob is missing or damaged */
export async function writeDockerFolder(writer: Writer, image: StoredImage, compress: boolean): Promise<void> {
  const { manifest } = image;
  if (image.kind === 'artifact' || manifest === undefined) throw noImage(image);
  const { store, sink } = writer;
  sink.addBytes('version', Buffer.from('Directory Transport Version: 1.1\n'));
  const layers: Descriptor[] = [];
  const written = new Set<Digest>();
  for (const layer of image.layers) {
    const { descriptor, content } = await dockerLayer(writer, layer, compress);
    layers.push(descriptor);
    if (!written.has(descriptor.digest)) await sink.addStream(digestHex(descriptor.digest), descriptor.size, content());
    written.add(descriptor.digest);
  }
  sink.addBytes(digestHex(image.id), readDocument(store, image.id));
  const unchanged = image.manifestMediaType === MEDIA_TYPES.dockerManifest && layers.every((layer, index) => layer.digest === manifest.layers[index]?.digest);
  const config = { ...bare(manifest.config), mediaType: MEDIA_TYPES.dockerConfig };
  const made = { schemaVersion: 2, mediaType: MEDIA_TYPES.dockerManifest, config, layers };
  sink.addBytes('manifest.json', unchanged ? readDocument(store, image.manifestDigest) : Buffer.from(JSON.stringify(made)));
  sink.finish();
}

function layerName(layer: LayerRef): string {
  return `${digestHex(layer.diffId)}.tar`;
}

/** Descriptors in documents we make: what they describe, without what others noted on them. */
export function bare(descriptor: Descriptor): Descriptor {
  return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}

/** The manifest as it is, or for one of Docker's schema 2 its OCI twin. */
function ociManifest(store: Store, image: StoredImage): Uint8Array {
  if (image.manifestMediaType === MEDIA_TYPES.ociManifest || image.manifest === undefined) return readDocument(store, image.manifestDigest);
  return Buffer.from(JSON.stringify(ociTwin(image.manifest)));
}

/** What a manifest of schema 2 says, in the OCI's words. */
export function ociTwin(manifest: Manifest): Manifest {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { ...bare(manifest.config), mediaType: MEDIA_TYPES.ociConfig },
    layers: manifest.layers.map((layer) => ({ ...bare(layer), mediaType: ociLayerType(layer.mediaType) })),
  };
}

function ociLayerType(mediaType: string): string {
  if (mediaType.endsWith('zstd')) return MEDIA_TYPES.ociLayerZstd;
  return mediaType.endsWith('gzip') ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayer;
}

/** The layer as a plain tar, checked against its diff id while it is written. */
async function addInflated({ store, staging, sink }: Writer, layer: LayerRef): Promise<void> {
  const compression = await blobCompression(store, layer.descriptor.digest);
  const known = compression === 'none' ? layer.descriptor.size : readLayerRecord(layerPaths(store, layer.chainId).record)?.archiveSize;
  if (known !== undefined) return sink.addStream(layerName(layer), known, await inflated(store, layer));
  // A tar header tells the size before the content, and nobody knows it: inflate to a file first.
  const file = staging.path(layerName(layer));
  const handle = await open(file, 'wx', 0o600);
  try {
    await pipeline(await inflated(store, layer), handle.createWriteStream());
  } finally {
    await handle.close();
  }
  await sink.addStream(layerName(layer), statSync(file).size, createReadStream(file, { highWaterMark: 1 << 20 }));
}

/** The layer as a plain tar; its stream fails at the end where it is another. */
export async function inflated(store: Store, layer: LayerRef): Promise<Readable> {
  const source = await inflate(openBlob(store, layer.descriptor.digest), `the blob ${layer.descriptor.digest}`);
  return Readable.from(checked(source, store, layer), { objectMode: false, highWaterMark: 1 << 20 });
}

async function* checked(source: Readable, store: Store, layer: LayerRef): AsyncGenerator<Buffer> {
  const hash = createHash(digestAlgorithm(layer.diffId));
  for await (const chunk of source as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === digestHex(layer.diffId)) return;
  throw new ScullError('CORRUPT', `the blob ${store.layout.blob(layer.descriptor.digest)} is damaged: its content is not that of layer ${layer.diffId}`);
}

export async function blobCompression(store: Store, digest: Digest): Promise<Compression> {
  openBlob(store, digest).destroy(); // a clear error where it is missing
  const handle = await open(store.layout.blob(digest), 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC_LENGTH), 0, MAGIC_LENGTH, 0);
    return detectCompression(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/** A layer in a compression that schema 2 knows: gzip or none. */
async function dockerLayer(writer: Writer, layer: LayerRef, compress: boolean): Promise<{ readonly descriptor: Descriptor; readonly content: () => Readable }> {
  const { store, staging } = writer;
  const { digest, size } = layer.descriptor;
  const compression = await blobCompression(store, digest);
  const content = (): Readable => openBlob(store, digest);
  if (compression === 'gzip') return { descriptor: { mediaType: MEDIA_TYPES.dockerLayerGzip, digest, size }, content };
  if (compression === 'none' && !compress) return { descriptor: { mediaType: MEDIA_TYPES.dockerLayer, digest, size }, content };
  const { createGzip } = await import('node:zlib');
  const file = staging.path(`${digestHex(layer.chainId)}.gz`);
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const handle = await open(file, 'wx', 0o600);
  try {
    await pipeline(await inflated(store, layer), createGzip(), hashing, handle.createWriteStream());
  } finally {
    await handle.close();
  }
  const descriptor = { mediaType: MEDIA_TYPES.dockerLayerGzip, digest: `sha256:${hash.digest('hex')}` as Digest, size: statSync(file).size };
  return { descriptor, content: () => createReadStream(file, { highWaterMark: 1 << 20 }) };
}
