/** Names of stacks of layers: OCI config.md, "Layer ChainID". */
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

interface BunHasher {
  readonly CryptoHasher: new (algorithm: 'sha256') => { update(text: string | Uint8Array): void; digest(encoding: 'hex'): string };
}

/**
 * SHA-256 of a short text, in hex. Every `run` of an image with several layers comes here, so node:crypto is avoided where the
 * runtime has a hash built in: loading it costs the executable as much as all the rest of a start.
 */
export function sha256Hex(text: string | Uint8Array): string {
  const bun = (globalThis as { readonly Bun?: BunHasher }).Bun;
  if (bun !== undefined) {
    const hasher = new bun.CryptoHasher('sha256');
    hasher.update(text);
    return hasher.digest('hex');
  }
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
}
