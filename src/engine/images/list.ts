/** All images, lists of images and artifacts. */
import type { StoredImage } from '../../storage/image-types.ts';
import { readContainerImages } from '../../storage/container-images.ts';
import { readImages } from '../../storage/images.ts';
import type { Engine } from '../engine.ts';

/** Each once, with all its names. Of damaged ones a warning tells. @throws ScullError CORRUPT for the index itself */
export function listImages(engine: Engine): readonly StoredImage[] {
  const { images, damaged } = readImages(engine.store);
  for (const image of damaged) {
    engine.progress({ kind: 'message', level: 'warning', text: `image ${image.names[0] ?? image.digest} is left out: ${image.error.message}` });
  }
  return images;
}

/** Ids of the images that containers were made from. */
export function usedImages(engine: Engine): ReadonlySet<string> {
  return new Set(readContainerImages(engine.store).containers.flatMap((container) => container.imageId ?? []));
}
