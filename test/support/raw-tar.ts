/**
 * Tar archives block by block, so that a test can say anything that an archive can hold, sane or not. Names are byte
 * strings (latin1). Well-formed archives for images are made by tar-writer.ts.
 */

export interface HeaderFields {
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly linkName?: string;
  /** What the size field says; the content's length unless given. */
  readonly size?: number;
  /** `ustar\0` + version; '' for the format before POSIX. */
  readonly magic?: string;
  readonly prefix?: string;
  /** Bytes put over the finished fields, before the checksum. */
  readonly patch?: readonly { readonly at: number; readonly bytes: Buffer | string }[];
  readonly checksum?: number;
}

export function header(name: string, fields: HeaderFields = {}): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100, 'latin1');
  octal(block, 100, 8, fields.mode ?? 0o644);
  octal(block, 108, 8, fields.uid ?? process.geteuid?.() ?? 0);
  octal(block, 116, 8, fields.gid ?? process.getegid?.() ?? 0);
  octal(block, 124, 12, fields.size ?? 0);
  octal(block, 136, 12, fields.mtime ?? 1_000_000_000);
  block.write(fields.type ?? '0', 156, 1, 'latin1');
  block.write(fields.linkName ?? '', 157, 100, 'latin1');
  block.write(fields.magic ?? 'ustar\x0000', 257, 'latin1');
  block.write(fields.prefix ?? '', 345, 155, 'latin1');
  for (const { at, bytes } of fields.patch ?? []) block.set(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, at);
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${(fields.checksum ?? sum).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

export function file(name: string, content: string | Buffer = '', fields: HeaderFields = {}): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  return Buffer.concat([header(name, { size: bytes.length, ...fields }), padded(bytes)]);
}

export function directory(name: string, fields: HeaderFields = {}): Buffer {
  return header(name, { type: '5', mode: 0o755, ...fields });
}

export function symlink(name: string, target: string, fields: HeaderFields = {}): Buffer {
  return header(name, { type: '2', linkName: target, mode: 0o777, ...fields });
}

export function hardlink(name: string, target: string, fields: HeaderFields = {}): Buffer {
  return header(name, { type: '1', linkName: target, ...fields });
}

/** An extended header for the next entry ('x') or for all that follow ('g'). */
export function pax(records: Readonly<Record<string, string | Buffer>> | readonly (readonly [string, string | Buffer])[], type: 'x' | 'g' = 'x'): Buffer {
  const list = Array.isArray(records) ? (records as readonly (readonly [string, string | Buffer])[]) : Object.entries(records);
  return file('PaxHeaders/x', Buffer.concat(list.map(([key, value]) => record(key, value))), { type });
}

function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), typeof value === 'string' ? Buffer.from(value, 'latin1') : value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** GNU's long name ('L') or long link target ('K') for the next entry. */
export function gnuLong(type: 'L' | 'K', name: string): Buffer {
  return file('././@LongLink', `${name}\0`, { type, magic: 'ustar  \0' });
}

export function archive(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export function octalField(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

/** GNU's base-256 for numbers that octal digits cannot hold. */
export function base256Field(value: bigint, width: number): Buffer {
  const bytes = Buffer.alloc(width);
  let rest = BigInt.asUintN(width * 8, value);
  for (let i = width - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  bytes[0] = (bytes[0] as number) | 0x80;
  return bytes;
}

function octal(block: Buffer, at: number, width: number, value: number): void {
  block.write(octalField(value, width), at, 'latin1');
}
