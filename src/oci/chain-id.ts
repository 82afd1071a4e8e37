/** Names of stacks of layers: OCI config.md, "Layer ChainID". */
import { hashOf } from '../host/hash.ts';
import { parseDigest, type Digest } from './digest.ts';

/** The chain ids of an image's layers, lowest first, from the digests of their uncompressed tars. */
export function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : parseDigest(`sha256:${sha256Hex(`${below} ${diffId}`)}`));
  }
  return chain;
}

/** SHA-256 of a short text, in hex. */
export function sha256Hex(text: string | Uint8Array): string {
  return hashOf(text, 'sha256');
}
