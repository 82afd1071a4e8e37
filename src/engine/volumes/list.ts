/** volume ls and volume inspect: volumes in the shape that Docker and Podman print. */
import { ScullError } from '../../host/errors.ts';
import { isFresh, readVolumes, volumeSource, type VolumeRecord } from '../../storage/volumes.ts';
import type { Engine } from '../engine.ts';
import { findVolume } from './find.ts';
import { volumeUsers } from './usage.ts';

/** As `volume inspect` prints it. */
export interface VolumeDescription {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly CreatedAt: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Scope: 'local';
  readonly Options: Readonly<Record<string, string>>;
  readonly UID?: number;
  readonly GID?: number;
  readonly Anonymous: boolean;
  /** True until its first use has filled it. */
  readonly NeedsCopyUp: boolean;
}

/** Values of one key are alternatives, except of label, which must all match; different keys must all match. */
export type VolumeFilters = Readonly<Record<string, readonly string[]>>;

const VOLUME_FILTERS = ['name', 'label', 'label!', 'driver', 'dangling', 'anonymous', 'opt', 'scope', 'until', 'since', 'after'] as const;

/** Volumes sorted by name; damaged ones are told through progress. @throws ScullError INVALID for an unknown filter */
export function listVolumes(engine: Engine, options: { readonly filters?: VolumeFilters } = {}): VolumeDescription[] {
  return selectVolumes(engine, options.filters ?? {}).map((record) => describeVolume(engine, record));
}

/** @throws ScullError NO_SUCH_VOLUME, AMBIGUOUS, CORRUPT */
export function inspectVolume(engine: Engine, name: string): VolumeDescription {
  return describeVolume(engine, findVolume(engine, name));
}

function describeVolume(engine: Engine, record: VolumeRecord): VolumeDescription {
  return {
    Name: record.name,
    Driver: record.driver,
    Mountpoint: volumeSource(engine.store, record),
    CreatedAt: record.created,
    Labels: record.labels,
    Scope: 'local',
    Options: record.options,
    ...(record.uid === undefined ? {} : { UID: record.uid }),
    ...(record.gid === undefined ? {} : { GID: record.gid }),
    Anonymous: record.anonymous,
    NeedsCopyUp: isFresh(engine.store, record.name),
  };
}

/** The records that match all filters, sorted by name. */
export function selectVolumes(engine: Engine, filters: VolumeFilters): VolumeRecord[] {
  const matchers = Object.entries(filters).map(([key, values]) => matcher(engine, key, values));
  return readVolumes(engine.store, (error) => engine.progress({ kind: 'message', level: 'warning', text: error.message })).filter((record) => matchers.every((matches) => matches(record)));
}

function matcher(engine: Engine, key: string, values: readonly string[]): (record: VolumeRecord) => boolean {
  switch (key) {
    case 'name':
      return (record) => values.some((value) => nameMatches(record.name, value));
    case 'label':
      return (record) => values.every((value) => hasPair(record.labels, value));
    case 'label!':
      return (record) => !values.some((value) => hasPair(record.labels, value));
    case 'opt':
      return (record) => values.some((value) => hasPair(record.options, value));
    case 'driver':
      return (record) => values.includes(record.driver);
    case 'scope':
      return () => values.includes('local');
    case 'anonymous':
      return (record) => values.some((value) => truth(key, value) === record.anonymous);
    case 'dangling': {
      const users = volumeUsers(engine);
      return (record) => values.some((value) => truth(key, value) === !users.has(record.name));
    }
    case 'until': {
      const limits = values.map(timeOf);
      return (record) => limits.some((limit) => Date.parse(record.created) < limit);
    }
    case 'since':
    case 'after': {
      const limits = values.map((value) => Date.parse(findVolume(engine, value).created));
      return (record) => limits.some((limit) => Date.parse(record.created) > limit);
    }
    default:
      throw new ScullError('INVALID', `unknown filter "${key}"`, { hint: `filters of volumes are ${VOLUME_FILTERS.join(', ')}` });
  }
}

/** A regular expression, as Podman has it; what is none is looked for as it is. */
function nameMatches(name: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return name.includes(pattern);
  }
}

/** `key` or `key=value`. */
function hasPair(map: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(map, wanted);
  return Object.hasOwn(map, wanted.slice(0, equals)) && map[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

function truth(key: string, value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw new ScullError('INVALID', `the filter ${key} is true or false, not "${value}"`);
}

/** Unix seconds or RFC 3339, in milliseconds; the command line has turned spans like 10m into one of these. */
function timeOf(value: string): number {
  const time = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  if (Number.isNaN(time)) throw new ScullError('INVALID', `"${value}" is not a time`, { hint: 'write it like 2026-05-31T12:00:00Z or in seconds since 1970' });
  return time;
}
