/**
 * Volumes on disk:
 *
 *     volumes/<name>/volume.json   what it is; never rewritten
 *     volumes/<name>/_data/        its content, owned as containers see it
 *     volumes/<name>/fresh         as long as no container has used it
 *
 * A volume exists when its directory has been renamed into volumes/. The first container that uses it fills it from its
 * image (see {@link claimFirstUse}); `fresh` then names the process that does so, and goes away when the content is
 * complete: a filling that was killed is done again, a volume that has content of the user's is never touched
 * (CVE-2020-1726).
 */
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readJson, readTextIfPresent, syncDirectory, writeFileAtomic, writeJsonAtomic } from '../host/files.ts';
import { isAlive, ownerTag, parseOwnerTag } from '../host/identity.ts';
import { runInUserNamespace } from '../userns/launch.ts';
import { makingRoom } from './ballast.ts';
import { ownerMayLive } from './hosts.ts';
import { createStaging, moveToTrash, removeOwnedTree } from './staging.ts';
import type { Store } from './store.ts';
import { parseVolumeOptions, type VolumeBacking } from './volume-options.ts';

export const VOLUME_FORMAT = 1;

export interface VolumeRecord {
  readonly format: typeof VOLUME_FORMAT;
  readonly name: string;
  readonly driver: 'local';
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As given with --opt. */
  readonly options: Readonly<Record<string, string>>;
  /** Owner asked for, as containers see it. */
  readonly uid?: number;
  readonly gid?: number;
  /** Made for one container without being asked for by name. */
  readonly anonymous: boolean;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** True for what may name a volume: Docker's rule, and short enough for a file name. */
function isVolumeName(name: string): boolean {
  return NAME.test(name) && name.length <= 255;
}

/** @throws ScullError INVALID */
function checkVolumeName(name: string): void {
  if (isVolumeName(name)) return;
  throw new ScullError('INVALID', `"${name}" is not a valid volume name`, { hint: 'a name starts with a letter or digit and goes on with letters, digits, "_", "." and "-"' });
}

/** The path of a volume's own directory for its content; for bind volumes of their device. */
export function volumeSource(store: Store, record: VolumeRecord): string {
  const { source } = parseVolumeOptions(record.options);
  return source.kind === 'bind' ? source.device : store.layout.volume(record.name).data;
}

export interface WriteVolumeOptions {
  /** The caller is about to use it: it owns the first use from the start, see {@link claimFirstUse}. */
  readonly claim?: boolean;
  /** False where the volume ends with its container anyway (--rm). */
  readonly durable?: boolean;
}

/**
 * Makes a volume as one step: afterwards it is there as a whole or not at all.
 * @throws ScullError NAME_TAKEN, NO_SPACE, PERMISSION, and what {@link parseVolumeOptions} throws
 */
export async function writeVolume(store: Store, record: VolumeRecord, options: WriteVolumeOptions = {}): Promise<void> {
  checkVolumeName(record.name);
  const backing = parseVolumeOptions(record.options);
  const paths = store.layout.volume(record.name);
  if (existsSync(paths.directory)) throw nameTaken(record.name);
  const durable = options.durable ?? true;
  const staging = createStaging(store);
  try {
    const directory = staging.path('volume');
    const data = join(directory, '_data');
    mkdirSync(directory, { mode: 0o700 });
    mkdirSync(data, { mode: 0o755 });
    chmodSync(data, 0o755); // whatever the umask is
    await giveTo(data, record, backing);
    if (backing.source.kind === 'directory' && backing.copy) writeFileAtomic(join(directory, 'fresh'), options.claim === true ? ownerTag() : '', { durable: false });
    writeJsonAtomic(join(directory, 'volume.json'), record, { durable });
    ensurePrivateDirectory(store.layout.volumes);
    crashPoint('volume:written');
    renameSync(directory, paths.directory);
    crashPoint('volume:named');
    if (durable) syncDirectory(store.layout.volumes);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST') throw nameTaken(record.name);
    throw explainWriteFailure(error, paths.directory);
  } finally {
    await staging.remove();
  }
}

function nameTaken(name: string): ScullError {
  return new ScullError('NAME_TAKEN', `volume "${name}" already exists`, { hint: `use it as it is, or remove it with \`scull volume rm ${name}\`` });
}

async function giveTo(data: string, record: VolumeRecord, backing: VolumeBacking): Promise<void> {
  const uid = record.uid ?? backing.uid ?? 0;
  const gid = record.gid ?? backing.gid ?? 0;
  if (uid === 0 && gid === 0) return; // the caller, who made it
  const result = await runInUserNamespace('chown', ['--', `${uid}:${gid}`, data]);
  if (result.status !== 0) {
    throw new ScullError('INVALID', `the volume can't be given to ${uid}:${gid}: ${/invalid argument/i.test(result.stderr) ? 'that id is not among your subordinate ids' : result.stderr.trim()}`, {
      detail: result.stderr.trim(),
    });
  }
}

/**
 * @returns undefined when there is no such volume
 * @throws ScullError CORRUPT naming the file when its record is damaged, missing or of a newer format
 */
export function readVolume(store: Store, name: string): VolumeRecord | undefined {
  if (!isVolumeName(name)) return undefined;
  const paths = store.layout.volume(name);
  const value = readJson(paths.record);
  if (value === undefined) {
    if (!existsSync(paths.directory)) return undefined;
    throw new ScullError('CORRUPT', `the record ${paths.record} of volume "${name}" is missing`, { hint: `its content is in ${paths.data}; \`scull volume rm ${name}\` removes it` });
  }
  return decodeRecord(value, name, paths.record);
}

function decodeRecord(value: unknown, name: string, file: string): VolumeRecord {
  const damaged = (why: string): ScullError => new ScullError('CORRUPT', `the record ${file} is damaged: ${why}`);
  if (typeof value !== 'object' || value === null) throw damaged('it is not an object');
  const record = value as Partial<Record<keyof VolumeRecord, unknown>>;
  if (typeof record.format !== 'number') throw damaged('it does not tell its format');
  if (record.format !== VOLUME_FORMAT) {
    throw new ScullError('CORRUPT', `the record ${file} has format ${record.format}, this scull reads ${VOLUME_FORMAT}`, { hint: 'it was written by another version of scull' });
  }
  if (record.name !== name) throw damaged('it is about another volume');
  if (typeof record.created !== 'string' || !isStringMap(record.labels) || !isStringMap(record.options)) throw damaged('a field is missing or has another type');
  const { uid, gid } = record;
  return {
    format: VOLUME_FORMAT,
    name,
    driver: 'local',
    created: record.created,
    labels: record.labels,
    options: record.options,
    ...(typeof uid === 'number' ? { uid } : {}),
    ...(typeof gid === 'number' ? { gid } : {}),
    anonymous: record.anonymous === true,
  };
}

function isStringMap(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((entry) => typeof entry === 'string');
}

/** Names of all volumes, sorted. */
export function volumeNames(store: Store): string[] {
  return namesIn(store.layout.volumes).filter(isVolumeName).sort();
}

/** Every readable volume by name; damaged ones are handed to `broken`, not dropped silently. */
export function readVolumes(store: Store, broken: (error: ScullError) => void): VolumeRecord[] {
  const records: VolumeRecord[] = [];
  for (const name of volumeNames(store)) {
    try {
      const record = readVolume(store, name);
      if (record !== undefined) records.push(record);
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
      broken(error);
    }
  }
  return records;
}

/** Removes a volume with its content, also one whose record is damaged. @returns false when there was none */
export async function removeVolumeDirectory(store: Store, name: string): Promise<boolean> {
  checkVolumeName(name);
  const gone = await makingRoom(store, () => moveToTrash(store, store.layout.volume(name).directory));
  if (gone === undefined) return false;
  await removeOwnedTree(gone);
  return true;
}

const FIRST_USE_TIMEOUT = 120_000;

/**
 * Asked before a container that uses the volume starts. `fill`: the caller now owns the first use, fills the volume (it is
 * empty, or holds what a killed filling left) and calls {@link endFirstUse} when that is done and before the container's own
 * program runs, or {@link giveUpFirstUse} when it failed. `ready`: take it as it is.
 * Waits while another process is filling. @throws ScullError TIMEOUT
 */
export async function claimFirstUse(store: Store, name: string): Promise<'fill' | 'ready'> {
  const fresh = join(store.layout.volume(name).directory, 'fresh');
  const deadline = performance.now() + FIRST_USE_TIMEOUT;
  for (;;) {
    const text = readTextIfPresent(fresh);
    if (text === undefined) return 'ready';
    const owner = parseOwnerTag(text.trim());
    if (owner?.pid === process.pid && isAlive(owner)) return 'fill';
    if (owner !== undefined && ownerMayLive(store.layout, owner)) {
      if (performance.now() > deadline) throw new ScullError('TIMEOUT', `waited ${FIRST_USE_TIMEOUT / 1000} s for process ${owner.pid} to fill volume "${name}"`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    const { withLock } = await import('./locks.ts');
    const mine = await withLock(store, 'volumes', () => {
      if (readTextIfPresent(fresh) !== text) return false; // another was first
      if (text === '' && !isEmptyDirectory(store.layout.volume(name).data)) {
        unlinkSync(fresh); // the user put something there: it is his
        return false;
      }
      writeFileAtomic(fresh, ownerTag(), { durable: false });
      return true;
    });
    if (mine) return 'fill';
  }
}

/** The volume has its content: from now on it is like any other. */
export function endFirstUse(store: Store, name: string): void {
  unlinkIfPresent(join(store.layout.volume(name).directory, 'fresh'));
}

/** The filling failed: the next container tries again. What is there now is known to be ours, not the user's. */
export function giveUpFirstUse(store: Store, name: string): void {
  const fresh = join(store.layout.volume(name).directory, 'fresh');
  if (existsSync(fresh)) writeFileAtomic(fresh, 'incomplete', { durable: false });
}

/** True until the first container has used it. */
export function isFresh(store: Store, name: string): boolean {
  return existsSync(join(store.layout.volume(name).directory, 'fresh'));
}

function isEmptyDirectory(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch (error) {
    // Given to another user with a mode of his own: --uid does that to an empty one, and nobody else has been here.
    if (errnoOf(error) === 'EACCES') return true;
    throw error;
  }
}

function unlinkIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Bytes that removing the volume sets free, hard links counted once. Bind volumes own nothing. */
export async function volumeSize(store: Store, record: VolumeRecord): Promise<number> {
  if (parseVolumeOptions(record.options).source.kind !== 'directory') return 0;
  const { data } = store.layout.volume(record.name);
  try {
    return treeSize(data, new Set());
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    if (errnoOf(error) !== 'EACCES') throw error;
  }
  const result = await runInUserNamespace('du', ['-s', '-B1', '--', data]);
  return Number(/^\d+/.exec(result.stdout)?.[0] ?? 0);
}

function treeSize(path: string, seen: Set<string>): number {
  const stat = lstatSync(path);
  let total = stat.blocks * 512;
  if (stat.isDirectory()) for (const name of readdirSync(path)) total += treeSize(join(path, name), seen);
  else if (stat.nlink > 1) {
    const key = `${stat.dev}:${stat.ino}`;
    if (seen.has(key)) return 0;
    seen.add(key);
  }
  return total;
}

/** A bind volume's device must be there when it is used. @throws ScullError NOT_FOUND */
export function checkVolumeDevice(record: VolumeRecord): void {
  const { source } = parseVolumeOptions(record.options);
  if (source.kind !== 'bind') return;
  try {
    statSync(source.device);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause;
    throw new ScullError('NOT_FOUND', `volume "${record.name}" is a bind of ${source.device}, which does not exist`, { hint: `make it with \`mkdir -p ${source.device}\``, cause });
  }
}
