/** Failures of system calls in plain words. */
import { errnoOf } from './errors.ts';

/** What the machine, not a program, is the cause of; others (EBADF, EINVAL …) are a bug wherever they come out. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file is larger than is allowed',
  EROFS: 'the file system is read-only',
  EIO: 'the device reports an input/output error',
  ENOMEM: 'no memory left',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  EAGAIN: 'a limit on processes or memory is reached',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
  ESTALE: 'the network file system has lost the file',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
};

/** Only for what the user named: elsewhere a missing file is a bug, or was expected. */
const NAMED: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
};

/** E.g. `permission denied`; the error's own message where the errno is not a common one. */
export function describeErrno(error: unknown): string {
  const errno = errnoOf(error) ?? '';
  return WORDS[errno] ?? NAMED[errno] ?? (error as Error).message;
}

/**
 * A failed system call that is the machine's state and no bug: `cannot mkdir "/x": permission denied`.
 * @returns undefined for everything else
 */
export function machineFailure(error: unknown): string | undefined {
  const errno = errnoOf(error);
  const { syscall, path } = (error ?? {}) as { readonly syscall?: unknown; readonly path?: unknown };
  // Bun's rm says EFAULT for whatever it does not know, EIO being such.
  const words = errno === 'EFAULT' && syscall === 'rm' ? 'the file system reports an error' : WORDS[errno ?? ''];
  if (words === undefined || typeof syscall !== 'string') return undefined;
  return `cannot ${syscall}${typeof path === 'string' ? ` ${JSON.stringify(path)}` : ''}: ${words}`;
}
