/** What files are, as far as copying them goes: names, kinds, modes, owners, content; no times. The key of COPY and ADD. */
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import type { SelectedFile } from './selection.ts';

export interface CopiedAs {
  /** Owners as they will be: undefined keeps the file's own. */
  readonly owner: 'keep' | string;
  /** --chmod, as typed. */
  readonly chmod?: string | undefined;
}

/** Bytes: files up to this size are read at once. */
const WHOLE = 1024 * 1024;

/** Digest of the files in their order. @returns hex */
export function contentDigest(files: readonly SelectedFile[], as: CopiedAs): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const whole = createHash('sha256');
  whole.update(`${as.owner}\0${as.chmod ?? ''}\0`);
  const buffer = Buffer.allocUnsafe(WHOLE + 1);
  for (const file of files) {
    const owner = as.owner === 'keep' ? `${file.uid}:${file.gid}` : '';
    const about = `${file.kind}\0${file.to}\0${file.kind === 'symlink' ? '' : file.mode.toString(8)}\0${owner}\0`;
    if (file.kind === 'file') hashFile(whole, about, file, buffer);
    else whole.update(`${about}${file.kind === 'symlink' ? (file.link ?? readlinkSync(file.from)) : ''}\0`);
  }
  return whole.digest('hex');
}

/** A small file goes in as it is, after its length; of a large one, whose end is not known yet, its digest. */
function hashFile(whole: Hash, about: string, file: SelectedFile, buffer: Buffer): void {
  const fd = openSync(file.from, 'r');
  try {
    const length = readUpTo(fd, buffer, file.size);
    if (length < buffer.length) {
      whole.update(`${about}${length}\0`);
      whole.update(buffer.subarray(0, length));
    } else whole.update(`${about}sha256:${restDigest(fd, buffer)}\0`);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads to the end of a file, or until the buffer is full. Where as much comes as was expected, nobody asks whether there is more, which
 * would double the reads of many small files.
 * @returns the number of bytes
 */
export function readUpTo(fd: number, buffer: Buffer, expected: number): number {
  let length = 0;
  for (;;) {
    const wanted = buffer.length - length;
    const count = wanted === 0 ? 0 : readSync(fd, buffer, length, wanted, null);
    length += count;
    if (count === 0 || (count < wanted && length === expected)) return length;
  }
}

/** @param buffer full of what was read already */
function restDigest(fd: number, buffer: Buffer): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256').update(buffer);
  for (;;) {
    const count = readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, count));
  }
}
