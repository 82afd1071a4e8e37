/** All images, lists of images and artifacts. */
import { readContainerImages } from '../../storage/container-images.ts';
import { readListedImages, type ListedImage } from '../../storage/image-listing.ts';
import { readImages } from '../../storage/images.ts';
import type { Engine } from '../engine.ts';

/** Each once, with all its names. Of damaged ones a warning tells. @throws ScullError CORRUPT for the index itself */
export function listImages(engine: Engine): readonly ListedImage[] {
  const { images, damaged } = readListedImages(engine.store);
  for (const image of damaged) {
    engine.progress({ kind: 'message', level: 'warning', text: `image ${image.names[0] ?? image.digest} is left out: ${image.error.message}` });
  }
  return images;
}

/** Chain ids of the layers of every image, lowest first, by its id. */
export function layersOfImages(engine: Engine): ReadonlyMap<string, readonly string[]> {
  return new Map(readImages(engine.store).images.map(({ id, layers }) => [id, layers.map(({ chainId }) => chainId)]));
}

/** How many containers were made from an image, by its id; images of none are left out. */
export function containersOfImages(engine: Engine): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { imageId } of readContainerImages(engine.store).containers) if (imageId !== undefined) counts.set(imageId, (counts.get(imageId) ?? 0) + 1);
  return counts;
}
