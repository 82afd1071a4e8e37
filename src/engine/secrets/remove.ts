/** secret rm: containers keep the copy that they were made with. */
import { isScullError, type ScullError } from '../../host/errors.ts';
import { removeSecretFile, secretNames } from '../../storage/secrets.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { findSecret } from './find.ts';

export interface SecretOutcome {
  /** The id of what was removed; as typed where that failed. */
  readonly name: string;
  readonly error?: ScullError;
}

/** @param options.ignore a missing one is no error */
export function removeSecrets(engine: Engine, names: readonly string[], options: { readonly all?: boolean; readonly ignore?: boolean } = {}): SecretOutcome[] {
  const outcomes: SecretOutcome[] = [];
  for (const typed of options.all === true ? secretNames(engine.store) : names) {
    try {
      outcomes.push({ name: removeSecret(engine, typed) });
    } catch (error) {
      if (!isScullError(error)) throw error;
      if (!(options.ignore === true && error.code === 'NO_SUCH_SECRET')) outcomes.push({ name: typed, error });
    }
  }
  return outcomes;
}

/** @returns its id; the name of a damaged one, which goes too */
function removeSecret(engine: Engine, typed: string): string {
  try {
    const { id, name } = findSecret(engine, typed);
    if (removeSecretFile(engine.store, name)) recordEvent(engine, { type: 'secret', status: 'remove', id, name });
    return id;
  } catch (error) {
    if (!isScullError(error, 'CORRUPT') || !secretNames(engine.store).includes(typed)) throw error;
    removeSecretFile(engine.store, typed);
    return typed;
  }
}
