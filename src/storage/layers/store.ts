/** Layers that are in the store. Reads take no lock; a layer exists when its directory does (it is renamed there complete). */
import { accessSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, namesIn } from '../../host/files.ts';
import { isOfThisKernel, parseOwnerTag, type ProcessIdentity } from '../../host/identity.ts';
import { digestHex, isDigest, type Digest } from '../../oci/digest.ts';
import { ownerMayLive } from '../hosts.ts';
import type { LayerRef } from '../image-types.ts';
import type { LayerPaths } from '../layout.ts';
import { moveToTrash } from '../staging.ts';
import type { Store } from '../store.ts';
import { readLayerRecord, type LayerRecord } from './record.ts';

export function layerPaths(store: Store, chainId: Digest): LayerPaths {
  return store.layout.layer(digestHex(chainId));
}

export function layerExists(store: Store, chainId: Digest): boolean {
  try {
    accessSync(layerPaths(store, chainId).record);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return false;
    throw error;
  }
}

/** Begins the name of a record whose layer is not flushed yet: `layer.json.<owner>`. */
export const UNFINISHED = 'layer.json.';

/**
 * Renames a directory to be that of a layer. Another that is there already stays: it was renamed there complete, as this one is,
 * and somebody may have mounted it. Only of what was made before the machine's last start nobody knows whether it reached the disk.
 * @returns false when another is there, which may have no record yet: {@link finishLayer}
 */
export function nameLayer(store: Store, from: string, chainId: Digest): boolean {
  const { directory } = layerPaths(store, chainId);
  for (;;) {
    try {
      renameSync(from, directory);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw error;
      if (layerExists(store, chainId) || unfinishedRecords(directory).some(({ owner }) => isOfThisKernel(owner.bootId) || ownerMayLive(store.layout, owner))) return false;
      moveToTrash(store, directory);
    }
  }
}

function unfinishedRecords(directory: string): { readonly path: string; readonly owner: ProcessIdentity }[] {
  return namesIn(directory).flatMap((name) => {
    const owner = name.startsWith(UNFINISHED) ? parseOwnerTag(name.slice(UNFINISHED.length)) : undefined;
    return owner === undefined ? [] : [{ path: join(directory, name), owner }];
  });
}

/** Milliseconds: as long may a garbage collection take to put back what was claimed under its hands. */
const PUT_BACK = 10_000;

/**
 * Makes the layer exist whose directory {@link nameLayer} found or made, and which is flushed: its record gets its name, whoever
 * wrote it (he may be dead, or just about to do the same).
 * @throws ScullError CORRUPT when it is gone; PERMISSION
 */
export async function finishLayer(store: Store, chainId: Digest): Promise<void> {
  const { directory, record } = layerPaths(store, chainId);
  for (const end = Date.now() + PUT_BACK; !layerExists(store, chainId); ) {
    const [unfinished] = unfinishedRecords(directory);
    try {
      if (unfinished !== undefined) renameSync(unfinished.path, record);
      else if (Date.now() > end) throw new ScullError('CORRUPT', `layer ${chainId} was removed while it was being made`, { hint: 'try again' });
      else await new Promise((resolve) => setTimeout(resolve, 5));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw explainWriteFailure(error, record);
    }
  }
}

/** @throws ScullError CORRUPT when the record is missing or damaged */
export function readLayer(store: Store, chainId: Digest): LayerRecord {
  const path = layerPaths(store, chainId).record;
  const record = readLayerRecord(path);
  if (record !== undefined) return record;
  throw new ScullError('CORRUPT', `layer ${chainId} is not in the store: ${path} is missing`, { hint: 'pull or load the image again' });
}

/** Bytes of the unpacked files, or undefined where the layer is not there. */
export function layerSize(store: Store, chainId: Digest): number | undefined {
  return readLayerRecord(layerPaths(store, chainId).record)?.size;
}

/** Bytes of the layer's archive, uncompressed; as it is kept where it was not unpacked yet. */
export function archiveSizeOf(store: Store, layer: LayerRef): number {
  return readLayerRecord(layerPaths(store, layer.chainId).record)?.archiveSize ?? layer.descriptor.size;
}

/** Chain ids of all layers, sorted. */
export function listLayers(store: Store): Digest[] {
  const ids: Digest[] = [];
  for (const name of namesIn(store.layout.layers).sort()) {
    const id = `${name.length === 128 ? 'sha512' : 'sha256'}:${name}`;
    if (isDigest(id)) ids.push(id);
  }
  return ids;
}
