import { describe, expect, it } from 'vitest';
import type { IdMapping } from '../../../../src/oci/runtime-spec.ts';
import type { HostFacts, UserNamespaceFact } from '../../../../src/runtime/oci-spec/input.ts';
import { isMapped, nestedUserNamespace, splitAtRanges } from '../../../../src/runtime/oci-spec/namespaces.ts';
import type { UserNamespaceSpec } from '../../../../src/spec/container-spec.ts';

function uids(wish: UserNamespaceSpec, availableUids = 65536, callerUid = 1000): readonly IdMapping[] {
  const fact = nestedUserNamespace(wish, { availableUids, availableGids: availableUids, callerUid, callerGid: callerUid });
  return fact?.kind === 'maps' ? fact.uids : [];
}

const total = (maps: readonly IdMapping[]): number => maps.reduce((sum, map) => sum + map.size, 0);

describe('nestedUserNamespace', () => {
  it('needs none for the default, nor to join a container\'s', () => {
    const facts = { availableUids: 5, availableGids: 5, callerUid: 1, callerGid: 1 };
    expect(nestedUserNamespace({ mode: 'host' }, facts)).toBeUndefined();
    expect(nestedUserNamespace({ mode: 'container', container: 'x' }, facts)).toBeUndefined();
    expect(nestedUserNamespace({ mode: 'path', path: '/p' }, facts)).toEqual({ kind: 'path', path: '/p' });
  });

  it.each([0, 1, 5, 1000, 65535, 70000, 2_000_000])('keeps every id and maps each once, whatever id the caller (%i) has', (callerUid) => {
    const maps = uids({ mode: 'keep-id' }, 65536, callerUid);
    expect(total(maps)).toBe(65536);
    expect(maps.find((map) => map.hostID === 0)).toEqual({ containerID: callerUid, hostID: 0, size: 1 });
    const ends = [...maps].sort((a, b) => a.hostID - b.hostID).map((map) => [map.hostID, map.hostID + map.size]);
    for (const [index, [start]] of ends.entries()) if (index > 0) expect(start).toBe(ends[index - 1]![1]);
  });

  it('clips to a size, never the caller', () => {
    expect(uids({ mode: 'keep-id', uid: 1000, size: 100 })).toEqual([{ containerID: 0, hostID: 1, size: 100 }, { containerID: 1000, hostID: 0, size: 1 }]);
  });
});

describe('splitAtRanges', () => {
  const outer = [{ inside: 0, size: 1 }, { inside: 1, size: 100 }, { inside: 101, size: 50 }];

  it('cuts where one line of the outer map ends', () => {
    expect(splitAtRanges([{ containerID: 5, hostID: 0, size: 120 }], outer)).toEqual([
      { containerID: 5, hostID: 0, size: 1 },
      { containerID: 6, hostID: 1, size: 100 },
      { containerID: 106, hostID: 101, size: 19 },
    ]);
  });

  it('leaves alone what lies within one', () => {
    const maps = [{ containerID: 0, hostID: 1, size: 100 }, { containerID: 1000, hostID: 0, size: 1 }];
    expect(splitAtRanges(maps, outer)).toEqual(maps);
  });
});

describe('isMapped', () => {
  it('looks at the maps, or at how many ids there are', () => {
    const host = { availableUids: 1, availableGids: 3 } as HostFacts;
    const maps = { uids: [{ containerID: 10, hostID: 0, size: 2 }], gids: [{ containerID: 20, hostID: 0, size: 1 }] };
    const uids = (userNamespace: UserNamespaceFact) => [9, 10, 11, 12].map((id) => isMapped('uids', id, { host, userNamespace }));
    expect(uids({ kind: 'maps', ...maps })).toEqual([false, true, true, false]);
    expect(uids({ kind: 'path', path: '/p', ...maps })).toEqual([false, true, true, false]);
    expect(isMapped('gids', 20, { host, userNamespace: { kind: 'maps', ...maps } })).toBe(true);
    expect([0, 1].map((id) => isMapped('uids', id, { host }))).toEqual([true, false]);
    expect([2, 3].map((id) => isMapped('gids', id, { host }))).toEqual([true, false]);
  });

  it('does not know the ids of a namespace of which only the path is known', () => {
    expect(isMapped('uids', 0, { host: {} as HostFacts, userNamespace: { kind: 'path', path: '/p' } })).toBeUndefined();
  });
});
