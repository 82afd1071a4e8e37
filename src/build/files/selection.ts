/** Which files COPY and ADD take: sources with wildcards, --exclude, --parents, ignored files. Dockerfile reference, "COPY". */
import { readdirSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { nearest } from '../../spec/suggestion.ts';
import type { FileXattr } from '../../storage/layers/read-xattrs.ts';
import { diskPath, follow, lstatIfThere, type Tree } from './confined.ts';
import { NOTHING_IGNORED, type IgnoreRules } from './ignore.ts';

export interface SelectedFile {
  /** On disk. */
  readonly from: string;
  /** Path below the target; '' is the target itself. */
  readonly to: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'fifo';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** Target of a symbolic link. */
  readonly link?: string;
  /** The same for all names of one file that has several. */
  readonly identity?: string;
  /** Where they were looked for (attributes.ts), and there are some. */
  readonly xattrs?: readonly FileXattr[];
}

/** All that one source brings. */
export interface Selection {
  /** As it was written. */
  readonly source: string;
  readonly files: readonly SelectedFile[];
  /** It is a directory, whose contents are meant. */
  readonly isDirectory: boolean;
}

export interface SelectOptions {
  readonly parents: boolean;
  readonly exclude: IgnoreRules;
  readonly ignore: IgnoreRules;
}

export const TAKE_ALL: SelectOptions = { parents: false, exclude: NOTHING_IGNORED, ignore: NOTHING_IGNORED };

/**
 * The files of one source. Names end up below the target as COPY puts them into a directory; where the target is to be the
 * file itself, the caller says so.
 * @throws ScullError NOT_FOUND, INVALID (it leads out of the context)
 */
export function select(tree: Tree, source: string, options: SelectOptions): Selection[] {
  const wanted = source.replace(/^\/+/, '');
  if (tree.escapes === 'refuse' && wanted.split('/').includes('..')) checkStaysInside(wanted);
  const pivot = options.parents ? pivotOf(wanted) : undefined;
  const pattern = posix.normalize(`/${wanted}`).slice(1).replace(/\/$/, '');
  const matches = hasWildcard(pattern) ? expandWildcards(tree, pattern, options) : [pattern];
  const selections = matches.flatMap((path) => {
    const found = follow(tree, path, options.parents ? 'keep' : 'follow');
    if (found.stat === undefined || options.ignore.ignores(found.path)) {
      // A directory that is ignored may hold files that are taken back in.
      if (found.stat?.isDirectory() !== true || options.ignore.prunes) return [];
    }
    return [selectOne(tree, source, path, found.path, found.stat, options, pivot)];
  });
  if (selections.length === 0) throw notFound(tree, source, pattern, options);
  return selections;
}

function selectOne(tree: Tree, source: string, path: string, found: string, stat: Stats, options: SelectOptions, pivot: string | undefined): Selection {
  const files: SelectedFile[] = [];
  const base = pivot === undefined ? undefined : relativeTo(pivot, found);
  if (stat.isDirectory()) {
    if (base !== undefined) addParents(tree, pivot as string, base, files, true);
    else files.push(describe(diskPath(tree, found), '', stat));
    walk(tree, found, base === undefined ? '' : `${base}/`, '', options, files);
    return { source, files, isDirectory: true };
  }
  const name = base ?? posix.basename(path);
  if (!options.exclude.ignores(posix.basename(path)) && !options.exclude.ignores(found)) {
    if (base !== undefined) addParents(tree, pivot as string, base, files, false);
    files.push(describe(diskPath(tree, found), name, stat));
  }
  return { source, files, isDirectory: false };
}

/** @param below path from the directory that is copied, for --exclude */
function walk(tree: Tree, directory: string, prefix: string, below: string, options: SelectOptions, files: SelectedFile[]): void {
  for (const name of readdirSync(diskPath(tree, directory)).sort()) {
    if (name.includes('\uFFFD')) throw new ScullError('UNSUPPORTED', `the name ${JSON.stringify(posix.join(directory, name))} is not text in UTF-8`, { hint: 'rename the file, or leave it out with a line in .containerignore' });
    const path = directory === '' ? name : `${directory}/${name}`;
    const relative = below === '' ? name : `${below}/${name}`;
    const stat = lstatIfThere(diskPath(tree, path));
    if (stat === undefined) continue; // gone since the directory was read
    const ignored = options.ignore.ignores(path);
    const excluded = options.exclude.ignores(relative);
    if (!ignored && !excluded) {
      if (stat.isSocket()) continue; // as every archiver: what listens there is not in the file
      files.push(describe(diskPath(tree, path), prefix + relative, stat));
    }
    if (!stat.isDirectory()) continue;
    if ((ignored && options.ignore.prunes) || (excluded && options.exclude.prunes)) continue;
    const before = files.length;
    walk(tree, path, prefix, relative, options, files);
    // Ignored itself, but something in it is not: it is needed as the place for that.
    if ((ignored || excluded) && files.length > before) files.splice(before, 0, describe(diskPath(tree, path), prefix + relative, stat));
  }
}

function describe(from: string, to: string, stat: Stats): SelectedFile {
  const kind = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : stat.isFile() ? 'file' : 'fifo';
  if (kind === 'fifo' && !stat.isFIFO()) throw new ScullError('UNSUPPORTED', `${JSON.stringify(from)} is a device, which a build can't copy`);
  return {
    from,
    to,
    kind,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    mtimeMs: stat.mtimeMs,
    ...(kind === 'symlink' ? { link: readlinkSync(from) } : {}),
    ...(kind === 'file' && stat.nlink > 1 ? { identity: `${stat.dev}:${stat.ino}` } : {}),
  };
}

/** --parents: what stands before `/./` is not kept. */
function pivotOf(source: string): string {
  const at = source.indexOf('/./');
  return at < 0 ? '' : posix.normalize(`/${source.slice(0, at)}`).slice(1);
}

function relativeTo(pivot: string, path: string): string {
  return pivot === '' ? path : path.startsWith(`${pivot}/`) ? path.slice(pivot.length + 1) : '';
}

function addParents(tree: Tree, pivot: string, path: string, files: SelectedFile[], withLast: boolean): void {
  const parts = path.split('/').filter((part) => part !== '');
  for (let depth = 1; depth < parts.length + (withLast ? 1 : 0); depth++) {
    const to = parts.slice(0, depth).join('/');
    const from = diskPath(tree, pivot === '' ? to : `${pivot}/${to}`);
    const stat = lstatIfThere(from);
    if (stat !== undefined) files.push(describe(from, to, stat));
  }
}

function hasWildcard(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/** Go's filepath.Match, part by part; `**` stands for any number of parts. */
function expandWildcards(tree: Tree, pattern: string, options: SelectOptions): string[] {
  let paths = [''];
  for (const part of pattern.split('/')) {
    const next: string[] = [];
    for (const path of paths) {
      if (part === '**') next.push(...everyDirectory(tree, path));
      else if (!hasWildcard(part)) next.push(joined(path, part));
      else {
        const matcher = globPart(part, pattern);
        for (const name of namesIn(tree, path)) if (matcher.test(name)) next.push(joined(path, name));
      }
    }
    paths = next;
  }
  return paths.filter((path) => follow(tree, path, 'keep').stat !== undefined && !(options.ignore.ignores(path) && options.ignore.prunes));
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

function namesIn(tree: Tree, path: string): string[] {
  const found = follow(tree, path, 'follow');
  return found.stat?.isDirectory() === true ? readdirSync(diskPath(tree, found.path)).sort() : [];
}

function everyDirectory(tree: Tree, path: string): string[] {
  const directories = [path];
  for (const name of namesIn(tree, path)) {
    const inner = joined(path, name);
    if (lstatIfThere(diskPath(tree, inner))?.isDirectory() === true) directories.push(...everyDirectory(tree, inner));
  }
  return directories;
}

function globPart(part: string, whole: string): RegExp {
  let result = '';
  for (let index = 0; index < part.length; index++) {
    const character = part[index] as string;
    if (character === '*') result += '[^/]*';
    else if (character === '?') result += '[^/]';
    else if (character === '\\') result += escapeRegExp(part[++index] ?? '\\');
    else if (character === '[') {
      const end = part.indexOf(']', index + 2);
      if (end < 0) throw new ScullError('INVALID', `the pattern ${JSON.stringify(whole)} has a "[" without "]"`, { hint: 'a backslash before it takes its meaning away' });
      result += `[${part.slice(index + 1, end).replace(/\\/g, '\\\\')}]`;
      index = end;
    } else result += escapeRegExp(character);
  }
  return new RegExp(`^${result}$`, 's');
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function checkStaysInside(path: string): void {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) throw new ScullError('INVALID', `${JSON.stringify(path)} leads out of the build context`, { hint: 'a build sees only what is in its context: copy the file there, or give its folder with --build-context NAME=DIRECTORY' });
  }
}

function notFound(tree: Tree, source: string, pattern: string, options: SelectOptions): ScullError {
  const place = tree.escapes === 'refuse' ? 'the build context' : 'the file system it is copied from';
  if (options.ignore.count > 0 && !hasWildcard(pattern) && follow(tree, pattern, 'keep').stat !== undefined) {
    return new ScullError('NOT_FOUND', `${JSON.stringify(source)} is excluded from ${place} by the ignore file`, { hint: `take its pattern out of .containerignore or .dockerignore, or add a line !${pattern}` });
  }
  const parent = posix.dirname(`/${pattern}`).slice(1);
  const names = hasWildcard(parent) ? [] : namesIn(tree, parent);
  const meant = nearest(posix.basename(pattern), names);
  return new ScullError('NOT_FOUND', `${hasWildcard(pattern) ? `nothing matches ${JSON.stringify(source)}` : `${JSON.stringify(source)} is not`} in ${place}`, {
    hint: meant === undefined ? 'paths are relative to the root of the context' : `did you mean ${joined(parent, meant)}?`,
  });
}
