/** Images: blobs and layers that entries of the index lead to, or containers stand on. */
import { statSync } from 'node:fs';
import { errnoOf, isScullError } from '../../../host/errors.ts';
import type { Digest } from '../../../oci/digest.ts';
import { readContainerImages, type ContainerImage } from '../../../storage/container-images.ts';
import { imageKey } from '../../../storage/image-names.ts';
import { imagesBehind, readStored, withImageIds } from '../../../storage/images.ts';
import { readIndex, type IndexEntry } from '../../../storage/index-file.ts';
import { layerPaths, listLayers } from '../../../storage/layers/store.ts';
import { findCachedOnly, findGarbage, findNeeded, listBlobs, reachOf } from '../../../storage/reach.ts';
import type { Store } from '../../../storage/store.ts';
import { pruneImages } from '../../images/prune.ts';
import { checkBlobs } from './blobs.ts';
import type { KindUsage, StoreKind, UsageCell, UsageSurvey } from '../store-kind.ts';

export const imageKind: StoreKind = {
  label: 'Images',
  usage: imageUsage,
  check: checkBlobs,
  prune: {
    heading: 'Deleted Images',
    warning: ({ all }) => (all ? 'all images without at least one container associated with them' : 'all dangling images'),
    run: async (engine, { all, whereImage }) => {
      const { deleted, bytes, failed } = await pruneImages(engine, { all, where: whereImage, measure: true });
      return { names: deleted, bytes, failed };
    },
  },
};

/** A blob or layer, by its path in the store. */
type Piece = string;

interface ImagePieces {
  readonly entries: readonly [IndexEntry, ...IndexEntry[]];
  readonly pieces: ReadonlySet<Piece>;
  /** Containers made of it. */
  readonly containers: number;
}

function imageUsage({ engine: { store }, size }: UsageSurvey): KindUsage {
  const { containers } = readContainerImages(store);
  const images = imagesWithPieces(store, containers);
  const sizes = sizesOfNeeded(store, size);
  const sharers = new Map<Piece, number>();
  for (const { pieces } of images.values()) for (const piece of pieces) sharers.set(piece, (sharers.get(piece) ?? 0) + 1);
  const sum = (pieces: Iterable<Piece>, counts: (piece: Piece) => boolean): number => {
    let bytes = 0;
    for (const piece of pieces) if (counts(piece)) bytes += sizes.get(piece) ?? 0;
    return bytes;
  };
  // In use: what images of containers are made of, and layers that a container stands on whose image is gone.
  const inUse = new Set<Piece>(containers.flatMap(({ layers }) => layers.map((layer) => store.layout.layer(layer).directory)));
  for (const image of images.values()) if (image.containers > 0) for (const piece of image.pieces) inUse.add(piece);
  const rows: UsageCell[][] = [];
  for (const [key, { entries, pieces, containers: users }] of images) {
    const all = sum(pieces, () => true);
    const shared = sum(pieces, (piece) => (sharers.get(piece) as number) > 1);
    for (const { name, imageId } of entries) {
      const colon = name?.lastIndexOf(':') ?? -1;
      rows.push([
        name?.slice(0, colon) ?? '<none>', name?.slice(colon + 1) ?? '<none>', (imageId ?? key).slice(7, 19), { since: createdOf(store, entries[0]) },
        { bytes: all }, { bytes: shared }, { bytes: all - shared }, String(users),
      ]);
    }
  }
  return {
    total: images.size,
    active: [...images.values()].filter((image) => image.containers > 0).length,
    size: sum(sizes.keys(), () => true),
    reclaimable: sum(sizes.keys(), (piece) => !inUse.has(piece)),
    columns: ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'CONTAINERS'],
    rows,
  };
}

/** '' where a damaged image does not tell. */
function createdOf(store: Store, entry: IndexEntry): string {
  try {
    return readStored(store, [entry], entry).created;
  } catch (error) {
    if (isScullError(error)) return '';
    throw error;
  }
}

function imagesWithPieces(store: Store, containers: readonly ContainerImage[]): Map<string, ImagePieces> {
  const entries = withImageIds(store, readIndex(store));
  const groups = new Map<string, [IndexEntry, ...IndexEntry[]]>();
  for (const entry of entries) {
    const group = groups.get(imageKey(entry));
    if (group === undefined) groups.set(imageKey(entry), [entry]);
    else group.push(entry);
  }
  return new Map(
    [...groups].map(([key, same]) => {
      const ids = imagesBehind(store, entries, same[0]);
      return [key, { entries: same, pieces: new Set(same.flatMap((entry) => piecesOf(store, entry))), containers: containers.filter(({ imageId }) => imageId !== undefined && ids.has(imageId)).length }];
    }),
  );
}

function piecesOf(store: Store, entry: IndexEntry): Piece[] {
  const { blobs, layers } = reachOf(store, entry.descriptor);
  return [...[...blobs].map((digest) => store.layout.blob(digest)), ...[...layers].map((chainId) => layerPaths(store, chainId).directory)];
}

/** Sizes of all blobs and layers but garbage, and but what only builds may want again (kinds/build-cache.ts). */
function sizesOfNeeded(store: Store, size: UsageSurvey['size']): Map<Piece, number> {
  const garbage = findGarbage(store, findNeeded(store));
  const cached = findCachedOnly(store);
  const [blobs, layers] = [new Set<Digest>([...garbage.blobs, ...cached.blobs]), new Set<Digest>([...garbage.layers, ...cached.layers])];
  return new Map([
    ...listBlobs(store).filter((digest) => !blobs.has(digest)).map((digest) => store.layout.blob(digest)).map((path): [Piece, number] => [path, fileSize(path)]),
    ...listLayers(store).filter((chainId) => !layers.has(chainId)).map((chainId) => layerPaths(store, chainId).directory).map((path): [Piece, number] => [path, size(path)]),
  ]);
}

/** Bytes that a file takes on disk; 0 where it was removed meanwhile. */
export function fileSize(path: string): number {
  try {
    return statSync(path).blocks * 512;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}
