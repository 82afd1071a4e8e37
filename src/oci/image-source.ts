/** Where an image can be taken from: the contract between whatever holds images and the store that admits them. */
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';

/**
 * Where an image can be taken from: a registry, an archive, a folder. The store checks digest and size of everything
 * it reads from it, so a source may lie without harm.
 */
export interface ImageSource {
  /** The manifest of one platform (indexes are resolved by the source), as raw bytes with its media type. */
  manifest(): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string; readonly digest?: Digest }>;
  /** A blob from byte `offset` on (0 unless the source can resume). Each piece may be overwritten when the next is asked for. */
  blob(descriptor: Descriptor, offset?: number): Promise<AsyncIterable<Uint8Array>>;
  /** True if blob() honours offset. */
  readonly resumable: boolean;
  close?(): Promise<void>;
}
