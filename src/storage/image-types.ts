/** What the store knows about an image, and what it accepts one from. */
import type { Readable } from 'node:stream';
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

/**
 * Where an image can be taken from: a registry, an archive, a folder. The store checks digest and size of everything
 * it reads from it, so a source may lie without harm.
 */
export interface ImageSource {
  /** The manifest of one platform (indexes are resolved by the source), as raw bytes with its media type. */
  manifest(): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string; readonly digest?: Digest }>;
  /** A blob from byte `offset` on (0 unless the source can resume). */
  blob(descriptor: Descriptor, offset?: number): Promise<Readable>;
  /** True if blob() honours offset. */
  readonly resumable: boolean;
  close?(): Promise<void>;
}
