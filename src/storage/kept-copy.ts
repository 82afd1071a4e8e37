/**
 * What a listing has read of much that seldom changes, for the next one: a file in the runtime directory that nobody depends on. A
 * line proves that the rest is whole and about this store, then comes JSON. Lost, damaged or written by two at once, it is as if it
 * had never been there. Whether what it says is still so, its reader finds out from the kernel: by {@link stampOf} what it was read from.
 */
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { ownerTag } from '../host/identity.ts';
import { sha256Hex } from '../oci/chain-id.ts';
import type { StoreLayout } from './layout.ts';

/** Another one makes older files worthless. */
const FORMAT = 2;
/** Two changes within a tick of the kernel's clock look the same: what has changed so lately is not kept. Milliseconds. */
const SETTLED = 1000;

const IF_THERE = { throwIfNoEntry: false } as const;

/** Inode, size and time of change of files and folders, three numbers each; none for what is not there. */
export type Stamp = readonly number[];

/** To be taken before the content is read: should that change meanwhile, the stamp is that of an earlier one and never seen again. */
export function stampOf(...paths: readonly string[]): Stamp {
  const stamp: number[] = [];
  for (const path of paths) {
    const stat = statSync(path, IF_THERE);
    if (stat !== undefined) stamp.push(stat.ino, stat.size, stat.ctimeMs);
  }
  return stamp;
}

export function sameStamp(one: Stamp, other: Stamp): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) if (one[index] !== other[index]) return false;
  return true;
}

/** Whether at least that many were there, and none has changed just now. @param now milliseconds since the epoch */
export function isSettled(stamp: Stamp, least: number, now: number): boolean {
  return stamp.length >= least * 3 && stamp.every((part, index) => index % 3 !== 2 || part < now - SETTLED);
}

/** @param place one of the layout's @returns what was kept there; undefined for nothing, and for what can't be believed */
export function readCopy(layout: StoreLayout, place: string): unknown {
  const text = textOf(place);
  const end = text.indexOf('\n') + 1;
  const body = text.slice(end);
  if (end === 0 || text.slice(0, end) !== headOf(layout, body)) return undefined;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function textOf(place: string): string {
  try {
    return readTextIfPresent(place) ?? '';
  } catch (error) {
    // Unreadable, or a folder: there is no copy.
    if (errnoOf(error) === undefined) throw error;
    return '';
  }
}

/** Failing to costs nothing but time. @param limit characters, beyond which nothing is kept */
export function keepCopy(layout: StoreLayout, place: string, value: unknown, limit = Number.POSITIVE_INFINITY): void {
  const body = JSON.stringify(value);
  if (body.length > limit) return;
  // A name beside the claims that tells whose it is: left by a killed process, it is swept with them.
  const beside = join(layout.claims, `.${ownerTag()}`);
  try {
    writeFileSync(beside, `${headOf(layout, body)}${body}`, { flag: 'wx', mode: 0o600 });
    renameSync(beside, place);
  } catch (error) {
    // No space, or no runtime directory yet: the next listing reads everything once more.
    if (errnoOf(error) === undefined) throw error;
    rmSync(beside, { force: true });
  }
}

/** To look at each part of each thing takes longer than to read it. */
function headOf({ root }: StoreLayout, body: string): string {
  return `${JSON.stringify({ format: FORMAT, root, sha256: sha256Hex(body) })}\n`;
}
