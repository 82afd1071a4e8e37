/** `image tree`: the layers of an image, which images end where, and what stands on it. */
import { lookUpImage } from '../../storage/image-lookup.ts';
import type { ImageRecord, LayerRef, StoredImage } from '../../storage/image-types.ts';
import { readImages } from '../../storage/images.ts';
import { archiveSizeOf } from '../../storage/layers/store.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from './by-alias.ts';

export interface TreeLayer {
  /** Chain id: the name of this layer on top of those below it. */
  readonly id: string;
  /** Bytes of the layer's archive, uncompressed; as it is kept where it was not unpacked yet. */
  readonly size: number;
  /** Names of the images of which it is the top layer. */
  readonly topOf: readonly string[];
}

/** A layer and what other images put on it. */
export interface TreeNode extends TreeLayer {
  readonly children: readonly TreeNode[];
}

export interface ImageTree {
  readonly image: ImageRecord;
  /** Lowest first. */
  readonly layers: readonly TreeLayer[];
  /** The top layer with all that stands on it; undefined for an image without layers. */
  readonly top: TreeNode | undefined;
}

/** @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, CORRUPT, UNSUPPORTED */
export async function imageTree(engine: Engine, nameOrId: string): Promise<ImageTree> {
  const { image } = await byAlias(nameOrId, (name) => lookUpImage(engine.store, name));
  const { images } = readImages(engine.store);
  const describe = (layer: LayerRef): TreeLayer => ({ id: layer.chainId, size: archiveSizeOf(engine.store, layer), topOf: namesEndingAt(images, layer) });
  const top = image.layers.at(-1);
  return { image, layers: image.layers.map(describe), top: top === undefined ? undefined : withChildren(top, layersAbove(images), describe) };
}

function namesEndingAt(images: readonly StoredImage[], layer: LayerRef): readonly string[] {
  return images.filter((image) => image.layers.at(-1)?.chainId === layer.chainId).flatMap((image) => image.names);
}

/** Chain id → the layers that images have directly on it. */
function layersAbove(images: readonly StoredImage[]): ReadonlyMap<string, ReadonlyMap<string, LayerRef>> {
  const above = new Map<string, Map<string, LayerRef>>();
  for (const { layers } of images) {
    for (const [index, layer] of layers.slice(1).entries()) {
      const below = (layers[index] as LayerRef).chainId;
      const known = above.get(below) ?? new Map<string, LayerRef>();
      above.set(below, known.set(layer.chainId, layer));
    }
  }
  return above;
}

function withChildren(layer: LayerRef, above: ReturnType<typeof layersAbove>, describe: (layer: LayerRef) => TreeLayer): TreeNode {
  const children = [...(above.get(layer.chainId)?.values() ?? [])];
  return { ...describe(layer), children: children.map((child) => withChildren(child, above, describe)) };
}
