/** Times and spans as users type them, after Go's time package: RFC 3339, days, unix seconds, `1h30m` from now. */
import { ScullError } from '../host/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's time.ParseDuration in milliseconds, undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return text === '0' ? 0 : undefined;
  let total = 0;
  for (const [, amount, unit] of (match[2] as string).matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) total += Number(amount) * (UNITS[unit as string] as number);
  return match[1] === '-' ? -total : total;
}

export interface TimeOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What a span counts: `past` (10m is ten minutes ago) or `future`. */
  readonly spans: 'past' | 'future';
}

/**
 * A point in time, milliseconds since the epoch.
 * @param flag what to name in the error, e.g. `--since`
 * @throws ScullError INVALID
 */
export function parseTime(text: string, flag: string, options: TimeOptions): number {
  const stamp = parseTimestamp(text.trim());
  if (stamp !== undefined) return stamp;
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text.trim())) return Number(text) * 1000;
  const span = parseDuration(text.trim());
  if (span !== undefined) return options.spans === 'past' ? options.now - span : options.now + span;
  throw new ScullError('INVALID', `invalid time ${JSON.stringify(text)} for ${flag}`, {
    hint: 'use 2024-05-31T12:00:00Z, 2024-05-31, seconds since 1970, or a span such as 10m or 1h30m',
  });
}

/** A time without a zone is UTC, as Go reads it. */
function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (match === null) return undefined;
  const [, day, time = '00:00:00', fraction = '0', zone = 'Z'] = match;
  const value = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`);
  return Number.isNaN(value) ? undefined : value;
}
