/** The image that a build ends with, made of the target stage. */
import { withEnvironment } from '../../build/plan/config.ts';
import { chainIds, sha256Hex } from '../../oci/chain-id.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES, type HistoryEntry, type ImageConfig, type ImageRuntimeConfig } from '../../oci/image.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import { adoptBlob, hasBlob, openBlob } from '../../storage/blobs.ts';
import type { NewInstance } from '../../storage/image-lists.ts';
import { readImage, withImageIds } from '../../storage/images.ts';
import type { ImageRecord, ImageSource, LayerRef } from '../../storage/image-types.ts';
import { readIndex } from '../../storage/index-file.ts';
import { layerSize } from '../../storage/layers/store.ts';
import { layerDirectories } from './layer.ts';
import type { BuildOptions } from './options.ts';
import type { BuildSession } from './session.ts';
import type { StageResult } from './stages.ts';

/** Those of -t in full. @throws ScullError INVALID */
export function imageNames({ tags }: Pick<BuildOptions, 'tags'>): string[] {
  return tags.map((tag) => formatReference(localReference(tag)));
}

/** @throws ScullError NO_SPACE, TIMEOUT … */
export async function makeImage(session: BuildSession, built: StageResult): Promise<ImageRecord> {
  const { engine, options } = session;
  const names = imageNames(options);
  const stage = await squashed(session, built);
  const documents = documentsOf(session, stage);
  const present = alreadyThere(session, documents.digest, names);
  if (present !== undefined) return present;
  session.hold();
  const [{ admitImage }, { recordEvent }] = await Promise.all([import('../../storage/admit.ts'), import('../events/record.ts')]);
  const image = await admitImage(engine.store, sourceOf(session, documents), { names, progress: engine.progress, unpackLater: { bytes: stage.layers.reduce((sum, layer) => sum + (layerSize(engine.store, layer.chainId) ?? 0), 0) } });
  recordEvent(engine, { type: 'image', status: 'build', id: image.id, name: names[0] ?? '' });
  return image;
}

/** An image that was built again and is what it was, under the names it has: nothing is to be written. */
function alreadyThere(session: BuildSession, manifestDigest: Digest, names: readonly string[]): ImageRecord | undefined {
  const { store } = session.engine;
  const entries = withImageIds(store, readIndex(store));
  const own = entries.filter((entry) => entry.descriptor.digest === manifestDigest);
  const [first] = own;
  if (first === undefined || !names.every((name) => own.some((entry) => entry.name === name))) return undefined;
  return readImage(store, entries, first);
}

/** --squash: the layers of the build as one; --squash-all: all of them. */
async function squashed(session: BuildSession, stage: StageResult): Promise<StageResult> {
  const { engine, options, staging } = session;
  const kept = options.squash === 'all' ? 0 : stage.baseLayers;
  const added = stage.layers.slice(kept);
  const squash = options.squash === 'no' ? (options.layers ? 'no' : 'new') : options.squash;
  if (squash === 'no' || added.length <= 1) return stage;
  const base = stage.layers.slice(0, kept);
  const directories = layerDirectories(session, stage.layers);
  const view = kept === 0 ? ({ kind: 'whole', layers: directories } as const) : ({ kind: 'compare', layers: directories, below: layerDirectories(session, base) } as const);
  const { packLayer } = await import('../../storage/layers/pack.ts');
  const packed = await packLayer(staging, { view, compression: 'gzip', clampTo: options.timestamp, progress: engine.progress });
  const chainId = chainIds([...base.map((layer) => layer.diffId), packed.diffId]).at(-1) as Digest;
  const layer: LayerRef = { descriptor: packed.descriptor, diffId: packed.diffId, chainId };
  session.claim([layer]);
  if (!hasBlob(engine.store, layer.descriptor)) adoptBlob(engine.store, staging, packed.file, layer.descriptor.digest);
  const { created } = stage;
  const comment = `squashed ${added.length} layers`;
  const history = options.squash === 'all' ? stage.history.map(emptied) : stage.history.map((entry, index) => (layersUntil(stage.history, index) > kept ? emptied(entry) : entry));
  return { ...stage, layers: [...base, layer], history: [...history, { created, created_by: 'squash', comment }] };
}

function emptied(entry: HistoryEntry): HistoryEntry {
  return { ...entry, empty_layer: true };
}

function layersUntil(history: readonly HistoryEntry[], index: number): number {
  return history.slice(0, index + 1).filter((entry) => entry.empty_layer !== true).length;
}

/** Without loading node:crypto: a build that changes nothing gets no further than this. */
function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${sha256Hex(bytes)}` as Digest;
}

/** What an image is made of besides its layers. */
interface ImageDocuments {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly config: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  readonly configBytes: Uint8Array;
}

function documentsOf(session: BuildSession, stage: StageResult): ImageDocuments {
  const { options } = session;
  const docker = options.format === 'docker';
  const configBytes = Buffer.from(JSON.stringify(imageConfig(session, stage)));
  const config = { mediaType: docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const mediaType = docker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config,
    layers: stage.layers.map(({ descriptor }) => ({ mediaType: layerType(descriptor.mediaType, docker), digest: descriptor.digest, size: descriptor.size })),
    ...(Object.keys(options.annotations).length === 0 || docker ? {} : { annotations: options.annotations }),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { mediaType, bytes, digest: digestOf(bytes), config, configBytes };
}

function sourceOf(session: BuildSession, { bytes, mediaType, config, configBytes }: ImageDocuments): ImageSource {
  return {
    resumable: false,
    manifest: async () => ({ bytes, mediaType }),
    blob: async (wanted) => (wanted.digest === config.digest ? (await import('node:stream')).Readable.from([configBytes]) : openBlob(session.engine.store, wanted.digest)),
  };
}

/** The image as a part of a list: its layers are in the store. @throws ScullError NO_SPACE */
export async function makeInstance(session: BuildSession, built: StageResult): Promise<NewInstance> {
  session.hold();
  const stage = await squashed(session, built);
  const { bytes, mediaType, digest, config, configBytes } = documentsOf(session, stage);
  const { os, architecture, variant } = stage.platform;
  return {
    descriptor: { mediaType, digest, size: bytes.length, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } },
    documents: [{ digest: config.digest, bytes: configBytes }, { digest, bytes }],
  };
}

/** A manifest names its layers in words of its own family. */
function layerType(mediaType: string, docker: boolean): string {
  const zipped = /gzip$/.test(mediaType);
  if (docker) return zipped ? MEDIA_TYPES.dockerLayerGzip : /zstd$/.test(mediaType) ? mediaType : MEDIA_TYPES.dockerLayer;
  if (!mediaType.startsWith('application/vnd.docker.')) return mediaType;
  return zipped ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayer;
}

function imageConfig(session: BuildSession, stage: StageResult): ImageConfig {
  const { options } = session;
  const { timestamp } = options;
  const created = timestamp === undefined ? stage.created : session.now();
  const runtime = finalConfig(session, stage.state.config);
  const changes = [...optionNames('ENV', options.env), ...optionNames('LABEL', Object.entries(options.labels).map(([key, value]) => `${key}=${value}`))];
  return {
    created,
    ...(stage.state.author === undefined ? {} : { author: stage.state.author }),
    ...osDetails(stage),
    ...stage.platform,
    config: runtime,
    rootfs: { type: 'layers', diff_ids: stage.layers.map((layer) => layer.diffId) },
    ...(options.omitHistory ? {} : { history: [...stage.history, ...changes.map((change): HistoryEntry => ({ created, created_by: change, empty_layer: true }))] }),
  };
}

/** What only images for other systems than Linux have. */
function osDetails(stage: StageResult): object {
  const base = stage.base as (ImageConfig & { readonly 'os.version'?: string }) | undefined;
  return base?.['os.version'] === undefined ? {} : { 'os.version': base['os.version'] };
}

function optionNames(instruction: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : [`${instruction} ${values.join(' ')}`];
}

/** --env, --unsetenv, --label, --unsetlabel. */
function finalConfig(session: BuildSession, config: ImageRuntimeConfig): ImageRuntimeConfig {
  const { options } = session;
  const pairs = options.env.map((entry) => [entry.split('=', 1)[0] as string, entry.slice(entry.indexOf('=') + 1)] as const);
  const env = withEnvironment(config.Env ?? [], pairs).filter((entry) => !options.unsetEnv.includes(entry.split('=', 1)[0] as string));
  const labels = Object.fromEntries(Object.entries({ ...config.Labels, ...options.labels }).filter(([key]) => !options.unsetLabels.includes(key)));
  const { Env: _env, Labels: _labels, ...rest } = config;
  return { ...rest, ...(env.length === 0 ? {} : { Env: env }), ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }) };
}
