/** Namespaces and id maps, config-linux.md. */
import { ScullError } from '../../host/errors.ts';
import type { IdMapping, LinuxSpec } from '../../oci/runtime-spec.ts';
import type { IdRange, SharedNamespaceSpec, UserNamespaceSpec } from '../../spec/container-spec.ts';
import type { OwnIds } from '../../userns/auto-maps.ts';
import type { HostFacts, RuntimeSpecInput, UserNamespaceFact } from './input.ts';

type Namespace = LinuxSpec['namespaces'][number];

/** In the order in which the runtime wants them to be thought of: user first, for the others belong to it. */
export function namespaces(input: RuntimeSpecInput): Namespace[] {
  const wish = input.spec.namespaces;
  const shared = input.sharedNamespaces ?? {};
  return [
    ...userNamespace(input.userNamespace),
    { type: 'mount' },
    ...one('pid', wish.pid, shared.pid),
    ...(wish.ipc.mode === 'shareable' || wish.ipc.mode === 'none' ? [{ type: 'ipc' } as const] : one('ipc', wish.ipc, shared.ipc)),
    ...one('uts', wish.uts, shared.uts),
    ...one('cgroup', wish.cgroup, shared.cgroup),
    ...networkNamespace(input),
  ];
}

function userNamespace(fact: UserNamespaceFact | undefined): Namespace[] {
  if (fact === undefined) return [];
  return fact.kind === 'path' ? [{ type: 'user', path: fact.path }] : [{ type: 'user' }];
}

/**
 * `inherit` names the namespace that the runtime is in already: it changes nothing, but the runtime then knows that
 * net.* settings are the container's own (crun refuses them for a namespace it was not told of).
 */
function networkNamespace(input: RuntimeSpecInput): Namespace[] {
  switch (input.network.kind) {
    case 'inherit':
      return [{ type: 'network', path: '/proc/self/ns/net' }];
    case 'new':
      return [{ type: 'network' }];
    case 'path':
      return [{ type: 'network', path: input.network.path }];
    case 'host':
      return [];
  }
}

function one(type: Namespace['type'], wish: SharedNamespaceSpec, shared: string | undefined): Namespace[] {
  switch (wish.mode) {
    case 'private':
      return [{ type }];
    case 'host':
      return [];
    case 'path':
      return [{ type, path: wish.path }];
    case 'container':
      if (shared === undefined) throw new Error(`no ${type} namespace was found for container ${wish.container}`);
      return [{ type, path: shared }];
  }
}

/** uidMappings and gidMappings where the container has a user namespace of its own. */
export function idMappings(fact: UserNamespaceFact | undefined): Pick<LinuxSpec, 'uidMappings' | 'gidMappings'> {
  return fact?.kind === 'maps' ? { uidMappings: fact.uids, gidMappings: fact.gids } : {};
}

/** How many ids are mapped in the namespace that we start the runtime in; keep-id defaults to the caller's own ids. */
export interface NestingFacts extends Pick<HostFacts, 'availableUids' | 'availableGids'> {
  readonly callerUid: number;
  readonly callerGid: number;
  /** What --userns=auto gave the container when it was made. */
  readonly own?: OwnIds;
}

/**
 * The maps of a user namespace below ours, in ids of ours (0 is the caller, 1 the first subordinate id).
 * @returns undefined where the default namespace is what is asked for
 * @throws ScullError UNSUPPORTED where the ids do not suffice
 */
export function nestedUserNamespace(wish: UserNamespaceSpec, facts: NestingFacts): UserNamespaceFact | undefined {
  switch (wish.mode) {
    case 'host':
    case 'container': // the launcher joins that one's namespace
      return undefined;
    case 'path':
      return { kind: 'path', path: wish.path };
    case 'keep-id':
      return {
        kind: 'maps',
        uids: keepId(wish.uid ?? facts.callerUid, facts.availableUids, wish.size),
        gids: keepId(wish.gid ?? facts.callerGid, facts.availableGids, wish.size),
      };
    case 'nomap':
      return { kind: 'maps', uids: noMap(facts.availableUids), gids: noMap(facts.availableGids) };
    case 'explicit':
      return explicitMaps(wish, facts);
    case 'auto':
      if (facts.own !== undefined) return explicitMaps(facts.own, facts);
      throw new ScullError('CORRUPT', 'the record of the container does not tell which ids --userns=auto gave it', { hint: 'make the container anew' });
  }
}

/**
 * Everybody as in the default map, but the caller (our 0) shows as `id`, and those below move up by one. `size` limits
 * how many ids there are.
 */
function keepId(id: number, available: number, size: number | undefined): IdMapping[] {
  const subordinate = available - 1;
  const below = Math.min(id, subordinate);
  const above = subordinate - below;
  const maps: IdMapping[] = [];
  if (below > 0) maps.push({ containerID: 0, hostID: 1, size: below });
  maps.push({ containerID: id, hostID: 0, size: 1 });
  if (above > 0) maps.push({ containerID: id + 1, hostID: below + 1, size: above });
  return size === undefined ? maps : clip(maps, size);
}

/** Only container ids below `size`, and always the one that is us. */
function clip(maps: readonly IdMapping[], size: number): IdMapping[] {
  return maps.flatMap((map) => {
    if (map.hostID === 0) return [map];
    const length = Math.min(map.size, size - map.containerID);
    return length <= 0 ? [] : [{ ...map, size: length }];
  });
}

/** The caller is not in the container at all. */
function noMap(available: number): IdMapping[] {
  if (available <= 1) {
    throw new ScullError('UNSUPPORTED', '--userns=nomap needs subordinate ids, and you have none', { hint: 'run `scull doctor` to see how to get them' });
  }
  return [{ containerID: 0, hostID: 1, size: available - 1 }];
}

function explicitMaps({ uids, gids }: OwnIds, { availableUids, availableGids }: NestingFacts): UserNamespaceFact {
  return { kind: 'maps', uids: explicit(uids, availableUids, 'user'), gids: explicit(gids, availableGids, 'group') };
}

function explicit(ranges: readonly IdRange[], available: number, what: 'user' | 'group'): IdMapping[] {
  for (const { container, host, size } of ranges) {
    if (host + size > available) {
      throw new ScullError('UNSUPPORTED', `cannot map container ${what} ids ${container} to ${container + size - 1}: only ${available} ids are yours, numbered 0 to ${available - 1}`, {
        hint: 'the second number counts your own ids: 0 is you, 1 the first subordinate id; `scull doctor` shows how many there are',
      });
    }
  }
  return ranges.map(({ container, host, size }) => ({ containerID: container, hostID: host, size }));
}

/**
 * The same maps in pieces that each lie within one line of the outer map: the kernel takes no others (user_namespaces(7),
 * "the range must be mapped in the parent").
 * @param outer first id and number of ids of each line, in the namespace that the runtime starts in
 */
export function splitAtRanges(maps: readonly IdMapping[], outer: readonly { readonly inside: number; readonly size: number }[]): IdMapping[] {
  return maps.flatMap((map) => {
    const pieces: IdMapping[] = [];
    for (const { inside, size } of outer) {
      const start = Math.max(map.hostID, inside);
      const end = Math.min(map.hostID + map.size, inside + size);
      if (start < end) pieces.push({ containerID: map.containerID + start - map.hostID, hostID: start, size: end - start });
    }
    return pieces;
  });
}

/** True when the user or group exists in the container; undefined where nobody knows, in a user namespace of somebody else's. */
export function isMapped(what: 'uids' | 'gids', id: number, { userNamespace: fact, host }: Pick<RuntimeSpecInput, 'userNamespace' | 'host'>): boolean | undefined {
  if (fact === undefined) return id < (what === 'uids' ? host.availableUids : host.availableGids);
  return fact[what]?.some((map) => id >= map.containerID && id < map.containerID + map.size);
}
