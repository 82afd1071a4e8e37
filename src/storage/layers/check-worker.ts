/**
 * Holds layers against what was unpacked: `scull __worker check-layers`, run as root of a user namespace that may read
 * everything. Jobs come on standard input, one a line ({@link LayerCheckJob}); to each there is one answer on standard output
 * ({@link LayerCheckResult}).
 */
import { closeSync, createReadStream, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { createInterface } from 'node:readline';
import { crc32 } from '../../host/hash.ts';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf } from '../../host/errors.ts';
import { writeAllSync } from '../../host/files.ts';
import { NO_MODE, readContents, type Content } from './contents.ts';
import { isWhiteout } from './lower.ts';
import { printable } from './tar/reader.ts';

export interface LayerCheckJob {
  readonly diff: string;
  readonly contents: string;
}

export interface LayerCheckResult {
  readonly files: number;
  /** Read. */
  readonly bytes: number;
  /** The first {@link TOLD} of them. */
  readonly problems: readonly LayerProblem[];
  readonly count: number;
}

export interface LayerProblem {
  /** Below the layer's root. */
  readonly path: string;
  readonly what: string;
}

/** A layer that was written over has thousands. */
const TOLD = 10;

/** @returns 0 */
export async function main(): Promise<number> {
  for await (const line of createInterface({ input: createReadStream('', { fd: 0 }) })) {
    if (line === '') continue;
    const job = JSON.parse(line) as LayerCheckJob;
    writeAllSync(1, `${JSON.stringify(checkLayer(job))}\n`);
  }
  return 0;
}

/** Looks at every file of an unpacked layer. What can't be read is a problem of that file. */
export function checkLayer(job: LayerCheckJob): LayerCheckResult {
  const contents = readContents(readFileSync(job.contents, 'latin1'));
  if (contents === undefined) return { files: 0, bytes: 0, problems: [{ path: '.', what: 'the list of its files makes no sense' }], count: 1 };
  const check = new LayerCheck(job.diff, contents);
  check.root();
  check.missing();
  // They were met in the order of inodes, which is another one each time.
  const problems = check.problems.sort((one, other) => Number(one.path > other.path) - Number(one.path < other.path));
  return { files: check.files, bytes: check.bytes, problems, count: check.count };
}

class LayerCheck {
  readonly problems: LayerProblem[] = [];
  count = 0;
  files = 0;
  bytes = 0;
  readonly #diff: string;
  /** What was not seen yet. */
  readonly #left: Map<string, Content>;
  /** Sums of files with several names, by inode. */
  readonly #sums = new Map<number, number>();
  readonly #buffer = Buffer.allocUnsafe(1 << 20);

  constructor(diff: string, contents: Map<string, Content>) {
    this.#diff = diff;
    this.#left = contents;
  }

  /** Looks at the layer's root and all below it. */
  root(): void {
    this.#compare('.', () => this.#directory('.', lstatSync(this.#diff)));
  }

  /** @param path as a byte string; '.' is the root */
  #directory(path: string, stat: Stats): void {
    this.#entry(path, stat);
    const found: { readonly path: string; readonly stat: Stats }[] = [];
    for (const bytes of readdirSync(this.#place(path), { encoding: 'buffer' })) {
      const name = bytes.toString('latin1');
      const below = path === '.' ? name : `${path}/${name}`;
      this.#compare(below, () => found.push({ path: below, stat: lstatSync(this.#place(below)) }));
    }
    // The order in which they were unpacked, which is about where they are on the disk; names come in that of their hashes.
    found.sort((a, b) => a.stat.ino - b.stat.ino);
    for (const one of found) this.#compare(one.path, () => (one.stat.isDirectory() ? this.#directory(one.path, one.stat) : this.#entry(one.path, one.stat)));
  }

  /** Tells of everything that was not found. */
  missing(): void {
    for (const path of this.#left.keys()) this.#tell(path, 'is missing');
  }

  #entry(path: string, stat: Stats): void {
    const expected = this.#left.get(path);
    this.#left.delete(path);
    this.files += 1;
    if (expected === undefined) {
      // What a socket leaves behind is of no use, and is packed nowhere.
      if (!stat.isSocket()) this.#tell(path, 'was not in the layer');
    } else {
      const what = this.#difference(path, stat, expected);
      if (what !== undefined) this.#tell(path, what);
    }
  }

  #difference(path: string, stat: Stats, expected: Content): string | undefined {
    const kind = kindOf(stat);
    if (kind !== expected.kind) return `is a ${kind} instead of a ${expected.kind}`;
    if (expected.kind === 'whiteout') return undefined;
    if (stat.uid !== expected.uid || stat.gid !== expected.gid) return `belongs to ${stat.uid}:${stat.gid} instead of ${expected.uid}:${expected.gid}`;
    if (expected.kind === 'symlink') {
      const target = readlinkSync(this.#place(path), { encoding: 'buffer' }).toString('latin1');
      return target === expected.target ? undefined : `leads to ${JSON.stringify(printable(target))} instead of ${JSON.stringify(printable(expected.target))}`;
    }
    const mode = stat.mode & 0o7777;
    if (expected.mode !== NO_MODE && mode !== expected.mode) return `has the mode ${mode.toString(8)} instead of ${expected.mode.toString(8)}`;
    if (expected.kind !== 'file') return undefined;
    if (stat.size !== expected.size) return `has ${stat.size} bytes instead of ${expected.size}`;
    return this.#sumOf(path, stat) === expected.sum ? undefined : 'has other content than was unpacked';
  }

  #sumOf(path: string, stat: Stats): number {
    if (stat.size === 0) return 0;
    const known = stat.nlink > 1 ? this.#sums.get(stat.ino) : undefined;
    if (known !== undefined) return known;
    const fd = openSync(this.#place(path), 'r');
    let sum = 0;
    try {
      for (let read = readSync(fd, this.#buffer); read > 0; read = readSync(fd, this.#buffer)) {
        sum = crc32(read === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, read), sum);
        this.bytes += read;
      }
    } finally {
      closeSync(fd);
    }
    if (stat.nlink > 1) this.#sums.set(stat.ino, sum);
    return sum;
  }

  #compare(path: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#unreadable(path, error);
    }
  }

  #unreadable(path: string, error: unknown): void {
    if (errnoOf(error) === undefined) throw error;
    this.#left.delete(path);
    this.#tell(path, `can't be read: ${describeErrno(error)}`);
  }

  #tell(path: string, what: string): void {
    this.count += 1;
    if (this.problems.length < TOLD) this.problems.push({ path: printable(path), what });
  }

  #place(path: string): string | Buffer {
    return /^[\x00-\x7f]*$/.test(path) ? `${this.#diff}/${path}` : Buffer.concat([Buffer.from(`${this.#diff}/`), Buffer.from(path, 'latin1')]);
  }
}

function kindOf(stat: Stats): Content['kind'] | 'device' | 'socket' {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return isWhiteout(stat) ? 'whiteout' : 'device';
}
