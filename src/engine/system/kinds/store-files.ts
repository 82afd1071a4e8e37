/** The few files of the store that belong to no object. */
import { join } from 'node:path';
import { isScullError } from '../../../host/errors.ts';
import { readJson, readTextIfPresent, removeTree } from '../../../host/files.ts';
import { checkFormat } from '../../../storage/format.ts';
import { decodeHost, hostNames } from '../../../storage/hosts.ts';
import type { CheckRun, StoreKind } from '../store-kind.ts';

export const storeFileKind: StoreKind = { label: 'Store', check: checkStoreFiles };

function checkStoreFiles(run: CheckRun): void {
  const { store } = run.engine;
  const { layout } = store;
  try {
    checkFormat(store);
  } catch (error) {
    if (!isScullError(error, 'CORRUPT')) throw error; // a newer format: nothing here is ours to judge
    run.found({ object: 'the store', file: layout.versionFile, what: error.message, repair: () => forget(layout.versionFile, 'removed it; the next command that writes makes it again') });
  }
  if (!isJson(layout.driverFile)) run.found({ object: 'the choice of the storage driver', file: layout.driverFile, what: 'it is damaged', repair: () => forget(layout.driverFile, 'removed it; the driver is found by trying again') });
  for (const name of hostNames(layout)) {
    const file = join(layout.hosts, name);
    const text = readTextIfPresent(file);
    if (text !== undefined && decodeHost(text) === undefined) run.found({ object: 'the list of machines', file, what: 'it is damaged', repair: () => forget(file, 'removed it; its machine makes it again') });
  }
}

function forget(file: string, done: string): string {
  removeTree(file);
  return done;
}

function isJson(file: string): boolean {
  try {
    readJson(file);
    return true;
  } catch (error) {
    if (isScullError(error, 'CORRUPT')) return false;
    throw error;
  }
}
