/** A secret by what the user typed: its name, its id, or an unambiguous beginning of its id or name. */
import { isScullError, ScullError } from '../../host/errors.ts';
import { readSecret, secretNames, type SecretRecord } from '../../storage/secrets.ts';
import type { Engine } from '../engine.ts';

/** Every readable secret, by name; a damaged one is told through progress and passed over. */
export function readSecrets(engine: Engine): SecretRecord[] {
  return secretNames(engine.store).flatMap((name) => {
    try {
      return readSecret(engine.store, name) ?? [];
    } catch (error) {
      if (!isScullError(error)) throw error;
      engine.progress({ kind: 'message', level: 'warning', text: error.message });
      return [];
    }
  });
}

/** @throws ScullError NO_SUCH_SECRET, AMBIGUOUS, CORRUPT */
export function findSecret(engine: Engine, typed: string): SecretRecord {
  const named = readSecret(engine.store, typed);
  if (named !== undefined) return named;
  const matches = typed === '' ? [] : readSecrets(engine).filter(({ id, name }) => id.startsWith(typed) || name.startsWith(typed));
  if (matches.length === 1) return matches[0] as SecretRecord;
  if (matches.length > 1) throw new ScullError('AMBIGUOUS', `${JSON.stringify(typed)} is the beginning of more than one secret: ${matches.map(({ name }) => name).join(', ')}`);
  throw new ScullError('NO_SUCH_SECRET', `no secret with name or ID ${JSON.stringify(typed.slice(0, 200))}: no such secret`, { hint: 'see `scull secret ls`' });
}

/** What is in a secret, as one line of text. @throws ScullError as {@link findSecret} */
export function secretText(engine: Engine, typed: string): string {
  return Buffer.from(findSecret(engine, typed).data, 'base64').toString('utf8').replace(/\r?\n$/, '');
}

/** True when a secret has exactly this name or id. */
export function secretExists(engine: Engine, typed: string): boolean {
  return secretNames(engine.store).includes(typed) || readSecrets(engine).some(({ id }) => id === typed);
}
