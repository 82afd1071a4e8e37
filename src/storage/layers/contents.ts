/**
 * What was unpacked: `contents` beside `layer.json`, written in the same pass, read by `system check`. A line for each thing that
 * happened to a path, in that order, so a later line about a path replaces the earlier one:
 *
 *     f MODE UID GID SIZE CRC PATH      a file; CRC-32 of its bytes (zlib's), which costs unpacking nothing to speak of
 *     d MODE UID GID PATH               a directory; '.' is the root
 *     l UID GID PATH TARGET             a symbolic link
 *     h PATH TARGET                     a hard link to what TARGET is at this moment
 *     p MODE UID GID PATH               a FIFO
 *     w PATH                            a whiteout
 *     - PATH                            it is gone again
 *
 * Fields are parted by tabs; MODE is octal, and `-` where access lists have their say in it. Paths are byte strings from the
 * root of the layer, with tab, newline and backslash escaped. layer.json holds the digest of the file.
 */
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { writeAllSync } from '../../host/files.ts';
import { crc32, createHash } from '../../host/hash.ts';
import { sha256Hex } from '../../oci/chain-id.ts';
import type { Digest } from '../../oci/digest.ts';

export const NO_MODE = -1;

/** Takes down what an extractor makes. */
export interface ContentsSink {
  file(path: string, mode: number, owner: Owner, size: number, sum: number): void;
  directory(path: string, mode: number, owner: Owner): void;
  symlink(path: string, owner: Owner, target: string): void;
  hardlink(path: string, target: string): void;
  fifo(path: string, mode: number, owner: Owner): void;
  whiteout(path: string): void;
  removed(path: string): void;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const FLUSH_AT = 1 << 18;

/** Writes the file, and hashes it on the way. */
export class ContentsWriter implements ContentsSink {
  readonly #fd: number;
  readonly #hash = createHash('sha256');
  #text = '';

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  file(path: string, mode: number, { uid, gid }: Owner, size: number, sum: number): void {
    this.#add(`f\t${modeText(mode)}\t${uid}\t${gid}\t${size}\t${sum.toString(16)}\t${escape(path)}\n`);
  }

  directory(path: string, mode: number, { uid, gid }: Owner): void {
    this.#add(`d\t${modeText(mode)}\t${uid}\t${gid}\t${escape(path)}\n`);
  }

  symlink(path: string, { uid, gid }: Owner, target: string): void {
    this.#add(`l\t${uid}\t${gid}\t${escape(path)}\t${escape(target)}\n`);
  }

  hardlink(path: string, target: string): void {
    this.#add(`h\t${escape(path)}\t${escape(target)}\n`);
  }

  fifo(path: string, mode: number, { uid, gid }: Owner): void {
    this.#add(`p\t${modeText(mode)}\t${uid}\t${gid}\t${escape(path)}\n`);
  }

  whiteout(path: string): void {
    this.#add(`w\t${escape(path)}\n`);
  }

  removed(path: string): void {
    this.#add(`-\t${escape(path)}\n`);
  }

  /** @returns the digest of the whole file */
  close(): Digest {
    this.#flush();
    closeSync(this.#fd);
    return `sha256:${this.#hash.digest('hex')}` as Digest;
  }

  #add(line: string): void {
    this.#text += line;
    if (this.#text.length >= FLUSH_AT) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text, 'latin1');
    this.#text = '';
    this.#hash.update(bytes);
    writeAllSync(this.#fd, bytes);
  }
}

/**
 * Adds to a list of contents that scull-tree has written what is gone since then. @param removed paths as byte strings
 * @returns the digest of the whole file
 */
export function finishContents(file: string, removed: readonly string[]): Digest {
  const lines = removed.map((path) => `-\t${escape(path)}\n`).join('');
  if (lines !== '') appendFileSync(file, lines, 'latin1');
  return `sha256:${sha256Hex(readFileSync(file))}` as Digest;
}

/** The sum of a file whose bytes come in pieces, with gaps that read as zeros. */
export class FileSum {
  #sum = 0;
  #position = 0;

  /** @param position where in the file the piece begins, not before the end of the last one */
  add(chunk: Buffer, position: number): void {
    this.#zerosUpTo(position);
    this.#sum = crc32(chunk, this.#sum);
    this.#position += chunk.length;
  }

  /** @param size of the whole file */
  end(size: number): number {
    this.#zerosUpTo(size);
    return this.#sum;
  }

  #zerosUpTo(position: number): void {
    while (this.#position < position) {
      const length = Math.min(ZEROS.length, position - this.#position);
      this.#sum = crc32(length === ZEROS.length ? ZEROS : ZEROS.subarray(0, length), this.#sum);
      this.#position += length;
    }
  }
}

const ZEROS = Buffer.alloc(1 << 16);

/** What a path of a layer has to be. */
export type Content =
  | { readonly kind: 'file'; readonly mode: number; readonly uid: number; readonly gid: number; readonly size: number; readonly sum: number }
  | { readonly kind: 'directory' | 'fifo'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly kind: 'symlink'; readonly uid: number; readonly gid: number; readonly target: string }
  | { readonly kind: 'whiteout' };

/**
 * Reads the file as a whole: path → what is to be there in the end.
 * @returns undefined where it is not in this form
 */
export function readContents(text: string): Map<string, Content> | undefined {
  const contents = new Map<string, Content>();
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    if (end < 0) return undefined;
    const [kind, ...fields] = text.slice(at, end).split('\t') as [string, ...string[]];
    at = end + 1;
    if (!readLine(contents, kind, fields)) return undefined;
  }
  return contents;
}

function readLine(contents: Map<string, Content>, kind: string, fields: readonly string[]): boolean {
  const path = unescape(fields[PATH_FIELD[kind] ?? -1] ?? '');
  if (path === '') return false;
  switch (kind) {
    case 'f':
      contents.set(path, { kind: 'file', mode: modeOf(fields[0]), uid: Number(fields[1]), gid: Number(fields[2]), size: Number(fields[3]), sum: Number.parseInt(fields[4] ?? '', 16) });
      return true;
    case 'd':
    case 'p':
      contents.set(path, { kind: kind === 'd' ? 'directory' : 'fifo', mode: modeOf(fields[0]), uid: Number(fields[1]), gid: Number(fields[2]) });
      return true;
    case 'l':
      contents.set(path, { kind: 'symlink', uid: Number(fields[0]), gid: Number(fields[1]), target: unescape(fields[3] ?? '') });
      return true;
    case 'h': {
      const target = contents.get(unescape(fields[1] ?? ''));
      if (target !== undefined) contents.set(path, target); // a link to a FIFO or a device is told of by its own line, or not at all
      return true;
    }
    case 'w':
      contents.set(path, { kind: 'whiteout' });
      return true;
    default:
      contents.delete(path);
      return true;
  }
}

/** The largest user or group id that owns something; -1 where nothing is owned. Nobody (65534) does not count. */
export function largestOwner(text: string): number {
  let largest = -1;
  for (const [, uid, gid] of text.matchAll(/^(?:[fdp]\t[^\t]*|l)\t(\d+)\t(\d+)\t/gm)) {
    for (const id of [Number(uid), Number(gid)]) if (id > largest && id !== 65534) largest = id;
  }
  return largest;
}

const PATH_FIELD: Readonly<Record<string, number>> = { f: 5, d: 3, p: 3, l: 2, h: 0, w: 0, '-': 0 };

function modeText(mode: number): string {
  return mode === NO_MODE ? '-' : mode.toString(8);
}

function modeOf(text: string | undefined): number {
  return text === '-' ? NO_MODE : Number.parseInt(text ?? '', 8);
}

function escape(path: string): string {
  return /[\\\t\n]/.test(path) ? path.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n') : path;
}

function unescape(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\\tn])/g, (_, letter: string) => (letter === 't' ? '\t' : letter === 'n' ? '\n' : '\\')) : text;
}
