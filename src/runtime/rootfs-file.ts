/**
 * Reads a file of an image, or of a container's root file system, from its layers on disk, without mounting anything
 * and without ever leaving them: symbolic links are followed inside the layered root only (CVE-2024-9676), every step is
 * taken by descriptor with O_NOFOLLOW, so that a link swapped in meanwhile is not followed either, and only a regular
 * file of bounded size is read.
 *
 * What overlay(5) would show is worked out here: the highest layer wins, directories merge, whiteouts hide: a character
 * device 0:0, or a `.wh.NAME` file as fuse-overlayfs writes them where it can't make devices.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { describeErrno } from '../host/errno.ts';
import { errnoOf, ScullError } from '../host/errors.ts';

export interface RootfsFileOptions {
  /** Bytes; a larger file is refused. 1 MiB unless given. */
  readonly limit?: number;
  /** True for a directory (a path on disk) that hides what lower layers have there: overlay's `opaque` attribute, which
   * neither runtime of ours can read. Marker files (`.wh..wh..opq`) are seen without it. */
  readonly isOpaque?: (directory: string) => boolean;
}

/** A directory as the container sees it: its parts on disk, highest layer first, as open descriptors. */
interface MergedDirectory {
  readonly fds: readonly number[];
  readonly paths: readonly string[];
}

const MAX_LINKS = 40;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * @param lowerDirs directories on disk that make up the root, highest first (a container's upper directory, if any, leads)
 * @param path absolute in the container, e.g. `/etc/passwd`
 * @returns the content, or undefined where there is no such file
 * @throws ScullError INVALID when it is no regular file, too large or a loop of links; PERMISSION when it can't be read
 */
export function readRootfsFile(lowerDirs: readonly string[], path: string, options: RootfsFileOptions = {}): string | undefined {
  const walk = new RootfsWalk(lowerDirs, path, options);
  try {
    return walk.read();
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    const errno = errnoOf(cause);
    if (errno === 'EACCES' || errno === 'EPERM') throw new ScullError('PERMISSION', `cannot read ${path} of the image from outside: its owner does not let us`, { cause });
    throw new ScullError('INVALID', `cannot read ${path} of the image: ${errno === undefined ? String(cause) : describeErrno(cause)}`, { cause });
  } finally {
    walk.close();
  }
}

/**
 * What the container sees at a path, links followed.
 * @throws ScullError as {@link readRootfsFile}
 */
export function rootfsKind(lowerDirs: readonly string[], path: string): 'directory' | 'other' | undefined {
  const walk = new RootfsWalk(lowerDirs, path, {});
  try {
    return walk.kind();
  } finally {
    walk.close();
  }
}

/**
 * The path without links that a path leads to, from the root and without a slash at the beginning ('' is the root).
 * @returns undefined where nothing is there
 * @throws ScullError as {@link readRootfsFile}
 */
export function resolveInRootfs(lowerDirs: readonly string[], path: string, options: RootfsFileOptions = {}): string | undefined {
  const walk = new RootfsWalk(lowerDirs, path, options);
  try {
    return walk.resolve();
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    throw new ScullError('PERMISSION', `cannot look at ${path} of the image from outside: ${errnoOf(cause) ?? String(cause)}`, { cause });
  } finally {
    walk.close();
  }
}

class RootfsWalk {
  readonly #opened: number[] = [];
  /** Of the directories entered, and of what was found in the last. */
  readonly #names: string[] = [];
  readonly #path: string;
  readonly #options: RootfsFileOptions;
  readonly #stack: MergedDirectory[];

  constructor(lowerDirs: readonly string[], path: string, options: RootfsFileOptions) {
    this.#path = path;
    this.#options = options;
    const fds: number[] = [];
    const paths: string[] = [];
    for (const directory of lowerDirs) {
      const fd = this.#open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
      if (fd === undefined) continue;
      fds.push(fd);
      paths.push(directory);
    }
    this.#stack = [{ fds, paths }];
  }

  read(): string | undefined {
    const end = this.#walk();
    if (end === undefined) return undefined;
    if (end === 'directory') throw new ScullError('INVALID', `${this.#path} of the image is a directory, not a file`);
    if (!end.regular) throw this.#notRegular();
    return this.#readRegular(end.path);
  }

  kind(): 'directory' | 'other' | undefined {
    const end = this.#walk();
    return end === undefined || end === 'directory' ? end : 'other';
  }

  resolve(): string | undefined {
    return this.#walk() === undefined ? undefined : this.#names.join('/');
  }

  /** Where the path leads. */
  #walk(): 'directory' | { readonly path: string; readonly regular: boolean } | undefined {
    const pending = this.#path.split('/').reverse();
    let links = 0;
    while (pending.length > 0) {
      const name = pending.pop()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (this.#stack.length > 1) this.#stack.pop();
        this.#names.pop();
        continue;
      }
      const found = this.#lookup(name);
      if (found === undefined) return undefined;
      if (found.kind === 'directory') {
        this.#stack.push(found.directory);
        this.#names.push(name);
      } else if (found.kind === 'link') {
        if (++links > MAX_LINKS) throw new ScullError('INVALID', `too many symbolic links on the way to ${this.#path} of the image`);
        if (found.target.startsWith('/')) {
          this.#stack.length = 1;
          this.#names.length = 0;
        }
        pending.push(...found.target.split('/').reverse());
      } else {
        this.#names.push(name);
        return pending.some((rest) => rest !== '' && rest !== '.') ? undefined : found;
      }
    }
    return 'directory';
  }

  close(): void {
    for (const fd of this.#opened) closeSync(fd);
    this.#opened.length = 0;
  }

  #lookup(
    name: string,
  ): { kind: 'directory'; directory: MergedDirectory } | { kind: 'link'; target: string } | { kind: 'other'; path: string; regular: boolean } | undefined {
    const { fds, paths } = this.#stack.at(-1)!;
    const parts: { fds: number[]; paths: string[] } = { fds: [], paths: [] };
    for (const [index, fd] of fds.entries()) {
      const entry = `/proc/self/fd/${fd}/${name}`;
      const stat = lstatSync(entry, { throwIfNoEntry: false });
      if (stat === undefined) {
        if (lstatSync(`/proc/self/fd/${fd}/.wh.${name}`, { throwIfNoEntry: false }) !== undefined) break;
        continue;
      }
      if (stat.isCharacterDevice() && stat.rdev === 0) break;
      if (!stat.isDirectory()) {
        if (parts.fds.length > 0) break;
        return stat.isSymbolicLink() ? { kind: 'link', target: readlinkSync(entry) } : { kind: 'other', path: entry, regular: stat.isFile() };
      }
      const opened = this.#open(entry, DIRECTORY);
      if (opened === undefined) continue;
      parts.fds.push(opened);
      parts.paths.push(`${paths[index]}/${name}`);
      if (this.#hidesLower(opened, `${paths[index]}/${name}`)) break;
    }
    return parts.fds.length === 0 ? undefined : { kind: 'directory', directory: parts };
  }

  #hidesLower(fd: number, path: string): boolean {
    if (this.#options.isOpaque?.(path) === true) return true;
    return ['.wh..wh..opq', '.wh..opq'].some((marker) => lstatSync(`/proc/self/fd/${fd}/${marker}`, { throwIfNoEntry: false }) !== undefined);
  }

  #readRegular(path: string): string {
    // O_NONBLOCK: a FIFO would hold us up; what it is gets decided on the descriptor, after opening.
    const fd = this.#open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fd === undefined) throw new ScullError('INVALID', `${this.#path} of the image vanished while it was read`);
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw this.#notRegular();
    const limit = this.#options.limit ?? 1024 * 1024;
    if (stat.size > limit) throw new ScullError('INVALID', `${this.#path} of the image is too large: ${stat.size} bytes, at most ${limit} are read`);
    const buffer = Buffer.alloc(stat.size);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(fd, buffer, length, buffer.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return buffer.toString('utf8', 0, length);
  }

  #notRegular(): ScullError {
    return new ScullError('INVALID', `${this.#path} of the image is not a regular file`);
  }

  #open(path: string, flags: number): number | undefined {
    try {
      const fd = openSync(path, flags);
      this.#opened.push(fd);
      return fd;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
