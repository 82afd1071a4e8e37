/** Files of the caller's. */
import { createReadStream, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../host/errors.ts';
import { withPath } from '../host/files.ts';

/** @throws ScullError NOT_FOUND, PERMISSION */
export function openUserFile(path: string): Readable {
  const stream = createReadStream(path, { fd: openUserDescriptor(path), highWaterMark: 1 << 20 });
  // What fails later (a folder is opened, and cannot be read) is told with the file's name too.
  return stream.on('error', (error) => void withPath(error, path));
}

/** @throws ScullError NOT_FOUND, PERMISSION */
export function openUserDescriptor(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR';
    throw new ScullError(missing ? 'NOT_FOUND' : 'PERMISSION', `cannot read ${JSON.stringify(path)}: ${missing ? 'no such file' : (cause as Error).message}`, { cause });
  }
}
