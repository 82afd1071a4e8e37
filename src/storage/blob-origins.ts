/** Where else the blobs of the images here are known to be: for a push, which then need not send them. */
import { isScullError } from '../host/errors.ts';
import { decodeManifestOrIndex } from '../oci/decode.ts';
import type { Digest } from '../oci/digest.ts';
import { readDocument } from './blobs.ts';
import { readIndex, type IndexEntry } from './index-file.ts';
import type { Store } from './store.ts';

/**
 * By digest of a blob the repositories of `registry` that images with it were pulled from or pushed to, those of the image `first` before
 * others. What can't be read is left out.
 */
export function knownOrigins(store: Store, registry: string, first: Digest): ReadonlyMap<Digest, readonly string[]> {
  const origins = new Map<Digest, Set<string>>();
  const entries = readIndex(store);
  const about = (entry: IndexEntry): boolean => entry.descriptor.digest === first;
  for (const entry of [...entries.filter(about), ...entries.filter((other) => !about(other))]) {
    const repositories = entry.repoDigests.filter((known) => known.startsWith(`${registry}/`)).map((known) => known.slice(registry.length + 1, known.lastIndexOf('@')));
    if (repositories.length === 0) continue;
    for (const blob of blobsOf(store, entry)) {
      const known = origins.get(blob) ?? new Set();
      origins.set(blob, known);
      for (const repository of repositories) known.add(repository);
    }
  }
  return new Map([...origins].map(([blob, repositories]) => [blob, [...repositories]]));
}

function blobsOf(store: Store, { descriptor }: IndexEntry): readonly Digest[] {
  try {
    const decoded = decodeManifestOrIndex(readDocument(store, descriptor.digest), descriptor.mediaType);
    return decoded.kind === 'manifest' ? [decoded.manifest.config.digest, ...decoded.manifest.layers.map((layer) => layer.digest)] : [];
  } catch (error) {
    if (isScullError(error)) return []; // it costs sending again what that image would have had
    throw error;
  }
}
