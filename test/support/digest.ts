import { createHash } from 'node:crypto';
import { parseDigest, type Digest } from '../../src/oci/digest.ts';

/** What bytes are called in an image store: `sha256:…`. */
export function sha256(bytes: Uint8Array | string): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}
