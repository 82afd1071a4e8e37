/** Files that the user names on the command line. */
import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';
import { describeErrno } from '../host/errno.ts';

/**
 * The file's text.
 * @param what the option it belongs to, named in errors: `--env-file`
 * @throws ScullError NOT_FOUND, PERMISSION or INVALID saying why it cannot be read
 */
export function readUserFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const errno = errnoOf(cause);
    const code = errno === 'ENOENT' || errno === 'ENOTDIR' ? 'NOT_FOUND' : errno === 'EACCES' || errno === 'EPERM' ? 'PERMISSION' : 'INVALID';
    throw new ScullError(code, `cannot read the ${what} ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
}

/**
 * Writes the file anew.
 * @param what the option it belongs to, named in errors: `--digestfile`
 * @throws ScullError NO_SPACE, NOT_FOUND, PERMISSION or INVALID saying why it cannot be written
 */
export function writeUserFile(path: string, text: string, what: string): void {
  write(path, text, what, 'w');
}

/** The same, but one that is there is not replaced: NAME_TAKEN. */
export function writeNewUserFile(path: string, text: string, what: string): void {
  write(path, text, what, 'wx');
}

function write(path: string, text: string, what: string, flag: 'w' | 'wx'): void {
  try {
    writeFileSync(path, text, { flag });
  } catch (cause) {
    const errno = errnoOf(cause);
    const code = errno === 'EEXIST' ? 'NAME_TAKEN' : errno === 'ENOSPC' ? 'NO_SPACE' : errno === 'ENOENT' || errno === 'ENOTDIR' ? 'NOT_FOUND' : errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS' ? 'PERMISSION' : 'INVALID';
    throw new ScullError(code, `cannot write the ${what} ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
}
