/**
 * The files of a tar archive, by name, without unpacking it: the headers are read once, jumping from one to the next, and
 * each file's content is read where it stands. (The format is told in layers/tar/header.ts.)
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { posix } from 'node:path';
import { isScullError, ScullError } from '../../host/errors.ts';
import { BLOCK, isZeroBlock, parseHeader } from '../layers/tar/header.ts';
import { parsePax, type PaxRecords } from '../layers/tar/pax.ts';
import { missingFile, piecesOf, type FileSet } from './file-set.ts';

/** More entries than any image archive has: a bound on what a hostile one makes us hold. */
const MAX_ENTRIES = 100_000;
/** Bytes of one extended header or long name. */
const MAX_EXTENSION = 1024 * 1024;
/** Links from name to name that are followed: `docker save` once wrote layers that repeat as links to the first. */
const MAX_LINKS = 8;

type Member = { readonly kind: 'file'; readonly offset: number; readonly size: number } | { readonly kind: 'link'; readonly target: string };

/**
 * Reads the headers of the uncompressed archive at `path`.
 * @param label what to call it in messages
 * @throws ScullError INVALID when it is no tar archive, or damaged
 */
export function tarFiles(path: string, label: string): FileSet {
  const fd = openSync(path, 'r');
  let members: ReadonlyMap<string, Member>;
  try {
    members = scan(fd, label);
  } finally {
    closeSync(fd);
  }
  const find = (name: string): (Member & { kind: 'file' }) | undefined => {
    let member = members.get(name);
    for (let links = 0; member?.kind === 'link' && links < MAX_LINKS; links += 1) member = members.get(member.target);
    return member?.kind === 'file' ? member : undefined;
  };
  const existing = (name: string): Member & { kind: 'file' } => {
    const member = find(memberName(name));
    if (member === undefined) throw missingFile(files, name);
    return member;
  };
  const files: FileSet = {
    label,
    size: (name) => find(memberName(name))?.size,
    pieces(name) {
      const { offset, size } = existing(name);
      return piecesOf(() => openSync(path, 'r'), offset, offset + size);
    },
  };
  return files;
}

/** `./a`, `/a` and `a` are one name within an archive. */
function memberName(name: string): string {
  return posix.normalize(`/${name}`).slice(1);
}

function scan(fd: number, label: string): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>();
  const end = fstatSync(fd).size;
  const block = Buffer.alloc(BLOCK);
  let pending: PaxRecords = {};
  let position = 0;
  while (position + BLOCK <= end) {
    readFully(fd, block, position);
    if (isZeroBlock(block)) break;
    const header = readHeader(block, position, label);
    const content = position + BLOCK;
    const size = pending.size ?? header.size;
    const next = content + Math.ceil(size / BLOCK) * BLOCK;
    if (content + size > end) throw new ScullError('INVALID', `${label} ends in the middle of ${JSON.stringify(header.name.slice(0, 200))}: it is truncated`);
    if (header.type === 'x' || header.type === 'L' || header.type === 'K') {
      readExtension(fd, header.type, content, size, pending, label);
    } else if (header.type !== 'g') {
      remember(members, header.type, memberName(utf8(pending.path ?? header.name)), utf8(pending.linkPath ?? header.linkName), content, size);
      if (members.size > MAX_ENTRIES) throw new ScullError('INVALID', `${label} has more than ${MAX_ENTRIES} entries: this is no image archive`, { hint: 'a root file system is imported with `scull import`' });
      pending = {};
    }
    position = next;
  }
  if (position === 0) throw emptyArchive(label);
  return members;
}

function remember(members: Map<string, Member>, type: string, name: string, link: string, offset: number, size: number): void {
  if (type === '0' || type === '7') members.set(name, { kind: 'file', offset, size });
  else if (type === '1') members.set(name, { kind: 'link', target: memberName(link) });
  // Relative to the link's own folder; what points out of the archive finds nothing.
  else if (type === '2') members.set(name, { kind: 'link', target: memberName(posix.join(posix.dirname(name), link)) });
}

/** @param start of the archive, a block at least @throws ScullError INVALID for what is no tar archive, or has nothing in it */
export function checkBeginning(start: Buffer, label: string): void {
  if (isZeroBlock(start)) throw emptyArchive(label);
  readHeader(start, 0, label);
}

function emptyArchive(label: string): ScullError {
  return new ScullError('INVALID', `${label} is not a tar archive, or an empty one`);
}

function readHeader(block: Buffer, position: number, label: string): ReturnType<typeof parseHeader> {
  try {
    return parseHeader(block);
  } catch (cause) {
    if (!isScullError(cause) || position > 0) throw cause;
    throw new ScullError('INVALID', `${label} is not an image archive: it is neither tar, nor tar compressed with gzip, zstd, xz or bzip2`, { cause });
  }
}

function readExtension(fd: number, type: string, offset: number, size: number, pending: PaxRecords, label: string): void {
  if (size > MAX_EXTENSION) throw new ScullError('INVALID', `${label} has an extended header of ${size} bytes, at most ${MAX_EXTENSION} are read`);
  const bytes = Buffer.alloc(size);
  readFully(fd, bytes, offset);
  if (type === 'x') {
    parsePax(bytes, pending);
    return;
  }
  const nul = bytes.indexOf(0);
  const text = bytes.toString('latin1', 0, nul < 0 ? size : nul);
  if (type === 'L') pending.path = text;
  else pending.linkPath = text;
}

function readFully(fd: number, into: Buffer, position: number): void {
  let done = 0;
  while (done < into.length) {
    const count = readSync(fd, into, done, into.length - done, position + done);
    if (count === 0) throw new ScullError('INVALID', 'the archive became shorter while it was read');
    done += count;
  }
}

/** Headers are read as bytes (latin1); names of image archives are UTF-8. */
function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
