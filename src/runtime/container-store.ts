/**
 * Container records on disk: containers/ID/container.json, and names/NAME → ID.
 *
 * A container exists when its directory has been renamed into containers/. Its name is a symbolic link whose making is the
 * reservation: symlink(2) fails where one exists, so two commands can't both have it and no lock is needed. A link whose
 * container is not there (its maker was killed, or it is being removed) holds nothing and is replaced.
 */
import { existsSync, fsyncSync, linkSync, mkdirSync, openSync, closeSync, readdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readJson, removeFile, removeTree, syncDirectory } from '../host/files.ts';
import { flushes } from '../host/flush.ts';
import { ownerTag, ownIdentity, randomHex, type ProcessIdentity } from '../host/identity.ts';
import { ownerMayLive, registerHost } from '../storage/hosts.ts';
import type { StoreLayout } from '../storage/layout.ts';
import { CONTAINER_FORMAT, type ContainerRecord } from './container-record.ts';
import { recordFault } from '../spec/container-shape.ts';

const ID = /^[0-9a-f]{64}$/;

/** Ids of all containers, in no order. */
export function containerIds(layout: StoreLayout): string[] {
  return namesIn(layout.containers).filter((name) => ID.test(name));
}

/**
 * @returns undefined when there is no such container
 * @throws ScullError CORRUPT naming the file when the record is damaged or of a newer format
 */
export function readContainer(layout: StoreLayout, id: string): ContainerRecord | undefined {
  const path = layout.container(id).record;
  const value = readJson(path) as Partial<ContainerRecord> | undefined;
  if (value === undefined) {
    // The directory without its record is a damaged container; neither is no container.
    if (existsSync(layout.container(id).directory)) throw new ScullError('CORRUPT', `the record ${path} is missing`, { hint: `remove what is left with \`scull rm -f ${id.slice(0, 12)}\`` });
    return undefined;
  }
  const hint = `remove what is left with \`scull rm -f ${id.slice(0, 12)}\``;
  if (value === null || typeof value !== 'object' || value.id !== id) throw new ScullError('CORRUPT', `the record ${path} is damaged: it does not describe container ${id.slice(0, 12)}`, { hint });
  if (typeof value.format !== 'number') throw new ScullError('CORRUPT', `the record ${path} is damaged: it does not tell its format`, { hint });
  if (value.format !== CONTAINER_FORMAT) throw new ScullError('UNSUPPORTED', `container ${id.slice(0, 12)} was made by a newer scull (format ${value.format})`);
  const fault = recordFault(value);
  if (fault !== undefined) throw new ScullError('CORRUPT', `the record ${path} is damaged: ${fault}`, { hint });
  return value as ContainerRecord;
}

/** The id that a name is reserved for, whether or not the container stands yet. */
export function nameOwner(layout: StoreLayout, name: string): string | undefined {
  try {
    const target = readlinkSync(layout.name(name));
    const id = target.slice(0, 64);
    return ID.test(id) ? id : undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EINVAL' || errno === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

/**
 * Finds a container by full id, name, or unique beginning of an id, in this order (as Podman).
 * @throws ScullError NO_SUCH_CONTAINER, AMBIGUOUS
 */
export function findContainerId(layout: StoreLayout, nameOrId: string): string {
  const wanted = nameOrId.startsWith('/') ? nameOrId.slice(1) : nameOrId;
  if (ID.test(wanted) && existsSync(layout.container(wanted).directory)) return wanted;
  if (isName(wanted)) {
    const owner = nameOwner(layout, wanted);
    if (owner !== undefined && existsSync(layout.container(owner).directory)) return owner;
  }
  if (/^[0-9a-f]{1,64}$/.test(wanted)) {
    const matches = containerIds(layout).filter((id) => id.startsWith(wanted));
    if (matches.length === 1) return matches[0] as string;
    if (matches.length > 1) {
      throw new ScullError('AMBIGUOUS', `more than one container id starts with ${JSON.stringify(nameOrId)}: ${matches.slice(0, 5).map((id) => id.slice(0, 16)).join(', ')}`);
    }
  }
  throw new ScullError('NO_SUCH_CONTAINER', `no container with name or ID ${JSON.stringify(nameOrId.slice(0, 200))} found: no such container`);
}

/** @throws ScullError NO_SUCH_CONTAINER, AMBIGUOUS, CORRUPT */
export function findContainer(layout: StoreLayout, nameOrId: string): ContainerRecord {
  const record = readContainer(layout, findContainerId(layout, nameOrId));
  if (record === undefined) throw new ScullError('NO_SUCH_CONTAINER', `no container with name or ID ${JSON.stringify(nameOrId)} found: no such container`);
  return record;
}

/** docker's rule for names; also what may be a file name under names/. */
export function isName(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,250}$/.test(text);
}

/**
 * Reserves a name for the container `id` that this process is making, or is giving another name.
 * @throws ScullError NAME_TAKEN saying by whom
 */
export function reserveName(layout: StoreLayout, name: string, id: string, purpose: 'make' | 'rename' = 'make'): void {
  const path = layout.name(name);
  registerHost(layout);
  // The maker's identity is in the link, so that a reservation outlives its maker only if the container stands.
  const maker = ownIdentity();
  const target = `${id}${purpose === 'make' ? '@' : '>'}${maker.pid}.${maker.startTime}.${maker.bootId}`;
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      symlinkSync(target, path);
      crashPoint('name:reserved');
      refusePodName(layout, name, id);
      return;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') {
        ensurePrivateDirectory(layout.names);
        continue;
      }
      if (errno !== 'EEXIST') throw explainWriteFailure(error, path);
    }
    const holder = readReservation(path);
    if (holder === undefined) continue; // released meanwhile
    if (isHeld(layout, name, holder)) {
      if (holder.id === id) return;
      throw new ScullError('NAME_TAKEN', `the container name ${JSON.stringify(name)} is already in use by ${holder.id}`, {
        hint: `use another name, remove that container with \`scull rm ${name}\`, or replace it with --replace`,
      });
    }
    takeNameAway(layout, name, holder.link);
  }
  throw new ScullError('NAME_TAKEN', `the container name ${JSON.stringify(name)} is being taken and given up by other commands; try again`);
}

/** One name for a container and a pod would make `inspect NAME` a riddle. Who makes a pod looks here when it has one ({@link nameHolder}). */
function refusePodName(layout: StoreLayout, name: string, id: string): void {
  if (!existsSync(layout.pod(name))) return;
  releaseName(layout, name, id);
  throw new ScullError('NAME_TAKEN', `the name ${JSON.stringify(name)} is already in use by a pod`, { hint: 'use another name; containers and pods share them' });
}

/** The container that has a name, or is being made with it. */
export function nameHolder(layout: StoreLayout, name: string): string | undefined {
  const holder = readReservation(layout.name(name));
  return holder !== undefined && isHeld(layout, name, holder) ? holder.id : undefined;
}

/**
 * In this order: a container that comes to stand, or to have the name, between the two looks is found by the second. Who makes a container
 * may live as long as it does, and the name be another by then; who gives another name has it for as long as that takes.
 */
function isHeld(layout: StoreLayout, name: string, { id, maker, purpose }: Reservation): boolean {
  return (maker !== undefined && ownerMayLive(layout, maker) && (purpose === 'rename' || !existsSync(layout.container(id).directory))) || holdsName(layout, id, name);
}

/** True when that container stands under that name; a rename that was killed half-way leaves a link that holds nothing. */
function holdsName(layout: StoreLayout, id: string, name: string): boolean {
  if (!existsSync(layout.container(id).directory)) return false;
  try {
    return readContainer(layout, id)?.name === name;
  } catch {
    return true; // damaged: its owner decides, not we
  }
}

interface Reservation {
  /** What the link says. */
  readonly link: string;
  readonly id: string;
  readonly maker: ProcessIdentity | undefined;
  readonly purpose: 'make' | 'rename';
}

function readReservation(path: string): Reservation | undefined {
  let link: string;
  try {
    link = readlinkSync(path);
  } catch {
    return undefined;
  }
  const match = /^([0-9a-f]{64})(?:([@>])(\d+)\.(\d+)\.([0-9a-f]{32}))?$/.exec(link);
  if (match === null) return { link, id: '', maker: undefined, purpose: 'make' };
  const maker = match[3] === undefined ? undefined : { pid: Number(match[3]), startTime: Number(match[4]), bootId: match[5] ?? '' };
  return { link, id: match[1] ?? '', maker, purpose: match[2] === '>' ? 'rename' : 'make' };
}

/** Takes away names that nobody has: of commands that were killed between taking a name and making or removing its container. */
export function sweepNames(layout: StoreLayout): void {
  for (const name of namesIn(layout.names)) {
    const holder = readReservation(layout.name(name));
    if (holder !== undefined && isStale(layout, holder, name)) takeNameAway(layout, name, holder.link);
  }
}

function isStale(layout: StoreLayout, holder: Reservation, name: string): boolean {
  if (holder.id !== '' && holdsName(layout, holder.id, name)) return false;
  return holder.maker === undefined || !ownerMayLive(layout, holder.maker);
}

/**
 * Takes a reservation away that was found to hold nothing. Between that look and this, another may have done the same and taken the
 * name anew: so the link is moved aside first, under a name of ours, and what turns out to be another one goes back.
 * @param link what it said @throws ScullError NO_SPACE, PERMISSION
 */
export function takeNameAway(layout: StoreLayout, name: string, link: string): void {
  const path = layout.name(name);
  // Not beginning with the name, which may be as long as a name can be.
  const aside = layout.name(`.${randomHex(6)}.stale`);
  try {
    renameSync(path, aside);
    if (readlinkSync(aside) !== link) putBack(aside, path);
    unlinkSync(aside);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return;
    // A disk without room for one more entry of the folder has none for a new reservation either.
    if (errno === 'ENOSPC' || errno === 'EDQUOT') removeFile(path);
    else throw explainWriteFailure(error, path);
  }
}

/** By link(2), which makes one more name for the link itself, and none where there is one by now. */
function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Gives a name back, if it is `id`'s. @throws ScullError PERMISSION */
export function releaseName(layout: StoreLayout, name: string, id: string): void {
  if (!isName(name)) return;
  const holder = readReservation(layout.name(name));
  if (holder?.id === id) takeNameAway(layout, name, holder.link);
}

/** Gives back every name that leads to a container which is gone, or whose record does not tell its name. */
export function releaseNamesOf(layout: StoreLayout, id: string): void {
  for (const name of readdirSync(layout.names)) releaseName(layout, name, id);
}

/**
 * Makes a container exist: its directory is filled in staging and appears under containers/ by one rename.
 * @param durable false for what is removed at its end anyway (--rm): no flush
 * @param fill puts further files into the directory before it exists
 */
export function commitContainer(layout: StoreLayout, record: ContainerRecord, durable: boolean, fill?: (directory: string) => void): void {
  const staging = join(layout.staging, ownerTag());
  const paths = layout.container(record.id);
  try {
    try {
      mkdirSync(staging, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      for (const directory of [layout.staging, layout.containers, layout.names]) ensurePrivateDirectory(directory);
      mkdirSync(staging, { mode: 0o700 });
    }
    for (const part of [paths.upper, paths.work, paths.exitDirectory]) mkdirSync(join(staging, part.slice(paths.directory.length)), part === paths.upper ? 0o755 : 0o700);
    fill?.(staging);
    const fd = openSync(join(staging, 'container.json'), 'wx', 0o600);
    try {
      writeFileSync(fd, `${JSON.stringify(record, null, 2)}\n`);
      if (durable && flushes) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (durable) syncDirectory(staging);
    crashPoint('container:written');
    renameIntoPlace(layout, staging, paths.directory);
    crashPoint('container:named');
    if (durable) syncDirectory(layout.containers);
  } catch (error) {
    // It may have its name, and not be flushed.
    if (existsSync(paths.directory)) renameSync(paths.directory, staging);
    removeTree(staging);
    throw explainWriteFailure(error, paths.directory);
  }
}

function renameIntoPlace(layout: StoreLayout, staging: string, directory: string): void {
  try {
    renameSync(staging, directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    ensurePrivateDirectory(layout.containers);
    renameSync(staging, directory);
  }
}
