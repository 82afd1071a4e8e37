/**
 * Named files, in a tar archive or in a folder: what image archives and image folders have in common. Names from outside
 * are looked up among those that are there, never turned into paths.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { filePieces } from '../../host/file-pieces.ts';
import { detectCompression, MAGIC_LENGTH, type Compression } from '../layers/decompress.ts';

export interface FileSet {
  /** For messages: the path of the archive or folder. */
  readonly label: string;
  /** Bytes of the file, or undefined where there is none of this name. */
  size(name: string): number | undefined;
  /** Its bytes; each piece is overwritten when the next is asked for. @throws ScullError INVALID where there is no such file */
  pieces(name: string): AsyncIterable<Uint8Array>;
}

export function missingFile(files: FileSet, name: string): ScullError {
  return new ScullError('INVALID', `${files.label} is incomplete: there is no ${JSON.stringify(name.slice(0, 200))} in it`);
}

/** A small file whole. @throws ScullError INVALID where it is missing or larger than `limit` bytes */
export async function readSmall(files: FileSet, name: string, limit: number): Promise<Buffer> {
  const size = files.size(name);
  if (size === undefined) throw missingFile(files, name);
  if (size > limit) throw new ScullError('INVALID', `${JSON.stringify(name.slice(0, 200))} in ${files.label} is too large: ${size} bytes, at most ${limit} are read`);
  const chunks: Buffer[] = [];
  for await (const chunk of files.pieces(name)) chunks.push(Buffer.from(chunk)); // it may be overwritten now
  return Buffer.concat(chunks);
}

/** Told by the first bytes. @throws ScullError INVALID where there is no such file */
export async function compressionOf(files: FileSet, name: string): Promise<Compression> {
  for await (const piece of files.pieces(name)) return detectCompression(Buffer.from(piece.subarray(0, MAGIC_LENGTH)));
  return 'none';
}

/** As {@link filePieces}, of a file that is opened when the first piece is asked for. */
export async function* piecesOf(open: () => number, start: number, end: number): AsyncGenerator<Uint8Array> {
  const fd = open();
  try {
    yield* filePieces(fd, start, end);
  } finally {
    closeSync(fd);
  }
}

/** A folder on the host. Only regular files count; `name` must be a relative path of plain words, as our callers make them. */
export function directoryFiles(directory: string): FileSet {
  const openRegular = (name: string): { fd: number; size: number } | undefined => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/.test(name)) return undefined;
    let fd: number;
    try {
      // Non-blocking, so that a FIFO in the place of a file does not hang us.
      fd = openSync(join(directory, name), constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
      throw new ScullError('PERMISSION', `cannot read ${join(directory, name)}: ${(error as Error).message}`, { cause: error });
    }
    const stat = fstatSync(fd);
    if (stat.isFile()) return { fd, size: stat.size };
    closeSync(fd);
    return undefined;
  };
  const existing = (name: string): { fd: number; size: number } => {
    const found = openRegular(name);
    if (found === undefined) throw missingFile(files, name);
    return found;
  };
  const files: FileSet = {
    label: directory,
    size(name) {
      const found = openRegular(name);
      if (found !== undefined) closeSync(found.fd);
      return found?.size;
    },
    pieces(name) {
      const size = files.size(name);
      if (size === undefined) throw missingFile(files, name);
      return piecesOf(() => existing(name).fd, 0, size);
    },
  };
  return files;
}
