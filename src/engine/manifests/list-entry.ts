import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Manifest } from '../../oci/image.ts';
import type { Platform } from '../../oci/platform.ts';
import { artifactType } from '../../storage/images.ts';

/** The entry of a list for an image that says itself what it is for. */
export function describe(descriptor: { readonly mediaType: string; readonly digest: Digest; readonly size: number }, manifest: Manifest, config: Platform | undefined): Descriptor {
  if (config === undefined) return { ...descriptor, artifactType: artifactType(manifest) };
  const { os, architecture, variant } = config;
  return { ...descriptor, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
}
