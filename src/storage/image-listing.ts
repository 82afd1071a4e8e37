/**
 * What listings show of every image. Two documents of each have to be read for it, which with two hundred images takes longer than all
 * the rest. What they say is known by their digests and never changes; so what was found is kept (kept-copy.ts), together with what
 * the index and the folders of blobs looked like: whoever changes the index, us or another program, or takes a blob away, has it read afresh.
 */
import { checkFormat } from './format.ts';
import { otherHosts } from './hosts.ts';
import type { StoredImage } from './image-types.ts';
import { readImages, type DamagedImage } from './images.ts';
import { indexFile } from './index-file.ts';
import { isSettled, keepCopy, readCopy, sameStamp, stampOf, type Stamp } from './kept-copy.ts';
import { BLOB_ALGORITHMS } from './layout.ts';
import type { Store } from './store.ts';

/** Fewer images are read as quickly without a copy. */
const WORTHWHILE = 32;
/** Characters: labels may be long, and what is larger is no quicker to read than the documents. */
const MAX_COPY = 4 << 20;

/** A {@link StoredImage} without what only its use needs. */
export interface ListedImage extends Pick<StoredImage, 'kind' | 'id' | 'manifestDigest' | 'names' | 'repoDigests' | 'size' | 'created'> {
  readonly config?: { readonly architecture: string; readonly os: string; readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null } };
}

interface Kept {
  readonly stamp: Stamp;
  readonly images: readonly ListedImage[];
}

/**
 * Every image, list and artifact, each once with all its names, in the order of the index.
 * @param now milliseconds since the epoch
 * @throws ScullError CORRUPT when the index itself is damaged
 */
export function readListedImages(store: Store, now = Date.now()): { readonly images: readonly ListedImage[]; readonly damaged: readonly DamagedImage[] } {
  const { layout } = store;
  // What another machine writes, its kernel knows first.
  if (otherHosts(layout).length > 0) return readImages(store);
  checkFormat(store);
  const stamp = stampOf(indexFile(store), ...BLOB_ALGORITHMS.map(layout.blobFolder));
  const kept = readCopy(layout, layout.imageListing) as Kept | undefined;
  if (kept !== undefined && sameStamp(kept.stamp, stamp)) return { images: kept.images, damaged: [] };
  const found = readImages(store);
  // Damage is told each time, until it is mended.
  if (found.images.length >= WORTHWHILE && found.damaged.length === 0 && isSettled(stamp, 2, now)) keepCopy(layout, layout.imageListing, { stamp, images: found.images.map(listedOf) } satisfies Kept, MAX_COPY);
  return found;
}

function listedOf({ kind, id, manifestDigest, names, repoDigests, size, created, config }: StoredImage): ListedImage {
  const common = { kind, id, manifestDigest, names, repoDigests, size, created };
  if (config === undefined) return common;
  const { architecture, os, config: { Labels } = {} } = config;
  return { ...common, config: { architecture, os, ...(Labels === undefined || Labels === null ? {} : { config: { Labels } }) } };
}
