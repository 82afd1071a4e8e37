/** What a place of --cache-from can be asked for. */
import type { Descriptor } from '../../oci/descriptor.ts';
import type { CacheRecord } from '../../storage/build-cache.ts';

/** A place with results. */
export interface CacheReader {
  /** For messages. */
  readonly name: string;
  /** @throws ScullError */
  find(key: string): Promise<CacheRecord | undefined>;
  /** The layer's bytes from `offset` on. @throws ScullError */
  open(layer: Descriptor, offset: number): Promise<AsyncIterable<Uint8Array>>;
}
