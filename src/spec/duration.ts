/** Durations as Go's time.ParseDuration takes them: `1h30m`, `10s`, `1.5h`, `500ms`; a plain number is seconds. */
import { ScullError } from '../host/errors.ts';

const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, 'µs': 1e-6, 'μs': 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/**
 * @param option what it is for, named in errors: `--interval`
 * @returns seconds
 * @throws ScullError INVALID
 */
export function parseDuration(text: string, option: string): number {
  const trimmed = text.trim();
  if (/^[+-]?\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed);
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/u.exec(trimmed);
  if (match === null) {
    throw new ScullError('INVALID', `invalid duration ${JSON.stringify(text.slice(0, 60))} for ${option}: expected numbers with units h, m, s or ms, for example 1h30m or 10s`);
  }
  let seconds = 0;
  for (const [, number, unit] of trimmed.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu)) seconds += Number(number) * SECONDS[unit!]!;
  return match[1] === '-' ? -seconds : seconds;
}
