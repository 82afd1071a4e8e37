/** Extended attributes of what is copied: read with the files, part of the key, set where the files were made. */
import { applyMarks, type Mark } from '../../storage/layers/marks.ts';
import { readXattrs, type FileXattr } from '../../storage/layers/read-xattrs.ts';
import type { SelectedFile, Selection } from './selection.ts';

/**
 * The same selections, their files with the attributes that they have.
 * @param wanted of those that a layer may have
 * @param list as readXattrs
 * @returns undefined where nothing is here to read them with
 * @throws ScullError PERMISSION
 */
export async function withXattrs(selections: readonly Selection[], wanted: (name: string) => boolean, list?: string): Promise<readonly Selection[] | undefined> {
  const candidates = selections.flatMap(({ files }) => files).filter(({ kind }) => kind === 'file' || kind === 'directory');
  const found = await readXattrs(candidates.map(({ from }) => from), list);
  if (found === undefined) return undefined;
  const attributes = new Map<SelectedFile, readonly FileXattr[]>();
  for (const [index, all] of found) {
    const xattrs = all.filter(({ name }) => wanted(name));
    if (xattrs.length > 0) attributes.set(candidates[index] as SelectedFile, xattrs);
  }
  if (attributes.size === 0) return selections;
  return selections.map((selection) => ({ ...selection, files: selection.files.map((file) => (attributes.has(file) ? { ...file, xattrs: attributes.get(file) as readonly FileXattr[] } : file)) }));
}

/** Of a context: access lists name users of the machine that it lies on, as owners do. */
export function isOfContext(name: string): boolean {
  return !name.startsWith('system.');
}

/** Whatever may be in a layer. */
export function isOfLayer(): boolean {
  return true;
}

/** What the attributes add to the key of a copy; the empty string where no file has any. */
export function xattrDigest(selections: readonly Selection[]): string {
  const files = selections.flatMap((selection) => selection.files.flatMap(({ to, xattrs }) => (xattrs === undefined ? [] : [[to, xattrs.map(({ name, value }) => [name, value])]])));
  return files.length === 0 ? '' : JSON.stringify(files);
}

/**
 * Sets them.
 * @param root below which the files were made
 * @param files paths from there
 * @returns those that the file system does not take, for people
 * @throws ScullError NO_SPACE
 */
export async function setXattrs(root: string, files: readonly { readonly to: string; readonly xattrs: readonly FileXattr[] }[]): Promise<string[]> {
  const marks = files.flatMap(({ to, xattrs }) => xattrs.map(({ name, value }): Mark => ({ kind: 'xattr', path: Buffer.from(to).toString('latin1'), name, value: Buffer.from(value, 'hex') })));
  return applyMarks(root, marks);
}
