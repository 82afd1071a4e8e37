/** Keys of steps: a digest of all that decides what comes of a step. Pure. */
import { sha256Hex } from '../oci/chain-id.ts';

/** Whatever JSON can say; the order of an object's keys does not matter. */
export type KeyPart = string | number | boolean | null | undefined | readonly KeyPart[] | { readonly [key: string]: KeyPart };

/** With the meaning of a step, or what executing it does, this number changes: what was made before does not count any more. */
const GENERATION = 2;

/** @returns 64 hex digits */
export function cacheKey(kind: string, parts: KeyPart): string {
  return sha256Hex(canonical([GENERATION, kind, parts]));
}

function canonical(value: KeyPart): string {
  if (value === undefined) return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly KeyPart[]).map(canonical).join(',')}]`;
  const entries = Object.entries(value as Readonly<Record<string, KeyPart>>).filter(([, inner]) => inner !== undefined);
  return `{${entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}
