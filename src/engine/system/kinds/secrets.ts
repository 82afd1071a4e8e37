/** Secrets: a file each, too small for `system df`. */
import { isScullError } from '../../../host/errors.ts';
import { moveToQuarantine } from '../../../storage/quarantine.ts';
import { readSecret, secretNames } from '../../../storage/secrets.ts';
import type { CheckRun, StoreKind } from '../store-kind.ts';

export const secretKind: StoreKind = { label: 'Secrets', check: checkSecrets };

function checkSecrets(run: CheckRun): void {
  const { store } = run.engine;
  const names = secretNames(store);
  for (const name of names) {
    try {
      readSecret(store, name);
    } catch (error) {
      if (!isScullError(error)) throw error;
      const file = store.layout.secret(name);
      run.found({ object: `secret ${name}`, file, what: error.message, repair: () => `put it into quarantine as ${moveToQuarantine(store, file)}; create it again` });
    }
  }
  run.looked('secret', names.length);
}
