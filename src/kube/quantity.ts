/** Quantities of Kubernetes: `500m`, `64Mi`, `1.5G`, `1e3`. */
import { ScullError } from '../host/errors.ts';

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** @param place where it stands, for the error @throws ScullError INVALID */
export function parseQuantity(text: string, place: string): number {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text.trim());
  const value = match === null ? Number.NaN : Number(match[1]) * (match[2] === undefined ? (SUFFIXES[match[3] ?? ''] as number) : 10 ** Number(match[2]));
  if (Number.isFinite(value) && value >= 0) return value;
  throw new ScullError('INVALID', `${place}: ${JSON.stringify(text.slice(0, 60))} is not a quantity such as 500m, 64Mi or 1.5G`);
}

/** Bytes, rounded up. @throws ScullError INVALID */
export function parseByteQuantity(text: string, place: string): number {
  const bytes = Math.ceil(parseQuantity(text, place));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new ScullError('INVALID', `${place}: ${JSON.stringify(text.slice(0, 60))} is more bytes than there can be`);
}
