/** Images of an OCI image layout (image-layout.md), in a folder or packed as an archive; also the newer `docker save`. */
import { ScullError } from '../../host/errors.ts';
import { decodeIndex, decodeManifestOrIndex, isIndexType, isManifestType, MAX_DOCUMENT } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import { hostPlatform, platformMatches, type Platform } from '../../oci/platform.ts';
import { digestOf } from '../blobs.ts';
import type { ImageSource } from '../image-types.ts';
import { REF_NAME } from '../index-file.ts';
import type { ArchivedImage } from './archived-image.ts';
import { readSmall, type FileSet } from './file-set.ts';

/** The full name, where containerd and newer Dockers write only the tag into ref.name. */
export const CONTAINERD_NAME = 'io.containerd.image.name';

export function isOciLayout(files: FileSet): boolean {
  return files.size('index.json') !== undefined && files.size('oci-layout') !== undefined;
}

/**
 * The images of a layout. Of an image for several platforms the one for `platform` (this machine's unless given) is
 * taken, if its manifest is there. Entries of one manifest become one image with several names.
 * @throws ScullError INVALID
 */
export async function readOciLayout(files: FileSet, platform: Platform = hostPlatform()): Promise<readonly ArchivedImage[]> {
  const { index } = decodeIndex(await readSmall(files, 'index.json', MAX_DOCUMENT), MEDIA_TYPES.ociIndex);
  const images = new Map<Digest, { descriptor: Descriptor; names: string[] }>();
  for (const entry of index.manifests) {
    if (!isIndexType(entry.mediaType) && !isManifestType(entry.mediaType)) continue;
    const descriptor = await resolve(files, entry, platform, 0);
    if (descriptor === undefined) continue;
    const image = images.get(descriptor.digest) ?? { descriptor, names: [] };
    const name = entry.annotations?.[CONTAINERD_NAME] ?? entry.annotations?.[REF_NAME];
    if (name !== undefined && !image.names.includes(name)) image.names.push(name);
    images.set(descriptor.digest, image);
  }
  if (images.size === 0) throw new ScullError('INVALID', `${files.label} has no image for ${platform.os}/${platform.architecture}`);
  return [...images.values()].map(({ descriptor, names }) => ({ source: layoutSource(files, descriptor), names, shortNames: 'localhost', madeUpManifest: false }));
}

/** Follows indexes to the manifest of the platform; undefined where there is none in the archive. */
async function resolve(files: FileSet, descriptor: Descriptor, platform: Platform, depth: number): Promise<Descriptor | undefined> {
  if (!isIndexType(descriptor.mediaType)) return isAttestation(descriptor) ? undefined : descriptor;
  if (depth >= 3 || files.size(blobName(descriptor.digest)) === undefined) return undefined;
  const bytes = await readVerified(files, descriptor);
  const decoded = decodeManifestOrIndex(bytes, descriptor.mediaType);
  if (decoded.kind === 'manifest') return descriptor;
  const here = decoded.index.manifests.filter((entry) => files.size(blobName(entry.digest)) !== undefined && !isAttestation(entry));
  const fitting = here.find((entry) => entry.platform !== undefined && platformMatches(entry.platform, platform));
  const chosen = fitting ?? (here.length === 1 ? here[0] : undefined);
  return chosen === undefined ? undefined : resolve(files, chosen, platform, depth + 1);
}

/** BuildKit stores provenance beside images, as manifests for a platform that does not exist. */
function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' || descriptor.platform?.os === 'unknown';
}

function layoutSource(files: FileSet, descriptor: Descriptor): ImageSource {
  return {
    resumable: false,
    manifest: async () => ({ bytes: await readVerified(files, descriptor), mediaType: descriptor.mediaType, digest: descriptor.digest }),
    blob: async (blob) => files.open(blobName(blob.digest)),
  };
}

async function readVerified(files: FileSet, descriptor: Descriptor): Promise<Uint8Array> {
  const bytes = await readSmall(files, blobName(descriptor.digest), MAX_DOCUMENT);
  if (bytes.length !== descriptor.size || (await digestOf(bytes, digestAlgorithm(descriptor.digest))) !== descriptor.digest) {
    throw new ScullError('INVALID', `${files.label} is damaged: the content of blob ${descriptor.digest} is not what its name says`);
  }
  return bytes;
}

function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
