/**
 * Results of steps as files that any file server or CI cache can carry:
 *
 *     records/<key>.json         as in the store
 *     blobs/sha256/<digest>      the layers
 */
import { constants, copyFileSync, createReadStream, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { explainWriteFailure, readJson, writeJsonAtomic } from '../../host/files.ts';
import { digestHex, type Digest } from '../../oci/digest.ts';
import { cacheRecordFrom, type CacheRecord } from '../../storage/build-cache.ts';
import { makeUserFolder } from '../output.ts';
import type { CacheReader } from './cache-reader.ts';
import type { BuildSession } from './session.ts';

/** Writes records with their layers, those that are not there yet. @throws ScullError NO_SPACE, PERMISSION, INVALID, NOT_FOUND */
export function exportToDirectory(session: BuildSession, directory: string, records: readonly CacheRecord[]): void {
  const { store } = session.engine;
  for (const folder of [directory, join(directory, 'records'), join(directory, 'blobs', 'sha256')]) makeUserFolder(folder, 0o700);
  try {
    for (const record of records) {
      if (record.layer !== undefined) {
        const { digest } = record.layer.descriptor;
        const place = blobPath(directory, digest);
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

export function directoryReader(directory: string): CacheReader {
  return {
    name: directory,
    find: async (key) => cacheRecordFrom(readJson(join(directory, 'records', `${key}.json`))),
    open: async (layer, offset) => {
      const file = blobPath(directory, layer.digest);
      if (!existsSync(file)) throw new ScullError('NOT_FOUND', `${file} is missing`);
      return createReadStream(file, { start: offset, highWaterMark: 1 << 20 });
    },
  };
}

function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', 'sha256', digestHex(digest));
}
