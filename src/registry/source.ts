/** An image in a registry, as the store takes it in: {@link ImageSource}. */
import type { ImageSource } from '../oci/image-source.ts';
import type { Digest } from '../oci/digest.ts';
import { hostPlatform, type Platform } from '../oci/platform.ts';
import type { Reference } from '../oci/reference.ts';
import { openBlob } from './blobs.ts';
import { resolveManifest, type ResolvedManifest } from './manifests.ts';
import { openRegistry, type RegistryOptions, type RegistrySession } from './session.ts';

export interface RegistrySourceOptions extends RegistryOptions {
  /** This machine's unless given. */
  readonly platform?: Platform | undefined;
  /** A session to use, and to leave open; one of its own otherwise. */
  readonly session?: RegistrySession | undefined;
}

export interface RegistrySource extends ImageSource {
  /** The digests the image goes by in its repository: what the name itself names (an index, maybe), then the image's own. */
  digests(): Promise<readonly Digest[]>;
  close(): Promise<void>;
}

/**
 * Opens nothing yet: the first call does. The manifest is fetched once; blobs may be read several at a time, each from any
 * offset. close() breaks off what is under way.
 */
export function registrySource(reference: Reference, options: RegistrySourceOptions = {}): RegistrySource {
  const session = options.session ?? openRegistry(reference.registry, options);
  let resolved: Promise<ResolvedManifest> | undefined;
  const resolve = (): Promise<ResolvedManifest> => (resolved ??= resolveManifest(session, reference, options.platform ?? hostPlatform()));
  return {
    resumable: true,
    async manifest() {
      const { bytes, manifest, digest } = await resolve();
      return { bytes, mediaType: manifest.mediaType, digest };
    },
    async digests() {
      const { digest, topDigest } = await resolve();
      return digest === topDigest ? [digest] : [topDigest, digest];
    },
    blob: (descriptor, offset = 0) => openBlob(session, reference, descriptor, offset),
    async close() {
      if (options.session === undefined) session.close();
    },
  };
}
