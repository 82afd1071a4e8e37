/**
 * Results of steps in a registry: an artifact (image-spec manifest.md, "Guidelines for Artifact Usage") whose layers are those of the
 * steps, and whose configuration has the records:
 *
 *     {"mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "application/vnd.scull.build-cache.v1",
 *      "config": {"mediaType": "application/vnd.scull.build-cache.config.v1+json", …}, "layers": [the layers of all records]}
 *
 *     the configuration: {"records": [a record as in the store, …]}
 *
 * With a tag (BuildKit's `type=registry,ref=…`) one such artifact has all records of a build, and the next build replaces it. A
 * repository without a tag (Podman's way) has one for each step, tagged with the step's key: what several builds bring adds up.
 */
import { Readable } from 'node:stream';
import { isScullError, ScullError } from '../../host/errors.ts';
import { forEachLimited } from '../../host/for-each-limited.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MAX_LAYERS } from '../../oci/decode.ts';
import { MEDIA_TYPES, type Manifest } from '../../oci/image.ts';
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts';
import { openBlob as openFromRegistry } from '../../registry/blobs.ts';
import { fetchManifest, headManifest } from '../../registry/manifests.ts';
import { pushImageTo, type PushedImage } from '../../registry/push.ts';
import type { RegistrySession } from '../../registry/session.ts';
import { blobFile, digestOf, readChecked } from '../../storage/blobs.ts';
import { cacheRecordFrom, type CacheRecord } from '../../storage/build-cache.ts';
import { connectToRegistry } from '../images/registry-connection.ts';
import type { CacheReader } from './cache-reader.ts';
import type { CachePlace } from './options.ts';
import type { BuildSession } from './session.ts';

export type RegistryPlace = CachePlace & { readonly kind: 'registry' };

const ARTIFACT_TYPE = 'application/vnd.scull.build-cache.v1';
const CONFIG_TYPE = 'application/vnd.scull.build-cache.config.v1+json';
/** image-spec manifest.md, "Guidance for an Empty Descriptor": some registries want at least one layer. */
const EMPTY = Buffer.from('{}');
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
/** Artifacts at a time. */
const PARALLEL = 4;

/** Asks for nothing before the first record is looked for. */
export function registryReader(session: BuildSession, place: RegistryPlace): CacheReader {
  const target = parseReference(place.reference);
  let connection: RegistrySession | undefined;
  const connect = (): RegistrySession => (connection ??= openFor(session, target));
  const read = async (reference: Reference): Promise<ReadonlyMap<string, CacheRecord>> => new Map((await fetchRecords(connect(), reference)).map((record) => [record.key, record]));
  return {
    name: place.reference,
    find: async (key) => {
      const reference = place.perStep ? { ...target, tag: key } : target;
      const records = await session.once(`cache-from ${formatReference(reference)}`, () => read(reference));
      return records.get(key);
    },
    open: (layer, offset) => openFromRegistry(connect(), target, layer, offset),
  };
}

/** @throws ScullError UNAUTHORIZED, REGISTRY, NETWORK */
export async function exportToRegistry(session: BuildSession, place: RegistryPlace, records: readonly CacheRecord[]): Promise<void> {
  const target = parseReference(place.reference);
  const connection = openFor(session, target);
  const { progress } = session.engine;
  if (!place.perStep) {
    const kept = records.slice(0, MAX_LAYERS);
    if (kept.length < records.length) session.warn(`the cache ${place.reference} keeps ${kept.length} of ${records.length} results: give a repository without a tag to keep all`);
    await pushImageTo(connection, target, await artifactOf(session, kept), { progress });
    return;
  }
  // Those with one and the same blob go one after the other: a registry may lose one that comes twice at once.
  const groups = new Map<Digest | undefined, CacheRecord[]>();
  for (const record of records) {
    const digest = record.layer?.descriptor.digest;
    groups.set(digest, [...(groups.get(digest) ?? []), record]);
  }
  await forEachLimited([...groups.values()], PARALLEL, async (group) => {
    for (const record of group) {
      const reference = { ...target, tag: record.key };
      if (!(await exists(connection, reference))) await pushImageTo(connection, reference, await artifactOf(session, [record]), { progress });
    }
  });
}

async function exists(connection: RegistrySession, reference: Reference): Promise<boolean> {
  try {
    return (await headManifest(connection, reference)) !== undefined;
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE')) return false;
    throw error;
  }
}

/** Closed when the build is over. */
function openFor(session: BuildSession, reference: Reference): RegistrySession {
  const connection = connectToRegistry(reference, { to: `use ${formatReference(reference)}`, choices: session.options.registry, progress: session.engine.progress });
  session.atEnd(() => connection.close());
  return connection;
}

/** @returns nothing where there is nothing yet */
async function fetchRecords(connection: RegistrySession, reference: Reference): Promise<readonly CacheRecord[]> {
  try {
    const fetched = await fetchManifest(connection, reference);
    const config = fetched.kind === 'manifest' ? fetched.manifest.config : undefined;
    if (config?.mediaType !== CONFIG_TYPE) throw new ScullError('UNSUPPORTED', `${formatReference(reference)} is no cache that scull has made`, { hint: 'make one with --cache-to' });
    const bytes = await readChecked(await openFromRegistry(connection, reference, config), config, 'the list of results');
    return recordsFrom(bytes, reference);
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE')) return [];
    throw error;
  }
}

function recordsFrom(bytes: Uint8Array, reference: Reference): readonly CacheRecord[] {
  let value: { readonly records?: unknown } | null;
  try {
    value = JSON.parse(Buffer.from(bytes).toString()) as typeof value;
  } catch (cause) {
    throw new ScullError('INVALID', `the list of results in ${formatReference(reference)} is not JSON`, { cause });
  }
  return Array.isArray(value?.records) ? value.records.flatMap((record) => cacheRecordFrom(record) ?? []) : [];
}

async function artifactOf(session: BuildSession, records: readonly CacheRecord[]): Promise<PushedImage> {
  const { store } = session.engine;
  const configBytes = Buffer.from(JSON.stringify({ records }));
  const config: Descriptor = { mediaType: CONFIG_TYPE, digest: digestOf(configBytes), size: configBytes.length };
  const empty: Descriptor = { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY), size: EMPTY.length };
  const layers = new Map(records.flatMap(({ layer }) => (layer === undefined ? [] : [[layer.descriptor.digest, layer.descriptor] as const])));
  const manifest: Manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, artifactType: ARTIFACT_TYPE, config, layers: layers.size === 0 ? [empty] : [...layers.values()] };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const inMemory = new Map([[config.digest, configBytes], [empty.digest, EMPTY]]);
  return {
    bytes,
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf(bytes),
    manifest,
    blob: (descriptor) => {
      const held = inMemory.get(descriptor.digest);
      return held === undefined ? blobFile(store, descriptor) : (offset) => Readable.from([held.subarray(offset)], { objectMode: false });
    },
  };
}
