/** `--filter key=value`, as often as wanted: values of one key are alternatives unless the key says otherwise. */
import { ScullError } from '../host/errors.ts';

/** @throws ScullError INVALID for a filter without `=` or a key that this command does not know */
export function parseFilters(filters: readonly string[] | undefined, known?: readonly string[]): Record<string, string[]> {
  const parsed: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const filter of filters ?? []) {
    const equals = filter.indexOf('=');
    // Docker and Podman let `label!=key` exclude.
    const key = equals < 0 ? filter : filter.slice(0, equals);
    if (equals <= 0) throw new ScullError('INVALID', `invalid filter ${JSON.stringify(filter)}: it is key=value, e.g. label=tier=front`);
    if (known !== undefined && !known.includes(key)) {
      throw new ScullError('INVALID', `invalid filter ${JSON.stringify(filter)}: there is no filter ${JSON.stringify(key)}`, { hint: `filters are ${known.join(', ')}` });
    }
    (parsed[key] ??= []).push(filter.slice(equals + 1));
  }
  return parsed;
}
