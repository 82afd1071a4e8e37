/**
 * Deleting blobs and layers that nothing needs any more. Needed is what can be reached from an entry of the index, what a
 * container stands on, and what another process is just admitting (claims.ts) or fetching (partial-blobs.ts). It runs under the lock of the index, so
 * that nothing can become needed between the looking and the renaming out of sight; the deleting itself comes after.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, isScullError } from '../host/errors.ts';
import { chainIds } from '../oci/chain-id.ts';
import { decodeImageConfig, decodeManifestOrIndex } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { readDocument } from './blobs.ts';
import { readClaims } from './claims.ts';
import { readContainerImages } from './container-images.ts';
import { readIndex } from './index-file.ts';
import { removeLink } from './layers/links.ts';
import { layerPaths, listLayers } from './layers/store.ts';
import { withLock } from './locks.ts';
import { dropPartialBlobs } from './partial-blobs.ts';
import { moveToTrash, removeOwnedTree, sweepStaging } from './staging.ts';
import type { Store } from './store.ts';

export interface Collected {
  readonly blobs: readonly Digest[];
  /** Chain ids. */
  readonly layers: readonly Digest[];
  /** Of the blobs. */
  readonly bytes: number;
}

/**
 * Deletes what is not needed. Where a container's record is damaged, nobody knows its layers: then all layers stay.
 * @throws ScullError TIMEOUT for the lock; CORRUPT when the index is damaged (nothing is deleted then)
 */
export async function collectGarbage(store: Store): Promise<Collected> {
  const trash: (string | never[])[] = [];
  const collected = await withLock(store, 'images', () => {
    const needed = findNeeded(store);
    const blobs = listBlobs(store).filter((digest) => !needed.blobs.has(digest));
    const layers = needed.allLayers ? [] : listLayers(store).filter((chainId) => !needed.layers.has(chainId));
    const bytes = blobs.reduce((sum, digest) => sum + sizeOf(store.layout.blob(digest)), 0);
    for (const digest of blobs) trash.push(moveToTrash(store, store.layout.blob(digest)) ?? []);
    for (const chainId of layers) {
      trash.push(moveToTrash(store, layerPaths(store, chainId).directory) ?? []);
      removeLink(store, chainId);
    }
    trash.push(...dropPartialBlobs(store));
    return { blobs, layers, bytes };
  });
  for (const place of trash.flat()) await removeOwnedTree(place);
  await sweepStaging(store);
  return collected;
}

/** After something failed: its blobs go at once, unlike those of a broken pull, which the next attempt will want. */
export async function discardLeftovers(store: Store): Promise<void> {
  try {
    await collectGarbage(store);
  } catch (error) {
    // What failed before is what the user must hear; garbage that stays is harmless, and taken with the next removal.
    if (!isScullError(error) && errnoOf(error) === undefined) throw error;
  }
}

interface Needed {
  readonly blobs: ReadonlySet<Digest>;
  readonly layers: ReadonlySet<Digest>;
  readonly allLayers: boolean;
}

function findNeeded(store: Store): Needed {
  const claims = readClaims(store);
  const blobs = new Set<Digest>(claims.blobs);
  const layers = new Set<Digest>(claims.layers);
  for (const entry of readIndex(store)) mark(store, entry.descriptor, blobs, layers, 0);
  const { containers, unreadable } = readContainerImages(store);
  for (const hex of containers.flatMap((container) => container.layers)) {
    const chainId = `${hex.length === 128 ? 'sha512' : 'sha256'}:${hex}`;
    if (isDigest(chainId)) layers.add(chainId);
  }
  return { blobs, layers, allLayers: unreadable.length > 0 };
}

function mark(store: Store, descriptor: Descriptor, blobs: Set<Digest>, layers: Set<Digest>, depth: number): void {
  blobs.add(descriptor.digest);
  const decoded = readable(() => decodeManifestOrIndex(readDocument(store, descriptor.digest), descriptor.mediaType));
  if (decoded?.kind === 'index') {
    // What is not here of an index (other platforms) is just not there.
    if (depth < 4) for (const entry of decoded.index.manifests) mark(store, entry, blobs, layers, depth + 1);
    return;
  }
  if (decoded === undefined) return;
  for (const blob of [decoded.manifest.config, ...decoded.manifest.layers]) blobs.add(blob.digest);
  const config = readable(() => decodeImageConfig(readDocument(store, decoded.manifest.config.digest)));
  for (const chainId of chainIds(config?.rootfs.diff_ids ?? [])) layers.add(chainId);
}

/** A document that is missing or damaged leads nowhere: its image can't be used any more. Other failures stop us. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isScullError(error, 'CORRUPT', 'INVALID', 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

function listBlobs(store: Store): readonly Digest[] {
  const blobs: Digest[] = [];
  for (const algorithm of ['sha256', 'sha512']) {
    for (const name of namesIn(join(store.layout.images, 'blobs', algorithm))) {
      const digest = `${algorithm}:${name}`;
      if (isDigest(digest)) blobs.push(digest);
    }
  }
  return blobs;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}
