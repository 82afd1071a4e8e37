/** Names of containers and volumes: what Docker and Podman accept. */
import { ScullError } from '../host/errors.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const LONGEST = 255;

export function isName(text: string): boolean {
  return NAME.test(text) && text.length <= LONGEST;
}

/**
 * @param what `container` or `volume`, named in errors
 * @throws ScullError INVALID
 */
export function parseName(text: string, what: string): string {
  if (isName(text)) return text;
  const reason = text.length > LONGEST ? `it is longer than ${LONGEST} characters` : 'it must begin with a letter or digit, followed by letters, digits, "_", "." or "-"';
  throw new ScullError('INVALID', `invalid ${what} name ${JSON.stringify(text.slice(0, 100))}: ${reason}`);
}
