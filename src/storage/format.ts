/** The file `version`: in which format a store is. One of a newer scull is refused instead of misread. */
import { ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, readTextIfPresent, writeFileAtomic } from '../host/files.ts';
import { ensureBallast } from './ballast.ts';
import { STORE_FORMAT } from './layout.ts';
import type { Store } from './store.ts';

/**
 * For readers. No such file is fine: a store may only just be made.
 * @throws ScullError UNSUPPORTED for a newer format; CORRUPT when the file makes no sense
 */
export function checkFormat(store: Store): void {
  readFormat(store);
}

/** For writers, before the first change: makes the store's root, says in it which format it has, and lays the ballast in. @throws as {@link checkFormat} */
export function ensureFormat(store: Store): void {
  ensureVersion(store);
  ensureBallast(store);
}

function ensureVersion(store: Store): void {
  if (readFormat(store) !== undefined) return;
  ensurePrivateDirectory(store.layout.root);
  writeFileAtomic(store.layout.versionFile, `${STORE_FORMAT}\n`);
}

function readFormat(store: Store): number | undefined {
  const text = readTextIfPresent(store.layout.versionFile);
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,9}\n?$/.test(text)) throw new ScullError('CORRUPT', `the file ${store.layout.versionFile} is damaged: it should hold the number ${STORE_FORMAT}`);
  const format = Number(text);
  if (format <= STORE_FORMAT) return format;
  throw new ScullError('UNSUPPORTED', `the store ${store.layout.root} was written by a newer scull (format ${format}, this one knows ${STORE_FORMAT})`, {
    hint: 'update scull, or use another store with --root',
  });
}
