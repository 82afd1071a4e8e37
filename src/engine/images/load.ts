/** Loading images from archives and folders. */
import type { Readable } from 'node:stream';
import { isScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import type { Platform } from '../../oci/platform.ts';
import { formatReference, localReference, parseReference } from '../../oci/reference.ts';
import { admitAny } from '../../storage/admit.ts';
import { discardLeftovers } from '../../storage/garbage.ts';
import type { ArchivedImage, Wanted } from '../../storage/archives/archived-image.ts';
import { openImages } from '../../storage/archives/read-images.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import { prepareUnpacking } from '../../storage/layers/unpack-process.ts';
import { createStaging, sweepStaging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';

export interface LoadOptions {
  /** Of images for several platforms, which one; this machine's unless given. */
  readonly platform?: Platform;
}

/**
 * Loads every image of an archive (docker-archive, oci-archive, each also compressed), of an OCI layout or of a `dir:`
 * folder, under the names written there.
 * @param input path of a file or folder, or a stream
 * @returns what was loaded: each full name, or `sha256:…` for an image without one
 * @throws ScullError INVALID when it is no image archive or damaged; NOT_FOUND; NO_SPACE
 */
export async function loadImages(engine: Engine, input: string | Readable, options: LoadOptions = {}): Promise<string[]> {
  return withImages(engine, input, options.platform, async (images) => {
    const loaded: string[] = [];
    for (const image of images) {
      const { record, names } = await admitArchived(engine, image);
      for (const name of names.length > 0 ? names : ['']) recordEvent(engine, { type: 'image', status: 'loadFromArchive', id: record.id, name });
      loaded.push(...(names.length > 0 ? names : [record.id]));
    }
    return loaded;
  });
}

/** Does `work` with the images of an archive or folder; what it leaves behind when it fails is removed. @throws ScullError as {@link loadImages} */
export async function withImages<T>(engine: Engine, input: string | Readable, wanted: Wanted | undefined, work: (images: readonly ArchivedImage[]) => Promise<T>): Promise<T> {
  ensurePrivateDirectory(engine.store.layout.root);
  await sweepStaging(engine.store);
  const staging = createStaging(engine.store);
  const dismiss = prepareUnpacking(engine.store);
  try {
    return await work(await openImages(input, staging, wanted));
  } catch (error) {
    await staging.remove();
    await discardLeftovers(engine.store);
    throw error;
  } finally {
    await dismiss();
    await staging.remove();
  }
}

/** Takes one image or artifact of an archive in. @param written instead of the names it carries there */
export async function admitArchived(engine: Engine, image: ArchivedImage, written: readonly string[] = image.names): Promise<{ readonly record: StoredImage; readonly names: readonly string[] }> {
  const names = [...new Set(written.flatMap((name) => fullName(engine, image, name)))];
  const record = await admitAny(engine.store, image.source, { names, progress: engine.progress, announceMoved: true, anyManifest: image.madeUpManifest });
  return { record, names };
}

/** A name that makes no sense costs only the name. */
function fullName(engine: Engine, image: ArchivedImage, name: string): readonly string[] {
  try {
    return [formatReference(image.shortNames === 'docker.io' ? parseReference(name) : localReference(name))];
  } catch (error) {
    if (!isScullError(error)) throw error;
    engine.progress({ kind: 'message', level: 'warning', text: `the archive's name for an image is left out: ${error.message}` });
    return [];
  }
}
