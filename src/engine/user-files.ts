/** Files of the caller's that are read as streams. */
import { createReadStream, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../host/errors.ts';

/** @throws ScullError NOT_FOUND, PERMISSION */
export function openUserFile(path: string): Readable {
  try {
    return createReadStream(path, { fd: openSync(path, 'r'), highWaterMark: 1 << 20 });
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR';
    throw new ScullError(missing ? 'NOT_FOUND' : 'PERMISSION', `cannot read ${JSON.stringify(path)}: ${missing ? 'no such file' : (cause as Error).message}`, { cause });
  }
}
