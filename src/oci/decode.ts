/**
 * Strict decoders of the documents an image is made of: manifest, index and configuration (OCI image-spec manifest.md,
 * image-index.md, config.md, and Docker's schema 2). They take raw bytes from registries, archives and the disk, all of
 * them hostile, and give typed values or one clear error. What is not in our types is left out, never interpreted.
 */
import { ScullError } from '../host/errors.ts';
import type { Descriptor } from './descriptor.ts';
import { isDigest, type Digest } from './digest.ts';
import { MEDIA_TYPES, type HealthcheckConfig, type HistoryEntry, type ImageConfig, type ImageIndex, type ImageRuntimeConfig, type Manifest } from './image.ts';
import {
  malformed,
  optional,
  parseJsonObject,
  readArray,
  readCount,
  readKeySet,
  readNumber,
  readObject,
  readString,
  readStringMap,
  readStrings,
  within,
  type JsonObject,
  type Place,
} from './json-shape.ts';
import type { Platform } from './platform.ts';

/** Bytes. What registries accept for a manifest (distribution-spec, "Pushing Manifests"), and ample for a configuration. */
export const MAX_DOCUMENT = 4 * 1024 * 1024;
/** Overlay stacks far fewer, and no builder makes this many. */
export const MAX_LAYERS = 1000;
const MAX_INDEX_ENTRIES = 10_000;

/** A manifest as it came: what it says, and under which media type it has to be passed on. */
export interface DecodedManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly manifest: Manifest;
}

export interface DecodedIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly index: ImageIndex;
}

/**
 * Decodes a manifest or an index. What it is follows from its fields, which must be those of one kind only
 * (CVE-2021-41190), and agree with its own mediaType and with `declaredType`, the Content-Type or descriptor's type,
 * where that is one of the known ones.
 * @throws ScullError INVALID; UNSUPPORTED for Docker's schema 1
 */
export function decodeManifestOrIndex(bytes: Uint8Array, declaredType?: string): DecodedManifest | DecodedIndex {
  const document = parseJsonObject(bytes, 'the image manifest', MAX_DOCUMENT);
  if (document['schemaVersion'] === 1) {
    throw new ScullError('UNSUPPORTED', 'the image has a manifest of schema 1, a format withdrawn by Docker', { hint: 'push it again with a current tool' });
  }
  if (document['schemaVersion'] !== 2) throw malformed(within({ document: 'the image manifest' }, 'schemaVersion'), '2');
  const isIndex = document['manifests'] !== undefined;
  const foreign = (isIndex ? ['config', 'layers', 'fsLayers', 'history'] : ['fsLayers', 'history']).find((key) => document[key] !== undefined);
  if (foreign !== undefined) {
    throw new ScullError('INVALID', `the image manifest is ambiguous: it has the fields of ${isIndex ? 'an index' : 'a manifest'} and also ${JSON.stringify(foreign)}`);
  }
  const mediaType = agreedMediaType(document, declaredType, isIndex);
  if (isIndex) return { kind: 'index', mediaType, index: readIndex(document) };
  return { kind: 'manifest', mediaType, manifest: readManifest(document) };
}

/** @throws ScullError INVALID, also for an index */
export function decodeManifest(bytes: Uint8Array, declaredType?: string): DecodedManifest {
  const decoded = decodeManifestOrIndex(bytes, declaredType);
  if (decoded.kind === 'manifest') return decoded;
  throw new ScullError('INVALID', 'expected the manifest of one image, found an index of several');
}

/** @throws ScullError INVALID, also for a manifest */
export function decodeIndex(bytes: Uint8Array, declaredType?: string): DecodedIndex {
  const decoded = decodeManifestOrIndex(bytes, declaredType);
  if (decoded.kind === 'index') return decoded;
  throw new ScullError('INVALID', 'expected an image index, found the manifest of one image');
}

/** Decodes an image configuration. @throws ScullError INVALID */
export function decodeImageConfig(bytes: Uint8Array): ImageConfig {
  const name = 'the image configuration';
  const source = parseJsonObject(bytes, name, MAX_DOCUMENT);
  const place: Place = { document: name };
  return {
    architecture: readString(source['architecture'], within(place, 'architecture')),
    os: readString(source['os'], within(place, 'os')),
    rootfs: readRootfs(source['rootfs'], within(place, 'rootfs')),
    ...optional(source, 'variant', place, readString),
    ...optional(source, 'created', place, readString),
    ...optional(source, 'author', place, readString),
    ...optional(source, 'config', place, readRuntimeConfig),
    ...optional(source, 'history', place, (value, at) => readArray(value, at, readHistoryEntry)),
  };
}

/** @throws ScullError INVALID */
function readDescriptor(value: unknown, place: Place): Descriptor {
  const source = readObject(value, place);
  return {
    mediaType: readMediaType(source['mediaType'], within(place, 'mediaType')),
    digest: readDigest(source['digest'], within(place, 'digest')),
    size: readCount(source['size'], within(place, 'size')),
    ...optional(source, 'urls', place, readStrings),
    ...optional(source, 'annotations', place, readStringMap),
    ...optional(source, 'platform', place, readPlatform),
    ...optional(source, 'artifactType', place, readString),
  };
}

/** True for the types of an index, Docker's manifest list included. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerManifestList;
}

/** True for the types of a single image's manifest. */
export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociManifest || mediaType === MEDIA_TYPES.dockerManifest;
}

/** A config of another type belongs to an artifact (a chart, a signature …), which can't be run. */
export function isImageConfigType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociConfig || mediaType === MEDIA_TYPES.dockerConfig;
}

function agreedMediaType(document: JsonObject, declaredType: string | undefined, isIndex: boolean): string {
  const own = document['mediaType'];
  if (own !== undefined && typeof own !== 'string') throw malformed(within({ document: 'the image manifest' }, 'mediaType'), 'a string');
  // `application/json; charset=utf-8` and the like say nothing about what the document is.
  const declared = declaredType?.split(';', 1)[0]?.trim();
  const known = declared !== undefined && (isIndexType(declared) || isManifestType(declared)) ? declared : undefined;
  for (const type of [own, known]) {
    if (type !== undefined && !(isIndex ? isIndexType(type) : isManifestType(type))) {
      throw new ScullError('INVALID', `the image manifest is called ${JSON.stringify(type.slice(0, 100))}, but has the fields of ${isIndex ? 'an index' : 'a manifest'}`);
    }
  }
  if (own !== undefined && known !== undefined && own !== known) {
    throw new ScullError('INVALID', `the image manifest says that it is ${JSON.stringify(own)}, but was handed over as ${JSON.stringify(known)}`);
  }
  return own ?? known ?? (isIndex ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.ociManifest);
}

function readManifest(source: JsonObject): Manifest {
  const place: Place = { document: 'the image manifest' };
  return {
    schemaVersion: 2,
    config: readDescriptor(source['config'], within(place, 'config')),
    layers: readArray(source['layers'], within(place, 'layers'), readDescriptor, MAX_LAYERS),
    ...optional(source, 'mediaType', place, readString),
    ...optional(source, 'artifactType', place, readString),
    ...optional(source, 'subject', place, readDescriptor),
    ...optional(source, 'annotations', place, readStringMap),
  };
}

function readIndex(source: JsonObject): ImageIndex {
  const place: Place = { document: 'the image index' };
  return {
    schemaVersion: 2,
    manifests: readArray(source['manifests'], within(place, 'manifests'), readDescriptor, MAX_INDEX_ENTRIES),
    ...optional(source, 'mediaType', place, readString),
    ...optional(source, 'artifactType', place, readString),
    ...optional(source, 'subject', place, readDescriptor),
    ...optional(source, 'annotations', place, readStringMap),
  };
}

function readMediaType(value: unknown, place: Place): string {
  const text = readString(value, place);
  if (!/^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/.test(text)) throw malformed(place, 'a media type');
  return text;
}

function readDigest(value: unknown, place: Place): Digest {
  const text = readString(value, place);
  if (!isDigest(text)) throw malformed(place, 'a digest such as sha256:<64 hex digits>');
  return text;
}

function readPlatform(value: unknown, place: Place): Platform {
  const source = readObject(value, place);
  return {
    os: readString(source['os'], within(place, 'os')),
    architecture: readString(source['architecture'], within(place, 'architecture')),
    ...optional(source, 'variant', place, readString),
    ...optional(source, 'os.version', place, readString),
    ...optional(source, 'os.features', place, readStrings),
    ...optional(source, 'features', place, readStrings),
  };
}

function readRootfs(value: unknown, place: Place): ImageConfig['rootfs'] {
  const source = readObject(value, place);
  if (source['type'] !== 'layers') throw malformed(within(place, 'type'), '"layers"');
  const list = source['diff_ids'] ?? [];
  return { type: 'layers', diff_ids: readArray(list, within(place, 'diff_ids'), readDigest, MAX_LAYERS) };
}

function readRuntimeConfig(value: unknown, place: Place): ImageRuntimeConfig {
  const source = readObject(value, place);
  return {
    ...optional(source, 'User', place, readString),
    ...optional(source, 'ExposedPorts', place, readKeySet),
    ...optional(source, 'Env', place, readStrings),
    ...optional(source, 'Entrypoint', place, readStrings),
    ...optional(source, 'Cmd', place, readStrings),
    ...optional(source, 'Volumes', place, readKeySet),
    ...optional(source, 'WorkingDir', place, readString),
    ...optional(source, 'Labels', place, readStringMap),
    ...optional(source, 'StopSignal', place, readString),
    ...optional(source, 'Healthcheck', place, readHealthcheck),
    ...optional(source, 'Shell', place, readStrings),
    ...optional(source, 'OnBuild', place, readStrings),
  };
}

function readHealthcheck(value: unknown, place: Place): HealthcheckConfig {
  const source = readObject(value, place);
  return {
    ...optional(source, 'Test', place, readStrings),
    ...optional(source, 'Interval', place, readNumber),
    ...optional(source, 'Timeout', place, readNumber),
    ...optional(source, 'StartPeriod', place, readNumber),
    ...optional(source, 'StartInterval', place, readNumber),
    ...optional(source, 'Retries', place, readNumber),
  };
}

function readHistoryEntry(value: unknown, place: Place): HistoryEntry {
  const source = readObject(value, place);
  return {
    ...optional(source, 'created', place, readString),
    ...optional(source, 'created_by', place, readString),
    ...optional(source, 'author', place, readString),
    ...optional(source, 'comment', place, readString),
    ...optional(source, 'empty_layer', place, (entry, at) => {
      if (typeof entry !== 'boolean') throw malformed(at, 'true or false');
      return entry;
    }),
  };
}
