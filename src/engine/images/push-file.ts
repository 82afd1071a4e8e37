/** `push` to a file or folder by a name with a transport (containers-transports(5)). */
import { statSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatReference, parseReference, parseSource, type FileLocation } from '../../oci/reference.ts';
import { addToOciLayout } from '../../storage/archives/oci-layout.ts';
import { ociManifest } from '../../storage/archives/write-images.ts';
import { digestOf } from '../../storage/blobs.ts';
import type { Engine } from '../engine.ts';
import { savedImage, writeImages } from './save.ts';

/**
 * Writes an image to `docker-archive:PATH[:NAME]`, `oci:PATH[:NAME]` (a layout that is there keeps its other images),
 * `oci-archive:PATH[:NAME]` or `dir:PATH`.
 * @param compress for `dir:`: layers that are not compressed are
 * @returns the digest of the manifest written; an archive of Docker has none: the image's own
 * @throws ScullError INVALID where it can't be added to what is there; NOT_FOUND, NO_SPACE, PERMISSION
 */
export async function pushFile(engine: Engine, nameOrId: string, destination: string, compress: boolean): Promise<Digest> {
  const { image } = savedImage(engine, nameOrId);
  const location = parseSource(destination);
  switch (location.transport) {
    case 'docker':
      throw new Error(`not in a file: ${destination}`);
    case 'docker-archive':
      refuseToReplace(location);
      await writeImages(engine, [{ image, names: location.name === undefined ? [] : [formatReference(parseReference(location.name))] }], 'docker-archive', { output: location.path });
      return image.manifestDigest;
    case 'oci-archive':
      refuseToReplace(location);
      await writeImages(engine, [{ image, names: location.name === undefined ? [] : [location.name] }], 'oci-archive', { output: location.path });
      return digestOf(ociManifest(engine.store, image));
    case 'dir':
      await writeImages(engine, [{ image, names: [] }], 'docker-dir', { output: location.path, compress });
      return image.manifestDigest;
    case 'oci':
      return addToOciLayout(engine.store, location.path, image, location.name);
  }
}

/** An archive can't be added to, and must not be lost by a push. */
function refuseToReplace(location: FileLocation): void {
  const stat = statSync(location.path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile() || stat.size === 0) return;
  throw new ScullError('INVALID', `${JSON.stringify(location.path)} is there already, and images can't be added to an archive`, { hint: 'remove it first, or replace it with `scull save -o`' });
}
