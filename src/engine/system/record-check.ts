/** The check of what the store keeps as a record each: pods, secrets, networks. */
import { isScullError } from '../../host/errors.ts';
import { moveToQuarantine } from '../../storage/quarantine.ts';
import type { CheckRun } from './store-kind.ts';

export interface RecordReader {
  file(name: string): string;
  /** @throws ScullError for a record that is damaged */
  read(name: string): unknown;
  /** What the user is told, or left to do, once it is in quarantine. */
  then(name: string): string | undefined;
}

/** @param what they are, in the singular: `pod` */
export function checkRecords(run: CheckRun, what: string, names: readonly string[], reader: RecordReader): void {
  const { store } = run.engine;
  for (const name of names) {
    try {
      reader.read(name);
    } catch (error) {
      if (!isScullError(error)) throw error;
      const file = reader.file(name);
      const then = reader.then(name);
      run.found({ object: `${what} ${name}`, file, what: error.message, repair: () => `put it into quarantine as ${moveToQuarantine(store, file)}${then === undefined ? '' : `; ${then}`}` });
    }
  }
  run.looked(what, names.length);
}
