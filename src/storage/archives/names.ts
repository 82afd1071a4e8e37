/** What files are called in layouts (image-layout.md) and in skopeo's `dir:`. */
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';

/** Any content in a layout. */
export function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** A manifest of a `dir:` that the list in its manifest.json leads to. */
export function instanceName(digest: Digest): string {
  return `${digestHex(digest)}.manifest.json`;
}
