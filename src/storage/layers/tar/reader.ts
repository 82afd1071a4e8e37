/**
 * A tar archive as it streams by: feed() takes any pieces, the sink gets entries. Everything is synchronous, nothing is
 * buffered but single blocks and bounded extension headers, and no input makes it do anything but call the sink or
 * throw ScullError INVALID.
 */
import { ScullError } from '../../../host/errors.ts';
import type { SparseRun, TarEntry, TarEntryType, TarSink } from './entry.ts';
import { BLOCK, isHeader, isZeroBlock, malformed, parseGnuSparse, parseGnuSparseExtension, parseHeader, type RawHeader } from './header.ts';
import { checkRuns, parsePax, runsFromNumbers, type PaxRecords } from './pax.ts';

/** Bytes; the same bound as in other implementations. A long name or a set of xattrs fits many times over. */
const LARGEST_EXTENSION = 1024 * 1024;
const MOST_SPARSE_RUNS = 1_000_000;

const TYPES: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '7': 'file', // "contiguous file": a hint of the 1980s
  S: 'file', // GNU sparse
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

type State = 'header' | 'extension' | 'sparse-blocks' | 'sparse-map' | 'data' | 'padding' | 'maybe-end' | 'end';

export class TarReader {
  readonly #sink: TarSink;
  readonly #block = Buffer.alloc(BLOCK);
  #blockFill = 0;
  #state: State = 'header';
  /** Bytes left of content, or of padding to skip. */
  #left = 0;
  #padding = 0;
  #first = true;
  /** The extension header being collected. */
  #extension: Buffer | undefined;
  #extensionFill = 0;
  #extensionType = '';
  /** What extension headers said about the next entry, and (global) about all that follow. */
  #pax: PaxRecords = {};
  #global: PaxRecords = {};
  #longName: string | undefined;
  #longLink: string | undefined;
  #raw: RawHeader | undefined;
  #runs: SparseRun[] = [];
  #sparseSize = 0;
  /** The sparse map of PAX 1.0 as far as read: text before the content. */
  #mapNumbers: number[] = [];
  #mapDigits = '';
  #mapRead = 0;
  /** Where content goes: the file's position, and for sparse files which run it is in. */
  #position = 0;
  #run = 0;
  #sparse: readonly SparseRun[] | undefined;
  #entryName = '';

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** @throws ScullError INVALID, and whatever the sink throws; the reader is of no use then. */
  feed(chunk: Buffer): void {
    let at = 0;
    const length = chunk.length;
    while (at < length) {
      switch (this.#state) {
        case 'data': {
          const take = Math.min(this.#left, length - at);
          this.#content(at === 0 && take === length ? chunk : chunk.subarray(at, at + take));
          at += take;
          this.#left -= take;
          if (this.#left === 0) this.#endEntry();
          break;
        }
        case 'padding': {
          const take = Math.min(this.#left, length - at);
          at += take;
          this.#left -= take;
          if (this.#left === 0) this.#state = 'header';
          break;
        }
        case 'extension':
          at += this.#collectExtension(chunk, at);
          break;
        case 'end':
          return; // after the end mark comes padding, or nothing that concerns us
        default:
          at += this.#collectBlock(chunk, at);
      }
    }
  }

  /** The input is over. @throws ScullError INVALID when that is in the middle of something */
  finish(): void {
    const between = (this.#state === 'header' && this.#blockFill === 0) || this.#state === 'maybe-end' || this.#state === 'end';
    if (!between) {
      malformed(`it ends in the middle of ${this.#state === 'data' || this.#state === 'padding' ? JSON.stringify(printable(this.#entryName)) : 'a header'}`);
    }
    if (this.#state === 'header' && this.#hasPending()) malformed('it ends after an extended header');
  }

  #collectBlock(chunk: Buffer, at: number): number {
    // A whole block inside the chunk is read in place.
    if (this.#blockFill === 0 && chunk.length - at >= BLOCK) {
      this.#onBlock(chunk.subarray(at, at + BLOCK));
      return BLOCK;
    }
    const take = Math.min(BLOCK - this.#blockFill, chunk.length - at);
    chunk.copy(this.#block, this.#blockFill, at, at + take);
    this.#blockFill += take;
    if (this.#blockFill === BLOCK) {
      this.#blockFill = 0;
      this.#onBlock(this.#block);
    }
    return take;
  }

  #onBlock(block: Buffer): void {
    switch (this.#state) {
      case 'header':
        if (block[0] === 0 && isZeroBlock(block)) {
          if (this.#hasPending()) malformed('it ends after an extended header');
          this.#state = 'maybe-end';
        } else this.#onHeader(block);
        break;
      case 'maybe-end':
        if (!isZeroBlock(block)) malformed('an empty block stands in the middle');
        this.#state = 'end';
        break;
      case 'sparse-blocks': {
        const { runs, extended } = parseGnuSparseExtension(block);
        for (const run of runs) this.#runs.push(run);
        if (this.#runs.length > MOST_SPARSE_RUNS) malformed('a sparse map is too long');
        if (!extended) this.#beginSparse(this.#raw as RawHeader, this.#runs, this.#sparseSize);
        break;
      }
      case 'sparse-map':
        this.#onMapBlock(block);
        break;
      default:
        throw new Error(`no block is expected in state ${this.#state}`);
    }
  }

  #onHeader(block: Buffer): void {
    if (this.#first && !isHeader(block)) throw new ScullError('INVALID', 'this is not a tar archive: its first block is no header');
    this.#first = false;
    const raw = parseHeader(block);
    switch (raw.type) {
      case 'x':
      case 'X': // Solaris
      case 'g':
      case 'L':
      case 'K':
        if (raw.size > LARGEST_EXTENSION) malformed(`an extended header claims ${raw.size} bytes`);
        this.#extensionType = raw.type;
        this.#extension = Buffer.allocUnsafe(raw.size);
        this.#extensionFill = 0;
        this.#padding = paddingOf(raw.size);
        if (raw.size === 0) this.#endExtension();
        else this.#state = 'extension';
        return;
      case 'V': // GNU volume label
        this.#forgetPending();
        this.#skip(raw.size);
        return;
      case 'S': {
        const { runs, size, extended } = parseGnuSparse(block);
        this.#raw = raw;
        this.#runs = runs;
        this.#sparseSize = size;
        if (extended) this.#state = 'sparse-blocks';
        else this.#beginSparse(raw, runs, size);
        return;
      }
      default:
        this.#onFile(raw);
    }
  }

  #onFile(raw: RawHeader): void {
    const pax = this.#pax;
    const storedSize = pax.size ?? raw.size;
    if (TYPES[raw.type] === 'file' && (pax.sparseVersion !== undefined || pax.sparseNumbers !== undefined || pax.sparseSize !== undefined)) {
      if (pax.sparseSize === undefined) malformed('a sparse file does not say its size');
      if (pax.sparseVersion === '1.0') {
        this.#raw = raw;
        this.#left = storedSize;
        this.#mapNumbers = [];
        this.#mapDigits = '';
        this.#mapRead = 0;
        if (storedSize < BLOCK) malformed('a sparse map is missing');
        this.#state = 'sparse-map';
        return;
      }
      this.#beginSparse(raw, runsFromNumbers(pax.sparseNumbers ?? []), pax.sparseSize);
      return;
    }
    this.#begin(raw, storedSize, storedSize, undefined);
  }

  /** PAX 1.0: decimal numbers, one a line (count, then offset and length of each run), padded to whole blocks. */
  #onMapBlock(block: Buffer): void {
    this.#mapRead += BLOCK;
    for (let i = 0; i < BLOCK; i++) {
      const byte = block[i] as number;
      if (byte === 0x0a) {
        if (this.#mapDigits === '') malformed('a sparse map has an empty line');
        this.#mapNumbers.push(Number(this.#mapDigits));
        this.#mapDigits = '';
        const count = this.#mapNumbers[0] as number;
        if (count > MOST_SPARSE_RUNS) malformed('a sparse map is too long');
        if (this.#mapNumbers.length === 1 + 2 * count) {
          const raw = this.#raw as RawHeader;
          const runs = runsFromNumbers(this.#mapNumbers.slice(1));
          this.#beginSparse(raw, runs, this.#pax.sparseSize as number, this.#left - this.#mapRead);
          return;
        }
      } else if (byte >= 0x30 && byte <= 0x39 && this.#mapDigits.length < 15) this.#mapDigits += String.fromCharCode(byte);
      else malformed('a sparse map holds something else than numbers');
    }
    if (this.#mapRead + BLOCK > this.#left) malformed('a sparse map does not end');
  }

  #beginSparse(raw: RawHeader, runs: readonly SparseRun[], size: number, storedSize: number = this.#pax.size ?? raw.size): void {
    // Writers end a map with an empty run at the end of the file; it says nothing.
    const filled = runs.filter((run) => run.length > 0);
    checkRuns(filled, size, storedSize);
    this.#begin(raw, storedSize, size, filled);
  }

  #begin(raw: RawHeader, storedSize: number, size: number, sparse: readonly SparseRun[] | undefined): void {
    const pax = this.#pax;
    const global = this.#global;
    let type = TYPES[raw.type];
    if (type === undefined) malformed(`${JSON.stringify(printable(raw.name))} has the type ${JSON.stringify(raw.type)}, which is none of a layer's`);
    const name = pax.sparseName ?? pax.path ?? this.#longName ?? raw.name;
    if (type === 'file' && sparse === undefined && name.endsWith('/')) type = 'directory'; // before POSIX
    const linked = type === 'hardlink' || type === 'symlink';
    const content = type === 'file' ? storedSize : 0; // sizes of other types are not followed by content
    this.#entryName = name;
    const entry: TarEntry = {
      type,
      name,
      linkName: linked ? (pax.linkPath ?? this.#longLink ?? raw.linkName) : '',
      mode: raw.mode,
      uid: pax.uid ?? global.uid ?? raw.uid,
      gid: pax.gid ?? global.gid ?? raw.gid,
      storedSize: content,
      size: type === 'file' ? size : 0,
      mtime: pax.mtime ?? global.mtime ?? raw.mtime,
      xattrs: pax.xattrs ?? NO_XATTRS,
      ...(sparse === undefined ? {} : { sparse }),
    };
    this.#forgetPending();
    this.#sparse = sparse;
    this.#position = 0;
    this.#run = 0;
    this.#left = content;
    this.#padding = paddingOf(content);
    this.#sink.begin(entry);
    if (content === 0) this.#endEntry();
    else this.#state = 'data';
  }

  #content(chunk: Buffer): void {
    if (this.#sparse === undefined) {
      this.#sink.data(chunk, this.#position);
      this.#position += chunk.length;
      return;
    }
    // `#position` counts within the current run; checkRuns() saw to it that runs and content have the same length.
    let at = 0;
    while (at < chunk.length) {
      const run = this.#sparse[this.#run] as SparseRun;
      const take = Math.min(run.length - this.#position, chunk.length - at);
      this.#sink.data(chunk.subarray(at, at + take), run.offset + this.#position);
      at += take;
      this.#position += take;
      if (this.#position === run.length) {
        this.#run++;
        this.#position = 0;
      }
    }
  }

  #endEntry(): void {
    this.#sink.end();
    this.#sparse = undefined;
    this.#skip(0, this.#padding);
  }

  #skip(size: number, padding: number = paddingOf(size)): void {
    this.#left = size + padding;
    this.#state = this.#left === 0 ? 'header' : 'padding';
  }

  #collectExtension(chunk: Buffer, at: number): number {
    const extension = this.#extension as Buffer;
    const take = Math.min(extension.length - this.#extensionFill, chunk.length - at);
    chunk.copy(extension, this.#extensionFill, at, at + take);
    this.#extensionFill += take;
    if (this.#extensionFill === extension.length) this.#endExtension();
    return take;
  }

  #endExtension(): void {
    const bytes = this.#extension as Buffer;
    this.#extension = undefined;
    switch (this.#extensionType) {
      case 'L':
        this.#longName = untilNul(bytes);
        break;
      case 'K':
        this.#longLink = untilNul(bytes);
        break;
      case 'g':
        parsePax(bytes, this.#global);
        break;
      default:
        parsePax(bytes, this.#pax);
    }
    this.#skip(0, this.#padding);
  }

  #hasPending(): boolean {
    return this.#longName !== undefined || this.#longLink !== undefined || Object.keys(this.#pax).length > 0;
  }

  #forgetPending(): void {
    this.#pax = {};
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#raw = undefined;
    this.#runs = [];
  }
}

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

/** A byte string as text for messages: UTF-8 where it is. Escaping is left to JSON.stringify. */
export function printable(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}
