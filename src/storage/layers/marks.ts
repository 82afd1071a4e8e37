/**
 * The last step of unpacking: what JavaScript cannot make. Whiteouts become character devices 0:0 and opaque directories
 * the attribute user.overlay.opaque=y, which overlay reads when mounted with `userxattr` (Linux
 * Documentation/filesystems/overlayfs.rst) and fuse-overlayfs too; FIFOs, extended attributes and exact times with them.
 *
 * One run of native/scull-layer does it all. Where it was not built, the field's own tools do: mknod and hard links,
 * mkfifo, setfattr.
 */
import { chmodSync, chownSync, linkSync, lutimesSync, rmSync, writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { NO_SPACE_HINT } from '../../host/files.ts';
import { run, runOrThrow } from '../../host/process.ts';
import { nativeProgram } from '../../host/product.ts';
import { findTool } from '../../host/tools.ts';
import type { LayerExtractor } from './extract.ts';
import type { LowerLayers } from './lower.ts';
import type { Timestamp } from './tar/entry.ts';
import { isFull } from '../space.ts';
import { printable } from './tar/reader.ts';
import { directories, type Attributes } from './tree.ts';

/** Paths are byte strings from the root of the layer; '.' is the root. */
export type Mark =
  | { readonly kind: 'whiteout'; readonly path: string }
  | { readonly kind: 'fifo'; readonly path: string; readonly attributes: Attributes }
  | { readonly kind: 'xattr'; readonly path: string; readonly name: string; readonly value: Buffer }
  | { readonly kind: 'time'; readonly path: string; readonly mtime: Timestamp };

const OPAQUE_XATTR = 'user.overlay.opaque';

export interface PlannedMarks {
  readonly marks: readonly Mark[];
  readonly opaque: readonly string[];
  readonly whiteouts: number;
}

/** What remains to be made for an extracted layer. */
export function planMarks(layer: LayerExtractor, lower: LowerLayers): PlannedMarks {
  const whiteouts: Mark[] = [];
  const fifos: Mark[] = [];
  const opaque: string[] = [];
  const hide = (path: string): void => {
    // Where there is nothing to hide, overlay would list the whiteout itself (a directory of one layer is passed through).
    if (lower.has(path)) whiteouts.push({ kind: 'whiteout', path });
  };
  if (layer.root.opaque) expandOpaqueRoot(layer, lower);
  for (const node of directories(layer.root)) {
    for (const name of node.whiteouts ?? []) {
      const own = node.children.get(name);
      // The layer removes what was there and brings something new of the same name: nothing of the old may show.
      if (own?.kind === 'directory') own.opaque = true;
      else if (own === undefined) hide(node.path + name);
    }
    if (node.opaque && node.path !== '') opaque.push(node.path.slice(0, -1));
    for (const [name, child] of node.children) {
      if (child.kind === 'fifo') fifos.push({ kind: 'fifo', path: node.path + name, attributes: child.attributes });
      else if (child.kind === 'skipped') hide(node.path + name);
    }
  }
  const xattrs: Mark[] = opaque.map((path) => ({ kind: 'xattr', path, name: OPAQUE_XATTR, value: Buffer.from('y') }));
  for (const [path, pending] of layer.marks) {
    for (const [name, value] of pending.xattrs ?? []) xattrs.push({ kind: 'xattr', path, name, value });
  }
  return { marks: [...whiteouts, ...fifos, ...xattrs], opaque, whiteouts: whiteouts.length };
}

/** Times come last: making a file changes the time of its directory. */
export function planTimes(layer: LayerExtractor, planned: PlannedMarks): Mark[] {
  const times: Mark[] = [];
  for (const [path, pending] of layer.marks) if (pending.mtime !== undefined) times.push({ kind: 'time', path, mtime: pending.mtime });
  for (const mark of planned.marks) if (mark.kind === 'fifo') times.push({ kind: 'time', path: mark.path, mtime: mark.attributes.mtime });
  return times;
}

/** Overlay has no opaque root: each name of the lower layers is hidden by itself. */
function expandOpaqueRoot(layer: LayerExtractor, lower: LowerLayers): void {
  const root = layer.root;
  root.whiteouts ??= new Set();
  for (const name of lower.rootNames()) root.whiteouts.add(name);
}

/**
 * Carries marks out below `directory`.
 * @returns the attributes that could not be set, as `PATH: NAME: ERRNO`
 * @throws ScullError UNSUPPORTED where the file system cannot hold whiteouts or opaque directories
 */
export async function applyMarks(directory: string, marks: readonly Mark[]): Promise<string[]> {
  if (marks.length === 0) return [];
  const program = nativeProgram('scull-layer');
  return program === undefined ? applyWithTools(directory, marks) : applyWithHelper(program, directory, marks);
}

async function applyWithHelper(program: string, directory: string, marks: readonly Mark[]): Promise<string[]> {
  const result = await runOrThrow(program, [], { cwd: directory, input: Buffer.concat(marks.map(encode)) });
  const lost: string[] = [];
  for (const line of result.stdout.split('\n')) {
    if (line === '') continue;
    const [index, number] = line.split(' ').map(Number);
    const mark = marks[index ?? -1];
    if (mark === undefined) throw new ScullError('TOOL_FAILED', `scull-layer gave an answer that makes no sense: ${JSON.stringify(line)}`);
    lost.push(...afterFailure(directory, mark, errnoName(number ?? 0)));
  }
  return lost;
}

function encode(mark: Mark): Buffer {
  const words = (...list: (string | number)[]): Buffer => Buffer.from(`${list.join('\0')}\0`, 'latin1');
  switch (mark.kind) {
    case 'whiteout':
      return words('w', mark.path);
    case 'fifo':
      return words('p', mark.path, mark.attributes.mode.toString(8), mark.attributes.uid, mark.attributes.gid);
    case 'xattr':
      return words('x', mark.path, mark.name, mark.value.toString('hex'));
    case 'time':
      return words('t', mark.path, mark.mtime.seconds, mark.mtime.nanoseconds);
  }
}

/** What a failed mark means: some are essential, an attribute that the file system does not take is noted. */
function afterFailure(directory: string, mark: Mark, errno: string): string[] {
  const place = JSON.stringify(printable(mark.path));
  // ENOSPC also says that a file has more attributes than fit beside it (one block, on ext4).
  const attributesAreFull = errno === 'ENOSPC' && mark.kind === 'xattr' && !isFull(directory);
  if (errno === 'EDQUOT' || (errno === 'ENOSPC' && !attributesAreFull)) throw new ScullError('NO_SPACE', `no space left marking ${place}`, { hint: NO_SPACE_HINT });
  switch (mark.kind) {
    case 'whiteout':
      throw new ScullError('UNSUPPORTED', `cannot make the whiteout ${place}: ${errno}`, {
        hint: 'the file system of the store must allow character device 0:0; use --root on a local disk',
      });
    case 'fifo':
      throw new ScullError('UNSUPPORTED', `cannot make the FIFO ${place}: ${errno}`);
    case 'time':
      return []; // out of the file system's range: the time of unpacking stays
    case 'xattr':
      if (mark.name === OPAQUE_XATTR) {
        throw new ScullError('UNSUPPORTED', `cannot mark ${place} as opaque: ${errno}`, {
          hint: 'the file system of the store must keep user extended attributes; use --root on a local disk',
        });
      }
      return [`${printable(mark.path)}: ${printable(mark.name)}: ${errno}`];
  }
}

/** The same with coreutils and attr. A FIFO or whiteout is made once by a program; further whiteouts are hard links to the first. */
async function applyWithTools(directory: string, marks: readonly Mark[]): Promise<string[]> {
  const place = (path: string): Buffer => Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')]);
  // Beside the layer's directory, so that it can be linked and is no part of it.
  const device = `${directory}.whiteout`;
  if (marks.some((mark) => mark.kind === 'whiteout')) await runOrThrow('mknod', [device, 'c', '0', '0']);
  for (const mark of marks) {
    if (mark.kind === 'whiteout') {
      try {
        linkSync(device, place(mark.path));
      } catch (error) {
        if (errnoOf(error) !== 'EMLINK') throw error;
        rmSync(device);
        await runOrThrow('mknod', [device, 'c', '0', '0']);
        linkSync(device, place(mark.path));
      }
    } else if (mark.kind === 'fifo') await makeFifoWithTool(`${directory}.fifo`, place(mark.path), mark.attributes);
    else if (mark.kind === 'time') lutimesSync(place(mark.path), nodeTime(mark.mtime), nodeTime(mark.mtime));
  }
  rmSync(device, { force: true });
  const xattrs = marks.filter((mark) => mark.kind === 'xattr');
  if (xattrs.length === 0) return [];
  if (findTool('setfattr') !== undefined) return setWithSetfattr(directory, xattrs);
  const { setWithTarAndCp } = await import('./portable-xattrs.ts');
  return (await setWithTarAndCp(directory, xattrs)).flatMap((mark) => afterFailure(directory, mark, 'ENOTSUP'));
}

/** mkfifo(1) takes no bytes that are not text in an argument of ours: made beside, then linked into place. */
async function makeFifoWithTool(beside: string, place: Buffer, attributes: Attributes): Promise<void> {
  await runOrThrow('mkfifo', [beside]);
  chownSync(beside, attributes.uid, attributes.gid);
  chmodSync(beside, attributes.mode);
  linkSync(beside, place);
  rmSync(beside);
}

async function setWithSetfattr(directory: string, marks: readonly (Mark & { kind: 'xattr' })[]): Promise<string[]> {
  const dump = `${directory}.xattrs`;
  const lines = marks.map((mark) => `# file: ${escapeOctal(mark.path)}\n${escapeOctal(mark.name)}=0x${mark.value.toString('hex')}\n\n`);
  writeFileSync(dump, lines.join(''), { mode: 0o600 });
  try {
    const result = await run('setfattr', ['-h', `--restore=${dump}`], { cwd: directory });
    if (result.status === 0) return [];
    const opaque = marks.find((mark) => mark.name === OPAQUE_XATTR);
    // It does not say which one failed in a form to rely on: with an opaque directory among them that is too little.
    if (opaque !== undefined) throw new ScullError('UNSUPPORTED', `setting extended attributes failed: ${result.stderr.trim().split('\n', 1)[0] ?? ''}`, { detail: result.stderr.trim() });
    return result.stderr.trim().split('\n').slice(0, 100);
  } finally {
    rmSync(dump);
  }
}

/** As attr(5)'s dump format has it: backslash, newline and carriage return, and here everything beyond ASCII, in octal. */
function escapeOctal(bytes: string): string {
  return bytes.replace(/[^\x20-\x5b\x5d-\x7e]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Node takes a negative number for "now", but a date before 1970 for what it is. */
function nodeTime(time: Timestamp): number | Date {
  const seconds = time.seconds + time.nanoseconds / 1e9;
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}

function errnoName(number: number): string {
  for (const [name, value] of Object.entries(osConstants.errno)) if (value === number) return name;
  return `error ${number}`;
}
