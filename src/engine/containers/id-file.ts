/** --cidfile and --pod-id-file. */
import { closeSync, openSync } from 'node:fs';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { writeAllSync } from '../../host/files.ts';

/**
 * Made before the thing itself, and exclusively: two commands can't both believe the file to be theirs.
 * @param option named in errors
 * @returns the path
 * @throws ScullError IN_USE, NOT_FOUND
 */
export function writeIdFile(path: string, id: string, option: '--cidfile' | '--pod-id-file'): string {
  const what = option === '--cidfile' ? 'container ID file' : 'pod ID file';
  try {
    const fd = openSync(path, 'wx', 0o644);
    try {
      writeAllSync(fd, id);
    } finally {
      closeSync(fd);
    }
    return path;
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') {
      throw new ScullError('IN_USE', `${what} ${JSON.stringify(path)} exists already`, { hint: `make sure the other ${option === '--cidfile' ? 'container is not running' : 'pod is not in use'} and delete the file`, cause });
    }
    throw new ScullError('NOT_FOUND', `cannot write the ${what} ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
}
