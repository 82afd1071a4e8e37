/**
 * Paths inside a tree: links are followed, but never out of it (CVE-2020-10696, CVE-2024-1753). Step by step, with lstat
 * and readlink; the trees are the user's own context, or file systems of images in which nothing runs.
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { errnoOf, ScullError } from '../../host/errors.ts';

export interface Tree {
  /** Directory on disk. */
  readonly root: string;
  /**
   * What a link to `/x`, or `..` at the top, means. `refuse`: it leads out, an error (a context). `stay`: `/` and `..` are
   * the tree's own (a root file system).
   */
  readonly escapes: 'refuse' | 'stay';
}

export interface Found {
  /** From the root, without a slash at the beginning; '' is the root. */
  readonly path: string;
  /** Undefined where there is nothing of that name; its parent may be missing too. */
  readonly stat: Stats | undefined;
}

const MAX_LINKS = 40;

/**
 * Where `path` leads.
 * @param last what becomes of a link in the last part
 * @throws ScullError INVALID for a path that leads out of the tree, or a loop of links
 */
export function follow(tree: Tree, path: string, last: 'follow' | 'keep'): Found {
  if (path.includes('\0')) throw new ScullError('INVALID', `${JSON.stringify(path)} can't be a path`);
  const pending = path.split('/').reverse();
  const parts: string[] = [];
  let stat: Stats | undefined = lstatSync(tree.root);
  let links = 0;
  while (pending.length > 0) {
    const name = pending.pop() as string;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (parts.length === 0 && tree.escapes === 'refuse') throw leadsOut(path);
      parts.pop();
      stat = lstatIfThere(onDisk(tree, parts));
      continue;
    }
    const next = stat === undefined || !stat.isDirectory() ? undefined : lstatIfThere(onDisk(tree, [...parts, name]));
    const isLast = pending.every((rest) => rest === '' || rest === '.');
    if (next?.isSymbolicLink() === true && !(isLast && last === 'keep')) {
      if (++links > MAX_LINKS) throw new ScullError('INVALID', `too many symbolic links on the way to ${JSON.stringify(path)}`);
      const target = readlinkSync(onDisk(tree, [...parts, name]));
      if (target.startsWith('/')) {
        if (tree.escapes === 'refuse') throw leadsOut(path, parts.concat(name).join('/'), target);
        parts.length = 0;
        stat = lstatSync(tree.root);
      }
      pending.push(...target.split('/').reverse());
      continue;
    }
    parts.push(name);
    stat = next;
  }
  return { path: parts.join('/'), stat };
}

export function diskPath(tree: Tree, path: string): string {
  return path === '' ? tree.root : `${tree.root}/${path}`;
}

function onDisk(tree: Tree, parts: readonly string[]): string {
  return diskPath(tree, parts.join('/'));
}

function leadsOut(path: string, link?: string, target?: string): ScullError {
  const how = link === undefined ? '' : `: the symbolic link ${JSON.stringify(link)} points to ${JSON.stringify(target)}`;
  return new ScullError('INVALID', `${JSON.stringify(path)} leads out of the build context${how}`, { hint: 'a build sees only what is in its context: copy the file there, or give its folder with --build-context NAME=DIRECTORY' });
}

/** The file's state, or undefined where it is not there. */
export function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false }); // an exception costs more than the question
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
