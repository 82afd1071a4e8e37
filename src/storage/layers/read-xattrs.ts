/** Extended attributes of files on disk, as far as a layer may have them (xattrs.ts): JavaScript can't read them. */
import { writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { ScullError } from '../../host/errors.ts';
import { runOrThrow } from '../../host/process.ts';
import { nativeProgram } from '../../host/product.ts';

/** As JSON can have it. */
export interface FileXattr {
  /** Byte string. */
  readonly name: string;
  /** Hex digits. */
  readonly value: string;
}

/** By the index of the path; of files that have none there is no entry. In the order of their names. */
export type FoundXattrs = ReadonlyMap<number, readonly FileXattr[]>;

/**
 * Begins at once, beside what the caller does.
 * @param paths absolute; links are not followed
 * @param list a file to write the paths to: the program reads them there while the caller goes on, and from a pipe only while he waits
 * @returns undefined without scull-layer: the field's own tools can set them, but none can be counted on to read them
 * @throws ScullError PERMISSION
 */
export async function readXattrs(paths: readonly string[], list?: string): Promise<FoundXattrs | undefined> {
  if (paths.length === 0) return new Map();
  const program = nativeProgram('scull-layer');
  if (program === undefined) return undefined;
  const commands = paths.map((path) => `l\0${path}\0`).join('');
  if (list !== undefined) writeFileSync(list, commands, { mode: 0o600 });
  const { stdout } = await (list === undefined ? runOrThrow(program, [], { input: commands }) : runOrThrow(program, [list]));
  const found = new Map<number, FileXattr[]>();
  for (const line of stdout.split('\n')) {
    if (line === '') continue;
    const [index = '', name = '', value] = line.split(' ');
    if (value === undefined) throwUnreadable(paths[Number(index)] ?? '', Number(name));
    else note(found, Number(index), Buffer.from(name, 'hex').toString('latin1'), value);
  }
  return sorted(found);
}

function throwUnreadable(path: string, errno: number): void {
  if (errno === osConstants.errno.ENOENT) return; // gone since it was found: whoever wants its content says so
  throw new ScullError('PERMISSION', `cannot read the extended attributes of ${JSON.stringify(path)}: error ${errno}`);
}

function note(found: Map<number, FileXattr[]>, index: number, name: string, hex: string): void {
  const value = name === 'security.capability' ? withoutOwner(hex) : hex;
  found.set(index, [...(found.get(index) ?? []), { name, value }]);
}

/**
 * capabilities(7), "Namespaced file capabilities": of version 3 are those that name a user namespace by its root's id. A layer's are
 * of the root of whatever container has it.
 */
function withoutOwner(hex: string): string {
  const value = Buffer.from(hex, 'hex');
  return value.length === 24 && value.readUInt8(3) === 3 ? Buffer.concat([value.subarray(0, 3), Buffer.from([2]), value.subarray(4, 20)]).toString('hex') : hex;
}

function sorted(found: Map<number, FileXattr[]>): FoundXattrs {
  for (const attributes of found.values()) attributes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return found;
}
