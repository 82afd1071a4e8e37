/** Where a repair puts what it can neither mend nor get again: out of use, and still there for whoever wants to look at it. */
import { renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { ensurePrivateDirectory, explainWriteFailure } from '../host/files.ts';
import { randomHex } from '../host/identity.ts';
import type { Store } from './store.ts';

/** Renames a file or directory of the store. @returns where it is now @throws ScullError NO_SPACE, PERMISSION */
export function moveToQuarantine(store: Store, path: string): string {
  const place = join(store.layout.quarantine, `${basename(path)}.${randomHex(4)}`);
  try {
    ensurePrivateDirectory(store.layout.quarantine);
    renameSync(path, place);
    crashPoint('quarantine:moved');
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
  return place;
}
