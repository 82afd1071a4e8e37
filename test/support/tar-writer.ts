/** A tar writer small enough to be trusted to write exactly what a test says, well-formed or not. POSIX ustar, pax(1). */

export interface TarEntry {
  readonly path: string;
  /** file (default if there is content), directory, symlink, hardlink, fifo, char */
  readonly type?: 'file' | 'directory' | 'symlink' | 'hardlink' | 'fifo' | 'char';
  readonly content?: string | Uint8Array;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
}

const typeFlags = { file: '0', hardlink: '1', symlink: '2', char: '3', directory: '5', fifo: '6' } as const;

/** The archive as bytes, ended by two zero blocks. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBlocks), Buffer.alloc(1024)]);
}

function entryBlocks(entry: TarEntry): Buffer[] {
  const type = entry.type ?? 'file';
  const content = Buffer.from(entry.content ?? '');
  const header = Buffer.alloc(512);
  const { name, prefix } = splitPath(type === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path);
  header.write(name, 0, 100);
  octal(header, 100, 8, entry.mode ?? (type === 'directory' ? 0o755 : 0o644));
  octal(header, 108, 8, entry.uid ?? 0);
  octal(header, 116, 8, entry.gid ?? 0);
  octal(header, 124, 12, content.length);
  octal(header, 136, 12, entry.mtime ?? 1_700_000_000);
  header.fill(' ', 148, 156);
  header.write(typeFlags[type], 156);
  header.write(entry.target ?? '', 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 155);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    if (slash <= 155 && path.length - slash - 1 <= 100) return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
  }
  throw new Error(`path too long for ustar: ${path}`);
}

function octal(header: Buffer, offset: number, width: number, value: number): void {
  header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1');
}
