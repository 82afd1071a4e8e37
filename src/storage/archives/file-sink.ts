/**
 * Writing named files one after the other, into a tar archive or a folder: what the formats of saved images have in common.
 * A tar archive made here depends on nothing but names and contents: equal images give equal bytes.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { explainWriteFailure, writeAllSync } from '../../host/files.ts';

export interface FileSink {
  /** Folders of the files to come. Some readers make them anew otherwise, with owners that an ordinary user can't give. */
  addFolder(name: string): void;
  /** `name` is ours: relative and plain. */
  addBytes(name: string, bytes: Uint8Array): void;
  /** @throws ScullError CORRUPT when the stream has not `size` bytes */
  addStream(name: string, size: number, content: Readable): Promise<void>;
  /** From a descriptor, which is closed. @throws ScullError CORRUPT when the file has not `size` bytes */
  addFile(name: string, size: number, fd: number): Promise<void>;
  finish(): void;
}

const BLOCK = 512;

/** POSIX ustar to a descriptor that may be a pipe. */
export function tarSink(fd: number, label: string): FileSink {
  const write = (bytes: Uint8Array): void => {
    try {
      writeAllSync(fd, bytes);
    } catch (error) {
      throw explainWriteFailure(error, label);
    }
  };
  const pad = (size: number): void => {
    const rest = size % BLOCK;
    if (rest > 0) write(Buffer.alloc(BLOCK - rest));
  };
  return {
    addFolder: (name) => write(tarHeader(`${name}/`, 0, '5')),
    addBytes(name, bytes) {
      write(fileHeader(name, bytes.length));
      write(bytes);
      pad(bytes.length);
    },
    async addStream(name, size, content) {
      write(fileHeader(name, size));
      await copyExactly(name, size, content, write);
      pad(size);
    },
    async addFile(name, size, from) {
      write(fileHeader(name, size));
      await copyFile(name, size, from, write);
      pad(size);
    },
    finish: () => write(Buffer.alloc(2 * BLOCK)),
  };
}

/** Files of a folder that exists. */
export function folderSink(directory: string): FileSink {
  const writing = <T>(name: string, action: (fd: number) => T): T => {
    const path = join(directory, name);
    try {
      mkdirSync(dirname(path), { recursive: true });
      return action(openSync(path, 'wx', 0o644));
    } catch (error) {
      throw explainWriteFailure(error, path);
    }
  };
  const whole = (name: string, copy: (write: (bytes: Uint8Array) => void) => Promise<void>): Promise<void> =>
    writing(name, async (fd) => {
      try {
        await copy((bytes) => writeAllSync(fd, bytes));
      } catch (error) {
        throw explainWriteFailure(error, join(directory, name));
      } finally {
        closeSync(fd);
      }
    });
  return {
    addFolder: (name) => void mkdirSync(join(directory, name), { recursive: true }),
    addBytes: (name, bytes) =>
      writing(name, (fd) => {
        try {
          writeAllSync(fd, bytes);
        } finally {
          closeSync(fd);
        }
      }),
    addStream: (name, size, content) => whole(name, (write) => copyExactly(name, size, content, write)),
    addFile: (name, size, from) => whole(name, (write) => copyFile(name, size, from, write)),
    finish: () => undefined,
  };
}

async function copyExactly(name: string, size: number, content: Readable, write: (bytes: Uint8Array) => void): Promise<void> {
  let done = 0;
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    done += chunk.length;
    if (done > size) break;
    write(chunk);
  }
  if (done !== size) throw wrongSize(name, size, done);
}

/** Read and written at a time: what stays in the processor's cache in between. */
const PIECE = 256 * 1024;
/** Bytes after which signals are heard. */
const TURN = 32 * 1024 * 1024;

/** @param fd is closed */
async function copyFile(name: string, size: number, fd: number, write: (bytes: Uint8Array) => void): Promise<void> {
  try {
    const { size: found } = fstatSync(fd);
    if (found !== size) throw wrongSize(name, size, found);
    const piece = Buffer.allocUnsafe(Math.min(PIECE, size));
    for (let done = 0; done < size; ) {
      const count = readSync(fd, piece, 0, Math.min(piece.length, size - done), done);
      if (count === 0) throw wrongSize(name, size, done);
      write(piece.subarray(0, count));
      done += count;
      if (done % TURN < count) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    closeSync(fd);
  }
}

function wrongSize(name: string, size: number, found: number): ScullError {
  return new ScullError('CORRUPT', `the content of ${name} has ${found > size ? 'more' : 'less'} than the ${size} bytes it should have`);
}

/** The header of a file whose name may be too long for it: then an extended one comes before (pax(1)). */
function fileHeader(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) < 100) return tarHeader(name, size);
  const path = paxRecord(Buffer.from(`path=${name}`));
  return Buffer.concat([tarHeader('pax', path.length, 'x'), path, Buffer.alloc(-path.length & (BLOCK - 1)), tarHeader(name.slice(-99), size)]);
}

/** `LENGTH KEY=VALUE\n`, the length counting itself: pax(1), "pax Header Block". */
export function paxRecord(text: Buffer): Buffer {
  let length = text.length + 3;
  while (String(length).length + text.length + 2 !== length) length = String(length).length + text.length + 2;
  return Buffer.concat([Buffer.from(`${length} `), text, Buffer.from('\n')]);
}

/** A regular file of mode 0644 (a folder: 0755) that belongs to root and was made at the epoch. */
export function tarHeader(name: string, size: number, type: '0' | '5' | 'x' = '0'): Buffer {
  const header = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 99) throw new Error(`too long for a tar header: ${name}`);
  header.write(name, 0);
  header.write(type === '5' ? '0000755\0' : '0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  writeSize(header, size);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** Eleven octal digits hold 8 GiB; beyond that base-256, as GNU tar, which everybody reads. */
function writeSize(header: Buffer, size: number): void {
  if (size < 8 ** 11) {
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    return;
  }
  header[124] = 0x80;
  header.writeBigUInt64BE(BigInt(size), 128);
}
