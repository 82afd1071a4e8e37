/** What the store knows about an image, and what it accepts one from. */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig, Manifest } from '../oci/image.ts';

/** An image in the store, as one value. Reads take no lock. */
export interface ImageRecord {
  /** Digest of the config blob: Docker's and Podman's image id. */
  readonly id: Digest;
  readonly manifestDigest: Digest;
  readonly manifestMediaType: string;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** Full references (`docker.io/library/debian:latest`), sorted; empty for a dangling image. */
  readonly names: readonly string[];
  /** `repository@digest`, for what was pulled or pushed. */
  readonly repoDigests: readonly string[];
  /** Lowest first. */
  readonly layers: readonly LayerRef[];
  /** Bytes unpacked (as docker images shows), where known; else compressed. */
  readonly size: number;
  /** RFC 3339, from the config; the epoch where it says nothing. */
  readonly created: string;
}

export interface LayerRef {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** OCI config.md, "Layer ChainID". Its hex names the directory under layers/. */
  readonly chainId: Digest;
}

export type { ImageSource } from '../oci/image-source.ts';
