/**
 * Hashes. Where the runtime has its own, node:crypto and node:zlib are left alone: loading one of them, with the streams that it brings
 * along, costs the executable 6 ms, as much as all the rest of a start.
 */
export type HashAlgorithm = 'sha256' | 'sha512';

export interface Hash {
  update(bytes: string | Uint8Array): unknown;
  /** To be called once, at the end. */
  digest(encoding: 'hex'): string;
}

interface BunHashes {
  readonly CryptoHasher: new (algorithm: HashAlgorithm) => Hash;
  readonly hash: { readonly crc32: (bytes: Uint8Array, sum: number) => number };
}

const bun = (globalThis as { readonly Bun?: BunHashes }).Bun;
let sum32: ((bytes: Uint8Array, sum: number) => number) | undefined;

export function createHash(algorithm: HashAlgorithm): Hash {
  return bun === undefined ? process.getBuiltinModule('node:crypto').createHash(algorithm) : new bun.CryptoHasher(algorithm);
}

/** Of a text or bytes that are here as a whole, in hex. */
export function hashOf(bytes: string | Uint8Array, algorithm: HashAlgorithm): string {
  const hash = createHash(algorithm);
  hash.update(bytes);
  return hash.digest('hex');
}

/** @param sum of the bytes before these, 0 at the beginning */
export function crc32(bytes: Uint8Array, sum: number): number {
  sum32 ??= bun === undefined ? process.getBuiltinModule('node:zlib').crc32 : bun.hash.crc32;
  return sum32(bytes, sum);
}
