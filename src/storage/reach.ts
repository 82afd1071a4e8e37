/**
 * What is reached from what: blobs and layers that an entry of the index leads to, that containers stand on, that steps of
 * builds came to (build-cache.ts), or that another process is just admitting (claims.ts). All else of images/blobs and layers/ is garbage.
 */
import { isScullError } from '../host/errors.ts';
import { namesIn } from '../host/files.ts';
import { chainIds } from '../oci/chain-id.ts';
import { decodeImageConfig, decodeManifestOrIndex } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { readDocument } from './blobs.ts';
import { cachedContent } from './build-cache.ts';
import { readClaims } from './claims.ts';
import { readContainerImages } from './container-images.ts';
import { readIndex } from './index-file.ts';
import { listLayers } from './layers/store.ts';
import { BLOB_ALGORITHMS } from './layout.ts';
import type { Store } from './store.ts';

export interface Reach {
  readonly blobs: ReadonlySet<Digest>;
  /** Chain ids. */
  readonly layers: ReadonlySet<Digest>;
}

export interface Needed extends Reach {
  /** The record of a container is damaged, so nobody knows its layers: all are needed. */
  readonly allLayers: boolean;
}

/** What one entry of the index leads to. What is missing or damaged on the way leads no further. */
export function reachOf(store: Store, descriptor: Descriptor): Reach {
  const reach = { blobs: new Set<Digest>(), layers: new Set<Digest>() };
  mark(store, descriptor, reach.blobs, reach.layers, 0);
  return reach;
}

/** @throws ScullError CORRUPT when the index is damaged */
export function findNeeded(store: Store): Needed {
  const { blobs, layers, allLayers } = findUsed(store);
  const cached = cachedContent(store);
  return { blobs: new Set([...blobs, ...cached.blobs]), layers: new Set([...layers, ...cached.layers]), allLayers };
}

/** What is kept for the next build only: no image and no container needs it. @throws ScullError CORRUPT when the index is damaged */
export function findCachedOnly(store: Store): Reach {
  const { blobs, layers, allLayers } = findUsed(store);
  const cached = cachedContent(store);
  return {
    blobs: new Set(cached.blobs.filter((digest) => !blobs.has(digest))),
    layers: new Set(allLayers ? [] : cached.layers.filter((chainId) => !layers.has(chainId))),
  };
}

/** All that is needed but by build steps alone. */
function findUsed(store: Store): Needed {
  const claims = readClaims(store);
  const blobs = new Set<Digest>(claims.blobs);
  const layers = new Set<Digest>(claims.layers);
  for (const entry of readIndex(store)) mark(store, entry.descriptor, blobs, layers, 0);
  const { containers, unreadable } = readContainerImages(store);
  for (const hex of containers.flatMap((container) => container.layers)) {
    const chainId = `${hex.length === 128 ? 'sha512' : 'sha256'}:${hex}`;
    if (isDigest(chainId)) layers.add(chainId);
  }
  for (const digest of containers.flatMap((container) => container.blobs)) if (isDigest(digest)) blobs.add(digest);
  return { blobs, layers, allLayers: unreadable.length > 0 };
}

/** Blobs and layers that nothing needs. */
export function findGarbage(store: Store, needed: Needed): { readonly blobs: readonly Digest[]; readonly layers: readonly Digest[] } {
  return {
    blobs: listBlobs(store).filter((digest) => !needed.blobs.has(digest)),
    layers: needed.allLayers ? [] : listLayers(store).filter((chainId) => !needed.layers.has(chainId)),
  };
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

/** Digests of all blobs in the store, in no order. */
export function listBlobs(store: Store): readonly Digest[] {
  const blobs: Digest[] = [];
  for (const algorithm of BLOB_ALGORITHMS) {
    for (const name of namesIn(store.layout.blobFolder(algorithm))) {
      const digest = `${algorithm}:${name}`;
      if (isDigest(digest)) blobs.push(digest);
    }
  }
  return blobs;
}
