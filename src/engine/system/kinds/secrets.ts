/** Secrets: a file each, too small for `system df`. */
import { readSecret, secretNames } from '../../../storage/secrets.ts';
import { checkRecords } from '../record-check.ts';
import type { CheckRun, StoreKind } from '../store-kind.ts';

export const secretKind: StoreKind = { label: 'Secrets', check: checkSecrets };

function checkSecrets(run: CheckRun): void {
  const { store } = run.engine;
  checkRecords(run, 'secret', secretNames(store), { file: store.layout.secret, read: (name) => readSecret(store, name), then: () => 'create it again' });
}
