/** The warning that an image is for another kind of machine, in Podman's words. */
import { formatPlatform, platformMatches, type Platform } from '../../oci/platform.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import type { Engine } from '../engine.ts';

/** An image says itself what it is for; what its index or its tag promised may be wrong. */
export function warnOfPlatform(engine: Engine, image: ImageRecord, expected: Platform): void {
  if (platformMatches(image.config, expected)) return;
  engine.progress({
    kind: 'message',
    level: 'warning',
    text: `image platform (${formatPlatform(image.config)}) does not match the expected platform (${formatPlatform(expected)})`,
  });
}
