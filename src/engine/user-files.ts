/** Files of the caller's that are read as streams. */
import { createReadStream, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../host/errors.ts';
import { withPath } from '../host/files.ts';

/** @throws ScullError NOT_FOUND, PERMISSION */
export function openUserFile(path: string): Readable {
  try {
    const stream = createReadStream(path, { fd: openSync(path, 'r'), highWaterMark: 1 << 20 });
    // What fails later (a folder is opened, and cannot be read) is told with the file's name too.
    return stream.on('error', (error) => void withPath(error, path));
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR';
    throw new ScullError(missing ? 'NOT_FOUND' : 'PERMISSION', `cannot read ${JSON.stringify(path)}: ${missing ? 'no such file' : (cause as Error).message}`, { cause });
  }
}
