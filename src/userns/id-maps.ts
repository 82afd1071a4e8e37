/**
 * Which ids a user namespace of ours maps. The default map, in which the store is owned: container 0 is the caller,
 * container 1 and up are the caller's subordinate ids in the order of /etc/subuid (subuid(5)).
 */
import { accessSync, constants } from 'node:fs';
import { environmentVariable } from '../host/environment.ts';
import { readTextIfPresent } from '../host/files.ts';
import { toolPath } from '../host/process.ts';
import type { Cause } from '../host/remedies.ts';
import { isUnshared } from './unshared.ts';

export interface IdRange {
  /** First id inside the namespace. */
  readonly inside: number;
  /** First id outside. */
  readonly outside: number;
  readonly size: number;
}

export interface IdMaps {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
  /** Why only one id is mapped, as half a sentence; undefined when subordinate ids are in use. */
  readonly single?: string;
  /** What {@link single} says, for a remedy. */
  readonly singleCause?: Cause;
}

/** Ranges of `/etc/subuid` or `/etc/subgid` that belong to the user, by name or number. Malformed lines are passed over. */
export function subordinateRanges(text: string, user: string, uid?: number): { start: number; size: number }[] {
  const ranges: { start: number; size: number }[] = [];
  for (const line of text.split('\n')) {
    const match = /^([^:#]+):(\d{1,10}):(\d{1,10})\s*$/.exec(line);
    if (match === null || (match[1] !== user && match[1] !== String(uid))) continue;
    const start = Number(match[2]);
    const size = Number(match[3]);
    if (size > 0 && start + size <= 0xffffffff) ranges.push({ start, size });
  }
  return ranges;
}

/** The caller first, then the ranges one after another. */
export function stackRanges(own: number, ranges: readonly { readonly start: number; readonly size: number }[]): IdRange[] {
  const result: IdRange[] = [{ inside: 0, outside: own, size: 1 }];
  let next = 1;
  for (const range of ranges) {
    result.push({ inside: next, outside: range.start, size: range.size });
    next += range.size;
  }
  return result;
}

let found: IdMaps | undefined;

/** The default maps of the calling user. A few small reads; kept for the life of the process. */
export function defaultIdMaps(): IdMaps {
  found ??= findIdMaps();
  return found;
}

function findIdMaps(): IdMaps {
  if (isUnshared()) return { uids: idsHere('uid'), gids: idsHere('gid') };
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const single = (reason: string, cause: Cause): IdMaps => ({ uids: stackRanges(uid, []), gids: stackRanges(gid, []), single: reason, singleCause: cause });
  const uidText = readTextIfPresent('/etc/subuid') ?? '';
  const gidText = readTextIfPresent('/etc/subgid') ?? '';
  const name = userName(uid);
  const uidRanges = subordinateRanges(uidText, name, uid);
  const gidRanges = subordinateRanges(gidText, name, uid);
  if (uidRanges.length === 0 || gidRanges.length === 0) {
    return single(`user ${name} has no range in ${uidRanges.length === 0 ? '/etc/subuid' : '/etc/subgid'}`, { kind: 'no-subordinate-ids', user: name });
  }
  const uidsHere = clipRanges(uidRanges, readTextIfPresent('/proc/self/uid_map') ?? '');
  const gidsHere = clipRanges(gidRanges, readTextIfPresent('/proc/self/gid_map') ?? '');
  if (uidsHere.length === 0 || gidsHere.length === 0) return single('the user namespace that we are in does not have the ids of /etc/subuid and /etc/subgid', { kind: 'ids-outside-namespace' });
  if (!inPath('newuidmap') || !inPath('newgidmap')) return single('newuidmap and newgidmap are not installed', { kind: 'missing-tool', tool: 'newuidmap' });
  // A set-user-ID tool gains nothing under no-new-privileges (hardened units, some containers): do not insist on it.
  if (/^NoNewPrivs:\s*1$/m.test(readTextIfPresent('/proc/self/status') ?? '')) return single('no-new-privileges is set, so newuidmap cannot work', { kind: 'no-new-privileges' });
  return { uids: stackRanges(uid, uidsHere), gids: stackRanges(gid, gidsHere) };
}

/** All that this user namespace has, as they are. */
function idsHere(kind: 'uid' | 'gid'): IdRange[] {
  return (readTextIfPresent(`/proc/self/${kind}_map`) ?? '')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first = 0, , size = 1]) => ({ inside: first, outside: first, size }));
}

/**
 * What of some ranges a user namespace has: inside a container that is fewer ids than its /etc/subuid may promise.
 * @param map its uid_map or gid_map, see user_namespaces(7)
 */
export function clipRanges(ranges: readonly { readonly start: number; readonly size: number }[], map: string): { start: number; size: number }[] {
  const there = map.split('\n').flatMap((line) => {
    const [inside, , size] = line.trim().split(/\s+/).map(Number);
    return inside === undefined || size === undefined ? [] : [{ start: inside, end: inside + size }];
  });
  return ranges.flatMap((range) =>
    there.flatMap(({ start, end }) => {
      const [from, to] = [Math.max(range.start, start), Math.min(range.start + range.size, end)];
      return from < to ? [{ start: from, size: to - from }] : [];
    }),
  );
}

/**
 * The caller's login name, from passwd(5) itself: not every runtime's userInfo() asks it. Users known elsewhere (SSSD) go by
 * $USER or their number.
 */
export function userName(uid: number = process.getuid?.() ?? 0): string {
  for (const line of (readTextIfPresent('/etc/passwd') ?? '').split('\n')) {
    const fields = line.split(':');
    if (fields[2] === String(uid)) return fields[0] ?? String(uid);
  }
  return environmentVariable('USER') ?? String(uid);
}

function inPath(program: string): boolean {
  return toolPath()
    .split(':')
    .some((folder) => {
      try {
        accessSync(`${folder}/${program}`, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** How many ids the maps cover. */
export function mappedCount(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, range) => sum + range.size, 0);
}

/** Maps of a user namespace in which each of their ids is what it is outside. */
export function outsideIds({ uids, gids }: IdMaps): IdMaps {
  const itself = (ranges: readonly IdRange[]): IdRange[] => ranges.map(({ outside, size }) => ({ inside: outside, outside, size }));
  return { uids: itself(uids), gids: itself(gids) };
}

/** `0:1000:1,1:100000:65536`, as the helper takes it. */
export function formatIdMap(ranges: readonly IdRange[]): string {
  return ranges.map((range) => `${range.inside}:${range.outside}:${range.size}`).join(',');
}

/** The id inside for one outside, or undefined where it is not mapped. */
export function toInside(ranges: readonly IdRange[], outside: number): number | undefined {
  const range = ranges.find((candidate) => outside >= candidate.outside && outside < candidate.outside + candidate.size);
  return range === undefined ? undefined : range.inside + (outside - range.outside);
}
