/**
 * Blobs that are on their way, kept by digest: an interrupted fetch goes on where it stopped, and of several processes that
 * want a blob at the same time one fetches it, while the others wait.
 *
 *     partial/<algorithm>-<hex>/<pid>.<start time>.<boot id>.<random>   what has come; the name says who fetches it
 *     partial/<algorithm>-<hex>/free                                    the same, and nobody does
 *
 * The one file is both the bytes and the claim to bring the rest, so neither exists without the other:
 *
 * - beginning: a directory with an empty file of our name is renamed to the place; rename(2) replaces only an empty one;
 * - taking over what is free, or whose owner is dead: the file is renamed to our name, which one of several can do;
 * - giving up: the file is renamed to `free`;
 * - the end: the file becomes the blob, and leaves an empty directory, which is as good as none.
 *
 * Nobody waits while he holds a claim, so there is no deadlock. Bytes are flushed only at the end: what a power cut made of
 * them shows in the digest. What nobody is fetching is garbage (storage/garbage.ts), like the whole blobs of a broken pull.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn } from '../host/files.ts';
import { bootId, ownerTag, parseOwnerTag, type ProcessIdentity } from '../host/identity.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { hasBlob, type BlobFile } from './blobs.ts';
import { ownerMayLive } from './hosts.ts';
import { moveToTrash, type Staging } from './staging.ts';
import type { Store } from './store.ts';

const FREE = 'free';

/** Milliseconds between two looks at what another process does. */
const LOOK_EVERY = 50;

/**
 * Milliseconds without a new byte after which a process of another machine, which can't be seen from here, counts as dead. Longer
 * than any process of ours waits for a registry.
 */
const STALLED_AFAR = 5 * 60_000;

/** What has come of a blob, and the right to bring the rest. One of the three methods ends it. */
export interface PartialBlob extends BlobFile {
  /** The bytes stay, for whoever comes next. */
  release(): void;
  /** The bytes are worth nothing. */
  discard(): void;
  /** The file has become the blob. */
  finish(): void;
}

/**
 * Takes the claim to fetch a blob, waiting for another process that has it: until it is done, gives up, or dies, which is
 * noticed at once; on another machine, when nothing has come for `patience` milliseconds.
 * @param waiting told now and then how many bytes the other one has
 * @returns undefined when the blob is there
 * @throws ScullError NO_SPACE, PERMISSION
 */
export async function takePartialBlob(store: Store, staging: Staging, descriptor: Descriptor, waiting: (done: number) => void, patience = STALLED_AFAR): Promise<PartialBlob | undefined> {
  const directory = store.layout.partialBlob(descriptor.digest);
  let seen = { name: '', size: -1, since: 0 };
  for (;;) {
    if (hasBlob(store, descriptor)) return undefined;
    const [name] = namesIn(directory);
    const owner = name === undefined ? undefined : parseOwnerTag(name);
    if (name === undefined || owner === undefined || !ownerMayLive(store.layout, owner)) {
      const taken = name === undefined ? begin(staging, directory) : takeOver(directory, name, descriptor);
      if (taken === undefined) continue;
      // It may have been completed between our looking for it and our beginning anew.
      if (!hasBlob(store, descriptor)) return taken;
      taken.discard();
      return undefined;
    }
    const size = sizeOf(join(directory, name));
    if (seen.name !== name || seen.size !== size) seen = { name, size, since: performance.now() };
    else if (owner.bootId !== bootId() && performance.now() - seen.since > patience) {
      // Begun anew, not continued: should that process live after all, it goes on writing to its file.
      moveToTrash(store, join(directory, name));
      removeEmpty(directory);
      continue;
    }
    waiting(size);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

/** How much of a blob an earlier attempt has left; 0 where somebody else is fetching it, too. */
export function partialSize(store: Store, digest: Digest): number {
  const directory = store.layout.partialBlob(digest);
  const [name] = namesIn(directory);
  return name === undefined ? 0 : sizeOf(join(directory, name));
}

/** Everything that has come in part, and who fetches it: nobody where `owner` is undefined or has ended. */
export function partialBlobs(store: Store): { readonly path: string; readonly owner: ProcessIdentity | undefined }[] {
  return namesIn(store.layout.partial).flatMap((entry) => {
    const directory = join(store.layout.partial, entry);
    return namesIn(directory).map((name) => ({ path: join(directory, name), owner: parseOwnerTag(name) }));
  });
}

/**
 * Renames what nobody is fetching out of sight. @returns where it is now, to be deleted
 * @throws ScullError PERMISSION
 */
export function dropPartialBlobs(store: Store): readonly string[] {
  const dropped: string[] = [];
  for (const entry of namesIn(store.layout.partial)) {
    const directory = join(store.layout.partial, entry);
    for (const name of namesIn(directory)) {
      const owner = parseOwnerTag(name);
      if (owner !== undefined && ownerMayLive(store.layout, owner)) continue;
      const place = moveToTrash(store, join(directory, name));
      if (place !== undefined) dropped.push(place);
    }
    removeEmpty(directory);
  }
  return dropped;
}

/** @returns undefined when another one was quicker */
function begin(staging: Staging, directory: string): PartialBlob | undefined {
  const tag = ownerTag();
  const aside = staging.path(tag);
  try {
    ensurePrivateDirectory(join(directory, '..'));
    mkdirSync(aside, { mode: 0o700 });
    closeSync(openSync(join(aside, tag), 'wx', 0o600));
    renameSync(aside, directory);
    crashPoint('partial:begun');
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    const errno = errnoOf(error);
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST') return undefined;
    throw explainWriteFailure(error, directory);
  }
  return partialBlob(directory, tag, 0);
}

/** @returns undefined when it is no longer there under this name */
function takeOver(directory: string, name: string, descriptor: Descriptor): PartialBlob | undefined {
  const tag = ownerTag();
  try {
    renameSync(join(directory, name), join(directory, tag));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw explainWriteFailure(error, directory);
  }
  const kept = sizeOf(join(directory, tag));
  const taken = partialBlob(directory, tag, kept);
  if (kept <= descriptor.size) return taken;
  taken.discard();
  return undefined;
}

function partialBlob(directory: string, tag: string, kept: number): PartialBlob {
  const path = join(directory, tag);
  return {
    path,
    kept,
    release() {
      rename(path, join(directory, FREE));
    },
    discard() {
      unlink(path);
      removeEmpty(directory);
    },
    finish() {
      removeEmpty(directory);
    },
  };
}

function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw explainWriteFailure(error, from);
  }
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw explainWriteFailure(error, path);
  }
}

/** An empty directory that stays is as good as none; one that is not empty is somebody's again. */
function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw explainWriteFailure(error, directory);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
