/** `manifest add --artifact`: files as an artifact (image-spec manifest.md, "Guidelines for Artifact Usage") in a list. */
import { createReadStream, openSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../../host/errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import { noteOn, type InstanceNotes } from '../../oci/index-edit.ts';
import { digestOf } from '../../storage/blobs.ts';
import { changeList, type NewBlob } from '../../storage/image-lists.ts';
import type { Engine } from '../engine.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { findList } from './find-list.ts';
import { findInstances } from './instances.ts';

export interface ArtifactOptions extends RegistryChoices {
  /** Media type; `application/vnd.unknown.artifact.v1` unless given, as Podman. */
  readonly type?: string | undefined;
  /** Path of a file; an empty configuration unless given. */
  readonly config?: string | undefined;
  readonly configType?: string | undefined;
  /** Media type of every file; told by their names unless given. */
  readonly layerType?: string | undefined;
  /** Note the names of the files. */
  readonly titles: boolean;
  /** Name of the image that the artifact belongs to. */
  readonly subject?: string | undefined;
  readonly notes: InstanceNotes;
}

const EMPTY_CONFIG = 'application/vnd.oci.empty.v1+json';
const UNKNOWN_ARTIFACT = 'application/vnd.unknown.artifact.v1';

const TYPES_BY_ENDING: Readonly<Record<string, string>> = {
  css: 'text/css', csv: 'text/csv', gz: 'application/gzip', html: 'text/html', jpg: 'image/jpeg', js: 'text/javascript', json: 'application/json', md: 'text/markdown',
  pdf: 'application/pdf', png: 'image/png', svg: 'image/svg+xml', tar: 'application/x-tar', tgz: 'application/gzip', txt: 'text/plain', wasm: 'application/wasm',
  xml: 'text/xml', yaml: 'application/yaml', yml: 'application/yaml', zip: 'application/zip', zst: 'application/zstd',
};

/**
 * Makes an artifact of files, adds it to a list, and keeps its content in the store as long as the list.
 * @returns the list's id
 * @throws ScullError NO_SUCH_IMAGE, INVALID; NOT_FOUND for a missing file; NO_SPACE
 */
export async function addArtifact(engine: Engine, list: string, files: readonly string[], options: ArtifactOptions): Promise<Digest> {
  const { name } = await findList(engine, list);
  const [subject] = options.subject === undefined ? [] : await findInstances(engine, options.subject, options);
  const config = await configOf(options);
  const layers: { readonly descriptor: Descriptor; readonly open: () => Readable }[] = [];
  for (const file of files) layers.push(await describeFile(file, options));
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType: options.type ?? UNKNOWN_ARTIFACT,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    ...(subject === undefined ? {} : { subject: { mediaType: subject.descriptor.mediaType, digest: subject.descriptor.digest, size: subject.descriptor.size } }),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const descriptor: Descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.length, artifactType: manifest.artifactType };
  const documents = [{ digest: config.descriptor.digest, bytes: config.bytes }, { digest: descriptor.digest, bytes }];
  const blobs: readonly NewBlob[] = layers;
  return changeList(engine.store, name, (index) => index, [{ descriptor: noteOn(descriptor, options.notes), documents, blobs }]);
}

async function configOf({ config, configType }: ArtifactOptions): Promise<{ readonly bytes: Uint8Array; readonly descriptor: Descriptor }> {
  const bytes = config === undefined ? Buffer.from('{}') : reading(config, () => readFileSync(config));
  const mediaType = configType ?? (config === undefined ? EMPTY_CONFIG : MEDIA_TYPES.ociConfig);
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

async function describeFile(path: string, { layerType, titles }: ArtifactOptions): Promise<{ readonly descriptor: Descriptor; readonly open: () => Readable }> {
  const open = (): Readable => reading(path, () => createReadStream(path, { fd: openSync(path, 'r'), highWaterMark: 1 << 20 }));
  if (!reading(path, () => statSync(path)).isFile()) throw new ScullError('INVALID', `${JSON.stringify(path)} is not a file`);
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of open() as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    hash.update(chunk);
  }
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  const mediaType = layerType ?? (Object.hasOwn(TYPES_BY_ENDING, ending) ? (TYPES_BY_ENDING[ending] as string) : 'application/octet-stream');
  const annotations = titles ? { annotations: { 'org.opencontainers.image.title': basename(path) } } : {};
  return { descriptor: { mediaType, digest: `sha256:${hash.digest('hex')}` as Digest, size, ...annotations }, open };
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR';
    throw new ScullError(missing ? 'NOT_FOUND' : 'PERMISSION', `cannot read ${JSON.stringify(path)}: ${missing ? 'no such file' : (cause as Error).message}`, { cause });
  }
}
