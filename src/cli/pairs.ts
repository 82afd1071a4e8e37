/** `key=value` flags, and filters that hold times. */
import { ScullError } from '../host/errors.ts';
import { parseFilters } from './filters.ts';
import { parseTime } from './time.ts';

/** `key=value` or `key` (an empty value). @throws ScullError INVALID for an empty key */
export function parsePairs(pairs: readonly string[] | undefined, flag: string): Record<string, string> {
  const entries = (pairs ?? []).map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    if (equals === 0 || pair === '') throw new ScullError('INVALID', `invalid ${flag} ${JSON.stringify(pair)}: it is key=value`);
    return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return Object.fromEntries(entries);
}

/** Keys are checked by the engine; `until` becomes seconds since 1970. @throws ScullError INVALID */
export function timedFilters(filters: readonly string[] | undefined, now: number): Record<string, string[]> {
  const parsed = parseFilters(filters);
  if (parsed['until'] !== undefined) parsed['until'] = parsed['until'].map((text) => String(parseTime(text, '--filter until', { now, spans: 'past' }) / 1000));
  return parsed;
}

/** Filters of `system prune`; `until` becomes seconds since 1970. @throws ScullError INVALID */
export function pruneFilters(filters: readonly string[] | undefined, now: number): Record<string, string[]> {
  const parsed = parseFilters(filters, ['until', 'label', 'label!']);
  if (parsed['until'] !== undefined) parsed['until'] = parsed['until'].map((text) => String(parseTime(text, '--filter until', { now, spans: 'past' }) / 1000));
  return parsed;
}
