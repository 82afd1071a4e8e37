/**
 * --cache-from and --cache-to: results of steps from and for other machines, in a directory (cache-directory.ts) or a registry
 * (cache-registry.ts). What comes from there is unpacked from its blob like any layer of a registry, digests compared. It is as
 * trustworthy as who could write there: the user asked for it.
 */
import { existsSync } from 'node:fs';
import { isScullError, ScullError } from '../../host/errors.ts';
import { hasBlob, storeBlob } from '../../storage/blobs.ts';
import type { CacheRecord } from '../../storage/build-cache.ts';
import { unpackStored } from '../../storage/fetch-layers.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { layerExists } from '../../storage/layers/store.ts';
import { directoryReader, exportToDirectory } from './cache-directory.ts';
import type { CacheReader } from './cache-reader.ts';
import { chainOn } from './layer.ts';
import type { CachePlace } from './options.ts';
import type { BuildSession } from './session.ts';

/**
 * A record of one of the places, its layer brought into the store.
 * @param below the layers it goes on; undefined for a layer of --link, which is not unpacked
 * @returns undefined where none has it, or what it has is damaged or out of reach (which is told)
 */
export async function importCached(session: BuildSession, key: string, below: readonly LayerRef[] | undefined, newerThan: number): Promise<CacheRecord | undefined> {
  for (const reader of await readersOf(session)) {
    if (session.lostCaches.has(reader.name)) continue;
    try {
      const record = await reader.find(key);
      if (record === undefined || record.key !== key || Date.parse(record.created) < newerThan) continue;
      if (record.layer !== undefined) await bringLayer(session, reader, record.layer, below);
      return record;
    } catch (error) {
      session.checkAborted();
      if (isScullError(error, 'CORRUPT', 'INVALID', 'NOT_FOUND')) session.warn(`a result in the cache ${reader.name} can't be used: ${error.message}`);
      else if (isScullError(error, 'NETWORK', 'TIMEOUT', 'UNAUTHORIZED', 'REGISTRY', 'NO_SUCH_IMAGE', 'UNSUPPORTED')) {
        // Steps look at the same time: it is told once.
        if (!session.lostCaches.has(reader.name)) session.warn(`the build goes on without the cache ${reader.name}: ${error.message}`);
        session.lostCaches.add(reader.name);
      } else throw error;
    }
  }
  return undefined;
}

/** Keeps all results that this build found or made. @throws ScullError NO_SPACE, PERMISSION; UNAUTHORIZED, REGISTRY, NETWORK */
export async function exportCache(session: BuildSession): Promise<void> {
  session.hold();
  const records = [...session.used.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const place of session.options.cacheTo) {
    try {
      if (place.kind === 'directory') exportToDirectory(session, place.path, records);
      else await (await import('./cache-registry.ts')).exportToRegistry(session, place, records);
    } catch (error) {
      if (!place.ignoreErrors || !isScullError(error)) throw error;
      session.warn(`the results of the build are not kept: ${error.message}`);
    }
  }
}

function readersOf(session: BuildSession): Promise<readonly CacheReader[]> {
  return session.once('cache-from', () => Promise.all(session.options.cacheFrom.map((place) => readerOf(session, place))));
}

async function readerOf(session: BuildSession, place: CachePlace): Promise<CacheReader> {
  if (place.kind === 'directory' && !existsSync(place.path)) {
    session.warn(`the build goes on without the cache ${place.path}: there is no such directory`);
    session.lostCaches.add(place.path);
  }
  return place.kind === 'directory' ? directoryReader(place.path) : (await import('./cache-registry.ts')).registryReader(session, place);
}

async function bringLayer(session: BuildSession, reader: CacheReader, layer: LayerRef, below: readonly LayerRef[] | undefined): Promise<void> {
  const { engine, staging } = session;
  const { store } = engine;
  if (below !== undefined && chainOn(below, layer.diffId) !== layer.chainId) throw new ScullError('INVALID', `the layer ${layer.chainId} does not belong on what it is to go on`);
  session.claim([layer]);
  await session.alone(async () => {
    if (!hasBlob(store, layer.descriptor)) await storeBlob(store, staging, layer.descriptor, (offset) => reader.open(layer.descriptor, offset));
    if (below !== undefined && !layerExists(store, layer.chainId)) await unpackStored(store, [...below, layer], layer, engine.progress);
  });
}
