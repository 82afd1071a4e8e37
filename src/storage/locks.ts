/**
 * Exclusive locks of the store. proper-lockfile does the excluding; what it is given instead of the plain file system
 * makes two things different from its default:
 *
 * - A lock is a directory that appears *with its owner in it*: it is made aside and renamed to its name, and rename(2)
 *   replaces a directory only if that is empty. So there is no moment in which a lock has no owner.
 *
 *       locks/<name>/<pid>.<start time>.<boot id>.<random>
 *
 * - Whether a lock is stale is decided by whether its owner lives, never by a clock. The lock of a dead owner is taken
 *   over by unlinking that owner's file, whose name is unique: of two that try, one fails, and a new owner's file can't be
 *   hit by mistake. Then the directory is empty, and the rename of the next one succeeds.
 *
 * Locks are held for changes of the store only, never across network traffic or while a container runs. Lock order:
 * store, then container. Readers take none.
 */
import { mkdirSync, rename, rmSync, rmdir, rmdirSync, stat, unlinkSync, utimes, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readTextIfPresent } from '../host/files.ts';
import { ownerTag, ownIdentity, parseOwnerTag, type ProcessIdentity } from '../host/identity.ts';
import { trace } from '../host/trace.ts';
import { ownerMayLive, registerHost } from './hosts.ts';
import type { StoreLayout } from './layout.ts';
import type { Store } from './store.ts';

export interface LockOptions {
  /** Milliseconds to wait for the holder, 60 s unless given. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 60_000;
/** Of locks that this process holds: a file of ours that is none of these could not be removed when its lock was released. */
const held = new Set<string>();
/** The longest delay of a timer, about 24 days: proper-lockfile's refreshing of time stamps is not needed here. */
const NEVER = 2 ** 31 - 1;

/**
 * Runs `action` while holding the lock `name` (letters, digits, dashes) of the store; waits for whoever holds it.
 * @throws ScullError TIMEOUT naming the holder; NO_SPACE, PERMISSION; and whatever `action` throws
 */
export async function withLock<T>(store: Store, name: string, action: () => Promise<T> | T, options: LockOptions = {}): Promise<T> {
  if (!/^[a-z0-9][a-z0-9-]{0,80}$/.test(name)) throw new Error(`not a lock name: ${name}`);
  const path = join(store.layout.locks, name);
  registerHost(store.layout);
  const asked = performance.now();
  const release = await acquire(store.layout, path, options.timeout ?? DEFAULT_TIMEOUT);
  trace(`lock ${name} taken after ${(performance.now() - asked).toFixed(1)} ms`);
  crashPoint('lock:taken');
  try {
    return await action();
  } finally {
    await release();
  }
}

async function acquire(layout: StoreLayout, path: string, timeout: number): Promise<() => Promise<void>> {
  const { lock } = (await import('proper-lockfile')).default;
  const deadline = performance.now() + timeout;
  const fs = ownedDirectories();
  for (;;) {
    try {
      return await lock(path, { lockfilePath: path, realpath: false, retries: 0, stale: NEVER * 2, update: NEVER, fs, onCompromised: onCompromised(path) });
    } catch (error) {
      if ((error as { code?: string }).code !== 'ELOCKED') throw explainWriteFailure(error, path);
    }
    if (takeOverFromDead(layout, path)) continue;
    if (performance.now() > deadline) throw timedOut(path, timeout);
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 15));
  }
}

/** The file system functions that proper-lockfile asks for, with mkdir and rmdir as described above. */
function ownedDirectories(): Record<string, unknown> {
  const owner = ownerTag();
  return {
    stat,
    utimes,
    mkdir(path: string, done: (error: unknown) => void): void {
      const aside = `${path}.${owner}`;
      try {
        ensurePrivateDirectory(join(path, '..'));
        mkdirSync(aside, { mode: 0o700 });
        writeFileSync(join(aside, owner), '');
        crashPoint('lock:prepared');
      } catch (error) {
        rmSync(aside, { recursive: true, force: true });
        done(error);
        return;
      }
      held.add(owner);
      rename(aside, path, (error) => {
        if (error !== null) {
          held.delete(owner);
          rmSync(aside, { recursive: true, force: true });
        }
        const taken = errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST';
        done(taken ? Object.assign(new Error('the lock is held'), { code: 'EEXIST' }) : error);
      });
    },
    rmdir(path: string, done: (error: unknown) => void): void {
      held.delete(owner);
      try {
        unlinkSync(join(path, owner));
      } catch (error) {
        done(error);
        return;
      }
      crashPoint('lock:released');
      // From here on the lock is free; an empty directory left behind is as good as none.
      rmdir(path, () => done(null));
    },
    // Called when the process ends by a signal while it holds the lock.
    rmdirSync(path: string): void {
      unlinkSync(join(path, owner));
      rmdirSync(path);
    },
  };
}

/** Frees a lock whose owner has died, and that nobody has asked for since: locks of single pods are asked for by few. */
export function dropLockOfDead(layout: StoreLayout, path: string): void {
  if (namesIn(path).length === 0 || !takeOverFromDead(layout, path)) return;
  try {
    rmdirSync(path);
  } catch (error) {
    // Somebody has taken it meanwhile, or removed it.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw explainWriteFailure(error, path);
  }
}

/** @returns true when there may be something to gain by trying again at once */
function takeOverFromDead(layout: StoreLayout, path: string): boolean {
  for (const name of namesIn(path)) {
    const owner = parseOwnerTag(name);
    if (owner !== undefined && ownerMayLive(layout, owner) && !(isOurs(owner) && !held.has(name))) return false;
    try {
      unlinkSync(join(path, name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw explainWriteFailure(error, path);
    }
  }
  return true;
}

function isOurs({ pid, startTime, bootId }: ProcessIdentity): boolean {
  const own = ownIdentity();
  return pid === own.pid && startTime === own.startTime && bootId === own.bootId;
}

function timedOut(path: string, timeout: number): ScullError {
  const holder = namesIn(path).map(parseOwnerTag)[0];
  if (holder === undefined) return new ScullError('TIMEOUT', `could not get the lock ${path} within ${timeout / 1000} s`);
  const command = (readTextIfPresent(`/proc/${holder.pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  return new ScullError('TIMEOUT', `waited ${timeout / 1000} s for the lock ${path}, which process ${holder.pid} holds`, {
    hint: `see what it does with \`ps -f ${holder.pid}\`; the lock is free as soon as it ends`,
    detail: command,
  });
}

function onCompromised(path: string): (error: Error) => void {
  return (error) => {
    throw new ScullError('CORRUPT', `the lock ${path} was taken away while it was held`, { cause: error });
  };
}
