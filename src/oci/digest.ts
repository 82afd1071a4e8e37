/** Content digests, OCI image-spec "descriptor.md", section Digests. Only sha256 and sha512 are registered and accepted. */
import { ScullError } from '../host/errors.ts';

/** `sha256:<64 hex>` or `sha512:<128 hex>`, checked by {@link parseDigest}. Safe to use in a path. */
export type Digest = string & { readonly __digest: unique symbol };

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

/** @throws ScullError INVALID when `text` is not a well-formed digest. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new ScullError('INVALID', `invalid digest ${JSON.stringify(text.slice(0, 200))}: expected sha256:<64 hex digits>`);
}

/** The hex part, without the algorithm. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function digestAlgorithm(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}
