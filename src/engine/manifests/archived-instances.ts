/** Images in files and folders (containers-transports(5)) that shall go into a list: with all they consist of, since nobody else may have it. */
import { ScullError } from '../../host/errors.ts';
import { decodeImageConfig, decodeManifest, isImageConfigType } from '../../oci/decode.ts';
import { digestAlgorithm } from '../../oci/digest.ts';
import type { FileLocation } from '../../oci/reference.ts';
import type { ArchivedImage } from '../../storage/archives/archived-image.ts';
import { digestOf, readChecked } from '../../storage/blobs.ts';
import type { NewBlob, NewInstance } from '../../storage/image-lists.ts';
import { ambiguous, chooseArchived } from '../images/pull-file.ts';
import { describe } from './list-entry.ts';

/** @param all also where there are several @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID */
export async function archivedInstances(location: FileLocation, images: readonly ArchivedImage[], all: boolean): Promise<readonly NewInstance[]> {
  const chosen = chooseArchived(location, images);
  if (chosen.length > 1 && !all) throw ambiguous(location, images);
  const found: NewInstance[] = [];
  for (const { source, listed } of chosen) {
    const { bytes, mediaType: declared, digest: expected } = await source.manifest();
    const { manifest, mediaType } = decodeManifest(bytes, declared);
    const digest = digestOf(bytes, expected === undefined ? 'sha256' : digestAlgorithm(expected));
    if (expected !== undefined && digest !== expected) throw new ScullError('INVALID', `a manifest in ${JSON.stringify(location.path)} is not what the list says: its digest is ${digest} instead of ${expected}`);
    const config = await readChecked(await source.blob(manifest.config), manifest.config);
    const platform = isImageConfigType(manifest.config.mediaType) ? decodeImageConfig(config) : undefined;
    const described = describe({ mediaType, digest, size: bytes.length }, manifest, platform);
    found.push({
      // A list in there knows what the configuration may not.
      descriptor: { ...described, ...listed, mediaType, digest, size: bytes.length },
      documents: [{ digest, bytes }, { digest: manifest.config.digest, bytes: config }],
      blobs: manifest.layers.map((descriptor): NewBlob => ({ descriptor, open: () => opened(() => source.blob(descriptor)) })),
    });
  }
  return found;
}

async function* opened(open: () => Promise<AsyncIterable<Uint8Array>>): AsyncGenerator<Uint8Array> {
  yield* await open();
}
