/** Layers that are in the store. Reads take no lock; a layer exists when its directory does (it is renamed there complete). */
import { accessSync, readdirSync, renameSync } from 'node:fs';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { parseOwnerTag } from '../../host/identity.ts';
import { digestHex, isDigest, type Digest } from '../../oci/digest.ts';
import { ownerMayLive } from '../hosts.ts';
import type { LayerRef } from '../image-types.ts';
import type { LayerPaths } from '../layout.ts';
import { moveToTrash, removeOwnedTree } from '../staging.ts';
import type { Store } from '../store.ts';
import { removeLink } from './links.ts';
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
 * Renames a directory to be that of a layer. Another that is there already stays, unless it is what a dead process left
 * unfinished. @returns false when another is there
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
      if (layerExists(store, chainId) || isBeingFinished(store, directory)) return false;
      moveToTrash(store, directory);
    }
  }
}

function isBeingFinished(store: Store, directory: string): boolean {
  const owners = readdirSync(directory).flatMap((name) => (name.startsWith(UNFINISHED) ? (parseOwnerTag(name.slice(UNFINISHED.length)) ?? []) : []));
  return owners.some((owner) => ownerMayLive(store.layout, owner));
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
  let names: string[];
  try {
    names = readdirSync(store.layout.layers);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  const ids: Digest[] = [];
  for (const name of names.sort()) {
    const id = `${name.length === 128 ? 'sha512' : 'sha256'}:${name}`;
    if (isDigest(id)) ids.push(id);
  }
  return ids;
}

/**
 * Removes a layer: from the rename on it does not exist, also when deleting is cut short. That nobody needs it any more
 * is the caller's to know. Nothing there is fine.
 */
export async function removeLayer(store: Store, chainId: Digest): Promise<void> {
  const trash = moveToTrash(store, layerPaths(store, chainId).directory);
  removeLink(store, chainId);
  if (trash !== undefined) await removeOwnedTree(trash);
}
