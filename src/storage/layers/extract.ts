/**
 * Makes the files of one layer from its tar entries. OCI image-spec "layer.md".
 *
 * Safety: see tree.ts; besides, every file is made exclusively (O_EXCL, mkdir, symlink fail on anything that exists), so
 * a file system that folds names ends in an error instead of writing through a link. Around it stands the kernel's
 * fence: the worker can write nowhere but in its staging directory. Directories get owner, mode and time at the end, so
 * that none keeps us out, gives its group to files, or has its time changed.
 */
import {
  chmodSync, chownSync, closeSync, constants, fchmodSync, fchownSync, ftruncateSync, futimesSync, lchownSync, linkSync, lutimesSync, mkdirSync, openSync,
  rmdirSync, statfsSync, symlinkSync, unlinkSync, utimesSync, writeSync,
} from 'node:fs';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { FileSum, NO_MODE, type ContentsSink } from './contents.ts';
import { LOOK_AFTER } from '../space.ts';
import { keptXattrs } from './xattrs.ts';
import { isMapped, unmappedOwner, type MappedIds } from './owners.ts';
import type { TarEntry, TarSink, Timestamp } from './tar/entry.ts';
import { malformed } from './tar/header.ts';
import { printable } from './tar/reader.ts';
import { directories, directoryNode, FILE, SKIPPED, SYMLINK, type Attributes, type DirectoryNode, type TreeNode } from './tree.ts';

/** Bounds against archives that are made to fill a disk. Bytes. */
export interface UnpackLimits {
  /** Sum of the lengths of all files, holes included. */
  readonly unpackedSize: number;
  readonly entries: number;
  /** Names and extended attributes, which are kept in memory until the end. */
  readonly memory: number;
  /** Free space that is left alone. */
  readonly freeSpace: number;
}

export const DEFAULT_LIMITS: UnpackLimits = { unpackedSize: 256 * 1024 ** 3, entries: 4_000_000, memory: 512 * 1024 ** 2, freeSpace: 64 * 1024 ** 2 };

/** The variable of the environment that replaces the limit of unpackedSize; a size such as 500g. */
export const SIZE_VARIABLE = 'SCULL_MAX_LAYER_SIZE';

export function tooLarge(limit: number): ScullError {
  return new ScullError('INVALID', `the archive is damaged or hostile: it unpacks to more than ${limit} bytes`, {
    hint: `if the image is to be trusted, allow more with ${SIZE_VARIABLE}=SIZE in the environment`,
  });
}

export interface ExtractCounts {
  entries: number;
  files: number;
  directories: number;
  links: number;
  /** Sum of file lengths. */
  bytes: number;
}

/** What JavaScript cannot set, done by marks.ts at the end; by path. */
export interface PendingMarks {
  xattrs?: ReadonlyMap<string, Buffer>;
  mtime?: Timestamp;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** What AUFS keeps for itself (.wh..wh.plnk/ …) and no other file system has a use for: left out with all that is in it. */
const AUFS_NOTES = '.wh..wh.';
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PATH_MAX = 4096;
const HOLE = 32 * 1024;
const ZEROS = Buffer.alloc(HOLE);
const CHECK_SPACE_EVERY = LOOK_AFTER;

export class LayerExtractor implements TarSink {
  readonly root: DirectoryNode = directoryNode('');
  readonly marks = new Map<string, PendingMarks>();
  readonly counts: ExtractCounts = { entries: 0, files: 0, directories: 0, links: 0, bytes: 0 };
  /** Paths of devices, which no user namespace may make. */
  readonly skippedDevices: string[] = [];
  /** True when an owner was replaced because only one id is mapped. */
  squashed = false;
  readonly #base: string;
  readonly #ids: MappedIds;
  readonly #limits: UnpackLimits;
  readonly #contents: ContentsSink | undefined;
  readonly #uid = process.geteuid?.() ?? 0;
  readonly #gid = process.getegid?.() ?? 0;
  /** The regular file being written. */
  #fd = -1;
  #entry: TarEntry | undefined;
  #path = '';
  #sum = new FileSum();
  #written = 0;
  #sinceSpaceCheck = 0;
  #remembered = 0;

  /**
   * @param directory empty, ours alone; '.' keeps paths short
   * @param contents is told of all that is made here, but not of what marks.ts makes
   */
  constructor(directory: string, ids: MappedIds, limits: UnpackLimits = DEFAULT_LIMITS, contents?: ContentsSink) {
    this.#base = directory === '.' ? '' : `${directory}/`;
    this.#ids = ids;
    this.#limits = limits;
    this.#contents = contents;
  }

  begin(entry: TarEntry): void {
    this.#entry = entry;
    if (++this.counts.entries > this.#limits.entries) malformed(`it has more than ${this.#limits.entries} entries`);
    const parts = splitName(entry.name);
    const name = parts.pop();
    if (name === undefined) {
      this.#describeRoot(entry);
      return;
    }
    try {
      const parent = this.#parent(parts, entry.name);
      if (parent === undefined) return;
      if (name.startsWith(WHITEOUT)) this.#whiteout(parent, name, entry);
      else this.#make(parent, name, entry);
    } catch (error) {
      throw explain(error, entry.name);
    }
  }

  data(chunk: Buffer, position: number): void {
    if (this.#fd < 0) return;
    if (this.#contents !== undefined) this.#sum.add(chunk, position);
    try {
      if ((this.#entry as TarEntry).size < 2 * HOLE) this.#write(chunk, position);
      else this.#writeAroundHoles(chunk, position);
    } catch (error) {
      throw explain(error, this.#path);
    }
  }

  end(): void {
    if (this.#fd < 0) return;
    const entry = this.#entry as TarEntry;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      if (this.#written < entry.size) ftruncateSync(fd, entry.size); // a hole at the end
      const owner = this.#ownerOf(entry);
      if (owner.uid !== this.#uid || owner.gid !== this.#gid) fchownSync(fd, owner.uid, owner.gid);
      if (entry.mode > 0o777) fchmodSync(fd, entry.mode); // after chown, which clears these bits
      if (isExact(entry.mtime)) futimesSync(fd, entry.mtime.seconds, entry.mtime.seconds);
      this.#contents?.file(this.#path, this.#modeOf(this.#path, entry.mode), owner, entry.size, this.#sum.end(entry.size));
    } catch (error) {
      throw explain(error, entry.name);
    } finally {
      closeSync(fd);
    }
  }

  /** Closes what is open after a failure. */
  abort(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /**
   * Gives directories their owner, mode and time, deepest first.
   * @param inherit attributes of a directory that the archive does not mention, from lower layers
   */
  finishDirectories(inherit: (path: string) => Attributes): void {
    for (const node of [...directories(this.root)].reverse()) {
      const attributes = node.attributes ?? inherit(node.path);
      const path = this.fsPath(node.path === '' ? '.' : node.path);
      const { uid, gid } = this.#squash(attributes.uid, attributes.gid);
      if (uid !== this.#uid || gid !== this.#gid) chownSync(path, uid, gid);
      chmodSync(path, attributes.mode);
      const name = node.path === '' ? '.' : node.path.slice(0, -1);
      this.#contents?.directory(name, this.#modeOf(name, attributes.mode), { uid, gid });
      if (isExact(attributes.mtime)) utimesSync(path, attributes.mtime.seconds, attributes.mtime.seconds);
      else this.#mark(name, { mtime: attributes.mtime });
    }
  }

  /** A path for Node: text where it is ASCII, else the bytes. */
  fsPath(path: string): string | Buffer {
    const full = this.#base + path;
    return /^[\x00-\x7f]*$/.test(full) ? full : Buffer.concat([Buffer.from(this.#base), Buffer.from(path, 'latin1')]);
  }

  #describeRoot(entry: TarEntry): void {
    // CVE-2021-29136: a root entry that is a link replaced the directory itself.
    if (entry.type !== 'directory') malformed(`the root directory is said to be a ${entry.type}`);
    this.root.attributes = this.#attributesOf(entry);
    this.#rememberXattrs('.', entry);
  }

  /** The directory an entry belongs to, made where the archive did not; undefined among AUFS's own notes. */
  #parent(parts: readonly string[], whole: string): DirectoryNode | undefined {
    let node = this.root;
    for (const part of parts) {
      const child = node.children.get(part);
      if (child === undefined) {
        if (part.startsWith(AUFS_NOTES)) return undefined;
        if (part.startsWith(WHITEOUT)) malformed(`${quote(whole)} is below a whiteout`);
        node = this.#makeDirectory(node, part);
      } else if (child.kind === 'directory') node = child;
      else malformed(`${quote(whole)} leads through ${quote(node.path + part)}, which is no directory but a ${child.kind}`);
    }
    return node;
  }

  #make(parent: DirectoryNode, name: string, entry: TarEntry): void {
    if (name.length > 255) malformed(`a name has ${name.length} bytes`);
    const path = parent.path + name;
    this.#remember(path.length); // it goes into the layer's contents as a whole
    const existing = parent.children.get(name);
    if (entry.type === 'directory') {
      let node = existing;
      if (node?.kind !== 'directory') {
        if (node !== undefined) this.#remove(parent, name, node);
        node = this.#makeDirectory(parent, name);
      }
      node.attributes = this.#attributesOf(entry);
      this.marks.delete(path);
      this.#rememberXattrs(path, entry);
      return;
    }
    // A link to itself must find its target before the old file goes.
    const target = entry.type === 'hardlink' ? this.#linkTarget(entry) : undefined;
    if (target !== undefined && target.path === path) return;
    if (existing !== undefined) {
      if (target !== undefined && target.path.startsWith(`${path}/`)) malformed(`${quote(entry.name)} is a link to a file below itself`);
      this.#remove(parent, name, existing);
    }
    switch (entry.type) {
      case 'file':
        this.#openFile(path, entry);
        parent.children.set(name, FILE);
        break;
      case 'symlink':
        this.#makeSymlink(path, entry);
        parent.children.set(name, SYMLINK);
        break;
      case 'hardlink': {
        const { path: from, node } = target as { path: string; node: TreeNode };
        if (node.kind === 'file' || node.kind === 'symlink') linkSync(this.fsPath(from), this.fsPath(path));
        parent.children.set(name, node);
        this.#contents?.hardlink(path, from);
        this.counts.links++;
        break;
      }
      case 'fifo':
        parent.children.set(name, { kind: 'fifo', attributes: this.#attributesOf(entry) });
        this.counts.files++;
        break;
      default: // devices: EPERM in every user namespace
        parent.children.set(name, SKIPPED);
        this.skippedDevices.push(path);
    }
  }

  #makeDirectory(parent: DirectoryNode, name: string): DirectoryNode {
    if (name.length > 255) malformed(`a name has ${name.length} bytes`);
    const node = directoryNode(`${parent.path}${name}/`);
    this.#remember(node.path.length);
    mkdirSync(this.fsPath(node.path), 0o700);
    parent.children.set(name, node);
    this.counts.directories++;
    return node;
  }

  #openFile(path: string, entry: TarEntry): void {
    if (entry.size > this.#limits.unpackedSize - this.counts.bytes) {
      throw tooLarge(this.#limits.unpackedSize);
    }
    this.#ownerOf(entry); // refused before it is made
    this.counts.bytes += entry.size;
    this.counts.files++;
    // Set-id bits only once it has its owner.
    this.#fd = openSync(this.fsPath(path), CREATE, entry.mode & 0o777);
    this.#path = path;
    this.#sum = new FileSum();
    this.#written = 0;
    this.#rememberXattrs(path, entry);
    if (!isExact(entry.mtime)) this.#mark(path, { mtime: entry.mtime });
  }

  #makeSymlink(path: string, entry: TarEntry): void {
    const target = entry.linkName;
    if (target === '' || target.length >= PATH_MAX) malformed(`the symbolic link ${quote(entry.name)} has a target of ${target.length} bytes`);
    const owner = this.#ownerOf(entry);
    const place = this.fsPath(path);
    symlinkSync(Buffer.from(target, 'latin1'), place);
    if (owner.uid !== this.#uid || owner.gid !== this.#gid) lchownSync(place, owner.uid, owner.gid);
    if (isExact(entry.mtime)) lutimesSync(place, entry.mtime.seconds, entry.mtime.seconds);
    else this.#mark(path, { mtime: entry.mtime });
    this.#contents?.symlink(path, owner, target);
    this.#rememberXattrs(path, entry);
    this.counts.links++;
  }

  /** A hard link must name a file that this layer made; the tree finds it, no link is followed on the way. */
  #linkTarget(entry: TarEntry): { path: string; node: TreeNode } {
    const parts = splitName(entry.linkName);
    const name = parts.pop();
    let node: DirectoryNode = this.root;
    for (const part of parts) {
      const child = node.children.get(part);
      if (child?.kind !== 'directory') malformed(`${quote(entry.name)} is a hard link to ${quote(entry.linkName)}, which is no file of this layer`);
      node = child;
    }
    const target = name === undefined ? node : node.children.get(name);
    if (target === undefined || target.kind === 'directory') {
      malformed(`${quote(entry.name)} is a hard link to ${quote(entry.linkName)}, which is ${target === undefined ? 'no file of this layer' : 'a directory'}`);
    }
    return { path: node.path + (name as string), node: target };
  }

  /** layer.md "Whiteouts". A whiteout hides what lower layers have, never what this layer brings, in whatever order. */
  #whiteout(parent: DirectoryNode, name: string, entry: TarEntry): void {
    if (name === OPAQUE) {
      parent.opaque = true;
      return;
    }
    if (name.startsWith(AUFS_NOTES)) return;
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..') malformed(`${quote(entry.name)} is a whiteout of no name`);
    if (name.length > 255 + WHITEOUT.length) malformed(`a name has ${name.length} bytes`);
    this.#remember(hidden.length);
    (parent.whiteouts ??= new Set()).add(hidden);
  }

  /** Removes what a later entry of the same name replaces. The tree knows all of it. */
  #remove(parent: DirectoryNode, name: string, node: TreeNode): void {
    const path = parent.path + name;
    if (node.kind === 'directory') {
      for (const [child, below] of node.children) this.#remove(node, child, below);
      rmdirSync(this.fsPath(path));
    } else if (node.kind === 'file' || node.kind === 'symlink') unlinkSync(this.fsPath(path));
    this.#contents?.removed(path);
    this.marks.delete(path);
    parent.children.delete(name);
  }

  #attributesOf(entry: TarEntry): Attributes {
    return { mode: entry.mode, mtime: entry.mtime, ...this.#ownerOf(entry) };
  }

  /** @throws ScullError INVALID naming file, id and remedy when the id is not mapped */
  #ownerOf(entry: TarEntry): { uid: number; gid: number } {
    const { uid, gid } = entry;
    if (this.#ids.single) return this.#squash(uid, gid);
    if (!isMapped(this.#ids.uids, uid)) throw unmappedOwner(`the file ${quote(entry.name)}`, 'user', uid, this.#ids);
    if (!isMapped(this.#ids.gids, gid)) throw unmappedOwner(`the file ${quote(entry.name)}`, 'group', gid, this.#ids);
    return { uid, gid };
  }

  /** What the file system will say its mode is: unknown where an access list decides on the group's part, acl(5). */
  #modeOf(path: string, mode: number): number {
    return this.marks.get(path)?.xattrs?.has('system.posix_acl_access') === true ? NO_MODE : mode;
  }

  #squash(uid: number, gid: number): { uid: number; gid: number } {
    if (!this.#ids.single) return { uid, gid };
    if (uid !== 0 || gid !== 0) this.squashed = true;
    return { uid: this.#uid, gid: this.#gid };
  }

  #rememberXattrs(path: string, entry: TarEntry): void {
    if (entry.xattrs.size === 0) return;
    const xattrs = keptXattrs(entry.xattrs);
    for (const [key, value] of xattrs) this.#remember(path.length + key.length + value.length);
    if (xattrs.size > 0) this.#mark(path, { xattrs });
  }

  #remember(bytes: number): void {
    this.#remembered += bytes;
    if (this.#remembered > this.#limits.memory) malformed(`its names and attributes take more than ${this.#limits.memory} bytes`);
  }

  #mark(path: string, marks: PendingMarks): void {
    const existing = this.marks.get(path);
    if (existing === undefined) this.marks.set(path, marks);
    else Object.assign(existing, marks);
  }

  /** Long runs of zeros become holes: they cost no space, and a bomb made of them no disk. */
  #writeAroundHoles(chunk: Buffer, position: number): void {
    let start = 0;
    for (let at = 0; at + HOLE <= chunk.length; ) {
      if (chunk[at] === 0 && ZEROS.compare(chunk, at, at + HOLE) === 0) {
        if (at > start) this.#write(chunk.subarray(start, at), position + start);
        at += HOLE;
        start = at;
      } else at += HOLE;
    }
    if (start < chunk.length) this.#write(start === 0 ? chunk : chunk.subarray(start), position + start);
  }

  #write(chunk: Buffer, position: number): void {
    let done = 0;
    while (done < chunk.length) done += writeSync(this.#fd, chunk, done, chunk.length - done, position + done);
    this.#written = position + chunk.length;
    this.#sinceSpaceCheck += chunk.length;
    if (this.#sinceSpaceCheck >= CHECK_SPACE_EVERY) this.#checkSpace();
  }

  #checkSpace(): void {
    this.#sinceSpaceCheck = 0;
    const fs = statfsSync(this.#base === '' ? '.' : this.#base);
    if (fs.bavail * fs.bsize < this.#limits.freeSpace) {
      throw new ScullError('NO_SPACE', `unpacking would leave less than ${Math.ceil(this.#limits.freeSpace / 1024 ** 2)} MiB free on the disk`, {
        hint: 'free some with `scull system prune` or `scull rmi`; removing needs no space',
      });
    }
  }
}

/** Node's calls take seconds as a double: whole seconds survive, fractions would not. */
function isExact(time: Timestamp): boolean {
  return time.nanoseconds === 0 && time.seconds >= 0;
}

/**
 * The parts of a name below the layer's root. Leading slashes mean the root of the layer, as everywhere.
 * @throws ScullError INVALID for `..`
 */
function splitName(name: string): string[] {
  if (name.length > 16 * PATH_MAX) malformed(`a name has ${name.length} bytes`);
  const parts: string[] = [];
  let length = 0;
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') malformed(`${quote(name)} leads out of the layer`);
    parts.push(part);
    length += part.length + 1;
  }
  if (length > PATH_MAX) malformed(`a path has ${length} bytes`); // before hundreds of directories are made for it
  return parts;
}

function quote(bytes: string): string {
  return JSON.stringify(bytes.length > 300 ? `${printable(bytes.slice(0, 300))}…` : printable(bytes));
}

/** Failed system calls that the archive, not the host, is to blame for become errors about the archive. */
function explain(error: unknown, name: string): unknown {
  switch (errnoOf(error)) {
    case 'EEXIST':
      return new ScullError('UNSUPPORTED', `${quote(name)} collides with another name: the file system of the store does not tell them apart`, { cause: error });
    case 'ENAMETOOLONG':
    case 'ELOOP':
    case 'EINVAL':
    case 'EILSEQ':
      return new ScullError('INVALID', `the file system of the store does not take the name ${quote(name)}`, { cause: error });
    case 'EFBIG':
      return new ScullError('NO_SPACE', `${quote(name)} is larger than the file system of the store allows`, { cause: error });
    case 'EMLINK':
      return new ScullError('UNSUPPORTED', `${quote(name)} has more hard links than the file system of the store allows`, { cause: error });
    default:
      return error;
  }
}
