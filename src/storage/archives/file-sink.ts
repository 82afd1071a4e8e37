/**
 * Writing named files one after the other, into a tar archive or a folder: what the formats of saved images have in common.
 * A tar archive made here depends on nothing but names and contents: equal images give equal bytes.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { explainWriteFailure, writeAllSync } from '../../host/files.ts';

export interface FileSink {
  /** Folders of the files to come. Some readers make them anew otherwise, with owners that an ordinary user can't give. */
  addFolder(name: string): void;
  /** `name` is ours: relative, plain, shorter than 100 bytes. */
  addBytes(name: string, bytes: Uint8Array): void;
  /** @throws ScullError CORRUPT when the stream has not `size` bytes */
  addStream(name: string, size: number, content: Readable): Promise<void>;
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
      write(tarHeader(name, bytes.length));
      write(bytes);
      pad(bytes.length);
    },
    async addStream(name, size, content) {
      write(tarHeader(name, size));
      await copyExactly(name, size, content, write);
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
    addStream: (name, size, content) =>
      writing(name, async (fd) => {
        try {
          await copyExactly(name, size, content, (bytes) => writeAllSync(fd, bytes));
        } catch (error) {
          throw explainWriteFailure(error, join(directory, name));
        } finally {
          closeSync(fd);
        }
      }),
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
  if (done !== size) throw new ScullError('CORRUPT', `the content of ${name} has ${done > size ? 'more' : 'less'} than the ${size} bytes it should have`);
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
