/** What the store knows about an image, and what it accepts one from. */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig, Manifest } from '../oci/image.ts';
import type { IndexEntry } from './index-file.ts';

/** What `images` lists: an image, a list of images for several platforms, or an artifact (a chart, a signature …). */
export interface StoredImage {
  readonly kind: 'image' | 'list' | 'artifact';
  /** Of an image the digest of the config blob, Docker's and Podman's image id; of the others see {@link IndexEntry.imageId}. */
  readonly id: Digest;
  readonly manifestDigest: Digest;
  readonly manifestMediaType: string;
  /** Undefined for a list. */
  readonly manifest?: Manifest;
  /** Of an image. */
  readonly config?: ImageConfig;
  /** Full references (`docker.io/library/debian:latest`), sorted; empty for a dangling image. */
  readonly names: readonly string[];
  /** `repository@digest`, for what was pulled or pushed. */
  readonly repoDigests: readonly string[];
  /** Lowest first; none but for an image. */
  readonly layers: readonly LayerRef[];
  /** Bytes unpacked (as docker images shows), where known; else compressed. */
  readonly size: number;
  /** RFC 3339, from the config; the epoch where it says nothing. */
  readonly created: string;
}

/** An image in the store, as one value. Reads take no lock. */
export interface ImageRecord extends StoredImage {
  readonly kind: 'image';
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

export interface LayerRef {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** OCI config.md, "Layer ChainID". Its hex names the directory under layers/. */
  readonly chainId: Digest;
}

export type { ImageSource } from '../oci/image-source.ts';
