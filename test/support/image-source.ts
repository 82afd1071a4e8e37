/** Image sources in memory, honest or lying, for tests of the store. Images without layers need no namespaces to be stored. */
import { Readable } from 'node:stream';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/image.ts';
import type { ImageSource } from '../../src/storage/image-types.ts';
import { sha256 } from './digest.ts';

export interface MadeImage {
  readonly id: Digest;
  readonly manifestDigest: Digest;
  readonly manifestBytes: Buffer;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Content by digest; change it to make the source lie. */
  readonly blobs: Map<string, Buffer>;
  readonly source: ImageSource;
}

export interface ImageParts {
  /** Makes the image's id its own. */
  readonly command?: string;
  /** Uncompressed tars, lowest first. */
  readonly layers?: readonly Buffer[];
  /** Of layers that are compressed. */
  readonly diffIds?: readonly Digest[];
  readonly mediaType?: string;
  /** Put into the manifest as it is. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export function makeImage(parts: ImageParts = {}): MadeImage {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer, mediaType: string): Descriptor => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const layers = (parts.layers ?? []).map((tar) => add(tar, MEDIA_TYPES.ociLayer));
  const configuration = {
    architecture: 'amd64',
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config: { Cmd: [parts.command ?? 'true'] },
    rootfs: { type: 'layers', diff_ids: parts.diffIds ?? layers.map((layer) => layer.digest) },
  };
  const config = add(Buffer.from(JSON.stringify(configuration)), MEDIA_TYPES.ociConfig);
  const mediaType = parts.mediaType ?? MEDIA_TYPES.ociManifest;
  const manifestBytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers, annotations: parts.annotations }));
  const source: ImageSource = {
    resumable: false,
    manifest: async () => ({ bytes: manifestBytes, mediaType, digest: sha256(manifestBytes) }),
    blob: async (descriptor, offset = 0) => {
      const bytes = blobs.get(descriptor.digest);
      if (bytes === undefined) throw new Error(`the test asked for a blob that it did not make: ${descriptor.digest}`);
      return Readable.from([bytes.subarray(offset)]);
    },
  };
  return { id: config.digest, manifestDigest: sha256(manifestBytes), manifestBytes, config, layers, blobs, source };
}
