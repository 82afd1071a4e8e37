/**
 * Files that must survive a crash: written beside, flushed, renamed, and the directory flushed.
 * What this protects against: a crash or a full disk leaves either the old file or the new one, never a torn one.
 */
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, unlink, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crashPoint } from './crash-point.ts';
import { errnoOf, isMissing, ScullError } from './errors.ts';
import { flushes } from './flush.ts';
import { ownerTag, parseOwnerTag, type ProcessIdentity } from './identity.ts';

export interface WriteOptions {
  /** Permission bits, 0600 unless given. */
  readonly mode?: number;
  /** False skips the flush, for what needs not survive a power cut (runtime state on tmpfs). */
  readonly durable?: boolean;
}

/** Writes `data` to `path` so that readers see the old content or all of the new. @throws ScullError NO_SPACE */
export function writeFileAtomic(path: string, data: string | Uint8Array, options: WriteOptions = {}): void {
  const durable = (options.durable ?? true) && flushes;
  const beside = `${path}.${ownerTag()}.tmp`;
  try {
    const fd = openSync(beside, 'wx', options.mode ?? 0o600);
    try {
      writeAllSync(fd, data);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    crashPoint('file:written');
    renameSync(beside, path);
    crashPoint('file:renamed');
  } catch (error) {
    try {
      unlinkSync(beside);
    } catch {
      // It was never made, or the rename already took it: nothing of ours is left either way.
    }
    throw explainWriteFailure(error, path);
  }
  if (durable) syncDirectory(dirname(path));
}

/** The process that is (or was) writing a file of this name, to rename it when it is complete; undefined for other files. */
export function besideOwner(name: string): ProcessIdentity | undefined {
  const tag = /\.([0-9]+\.[0-9]+\.[0-9a-f]{32}\.[0-9a-f]{16})\.tmp$/.exec(name)?.[1];
  return tag === undefined ? undefined : parseOwnerTag(tag);
}

/** Flushes a directory's entries, so that renames in it survive a power cut. */
export function syncDirectory(path: string): void {
  if (!flushes) return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } catch (error) {
    throw withPath(error, path);
  } finally {
    closeSync(fd);
  }
}

/** Writes everything, also where the kernel takes it in parts (pipes, signals). */
export function writeAllSync(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(fd, bytes, offset, bytes.length - offset);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/**
 * Leaves a file alone that has this content already. Not by rename: it may be mounted where others see it.
 * Where a file was made empty and is written anew, ext4 writes to the disk when it is closed (ext4(5), "auto_da_alloc").
 */
export function writeIfDifferent(path: string, content: string | Uint8Array, { mode }: { readonly mode: number }): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && stat.size === bytes.length && readFileSync(path).equals(bytes)) return;
  writeFileSync(path, bytes, { mode });
}

/** JSON a person can read, two spaces, newline at the end. */
export function writeJsonAtomic(path: string, value: unknown, options: WriteOptions = {}): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, options);
}

/**
 * Reads a JSON record of the store.
 * @returns undefined when the file does not exist
 * @throws ScullError CORRUPT naming the file when it is not JSON or empty, or no file
 */
export function readJson(path: string): unknown {
  const text = readRecordText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ScullError('CORRUPT', `the record ${path} is damaged: ${(cause as Error).message}`, { cause });
  }
}

function readRecordText(path: string): string | undefined {
  try {
    return readTextIfPresent(path);
  } catch (cause) {
    const what = instead(cause);
    throw what === undefined ? cause : new ScullError('CORRUPT', `the record ${path} is damaged: ${what}`, { cause });
  }
}

/** What is there instead of a file, of which a failed read tells; that is damage like any other. @returns undefined for other failures */
export function instead(error: unknown): string | undefined {
  const errno = errnoOf(error);
  return errno === 'EISDIR' ? 'it is a directory' : errno === 'ELOOP' ? 'it is a link that leads nowhere' : undefined;
}

/** The file's text, or undefined where there is no such file. Other failures are thrown as they are. */
export function readTextIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw withPath(error, path);
  }
}

/** Names in a directory, in no order; none where there is no such directory. Other failures are thrown as they are. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** A failed system call on a descriptor does not say which file it was about: that one. @returns the error itself */
export function withPath(error: unknown, path: string): unknown {
  if (errnoOf(error) !== undefined && (error as { path?: unknown }).path === undefined) Object.assign(error as Error, { path });
  return error;
}

/** Removes a file; none there is fine. What rmSync says of failures depends on the runtime. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Removes files, one after the other, without holding up what else this process does; none there is fine and costs no more than a look. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) continue;
    await new Promise<void>((resolve, reject) => unlink(path, (error) => (error === null || errnoOf(error) === 'ENOENT' ? resolve() : reject(error))));
  }
}

/** Makes a directory and its parents, 0700. @throws ScullError CORRUPT where something else is in its place */
export function ensurePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    if (errnoOf(cause) !== 'EEXIST') throw cause;
    throw new ScullError('CORRUPT', `${path} is no directory`, { hint: 'move what is there out of the way', cause });
  }
}

/** Removes a file or tree that belongs to us; nothing there is fine. */
export function removeTree(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 0 });
}

/** What helps where there is no space left. */
export const NO_SPACE_HINT = 'free some with `scull system prune` or `scull rm` and `scull rmi`; removing needs no space';

/** What helps where a device fails. */
export const BROKEN_DISK_HINT = 'the disk may be breaking: look for its errors with `journalctl -k` or `dmesg`';

/** Turns ENOSPC, EDQUOT, EROFS, EACCES and EIO on a path of ours into an error with a remedy; anything else unchanged. */
export function explainWriteFailure(cause: unknown, path: string): unknown {
  switch (errnoOf(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ScullError('NO_SPACE', `no space left writing ${path}`, {
        hint: NO_SPACE_HINT,
        cause,
      });
    case 'EROFS':
      return new ScullError('PERMISSION', `${path} is on a read-only file system`, { cause });
    case 'EACCES':
    case 'EPERM':
      return new ScullError('PERMISSION', `not permitted to write ${path} as uid ${process.getuid?.() ?? -1}`, { cause });
    case 'EIO':
      return new ScullError('PERMISSION', `cannot write ${path}: the device reports an input/output error`, { hint: BROKEN_DISK_HINT, cause });
    default:
      return withPath(cause, path);
  }
}
