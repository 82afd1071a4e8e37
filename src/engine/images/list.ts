/** All images. */
import type { ImageRecord } from '../../storage/image-types.ts';
import { readImages } from '../../storage/images.ts';
import type { Engine } from '../engine.ts';

/** Every image once, with all its names. Of damaged ones a warning tells. @throws ScullError CORRUPT for the index itself */
export function listImages(engine: Engine): readonly ImageRecord[] {
  const { images, damaged } = readImages(engine.store);
  for (const image of damaged) {
    engine.progress({ kind: 'message', level: 'warning', text: `image ${image.names[0] ?? image.digest} is left out: ${image.error.message}` });
  }
  return images;
}
