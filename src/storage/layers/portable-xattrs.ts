/**
 * Extended attributes where neither scull-layer nor setfattr(1) is there: tar(1) makes empty files and directories that have
 * them, out of a pax archive, and cp(1) copies the attributes alone to where they belong.
 */
import { lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run, runOrThrow } from '../../host/process.ts';
import { paxRecord, tarHeader } from '../archives/file-sink.ts';

export interface XattrMark {
  /** Byte string, from the root of the layer; '.' is the root. */
  readonly path: string;
  /** Byte string. */
  readonly name: string;
  readonly value: Buffer;
}

/**
 * Sets attributes of files below `directory`; beside it nothing may be called like it with `.xattrs` or `.target` added.
 * @returns those that could not be set
 * @throws ScullError MISSING_TOOL (tar)
 */
export async function setWithTarAndCp<Mark extends XattrMark>(directory: string, marks: readonly Mark[]): Promise<Mark[]> {
  const templates = `${directory}.xattrs`;
  const target = `${directory}.target`;
  const byPath = new Map<string, Mark[]>();
  for (const mark of marks) byPath.set(mark.path, [...(byPath.get(mark.path) ?? []), mark]);
  const lost: Mark[] = [];
  mkdirSync(templates, { mode: 0o700 });
  try {
    const sets = new Map<string, { readonly name: string; readonly marks: readonly Mark[] }>();
    for (const group of byPath.values()) if (!sets.has(keyOf(group))) sets.set(keyOf(group), { name: String(sets.size), marks: group });
    const archive = Buffer.concat([...[...sets.values()].flatMap((set) => [entry(`f${set.name}`, '0', set.marks), entry(`d${set.name}`, '5', set.marks)]), Buffer.alloc(1024)]);
    // An attribute that the file system does not take is told by tar as a warning, and is not there to be copied.
    await runOrThrow('tar', ['--xattrs', '--xattrs-include=*', '--no-same-owner', '-x', '-f', '-', '-C', templates], { input: archive });
    for (const [path, group] of byPath) {
      const template = sets.get(keyOf(group))?.name ?? '';
      if (!(await copyAttributes(directory, path, templates, template, target))) lost.push(...group);
    }
  } finally {
    rmSync(templates, { recursive: true, force: true });
    rmSync(target, { force: true });
  }
  return lost;
}

function keyOf(marks: readonly XattrMark[]): string {
  return marks.map((mark) => `${mark.name}\0${mark.value.toString('hex')}`).join('\0');
}

/** By way of a symbolic link: an argument can't hold bytes that are no text, a link's target can. */
async function copyAttributes(directory: string, path: string, templates: string, template: string, target: string): Promise<boolean> {
  const place = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')]);
  const info = lstatSync(place);
  if (!info.isDirectory() && !info.isFile()) return false;
  rmSync(target, { force: true });
  symlinkSync(place, target);
  const words = info.isDirectory() ? ['--recursive', '-T', join(templates, `d${template}`), `${target}/.`] : ['-T', join(templates, `f${template}`), target];
  // cp fails where an attribute can't be had: only then does `preserve=xattr` count as asked for.
  return (await run('cp', ['--attributes-only', '--preserve=xattr', ...words])).status === 0;
}

/** A pax extended header (pax(1), "SCHILY.xattr" as star and GNU tar have it) and an empty file or directory. */
function entry(name: string, type: '0' | '5', marks: readonly XattrMark[]): Buffer {
  const records = Buffer.concat(marks.map((mark) => paxRecord(Buffer.concat([Buffer.from('SCHILY.xattr.'), Buffer.from(mark.name, 'latin1'), Buffer.from('='), mark.value]))));
  return Buffer.concat([tarHeader('pax', records.length, 'x'), records, Buffer.alloc(-records.length & 511), tarHeader(name, 0, type)]);
}
