/** Which owners files of a layer can have here: the id map of this process, user_namespaces(7). */
import { readFileSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent } from '../../host/files.ts';

interface Range {
  readonly first: number;
  readonly size: number;
}

export interface MappedIds {
  readonly uids: readonly Range[];
  readonly gids: readonly Range[];
  /** Only one id is mapped: every file becomes root's, whatever the archive says. */
  readonly single: boolean;
}

/** The ids that this process may give to files. */
export function mappedIds(): MappedIds {
  const uids = parseMap(readFileSync('/proc/self/uid_map', 'utf8'));
  const gids = parseMap(readFileSync('/proc/self/gid_map', 'utf8'));
  return { uids, gids, single: count(uids) === 1 || count(gids) === 1 };
}

export function parseMap(text: string): Range[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first, , size]) => ({ first: first ?? 0, size: size ?? 0 }));
}

function count(ranges: readonly Range[]): number {
  return ranges.reduce((sum, range) => sum + range.size, 0);
}

export function isMapped(ranges: readonly Range[], id: number): boolean {
  for (const range of ranges) if (id >= range.first && id < range.first + range.size) return true;
  return false;
}

/**
 * Says which ids are missing and the one command that adds them.
 * @param what `file "usr/x"`
 */
export function unmappedOwner(what: string, kind: 'user' | 'group', id: number, ids: MappedIds): ScullError {
  const ranges = kind === 'user' ? ids.uids : ids.gids;
  const top = ranges.reduce((highest, range) => Math.max(highest, range.first + range.size), 0);
  const missing = id - top + 1;
  const free = firstFreeId();
  const enough = Number.isSafeInteger(missing) && missing > 0 && free + missing < 0xffffffff;
  const range = `${free}-${free + missing - 1}`;
  return new ScullError('INVALID', `${what} belongs to ${kind} ${id}, but you have only the ids 0 to ${top - 1} for containers`, {
    hint: enough
      ? `add the ${missing} missing ones: sudo usermod --add-subuids ${range} --add-subgids ${range} $USER`
      : 'no range of subordinate ids can be that large: the image must be made again with smaller owner ids',
  });
}

/** The first host id above every range that someone has, so that a proposed range is free. */
function firstFreeId(): number {
  let free = 524288;
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    for (const line of (readTextIfPresent(file) ?? '').split('\n')) {
      const [, start, size] = line.split(':').map(Number);
      if (Number.isSafeInteger(start) && Number.isSafeInteger(size)) free = Math.max(free, (start as number) + (size as number));
    }
  }
  return free;
}
