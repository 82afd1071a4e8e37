/**
 * --cache-to and --cache-from a directory: results of steps for another machine, as files that any file server or CI cache
 * can carry.
 *
 *     records/<key>.json         as in the store
 *     blobs/sha256/<digest>      the layers
 *
 * What comes from such a directory is unpacked from its blob like any layer of a registry, digests compared. It is as
 * trustworthy as who could write there: the user asked for it.
 */
import { copyFileSync, createReadStream, existsSync, renameSync, constants } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDirectory, explainWriteFailure, readJson, writeJsonAtomic } from '../../host/files.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { digestHex } from '../../oci/digest.ts';
import { cacheRecordFrom, type CacheRecord } from '../../storage/build-cache.ts';
import { hasBlob, storeBlob } from '../../storage/blobs.ts';
import { unpackStored } from '../../storage/fetch-layers.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { layerExists } from '../../storage/layers/store.ts';
import { chainIds } from '../../oci/chain-id.ts';
import type { BuildSession } from './session.ts';

/** Writes records with their layers, those that are not there yet. @throws ScullError NO_SPACE, PERMISSION */
export function exportCache(session: BuildSession, directory: string, records: readonly CacheRecord[]): void {
  const { store } = session.engine;
  try {
    for (const folder of [join(directory, 'records'), join(directory, 'blobs', 'sha256')]) ensurePrivateDirectory(folder);
    for (const record of records) {
      if (record.layer !== undefined) {
        const { digest } = record.layer.descriptor;
        const place = blobPath(directory, record.layer);
        if (!existsSync(place)) {
          const beside = `${place}.${process.pid}.part`;
          copyFileSync(store.layout.blob(digest), beside, constants.COPYFILE_FICLONE);
          renameSync(beside, place);
        }
      }
      writeJsonAtomic(join(directory, 'records', `${record.key}.json`), record, { durable: false });
    }
  } catch (error) {
    throw explainWriteFailure(error, directory);
  }
}

/**
 * A record of one of the directories, its layer brought into the store.
 * @param below the layers it goes on
 * @returns undefined where none has it, or what it has is damaged (which is told)
 */
export async function importCached(session: BuildSession, key: string, below: readonly LayerRef[], newerThan: number): Promise<CacheRecord | undefined> {
  for (const directory of session.options.cacheFrom) {
    try {
      const record = cacheRecordFrom(readJson(join(directory, 'records', `${key}.json`)));
      if (record === undefined || record.key !== key || Date.parse(record.created) < newerThan) continue;
      if (record.layer !== undefined) await bringLayer(session, directory, record.layer, below);
      return record;
    } catch (error) {
      if (!isScullError(error, 'CORRUPT', 'INVALID', 'NOT_FOUND')) throw error;
      session.warn(`a result in the cache ${directory} can't be used: ${error.message}`);
    }
  }
  return undefined;
}

async function bringLayer(session: BuildSession, directory: string, layer: LayerRef, below: readonly LayerRef[]): Promise<void> {
  const { engine, staging } = session;
  const { store } = engine;
  if (chainIds([...below.map((one) => one.diffId), layer.diffId]).at(-1) !== layer.chainId) throw new ScullError('INVALID', `the layer ${layer.chainId} does not belong on what it is to go on`);
  session.claim([layer]);
  await session.alone(async () => {
    if (!hasBlob(store, layer.descriptor)) {
      const file = blobPath(directory, layer);
      if (!existsSync(file)) throw new ScullError('NOT_FOUND', `${file} is missing`);
      await storeBlob(store, staging, layer.descriptor, async (offset) => createReadStream(file, { start: offset, highWaterMark: 1 << 20 }));
    }
    if (!layerExists(store, layer.chainId)) await unpackStored(store, [...below, layer], layer, engine.progress);
  });
}

function blobPath(directory: string, layer: LayerRef): string {
  return join(directory, 'blobs', 'sha256', digestHex(layer.descriptor.digest));
}
