/**
 * Unfinished work. Each piece of it lives in a directory of its own under staging/, on the same file system as what it
 * will become, where no reader looks. The directory's *name* says who made it, so that it never exists without an owner:
 *
 *     staging/<pid>.<start time>.<boot id>.<random>/
 *
 * The owner removes it when done. If it was killed, the next one that stages anything finds that the owner is dead and
 * sweeps it ({@link sweepStaging}). staging/trash/ holds what was renamed out of sight in order to be deleted: anyone may
 * delete it, at any time.
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn } from '../host/files.ts';
import { ownerTag, parseOwnerTag, randomHex } from '../host/identity.ts';
import { ownerMayLive, registerHost } from './hosts.ts';
import { dropLockOfDead } from './locks.ts';
import type { Store } from './store.ts';

export interface Staging {
  readonly directory: string;
  /** A path in it; `name` is ours, never from outside. */
  path(name: string): string;
  /** Removes what is left. Throws nothing: what can't be removed now is swept later. */
  remove(): Promise<void>;
}

/** Makes a staging directory of this process, 0700. @throws ScullError NO_SPACE, PERMISSION */
export function createStaging(store: Store): Staging {
  const directory = join(store.layout.staging, ownerTag());
  registerHost(store.layout);
  try {
    ensurePrivateDirectory(store.layout.staging);
    mkdirSync(directory, { mode: 0o700 });
    crashPoint('staging:made');
  } catch (error) {
    throw explainWriteFailure(error, directory);
  }
  return {
    directory,
    path: (name) => join(directory, name),
    remove: () => discard(directory),
  };
}

/** A staging directory that is made when it is first asked for a place: what turns out to have been done before needs none, and writes nothing. */
export function lateStaging(store: Store): Staging {
  let made: Staging | undefined;
  const staging = (): Staging => (made ??= createStaging(store));
  return {
    get directory() {
      return staging().directory;
    },
    path: (name) => staging().path(name),
    remove: async () => made?.remove(),
  };
}

/** Removes the staging directories of dead owners, and what is in the trash. Every writer may call it before its work. */
export async function sweepStaging(store: Store): Promise<void> {
  for (const entry of namesIn(store.layout.staging)) {
    const owner = parseOwnerTag(entry);
    if (owner !== undefined && !ownerMayLive(store.layout, owner)) await discard(join(store.layout.staging, entry));
  }
  for (const entry of namesIn(store.layout.locks)) {
    const path = join(store.layout.locks, entry);
    // What a process left that was killed while it was asking for a lock: `<lock>.<owner>`.
    const owner = parseOwnerTag(entry.slice(entry.indexOf('.') + 1));
    if (owner === undefined) dropLockOfDead(store.layout, path);
    else if (!ownerMayLive(store.layout, owner)) await discard(path);
  }
  for (const entry of namesIn(store.layout.trash)) await discard(join(store.layout.trash, entry));
}

/**
 * Renames something of the store out of sight: from now on it does not exist. Needs no space.
 * @returns where it is now, for the one who deletes it; undefined when it was not there
 */
export function moveToTrash(store: Store, path: string): string | undefined {
  const trash = join(store.layout.trash, randomHex(8));
  for (;;) {
    try {
      renameSync(path, trash);
      crashPoint('trash:moved');
      return trash;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw explainWriteFailure(error, path);
      if (entriesExist(store.layout.trash)) return undefined;
      makeTrash(store.layout.trash);
    }
  }
}

function makeTrash(trash: string): void {
  try {
    ensurePrivateDirectory(trash);
  } catch (error) {
    throw explainWriteFailure(error, trash);
  }
}

/** Removes a tree, in a user namespace where its files belong to subordinate ids. */
export async function removeOwnedTree(path: string): Promise<void> {
  try {
    rmSync(path, { recursive: true, force: true });
    crashPoint('tree:removed');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return;
    if (errno !== 'EACCES' && errno !== 'EPERM' && errno !== 'ENOTEMPTY') throw error;
    const { runInUserNamespace } = await import('../userns/launch.ts');
    const result = await runInUserNamespace('rm', ['-rf', '--one-file-system', '--', path]);
    if (result.status !== 0) {
      throw new ScullError('PERMISSION', `cannot remove ${path}`, { detail: result.stderr.trim(), cause: error });
    }
  }
}

/** overlay(5) leaves an empty directory in its work directory that nobody may read, which would send the removal into a user namespace. */
export function removeOverlayWork(work: string): void {
  try {
    rmdirSync(join(work, 'work'));
  } catch {
    // Not there, or not empty: then the removal of the whole tree says what is wrong.
  }
}

async function discard(path: string): Promise<void> {
  try {
    await removeOwnedTree(path);
  } catch {
    // Another process may be sweeping the same thing; and what resists is only garbage, tried again by the next writer.
  }
}

function entriesExist(directory: string): boolean {
  try {
    readdirSync(directory);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
