/** A volume by what the user typed: its name, or for the long names of anonymous ones an unambiguous beginning. */
import { ScullError } from '../../host/errors.ts';
import { readVolume, volumeNames, type VolumeRecord } from '../../storage/volumes.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError NO_SUCH_VOLUME, AMBIGUOUS */
export function findVolumeName(engine: Engine, typed: string): string {
  const names = volumeNames(engine.store);
  if (names.includes(typed)) return typed;
  const matches = typed === '' ? [] : names.filter((name) => name.startsWith(typed));
  if (matches.length === 1) return matches[0] as string;
  if (matches.length > 1) throw new ScullError('AMBIGUOUS', `"${typed}" is the beginning of ${matches.length} volume names`, { detail: matches.join('\n') });
  throw new ScullError('NO_SUCH_VOLUME', `no such volume: "${typed}"`, { hint: 'see `scull volume ls`' });
}

/** @throws ScullError NO_SUCH_VOLUME, AMBIGUOUS, CORRUPT */
export function findVolume(engine: Engine, typed: string): VolumeRecord {
  const name = findVolumeName(engine, typed);
  const record = readVolume(engine.store, name);
  if (record === undefined) throw new ScullError('NO_SUCH_VOLUME', `no such volume: "${typed}"`);
  return record;
}

/** True when a volume of exactly this name is there. */
export function volumeExists(engine: Engine, name: string): boolean {
  return volumeNames(engine.store).includes(name);
}
