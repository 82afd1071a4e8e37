/** --tz: the zone file of the host that a container sees as its /etc/localtime, tzfile(5). */
import { readFileSync } from 'node:fs';
import { describeErrno } from '../host/errno.ts';
import { errnoOf, ScullError } from '../host/errors.ts';

const FOLDERS = ['/usr/share/zoneinfo', '/usr/lib/zoneinfo', '/usr/share/lib/zoneinfo', '/etc/zoneinfo'];
const LARGEST_FILE = 65_536;

export interface ZoneSource {
  /** Where zone files are, by name of the zone. */
  readonly folders?: readonly string[];
  readonly localtime?: string;
}

/**
 * The contents of the zone's file.
 * @param zone `Europe/Berlin`, `UTC` …; `local` and `host` for the host's own
 * @returns undefined for `local` on a host without /etc/localtime, which means UTC
 * @throws ScullError INVALID for what is no zone, NOT_FOUND for a zone that the host does not have
 */
export function readZone(zone: string, source: ZoneSource = {}): Buffer | undefined {
  if (zone === 'local' || zone === 'host') return readZoneFile(source.localtime ?? '/etc/localtime', zone);
  if (!/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/.test(zone)) throw invalid(zone);
  for (const folder of source.folders ?? FOLDERS) {
    const data = readZoneFile(`${folder}/${zone}`, zone);
    if (data !== undefined) return data;
  }
  throw new ScullError('NOT_FOUND', `the host does not know the time zone ${JSON.stringify(zone)}`, {
    hint: `zones are the files below ${(source.folders ?? FOLDERS)[0]}, from the package tzdata`,
  });
}

function readZoneFile(path: string, zone: string): Buffer | undefined {
  let data: Buffer;
  try {
    data = readFileSync(path);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    if (errno === 'EISDIR') throw invalid(zone);
    throw new ScullError('PERMISSION', `cannot read the time zone file ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
  if (data.length > LARGEST_FILE || data.toString('latin1', 0, 4) !== 'TZif') throw invalid(zone);
  return data;
}

function invalid(zone: string): ScullError {
  return new ScullError('INVALID', `${JSON.stringify(zone.slice(0, 100))} is not a time zone`, { hint: 'write it as Europe/Berlin, Etc/GMT-5, UTC, or local for the one of the host' });
}
