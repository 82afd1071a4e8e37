/** Volumes come into being: by `volume create`, or because a container wants one. */
import { ScullError } from '../../host/errors.ts';
import { randomId } from '../../host/identity.ts';
import { readVolume, VOLUME_FORMAT, writeVolume, type VolumeRecord, type WriteVolumeOptions } from '../../storage/volumes.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';

export interface CreateVolumeOptions {
  /** A random one of 64 hex digits unless given. */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** --opt: type, device, o. */
  readonly options?: Readonly<Record<string, string>>;
  /** A volume of that name is no error; it stays as it is. */
  readonly ignore?: boolean;
  /** Owner of its top directory, as containers see it. */
  readonly uid?: number;
  readonly gid?: number;
}

/** @throws ScullError NAME_TAKEN, INVALID, UNSUPPORTED, NO_SPACE */
export async function createVolume(engine: Engine, options: CreateVolumeOptions): Promise<VolumeRecord> {
  if (options.driver !== undefined && options.driver !== '' && options.driver !== 'local') {
    throw new ScullError('UNSUPPORTED', `there is no volume driver "${options.driver}"`, { hint: 'scull has one driver: local' });
  }
  const record: VolumeRecord = {
    format: VOLUME_FORMAT,
    name: options.name ?? randomId(),
    driver: 'local',
    created: new Date().toISOString(),
    labels: options.labels ?? {},
    options: options.options ?? {},
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    // As Docker: who gives no name does not mean to keep it, and `volume prune` takes it when it is unused.
    anonymous: options.name === undefined,
  };
  return write(engine, record, options.ignore === true, {});
}

/**
 * The volume of this name, made where it is missing: what `-v name:/path` means.
 * @param options see WriteVolumeOptions; they concern a volume made now
 */
export async function ensureVolume(engine: Engine, name: string, options: WriteVolumeOptions = {}): Promise<VolumeRecord> {
  const existing = readVolume(engine.store, name);
  if (existing !== undefined) return existing;
  return write(engine, { format: VOLUME_FORMAT, name, driver: 'local', created: new Date().toISOString(), labels: {}, options: {}, anonymous: false }, true, options);
}

/** A volume for one container, which nobody asked for by name. */
export async function createAnonymousVolume(engine: Engine, options: WriteVolumeOptions = {}): Promise<VolumeRecord> {
  return write(engine, { format: VOLUME_FORMAT, name: randomId(), driver: 'local', created: new Date().toISOString(), labels: {}, options: {}, anonymous: true }, false, options);
}

/** An empty one that several containers share by its name, and that goes with the last of them. @throws ScullError NAME_TAKEN */
export async function createPodVolume(engine: Engine, name: string): Promise<VolumeRecord> {
  return write(engine, { format: VOLUME_FORMAT, name, driver: 'local', created: new Date().toISOString(), labels: {}, options: {}, anonymous: true }, false, {});
}

async function write(engine: Engine, record: VolumeRecord, keepExisting: boolean, options: WriteVolumeOptions): Promise<VolumeRecord> {
  try {
    await writeVolume(engine.store, record, options);
    recordEvent(engine, { type: 'volume', status: 'create', id: record.name, name: record.name, attributes: { driver: record.driver } });
    return record;
  } catch (error) {
    if (!keepExisting || !(error instanceof ScullError) || error.code !== 'NAME_TAKEN') throw error;
    // Another command was first, or it was there all along.
    const existing = readVolume(engine.store, record.name);
    if (existing === undefined) throw error;
    return existing;
  }
}
