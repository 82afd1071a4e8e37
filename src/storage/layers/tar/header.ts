/**
 * One 512-byte tar header block: POSIX.1-2017 pax(1) "ustar Interchange Format", and what GNU tar ("Basic Tar Format",
 * "GNU Extensions to the Archive Format") and star do differently.
 */
import { ScullError } from '../../../host/errors.ts';
import type { SparseRun, Timestamp } from './entry.ts';

export const BLOCK = 512;

/** A header block as it stands, before extension headers are applied. */
export interface RawHeader {
  /** The type flag as a character: '0' file, '5' directory, 'x' PAX, 'L' GNU long name … */
  readonly type: string;
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: Timestamp;
}

/** @throws ScullError INVALID */
export function malformed(what: string): never {
  throw new ScullError('INVALID', `the archive is damaged or hostile: ${what}`);
}

/** Whether a first block can be a header at all: what is no tar archive fails here. */
export function isHeader(block: Buffer): boolean {
  try {
    verifyChecksum(block);
    return true;
  } catch {
    return false;
  }
}

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** @throws ScullError INVALID when the checksum is wrong or a number is unreadable */
export function parseHeader(block: Buffer): RawHeader {
  verifyChecksum(block);
  let name = text(block, 0, 100);
  // "ustar\0" is POSIX, "ustar  \0" GNU, where the prefix field holds other things.
  if (block.toString('latin1', 257, 263) === 'ustar\0') {
    const star = block.toString('latin1', 508, 512) === 'tar\0';
    const prefix = text(block, 345, star ? 131 : 155);
    if (prefix !== '') name = `${prefix}/${name}`;
  }
  const flag = block[156] as number;
  return {
    type: flag === 0 ? '0' : String.fromCharCode(flag),
    name,
    linkName: text(block, 157, 100),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: size(block, 124),
    mtime: { seconds: number(block, 136, 12), nanoseconds: 0 },
  };
}

/** The old GNU sparse header ('S'): up to four runs in the header, the file's length, and whether more blocks follow. */
export function parseGnuSparse(block: Buffer): { readonly runs: SparseRun[]; readonly size: number; readonly extended: boolean } {
  return { runs: sparseRuns(block, 386, 4), size: size(block, 483), extended: block[482] !== 0 };
}

/** A block that continues an old GNU sparse header: up to 21 runs. */
export function parseGnuSparseExtension(block: Buffer): { readonly runs: SparseRun[]; readonly extended: boolean } {
  return { runs: sparseRuns(block, 0, 21), extended: block[504] !== 0 };
}

function sparseRuns(block: Buffer, at: number, count: number): SparseRun[] {
  const runs: SparseRun[] = [];
  for (let i = 0; i < count; i++) {
    const start = at + i * 24;
    if (block[start] === 0) break;
    runs.push({ offset: size(block, start), length: size(block, start + 12) });
  }
  return runs;
}

function verifyChecksum(block: Buffer): void {
  // Historic programs summed signed characters; both are accepted, as everywhere.
  let unsigned = 0;
  let high = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] as number);
    unsigned += byte;
    if (byte > 127) high += 256;
  }
  const said = number(block, 148, 8);
  if (said !== unsigned && said !== unsigned - high) malformed('a header has a wrong checksum');
}

function text(block: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return block.toString('latin1', at, end);
}

function size(block: Buffer, at: number): number {
  const value = number(block, at, 12);
  if (value < 0) malformed('a header has a negative size');
  return value;
}

/** Octal digits between blanks and NULs, or base-256 (two's complement) where the first bit is set. */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at] as number;
  if ((first & 0x80) !== 0) return base256(block, at, length);
  let i = at;
  const end = at + length;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = (block[i] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) if (block[i] !== 0x20 && block[i] !== 0) malformed('a header has a number that is not octal');
  return value;
}

function base256(block: Buffer, at: number, length: number): number {
  const first = block[at] as number;
  const negative = (first & 0x40) !== 0;
  let value = negative ? (first & 0x7f) - 0x80 : first & 0x7f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (block[i] as number);
  if (!Number.isSafeInteger(value)) malformed('a header has a number that is too large');
  return value;
}
