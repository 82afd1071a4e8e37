/** Images of an OCI image layout (image-layout.md), in a folder or packed as an archive; also the newer `docker save`. */
import { ScullError } from '../../host/errors.ts';
import { decodeIndex, decodeManifestOrIndex, isIndexType, isManifestType, MAX_DOCUMENT } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import { hostPlatform, platformMatches } from '../../oci/platform.ts';
import { digestOf } from '../blobs.ts';
import type { ImageSource } from '../image-types.ts';
import { REF_NAME } from '../index-file.ts';
import type { ArchivedImage, Wanted } from './archived-image.ts';
import { readSmall, type FileSet } from './file-set.ts';
import { blobName } from './names.ts';

/** The full name, where containerd and newer Dockers write only the tag into ref.name. */
export const CONTAINERD_NAME = 'io.containerd.image.name';

export function isOciLayout(files: FileSet): boolean {
  return files.size('index.json') !== undefined && files.size('oci-layout') !== undefined;
}

/**
 * The images of a layout. Of an image for several platforms the one for the platform that is wanted (this machine's unless given) is
 * taken, if its manifest is there, or every one. Entries of one manifest become one image with several names.
 * @throws ScullError INVALID
 */
export async function readOciLayout(files: FileSet, wanted: Wanted = hostPlatform()): Promise<readonly ArchivedImage[]> {
  const { index } = decodeIndex(await readSmall(files, 'index.json', MAX_DOCUMENT), MEDIA_TYPES.ociIndex);
  /** What each list led to: thousands of entries may name the same one. */
  const resolved = new Map<Digest, readonly Descriptor[]>();
  const images = new Map<Digest, { descriptor: Descriptor; names: string[]; listed: boolean }>();
  for (const entry of index.manifests) {
    if (!isIndexType(entry.mediaType) && !isManifestType(entry.mediaType)) continue;
    const found = resolved.get(entry.digest) ?? (await resolve(files, entry, wanted, 0));
    if (isIndexType(entry.mediaType)) resolved.set(entry.digest, found);
    for (const descriptor of found) {
      const image = images.get(descriptor.digest) ?? { descriptor, names: [], listed: isIndexType(entry.mediaType) };
      const name = entry.annotations?.[CONTAINERD_NAME] ?? entry.annotations?.[REF_NAME];
      if (name !== undefined && !image.names.includes(name)) image.names.push(name);
      images.set(descriptor.digest, image);
    }
  }
  if (images.size === 0) throw new ScullError('INVALID', `${files.label} has no image${wanted === 'every' ? '' : ` for ${wanted.os}/${wanted.architecture}`}`);
  return [...images.values()].map(({ descriptor, names, listed }) => ({ source: layoutSource(files, descriptor), names, shortNames: 'localhost', madeUpManifest: false, ...(listed ? { listed: descriptor } : {}) }));
}

/** Follows indexes to the manifest of the platform, or to every one that is in the archive; a list within a list is not every one's. */
async function resolve(files: FileSet, descriptor: Descriptor, wanted: Wanted, depth: number): Promise<readonly Descriptor[]> {
  if (!isIndexType(descriptor.mediaType)) return wanted !== 'every' && isAttestation(descriptor) ? [] : [descriptor];
  if (depth >= (wanted === 'every' ? 1 : 3) || files.size(blobName(descriptor.digest)) === undefined) return [];
  const bytes = await readVerified(files, descriptor);
  const decoded = decodeManifestOrIndex(bytes, descriptor.mediaType);
  if (decoded.kind === 'manifest') return [descriptor];
  const present = decoded.index.manifests.filter((entry) => files.size(blobName(entry.digest)) !== undefined);
  if (wanted === 'every') return present.filter((entry) => isManifestType(entry.mediaType));
  const here = present.filter((entry) => !isAttestation(entry));
  const fitting = here.find((entry) => entry.platform !== undefined && platformMatches(entry.platform, wanted));
  const chosen = fitting ?? (here.length === 1 ? here[0] : undefined);
  return chosen === undefined ? [] : resolve(files, chosen, wanted, depth + 1);
}

/** BuildKit stores provenance beside images, as manifests for a platform that does not exist. */
function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' || descriptor.platform?.os === 'unknown';
}

function layoutSource(files: FileSet, descriptor: Descriptor): ImageSource {
  return {
    resumable: false,
    manifest: async () => ({ bytes: await readVerified(files, descriptor), mediaType: descriptor.mediaType, digest: descriptor.digest }),
    blob: async (blob) => files.pieces(blobName(blob.digest)),
  };
}

async function readVerified(files: FileSet, descriptor: Descriptor): Promise<Uint8Array> {
  const bytes = await readSmall(files, blobName(descriptor.digest), MAX_DOCUMENT);
  if (bytes.length !== descriptor.size || (digestOf(bytes, digestAlgorithm(descriptor.digest))) !== descriptor.digest) {
    throw new ScullError('INVALID', `${files.label} is damaged: the content of blob ${descriptor.digest} is not what its name says`);
  }
  return bytes;
}
