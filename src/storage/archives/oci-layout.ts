/** Adding an image to an OCI image layout (image-layout.md) that may hold others, as skopeo's `oci:` does. */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, readJson, writeAllSync, writeFileAtomic } from '../../host/files.ts';
import { decodeIndex } from '../../oci/decode.ts';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import { digestOf, openBlob } from '../blobs.ts';
import type { StoredImage } from '../image-types.ts';
import { REF_NAME } from '../index-file.ts';
import type { Store } from '../store.ts';
import { blobsOf, ociManifest } from './write-images.ts';

/**
 * Adds the image to the layout in `directory`, which is made if need be. An entry of the same name is replaced; blobs stay.
 * @returns the digest of its manifest there
 * @throws ScullError INVALID when the folder holds something else; CORRUPT, NO_SPACE, PERMISSION
 */
export async function addToOciLayout(store: Store, directory: string, image: StoredImage, name: string | undefined): Promise<Digest> {
  const index = existingIndex(directory);
  const bytes = ociManifest(store, image);
  const descriptor: Descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: await digestOf(bytes), size: bytes.length };
  try {
    mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
    for (const blob of blobsOf(image)) await addBlob(directory, blob, openBlob(store, blob.digest));
    writeFileAtomic(join(directory, 'blobs', digestAlgorithm(descriptor.digest), digestHex(descriptor.digest)), bytes, { mode: 0o644 });
    if (index === undefined) writeFileAtomic(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}', { mode: 0o644 });
    writeFileAtomic(join(directory, 'index.json'), JSON.stringify(withEntry(index, descriptor, name)), { mode: 0o644 });
  } catch (error) {
    throw explainWriteFailure(error, directory);
  }
  return descriptor.digest;
}

/** index.json as it stands there, whatever else is in it; undefined for a folder that is empty or missing. @throws ScullError INVALID, CORRUPT */
function existingIndex(directory: string): LayoutIndex | undefined {
  const index = readJson(join(directory, 'index.json'));
  if (index === undefined) {
    if (namesIn(directory).length === 0) return undefined;
    throw new ScullError('INVALID', `${JSON.stringify(directory)} exists, and is neither empty nor an OCI image layout`);
  }
  decodeIndex(Buffer.from(JSON.stringify(index)), MEDIA_TYPES.ociIndex);
  return index as LayoutIndex;
}

interface LayoutIndex {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[];
}

/** Without a name an entry stands for its digest alone, and once is enough. */
function withEntry(index: LayoutIndex | undefined, descriptor: Descriptor, name: string | undefined): object {
  const others = (index?.manifests ?? []).filter((entry) => (name === undefined ? entry.digest !== descriptor.digest || entry.annotations?.[REF_NAME] !== undefined : entry.annotations?.[REF_NAME] !== name));
  const added = name === undefined ? descriptor : { ...descriptor, annotations: { [REF_NAME]: name } };
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, ...index, manifests: [...others, added] };
}

/** A blob that is there in its size is not written again. */
async function addBlob(directory: string, descriptor: Descriptor, content: Readable): Promise<void> {
  const path = join(directory, 'blobs', digestAlgorithm(descriptor.digest), digestHex(descriptor.digest));
  if (statSync(path, { throwIfNoEntry: false })?.size === descriptor.size) {
    content.destroy();
    return;
  }
  const beside = `${path}.${process.pid}.part`;
  const fd = openSync(beside, 'w', 0o644);
  try {
    for await (const chunk of content as AsyncIterable<Uint8Array>) writeAllSync(fd, chunk);
    fsyncSync(fd);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new ScullError('INVALID', `cannot read the folder ${JSON.stringify(directory)}: ${(error as Error).message}`, { cause: error });
  }
}
