/** PAX extended header records: POSIX.1-2017 pax(1), "pax Header Block". */
import type { SparseRun, Timestamp } from './entry.ts';
import { malformed } from './header.ts';

/** The records of one or more extended headers that concern us; everything else in them is ignored. */
export interface PaxRecords {
  path?: string;
  linkPath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: Timestamp;
  xattrs?: Map<string, Buffer>;
  /** GNU.sparse.major.minor; 0.0 and 0.1 have the map in the records, 1.0 before the content. */
  sparseVersion?: string;
  sparseName?: string;
  sparseSize?: number;
  sparseNumbers?: number[];
}

const XATTR_PREFIX = 'SCHILY.xattr.';

/**
 * Reads `LENGTH KEYWORD=VALUE\n` records into `into`; later records win. An empty value withdraws an earlier one.
 * @throws ScullError INVALID
 */
export function parsePax(bytes: Buffer, into: PaxRecords): void {
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] === 0) return; // some writers pad with NULs
    let length = 0;
    let i = at;
    for (; i < bytes.length && i - at < 10; i++) {
      const digit = (bytes[i] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const end = at + length;
    if (i === at || bytes[i] !== 0x20 || end > bytes.length || end <= i + 2 || bytes[end - 1] !== 0x0a) malformed('an extended header has a record of impossible length');
    const equals = bytes.indexOf(0x3d, i + 1);
    if (equals < 0 || equals >= end) malformed('an extended header has a record without "="');
    apply(into, bytes.toString('latin1', i + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
}

function apply(into: PaxRecords, key: string, value: Buffer): void {
  if (key.startsWith(XATTR_PREFIX)) {
    // A copy: `value` points into a buffer that is used again.
    (into.xattrs ??= new Map()).set(key.slice(XATTR_PREFIX.length), Buffer.from(value));
    return;
  }
  const text = value.toString('latin1');
  switch (key) {
    case 'path':
      into.path = text === '' ? undefined : withoutNul(text);
      break;
    case 'linkpath':
      into.linkPath = text === '' ? undefined : withoutNul(text);
      break;
    case 'size':
      into.size = text === '' ? undefined : natural(text);
      break;
    case 'uid':
      into.uid = text === '' ? undefined : natural(text);
      break;
    case 'gid':
      into.gid = text === '' ? undefined : natural(text);
      break;
    case 'mtime':
      into.mtime = text === '' ? undefined : timestamp(text);
      break;
    default:
      if (key.startsWith('GNU.sparse.')) applySparse(into, key, text);
  }
}

function applySparse(into: PaxRecords, key: string, text: string): void {
  switch (key) {
    case 'GNU.sparse.major':
      into.sparseVersion = `${natural(text)}.${into.sparseVersion?.split('.')[1] ?? '0'}`;
      break;
    case 'GNU.sparse.minor':
      into.sparseVersion = `${into.sparseVersion?.split('.')[0] ?? '0'}.${natural(text)}`;
      break;
    case 'GNU.sparse.name':
      into.sparseName = withoutNul(text);
      break;
    case 'GNU.sparse.size':
    case 'GNU.sparse.realsize':
      into.sparseSize = natural(text);
      break;
    case 'GNU.sparse.offset': // version 0.0: offset and numbytes alternate
    case 'GNU.sparse.numbytes':
      (into.sparseNumbers ??= []).push(natural(text));
      break;
    case 'GNU.sparse.map': // version 0.1
      into.sparseNumbers = text === '' ? [] : text.split(',').map(natural);
      break;
    default: // GNU.sparse.numblocks says nothing new
  }
}

/** Pairs of numbers → runs. */
export function runsFromNumbers(numbers: readonly number[]): SparseRun[] {
  if (numbers.length % 2 !== 0) malformed('a sparse map is incomplete');
  const runs: SparseRun[] = [];
  for (let i = 0; i < numbers.length; i += 2) runs.push({ offset: numbers[i] as number, length: numbers[i + 1] as number });
  return runs;
}

/** @throws ScullError INVALID unless runs ascend, do not overlap, fit into `size` and add up to `storedSize` */
export function checkRuns(runs: readonly SparseRun[], size: number, storedSize: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of runs) {
    if (offset < end || offset + length > size) malformed('a sparse map is out of order or leaves the file');
    end = offset + length;
    sum += length;
  }
  if (sum !== storedSize) malformed('a sparse map disagrees with the size of the content');
}

function withoutNul(text: string): string {
  if (text.includes('\0')) malformed('a name holds a NUL byte');
  return text;
}

function natural(text: string): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) malformed(`an extended header has the number ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}

function timestamp(text: string): Timestamp {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) malformed(`an extended header has the time ${JSON.stringify(text.slice(0, 40))}`);
  const whole = Number(match[2]);
  const fraction = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { seconds: whole, nanoseconds: fraction };
  // Before 1970 the fraction still counts upwards from `seconds`, as in struct timespec.
  return fraction === 0 ? { seconds: 0 - whole, nanoseconds: 0 } : { seconds: -whole - 1, nanoseconds: 1e9 - fraction };
}
