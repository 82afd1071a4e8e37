/**
 * What a listing has read of containers that do not run, for the next one: with a thousand of them, fourteen system calls each and
 * a megabyte of JSON are most of what `ps -a` takes. The file is a copy that nobody depends on. Of each container it is compared
 * with the record's and the exit folder's inode, size and time of change; lost, damaged or written by two at once it is read afresh.
 */
import { renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { ownerTag } from '../host/identity.ts';
import type { ContainerPaths, StoreLayout } from '../storage/layout.ts';
import type { ContainerRecord, ContainerState } from './container-record.ts';
import { readContainerState } from './lifecycle.ts';

/** Another one makes older files worthless. */
const FORMAT = 1;
/** Fewer containers are read as quickly without it. */
const WORTHWHILE = 64;
/** Two changes within a tick of the kernel's clock look the same: what has changed so lately is not kept. Milliseconds. */
const SETTLED = 1000;

export interface Listed {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
}

interface Kept extends Listed {
  /** Inode, size and time of change of the record, and of the folder in which each fact of the last run is a file of its own. */
  readonly stamp: readonly number[];
}

export class Listing {
  readonly #layout: StoreLayout;
  readonly #settled: number;
  readonly #worthwhile: boolean;
  readonly #before: ReadonlyMap<string, Kept>;
  readonly #now: Kept[] = [];
  #read = 0;

  /**
   * @param count how many containers are going to be asked for
   * @param now milliseconds since the epoch
   */
  constructor(layout: StoreLayout, count: number, now = Date.now()) {
    this.#layout = layout;
    this.#settled = now - SETTLED;
    this.#worthwhile = count >= WORTHWHILE;
    this.#before = this.#worthwhile ? readKept(layout) : new Map();
  }

  /**
   * A container that crun has no record of, so that everything about it is in its directory.
   * @param read its record, where that is not known; undefined when there is none (any more)
   */
  find(id: string, read: () => ContainerRecord | undefined): Listed | undefined {
    const paths = this.#layout.container(id);
    // Taken before the content is read: should that change meanwhile, the stamp is that of an earlier one and never seen again.
    const stamp = this.#worthwhile ? stampOf(paths) : [];
    const before = this.#before.get(id);
    if (before !== undefined && before.stamp.every((part, index) => part === stamp[index])) {
      this.#now.push(before);
      return before;
    }
    const record = read();
    if (record === undefined) return undefined;
    const state = readContainerState(paths, false);
    if (isSettled(stamp, this.#settled) && isOfItsFolder(state)) {
      this.#read += 1;
      this.#now.push({ record, state, stamp });
    }
    return { record, state };
  }

  /** Keeps what was found, where that differs enough from what was kept before. Failing to costs nothing but time. */
  save(): void {
    const gone = this.#before.size + this.#read - this.#now.length;
    if (!this.#worthwhile || this.#read + gone < WORTHWHILE / 2) return;
    // A name beside the claims that tells whose it is: left by a killed process, it is swept with them.
    const beside = join(this.#layout.claims, `.${ownerTag()}`);
    try {
      const text = JSON.stringify(this.#now);
      writeFileSync(beside, `${headOf(this.#layout, text)}${text}`, { flag: 'wx', mode: 0o600 });
      renameSync(beside, this.#layout.listing);
    } catch (error) {
      // No space, or no runtime directory yet: the next listing reads everything once more.
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

function stampOf({ record, exitDirectory }: ContainerPaths): number[] {
  return [record, exitDirectory].flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? [] : [stat.ino, stat.size, stat.ctimeMs];
  });
}

function isSettled(stamp: readonly number[], before: number): boolean {
  const [, , record, , , folder] = stamp;
  return record !== undefined && folder !== undefined && Math.max(record, folder) < before;
}

/** Whether the state follows from the container's own directory alone: other machines, and whether processes live, play no part in it. */
function isOfItsFolder({ status, startedAt, error }: ContainerState): boolean {
  return error === '' && (status === 'exited' || (status === 'created' && startedAt === ''));
}

function readKept(layout: StoreLayout): ReadonlyMap<string, Kept> {
  const text = readTextIfPresent(layout.listing) ?? '';
  const end = text.indexOf('\n') + 1;
  const containers = text.slice(end);
  if (end === 0 || text.slice(0, end) !== headOf(layout, containers)) return new Map();
  return new Map((JSON.parse(containers) as readonly Kept[]).map((kept) => [kept.record.id, kept]));
}

/** The first line, which says for which store the rest is, and that it is whole: to look at each part of each record takes longer than to read it. */
function headOf({ root }: StoreLayout, text: string): string {
  return `${JSON.stringify({ format: FORMAT, root, sha256: process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex') })}\n`;
}
