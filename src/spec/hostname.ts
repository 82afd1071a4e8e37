/** --hostname: what sethostname(2) takes and name resolution can live with, RFC 1123. */
import { ScullError } from '../host/errors.ts';

/** @throws ScullError INVALID */
export function parseHostname(text: string): string {
  if (/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(text) && text.length <= 64) return text;
  const reason = text.length > 64 ? 'it is longer than 64 characters' : 'expected letters, digits, "-" and "."';
  throw new ScullError('INVALID', `invalid hostname ${JSON.stringify(text.slice(0, 100))}: ${reason}`);
}
