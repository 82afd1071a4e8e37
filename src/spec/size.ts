/** Sizes as docker-run(1) takes them: `64m`, `1.5g`, `100kb`, `512`; powers of 1024, any case. */
import { ScullError } from '../host/errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, p: 1024 ** 5 };

/**
 * @param option what it is for, named in errors: `--memory`
 * @returns bytes
 * @throws ScullError INVALID
 */
export function parseSize(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match === null ? Number.NaN : Math.floor(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new ScullError('INVALID', `invalid size ${JSON.stringify(text.slice(0, 60))} for ${option}: expected a number with an optional unit b, k, m or g, for example 64m`);
}

/** The same, with -1 for "no limit", as --memory-swap and --pids-limit have it. */
export function parseSizeOrUnlimited(text: string, option: string): number {
  return text.trim() === '-1' ? -1 : parseSize(text, option);
}
