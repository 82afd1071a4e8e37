/** What files are, as far as copying them goes: names, kinds, modes, owners, content; no times. The key of COPY and ADD. */
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { readlinkSync } from 'node:fs';
import type { SelectedFile } from './selection.ts';

export interface CopiedAs {
  /** Owners as they will be: undefined keeps the file's own. */
  readonly owner: 'keep' | string;
  /** --chmod, as typed. */
  readonly chmod?: string | undefined;
}

const WHOLE = 1024 * 1024;

/** Digest of the files in their order. @returns hex */
export function contentDigest(files: readonly SelectedFile[], as: CopiedAs): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const whole = createHash('sha256');
  whole.update(`${as.owner}\0${as.chmod ?? ''}\0`);
  const buffer = Buffer.allocUnsafe(WHOLE);
  for (const file of files) {
    const owner = as.owner === 'keep' ? `${file.uid}:${file.gid}` : '';
    whole.update(`${file.kind}\0${file.to}\0${file.kind === 'symlink' ? '' : file.mode.toString(8)}\0${owner}\0`);
    if (file.kind === 'file') whole.update(fileDigest(file, createHash, buffer));
    else if (file.kind === 'symlink') whole.update(file.link ?? readlinkSync(file.from));
    whole.update('\0');
  }
  return whole.digest('hex');
}

function fileDigest(file: SelectedFile, createHash: (algorithm: string) => Hash, buffer: Buffer): string {
  if (file.size <= WHOLE) return createHash('sha256').update(readFileSync(file.from)).digest('hex');
  const hash = createHash('sha256');
  const fd = openSync(file.from, 'r');
  try {
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
