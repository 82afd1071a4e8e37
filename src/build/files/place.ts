/**
 * Putting selected files into a root file system that is mounted. Links of the image are followed inside it only, files
 * are made new and never written through; directories that are there are merged with.
 */
import { chmodSync, closeSync, constants, copyFileSync, fchmodSync, futimesSync, lchownSync, linkSync, lutimesSync, mkdirSync, openSync, readlinkSync, rmSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { writeAllSync } from '../../host/files.ts';
import type { FileXattr } from '../../storage/layers/read-xattrs.ts';
import { diskPath, follow, lstatIfThere, type Tree } from './confined.ts';
import { readUpTo } from './content-digest.ts';
import { canMakeMany, makeMany, MANY, setApart, type NewFile } from './many.ts';
import { changedMode } from './modes.ts';
import type { SelectedFile, Selection } from './selection.ts';

export interface PlaceOptions {
  /** Absolute; a slash at the end says that it must be a directory. */
  readonly target: string;
  /** Undefined keeps the files' own. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Of directories made on the way. */
  readonly parentOwner: { readonly uid: number; readonly gid: number };
  readonly chmod?: string | undefined;
  /** Seconds since 1970: the time of everything. */
  readonly time?: number | undefined;
  /** Names of one file stay names of one file. */
  readonly keepLinks: boolean;
  /** Only one id is mapped: everything is root's. */
  readonly singleId: boolean;
}

/** A file or directory that was made and is to get extended attributes, which only native programs can set: its path from the root without leading slash. */
export interface Placed {
  readonly to: string;
  readonly xattrs: readonly FileXattr[];
}

/**
 * @returns those that are to get extended attributes
 * @throws ScullError INVALID where a file would take a directory's place, or the other way round
 */
export function placeFiles(root: string, selections: readonly Selection[], options: PlaceOptions): readonly Placed[] {
  const tree: Tree = { root, escapes: 'stay' };
  const placing = new Placing(tree, options);
  for (const selection of selections) placing.place(selection, selections.length > 1);
  placing.finish();
  return placing.placed;
}

export interface PlacedTree {
  readonly placed: readonly Placed[];
  /** What their paths begin at. */
  readonly root: string;
  /** The tree is where `aside` said, and is to take the place of the empty directory at this path from the root. */
  readonly moveTo?: string;
}

/**
 * The same for a worker that has time: many small files of one tree are made several at a time.
 * @param aside where nothing is yet, in an empty directory on the file system that the root is a part of: what is new as a whole is made
 * there and moved by the caller, which takes half the time, since overlay has no part in it
 * @throws as placeFiles; ScullError TOOL_FAILED
 */
export async function placeTree(root: string, selections: readonly Selection[], options: PlaceOptions, aside?: string): Promise<PlacedTree> {
  const [whole] = selections;
  // The names of one directory are all different, so their order does not matter.
  const isMany = selections.length === 1 && whole !== undefined && whole.isDirectory && whole.files.length >= MANY && canMakeMany();
  if (!isMany) return { root, placed: placeFiles(root, selections, options) };
  const tree: Tree = { root, escapes: 'stay' };
  const moveTo = aside === undefined ? undefined : makeNewTarget(tree, whole, options);
  const there = aside === undefined || moveTo === undefined ? { root, target: options.target } : { root: posix.dirname(aside), target: `/${posix.basename(aside)}`, moveTo };
  if (there.moveTo !== undefined) await setApart(there.root);
  const placing = new Placing({ root: there.root, escapes: 'stay' }, { ...options, target: there.target }, true);
  placing.place(whole, false);
  await placing.makeWaiting();
  placing.finish();
  return { root: there.root, placed: placing.placed, ...(there.moveTo === undefined ? {} : { moveTo: there.moveTo }) };
}

/** Makes the target and those above it. @returns its path from the root; undefined where it is there already, or the tree is not one directory */
function makeNewTarget(tree: Tree, whole: Selection, options: PlaceOptions): string | undefined {
  if (whole.files[0]?.to !== '' || follow(tree, options.target, 'keep').stat !== undefined) return undefined;
  const placing = new Placing(tree, options);
  placing.directory(options.target);
  placing.finish();
  return `/${follow(tree, options.target, 'follow').path}`;
}

/** Makes a directory and those above it, where they are missing. @returns false when all was there */
export function makeDirectory(root: string, path: string, owner: { readonly uid: number; readonly gid: number }, options: Pick<PlaceOptions, 'time' | 'singleId'>): boolean {
  const placing = new Placing({ root, escapes: 'stay' }, { ...options, target: path, owner, parentOwner: owner, keepLinks: false });
  const made = placing.directory(path);
  placing.finish();
  return made;
}

/** Bytes: for more than this it pays that the kernel copies, or the file system shares blocks. */
const SMALL = 64 * 1024;

/** Nothing special about it. */
function isSmall(file: SelectedFile): boolean {
  return file.kind === 'file' && file.size <= SMALL && file.identity === undefined;
}

/** @returns the number of bytes; undefined where the file is longer than it was */
function readSmall({ from, size }: SelectedFile, buffer: Buffer): number | undefined {
  const fd = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const length = readUpTo(fd, buffer, size);
    return length < buffer.length ? length : undefined;
  } finally {
    closeSync(fd);
  }
}

class Placing {
  readonly #tree: Tree;
  readonly #options: PlaceOptions;
  readonly placed: Placed[] = [];
  readonly #buffer = Buffer.allocUnsafe(SMALL + 1);
  readonly #linked = new Map<string, string>();
  /** Times of directories are set last: making files in them changes them. */
  readonly #times: { readonly path: string; readonly seconds: number }[] = [];
  /** Directories whose place is known: path from the root as asked for → on disk. */
  readonly #known = new Map<string, string>();

  /** Small files that are made together, in the end; undefined where each is made at once. */
  readonly #waiting: { readonly file: SelectedFile; readonly place: string }[] | undefined;

  constructor(tree: Tree, options: PlaceOptions, together = false) {
    this.#tree = tree;
    this.#options = options;
    this.#waiting = together ? [] : undefined;
  }

  place(selection: Selection, several: boolean): void {
    const { target } = this.#options;
    const into = target.endsWith('/') || several || selection.isDirectory || selection.files.length > 1 || follow(this.#tree, target, 'follow').stat?.isDirectory() === true;
    if (!into) {
      const [file] = selection.files;
      if (file === undefined) return;
      const directory = this.#directoryAt(posix.dirname(target));
      this.#put({ ...file, to: '' }, `${directory === '/' ? '' : directory}/${posix.basename(target)}`, false);
      return;
    }
    const base = target.length > 1 ? target.replace(/\/$/, '') : target;
    for (const file of selection.files) {
      if (file.to === '') {
        // The target itself: it takes over what the source's directory is like only if it was not there.
        const { stat } = follow(this.#tree, base, 'follow');
        if (stat === undefined) {
          const parent = this.#directoryAt(posix.dirname(base));
          this.#put(file, `${parent === '/' ? '' : parent}/${posix.basename(base)}`, false);
        } else if (!stat.isDirectory()) throw new ScullError('INVALID', `cannot copy a directory onto ${JSON.stringify(base)}, which is a file`);
        continue;
      }
      const place = `${base === '/' ? '' : base}/${file.to}`;
      const directory = this.#directoryAt(posix.dirname(place));
      this.#put(file, `${directory === '/' ? '' : directory}/${posix.basename(place)}`, true);
    }
    if (selection.files.length === 0) this.#directoryAt(base);
  }

  directory(path: string): boolean {
    const before = follow(this.#tree, path, 'follow').stat;
    if (before?.isDirectory() === true) return false;
    this.#directoryAt(path);
    return true;
  }

  /** Makes what waits. What stood in the way of a file is dealt with as if it had come by itself. */
  async makeWaiting(): Promise<void> {
    const { owner, chmod, time, singleId } = this.#options;
    const waiting = this.#waiting?.splice(0) ?? [];
    const files = waiting.map(({ file, place }): NewFile => {
      const { uid, gid } = owner ?? file;
      return {
        to: place.slice(1),
        from: file.from,
        mode: chmod === undefined ? file.mode : changedMode(file.mode, chmod, false),
        owner: singleId || (uid === 0 && gid === 0) ? undefined : { uid, gid },
        mtimeMs: time === undefined ? file.mtimeMs : time * 1000,
      };
    });
    const failed = new Set(await makeMany(this.#tree.root, files));
    for (const [index, { file, place }] of waiting.entries()) {
      if (failed.has(index)) this.#putNow(file, place, true);
      else this.#notePlaced(file, place.slice(1));
    }
  }

  #notePlaced({ xattrs }: SelectedFile, to: string): void {
    if (xattrs !== undefined) this.placed.push({ to, xattrs });
  }

  finish(): void {
    for (const { path, seconds } of this.#times.reverse()) utimesSync(path, seconds, seconds);
  }

  /** The directory of that path, made where it is missing. @returns its real path from the root, '/' for the root */
  #directoryAt(path: string): string {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const found = follow(this.#tree, path, 'follow');
    if (found.stat === undefined) {
      const parent = this.#directoryAt(posix.dirname(`/${found.path}`));
      if (lstatIfThere(diskPath(this.#tree, found.path)) === undefined) {
        const real = `${parent === '/' ? '' : parent}/${posix.basename(found.path)}`;
        const disk = this.#tree.root + real;
        mkdirSync(disk, 0o755);
        this.#chown(disk, this.#options.parentOwner);
        chmodSync(disk, 0o755);
        if (this.#options.time !== undefined) this.#times.push({ path: disk, seconds: this.#options.time });
        this.#known.set(path, real);
        return real;
      }
    } else if (!found.stat.isDirectory()) throw new ScullError('INVALID', `${JSON.stringify(path)} is needed as a directory, but is a file`);
    const real = `/${found.path}`;
    this.#known.set(path, real);
    return real;
  }

  /** @param place real path of its directory, and its name; @param merges a directory that is there gets the source's attributes */
  #put(file: SelectedFile, place: string, merges: boolean): void {
    if (this.#waiting !== undefined && isSmall(file)) this.#waiting.push({ file, place });
    else this.#putNow(file, place, merges);
  }

  #putNow(file: SelectedFile, place: string, merges: boolean): void {
    const disk = this.#tree.root + place;
    if (isSmall(file) && this.#putSmall(file, disk)) return;
    const there = lstatIfThere(disk);
    if (file.kind === 'directory') {
      const followed = there?.isSymbolicLink() === true ? follow(this.#tree, place, 'follow') : undefined;
      if (followed?.stat?.isDirectory() === true) return; // a link of the image to a directory: its own attributes stay
      if (there === undefined) mkdirSync(disk, 0o700);
      else if (!there.isDirectory()) throw new ScullError('INVALID', `cannot copy a directory onto ${JSON.stringify(place)}, which is a file`);
      if (there === undefined || merges) this.#attributes(file, disk);
      return;
    }
    if (there !== undefined) {
      if (there.isDirectory()) throw new ScullError('INVALID', `cannot copy a file onto ${JSON.stringify(place)}, which is a directory`, { hint: 'to copy it into the directory, end the target with a slash' });
      unlinkSync(disk);
    }
    const first = this.#options.keepLinks && file.identity !== undefined ? this.#linked.get(file.identity) : undefined;
    if (first !== undefined) {
      linkSync(first, disk);
      return;
    }
    if (file.kind === 'symlink') symlinkSync(file.link ?? readlinkSync(file.from), disk);
    else if (file.kind === 'fifo') throw new ScullError('UNSUPPORTED', `${JSON.stringify(file.from)} is a FIFO, which is not copied`, { hint: 'leave it out with --exclude or a line in .containerignore' });
    else copyFileSync(file.from, disk, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    this.#attributes(file, disk);
    if (this.#options.keepLinks && file.identity !== undefined) this.#linked.set(file.identity, disk);
  }

  /** What most files are, with as few system calls as can be: trees of thousands are copied. @returns false where that does not do */
  #putSmall(file: SelectedFile, disk: string): boolean {
    const { owner, chmod, time, singleId } = this.#options;
    const { uid, gid } = owner ?? file;
    if (!singleId && (uid !== 0 || gid !== 0)) return false; // ids that can't be had want their own words
    const length = readSmall(file, this.#buffer);
    if (length === undefined) return false;
    let fd: number;
    try {
      fd = openSync(disk, 'wx', 0o600);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    try {
      writeAllSync(fd, this.#buffer.subarray(0, length));
      fchmodSync(fd, chmod === undefined ? file.mode : changedMode(file.mode, chmod, false));
      const seconds = time ?? file.mtimeMs / 1000;
      futimesSync(fd, seconds, seconds);
    } finally {
      closeSync(fd);
    }
    this.#notePlaced(file, disk.slice(this.#tree.root.length + 1));
    return true;
  }

  #attributes(file: SelectedFile, disk: string): void {
    const { owner, chmod, time } = this.#options;
    this.#notePlaced(file, disk.slice(this.#tree.root.length + 1));
    this.#chown(disk, owner ?? file);
    const seconds = time ?? file.mtimeMs / 1000;
    if (file.kind === 'symlink') {
      lutimesSync(disk, seconds, seconds);
      return;
    }
    chmodSync(disk, chmod === undefined ? file.mode : changedMode(file.mode, chmod, file.kind === 'directory'));
    if (file.kind === 'directory') this.#times.push({ path: disk, seconds });
    else utimesSync(disk, seconds, seconds);
  }

  #chown(disk: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
    if (this.#options.singleId || (uid === 0 && gid === 0)) return; // made by root, in this namespace
    try {
      lchownSync(disk, uid, gid);
    } catch (cause) {
      if ((cause as { code?: string }).code !== 'EINVAL') throw cause;
      rmSync(disk, { recursive: true, force: true });
      throw new ScullError('INVALID', `user ${uid} or group ${gid} is not among your ids for containers`, { hint: 'run `scull doctor`, or choose a smaller number for --chown', cause });
    }
  }
}
