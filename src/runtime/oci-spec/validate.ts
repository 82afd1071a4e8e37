/** Named checks of a finished config.json: what the runtime would refuse in its own words is refused here in ours. */
import { ScullError } from '../../host/errors.ts';
import type { RuntimeSpec } from '../../oci/runtime-spec.ts';
import type { RuntimeSpecInput } from './input.ts';
import { isMapped } from './namespaces.ts';

type Check = (spec: RuntimeSpec, input: RuntimeSpecInput) => void;

/** In this order; the first that fails speaks. */
export const CHECKS: Readonly<Record<string, Check>> = {
  commandIsGiven,
  stringsHaveNoNul,
  workdirIsAbsolute,
  userIsMapped,
  groupsAreMapped,
  mapsDoNotOverlap,
  mountDestinationsAreAbsolute,
  mountDestinationsAreUnique,
  namespacePathsAreAbsolute,
  hostnameFits,
  inheritableNeedsAmbient,
};

/** @throws ScullError INVALID or UNSUPPORTED */
export function validateRuntimeSpec(spec: RuntimeSpec, input: RuntimeSpecInput): void {
  for (const check of Object.values(CHECKS)) check(spec, input);
}

function commandIsGiven({ process }: RuntimeSpec): void {
  if (process.args.length === 0 || process.args[0] === '') throw invalid('the command is empty', 'write the command after the image');
}

function stringsHaveNoNul({ process, hostname }: RuntimeSpec): void {
  for (const text of [...process.args, ...process.env, process.cwd, hostname ?? '']) {
    if (text.includes('\0')) throw invalid(`${JSON.stringify(text.slice(0, 60))} holds a NUL character`);
  }
}

function workdirIsAbsolute({ process }: RuntimeSpec): void {
  if (!process.cwd.startsWith('/')) throw invalid(`the working directory ${JSON.stringify(process.cwd)} is not absolute`);
}

function userIsMapped({ process }: RuntimeSpec, input: RuntimeSpecInput): void {
  if (isMapped('uids', process.user.uid, input) === false) throw notMapped('user', process.user.uid, input.host.availableUids);
}

function groupsAreMapped({ process }: RuntimeSpec, input: RuntimeSpecInput): void {
  for (const gid of [process.user.gid, ...(process.user.additionalGids ?? [])]) {
    if (isMapped('gids', gid, input) === false) throw notMapped('group', gid, input.host.availableGids);
  }
}

function notMapped(what: 'user' | 'group', id: number, available: number): ScullError {
  const message = `${what} id ${id} does not exist in the container: ${available <= 1 ? 'only id 0 is mapped, for you have no subordinate ids' : 'it is outside the mapped ids'}`;
  return new ScullError('UNSUPPORTED', message, {
    hint: available <= 1 ? 'run `scull doctor` to see how to get subordinate ids' : 'choose a smaller id, or map it with --uidmap and --gidmap',
  });
}

function mapsDoNotOverlap({ linux }: RuntimeSpec): void {
  for (const maps of [linux.uidMappings ?? [], linux.gidMappings ?? []]) {
    for (const side of ['containerID', 'hostID'] as const) {
      const sorted = [...maps].sort((a, b) => a[side] - b[side]);
      for (const [index, map] of sorted.entries()) {
        const next = sorted[index + 1];
        if (next !== undefined && map[side] + map.size > next[side]) throw invalid(`two id maps overlap at ${next[side]}`, 'check --uidmap and --gidmap');
      }
    }
  }
}

function mountDestinationsAreAbsolute({ mounts }: RuntimeSpec): void {
  const bad = mounts.find((mount) => !mount.destination.startsWith('/') || mount.destination.split('/').includes('..'));
  if (bad !== undefined) throw invalid(`the mount destination ${JSON.stringify(bad.destination)} is not a plain absolute path`);
  if (mounts.some((mount) => mount.destination === '/')) throw invalid('nothing can be mounted on / of a container', 'use --rootfs for a root file system of your own');
}

function mountDestinationsAreUnique({ mounts }: RuntimeSpec): void {
  const seen = new Set<string>();
  for (const { destination } of mounts) {
    if (seen.has(destination)) throw invalid(`duplicate mount destination ${JSON.stringify(destination)}`);
    seen.add(destination);
  }
}

function namespacePathsAreAbsolute({ linux }: RuntimeSpec): void {
  const bad = linux.namespaces.find((namespace) => namespace.path !== undefined && !namespace.path.startsWith('/'));
  if (bad !== undefined) throw invalid(`the path ${JSON.stringify(bad.path)} of the ${bad.type} namespace is not absolute`);
}

function hostnameFits({ hostname }: RuntimeSpec): void {
  if (hostname !== undefined && Buffer.byteLength(hostname) > 64) throw invalid(`the hostname ${JSON.stringify(hostname)} is longer than 64 bytes`);
}

/** Inheritable capabilities that are not ambient as well are the hole of CVE-2022-24769. */
function inheritableNeedsAmbient({ process }: RuntimeSpec): void {
  const { inheritable, ambient } = process.capabilities;
  if (inheritable.some((name) => !ambient.includes(name))) throw new Error('inheritable capabilities without ambient ones');
}

function invalid(message: string, hint?: string): ScullError {
  return new ScullError('INVALID', message, hint === undefined ? {} : { hint });
}
