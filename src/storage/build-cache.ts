/**
 * What steps of builds came to: build/cache/<key>.json, one small file each, found by a key that is made of everything
 * the result depends on. Written by a rename after its layer is in the store, so that a record never promises what is not
 * there; a record that makes no sense, or whose layer is gone, is no record. Nothing but builds on this machine, and what the
 * user asked to import, gets in here (CVE-2024-24557).
 */
import { mkdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, isScullError, type ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readJson, removeTree, writeJsonAtomic } from '../host/files.ts';
import { ownerTag, parseOwnerTag } from '../host/identity.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { hasBlob } from './blobs.ts';
import { ownerMayLive, registerHost } from './hosts.ts';
import type { LayerRef } from './image-types.ts';
import { layerExists } from './layers/store.ts';
import { moveToTrash, removeOwnedTree } from './staging.ts';
import type { Store } from './store.ts';

export const CACHE_FORMAT = 1;

export interface CacheRecord {
  readonly format: typeof CACHE_FORMAT;
  /** 64 hex digits. */
  readonly key: string;
  /** RFC 3339: when the step was executed. */
  readonly created: string;
  /** The step, for people. */
  readonly step: string;
  /** Undefined where it changed no files. */
  readonly layer?: LayerRef;
}

export interface FindOptions {
  /** Milliseconds since 1970: an older one does not count. */
  readonly newerThan?: number;
  /** The blob of its layer is enough, it need not be unpacked. */
  readonly blobOnly?: boolean;
  /** Called before it is looked whether the layer is there: what is claimed by then stays, also where a garbage collection is going on. */
  readonly claim?: (layer: LayerRef) => void;
}

/** @returns undefined where there is no usable record */
export function findCached(store: Store, key: string, { newerThan = 0, blobOnly = false, claim }: FindOptions = {}): CacheRecord | undefined {
  const record = readRecord(recordPath(store, key));
  if (record === undefined || record.key !== key) return undefined;
  if (newerThan > 0 && Date.parse(record.created) < newerThan) return undefined;
  const { layer } = record;
  if (layer === undefined) return record;
  claim?.(layer);
  return (blobOnly || layerExists(store, layer.chainId)) && hasBlob(store, layer.descriptor) ? record : undefined;
}

/** Notes that a record was of use. */
export function touchCached(store: Store, key: string): void {
  try {
    const now = new Date();
    utimesSync(recordPath(store, key), now, now);
  } catch (error) {
    // Pruned meanwhile, or a store that can't be written: only the order of pruning would gain by it.
    if (errnoOf(error) === undefined) throw error;
  }
}

/** @throws ScullError NO_SPACE, PERMISSION */
export function writeCached(store: Store, record: CacheRecord): void {
  ensurePrivateDirectory(store.layout.buildCache);
  writeJsonAtomic(recordPath(store, record.key), record, { durable: false });
}

/** All that makes sense, for the garbage collection and for `system df`. */
export function readCacheRecords(store: Store): CacheRecord[] {
  return namesIn(store.layout.buildCache).flatMap((name) => readRecord(join(store.layout.buildCache, name)) ?? []);
}

/** Blobs and layers that records stand on; those below a layer are named by the records (or images) it was built upon. */
export function cachedContent(store: Store): { readonly blobs: readonly Digest[]; readonly layers: readonly Digest[] } {
  const layers = readCacheRecords(store).flatMap((record) => record.layer ?? []);
  return { blobs: layers.map((layer) => layer.descriptor.digest), layers: layers.map((layer) => layer.chainId) };
}

export interface PrunedCache {
  readonly records: number;
  readonly mounts: number;
  /** Why some could not be removed. */
  readonly failed: readonly ScullError[];
}

/**
 * Forgets records and the directories of cache mounts that no build uses.
 * @param unusedSince milliseconds since 1970: only what was not used since then
 */
export async function pruneBuildCache(store: Store, unusedSince = Number.POSITIVE_INFINITY): Promise<PrunedCache> {
  const failed: ScullError[] = [];
  let records = 0;
  for (const name of namesIn(store.layout.buildCache)) {
    const path = join(store.layout.buildCache, name);
    if (usedAt(path) > unusedSince) continue;
    if (await isRemoved(failed, path, () => (removeTree(path), true))) records++;
  }
  let mounts = 0;
  for (const name of namesIn(store.layout.buildMounts)) {
    const path = join(store.layout.buildMounts, name);
    if (usedAt(path) > unusedSince || isUsed(store, path)) continue;
    const removed = await isRemoved(failed, path, async () => {
      const trash = moveToTrash(store, path);
      if (trash === undefined) return false; // another command was first
      await removeOwnedTree(trash);
      return true;
    });
    if (removed) mounts++;
  }
  return { records, mounts, failed };
}

/** One that can't be removed does not keep the rest. */
async function isRemoved(failed: ScullError[], path: string, remove: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await remove();
  } catch (cause) {
    const error = explainWriteFailure(cause, path);
    if (!isScullError(error)) throw error;
    failed.push(error);
    return false;
  }
}

export interface CacheMountPlace {
  /** The directory to mount. */
  readonly directory: string;
  /** True where it has just been made. */
  readonly fresh: boolean;
  release(): void;
}

/**
 * A directory of `RUN --mount=type=cache`, in use until it is released (or until this process ends).
 * @param name of the mount: a hash, never a path of the user's (CVE-2024-9675)
 * @param sharing shared: with everybody; private: the first one that nobody uses; locked: waits for whoever uses it
 */
export async function useCacheMount(store: Store, name: string, sharing: 'shared' | 'private' | 'locked', abort: AbortSignal): Promise<CacheMountPlace> {
  if (!/^[0-9a-f]{64}$/.test(name)) throw new Error(`not a name of a cache mount: ${name}`);
  registerHost(store.layout);
  for (let attempt = 0; ; ) {
    const place = join(store.layout.buildMounts, attempt === 0 ? name : `${name}.${attempt}`);
    const user = join(place, 'users', ownerTag());
    mkdirSync(join(place, 'users'), { recursive: true, mode: 0o700 });
    mkdirSync(user, { mode: 0o700 });
    if (sharing === 'shared' || isFirst(store, place, user)) {
      const directory = join(place, 'data');
      const fresh = mkdirSync(directory, { recursive: true, mode: 0o755 }) !== undefined;
      return { directory, fresh, release: () => removeTree(user) };
    }
    removeTree(user);
    if (sharing === 'private') attempt++;
    else {
      abort.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 30));
    }
  }
}

/** Of several that have put their names down, each sees all of those before it: at most one finds itself alone. */
function isFirst(store: Store, place: string, own: string): boolean {
  return livingUsers(store, place).every((name) => join(place, 'users', name) === own);
}

function livingUsers(store: Store, place: string): string[] {
  return namesIn(join(place, 'users')).filter((name) => {
    const owner = parseOwnerTag(name);
    if (owner !== undefined && ownerMayLive(store.layout, owner)) return true;
    removeTree(join(place, 'users', name));
    return false;
  });
}

function isUsed(store: Store, place: string): boolean {
  return livingUsers(store, place).length > 0;
}

function recordPath(store: Store, key: string): string {
  if (!/^[0-9a-f]{64}$/.test(key)) throw new Error(`not a cache key: ${key}`);
  return join(store.layout.buildCache, `${key}.json`);
}

function readRecord(path: string): CacheRecord | undefined {
  try {
    return cacheRecordFrom(readJson(path));
  } catch (error) {
    if (isScullError(error, 'CORRUPT')) return undefined;
    throw error;
  }
}

/** A record out of JSON; undefined for what is none. */
export function cacheRecordFrom(json: unknown): CacheRecord | undefined {
  const value = json as Partial<CacheRecord> | null | undefined;
  if (typeof value !== 'object' || value === null || value.format !== CACHE_FORMAT || typeof value.key !== 'string' || typeof value.created !== 'string' || typeof value.step !== 'string') return undefined;
  if (Number.isNaN(Date.parse(value.created))) return undefined;
  const { layer } = value;
  if (layer === undefined) return value as CacheRecord;
  const sound = [layer?.chainId, layer?.diffId, layer?.descriptor?.digest].every((digest) => typeof digest === 'string' && isDigest(digest)) && Number.isSafeInteger(layer.descriptor.size) && typeof layer.descriptor.mediaType === 'string';
  return sound ? (value as CacheRecord) : undefined;
}

function usedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Number.POSITIVE_INFINITY;
    throw error;
  }
}
