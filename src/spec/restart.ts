/** `--restart no|on-failure[:n]|always|unless-stopped`. */
import { ScullError } from '../host/errors.ts';
import type { RestartSpec } from './container-spec.ts';

/** @throws ScullError INVALID */
export function parseRestart(text: string): RestartSpec {
  const [name, count, ...rest] = text.split(':');
  switch (name) {
    case 'no':
    case 'never':
    case '':
    case 'always':
    case 'unless-stopped':
      if (count !== undefined) break;
      return { name: name === '' || name === 'never' ? 'no' : name };
    case 'on-failure':
      if (count === undefined) return { name };
      if (!/^\d{1,9}$/.test(count) || rest.length > 0) break;
      return { name, maxRetries: Number(count) };
  }
  throw new ScullError('INVALID', `invalid --restart ${JSON.stringify(text)}: it is one of no, on-failure[:times], always, unless-stopped`);
}
