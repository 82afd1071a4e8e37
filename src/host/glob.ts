/** glob(7): which paths a pattern stands for. */
import { lstatSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * Paths that there are, in order. `*`, `?` and `[…]` stand for anything but a slash, as in Podman also for a leading dot;
 * a backslash takes the meaning from the character behind it. What cannot be read fits nothing.
 * @param pattern absolute
 */
export function pathsOf(pattern: string): string[] {
  let paths = ['/'];
  for (const segment of pattern.split('/').filter((part) => part !== '')) paths = paths.flatMap((path) => entriesOf(path, segment));
  return paths;
}

function entriesOf(directory: string, segment: string): string[] {
  const matches = expression(segment);
  if (matches === undefined) {
    const path = posix.join(directory, segment.replace(/\\(.)/g, '$1'));
    return exists(path) ? [path] : [];
  }
  return list(directory)
    .filter((name) => matches.test(name))
    .sort()
    .map((name) => posix.join(directory, name));
}

/** Undefined for a segment that only stands for itself. */
function expression(segment: string): RegExp | undefined {
  let text = '';
  let special = false;
  for (const [token] of segment.matchAll(/\\.|\[[!^]?\]?[^\]]*\]|./gs)) {
    if (token === '*' || token === '?') text += token === '*' ? '.*' : '.';
    else if (token.length > 2) text += `[${token.slice(1, -1).replace(/^[!^]/, '^').replaceAll('\\', '\\\\').replaceAll('[', '\\[').replace(/^(\^?)\]/, '$1\\]')}]`;
    else text += token.slice(-1).replace(/[\\^$.*+?()[\]{}|]/, '\\$&');
    special ||= token === '*' || token === '?' || token.length > 2;
  }
  return special ? new RegExp(`^${text}$`, 's') : undefined;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // below what may not be entered
  }
}
