/** Where a container's root is mounted, in its own mount namespace. */
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import type { UserNamespaceFact } from '../../runtime/oci-spec/input.ts';

/** Folders that exist nearly everywhere, can be entered by anybody, and hold nothing that a start needs. */
const FOLDERS = ['/mnt', '/media', '/srv', '/var/empty', '/var/lib/empty', '/usr/src', '/usr/local/src', '/var/opt', '/opt'];

/**
 * Our own folders can be entered by the user alone. Root of a container whose user namespace does not map the user
 * (--userns=nomap, most --uidmap) is nobody there, and the runtime sets up the root as that one. Maps that are not known are taken for such.
 */
export function canEnterOurFolders(fact: UserNamespaceFact | undefined): boolean {
  if (fact === undefined) return true;
  return [fact.uids, fact.gids].every((maps) => maps?.some((map) => map.hostID === 0) === true);
}

/**
 * A folder of the host that anybody can enter, to mount a root over it: only the container's own mount namespace sees that.
 * @param used paths that must stay visible there: sources of mounts, programs
 * @throws ScullError UNSUPPORTED where there is none
 */
export function openFolder(used: readonly string[], folders: readonly string[] = FOLDERS): string {
  const real = used.flatMap((path) => [path, realPath(path) ?? path]);
  for (const folder of folders) {
    const place = realPath(folder);
    if (place === undefined || place === '/' || !canBeEntered(place)) continue;
    if (!real.some((path) => path === place || path.startsWith(`${place}/`))) return place;
  }
  throw new ScullError('UNSUPPORTED', 'found no folder to mount the root of a container on that does not map you', {
    hint: `make one of ${folders.slice(0, 3).join(', ')} a folder that everybody can enter, and mount nothing from it`,
  });
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // what does not exist is neither hidden nor mounted on
  }
}

function canBeEntered(path: string): boolean {
  for (let part = path; ; part = dirname(part)) {
    const stat = statSync(part);
    if (!stat.isDirectory() || (stat.mode & 0o001) === 0) return false;
    if (part === '/') return true;
  }
}
