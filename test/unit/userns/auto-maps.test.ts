import { describe, expect, it } from 'vitest';
import type { IdRange } from '../../../src/spec/container-spec.ts';
import { autoMaps } from '../../../src/userns/auto-maps.ts';

const words = (ranges: readonly IdRange[]): string[] => ranges.map(({ container, host, size }) => `${container}:${host}:${size}`);
const range = (host: number, size: number, container = 0): IdRange => ({ container, host, size });

function uids(wish: { uids?: readonly IdRange[] }, facts: { size: number; available?: number; used?: readonly IdRange[] }): string[] {
  const available = facts.available ?? 65537;
  return words(autoMaps({ mode: 'auto', ...wish }, { size: facts.size, available: { uids: available, gids: available }, used: { uids: facts.used ?? [], gids: [] } }).uids);
}

describe('autoMaps', () => {
  it('begins with the first subordinate id and leaves the caller out', () => {
    expect(uids({}, { size: 1024 })).toEqual(['0:1:1024']);
    expect(uids({}, { size: 65536 })).toEqual(['0:1:65536']);
  });

  it('takes what no other container has', () => {
    expect(uids({}, { size: 1024, used: [range(1, 1024)] })).toEqual(['0:1025:1024']);
    expect(uids({}, { size: 10, used: [range(1, 5), range(20, 5)] })).toEqual(['0:6:10']);
  });

  it('takes a gap that is large enough as a whole, and else several', () => {
    expect(uids({}, { size: 20, used: [range(10, 5), range(50, 65487)] })).toEqual(['0:15:20']);
    expect(uids({}, { size: 20, available: 31, used: [range(10, 5), range(25, 3)] })).toEqual(['0:1:9', '9:15:10', '19:28:1']);
  });

  it('maps by hand what was asked for, and the rest around it', () => {
    expect(uids({ uids: [range(0, 1, 1000)] }, { size: 2000 })).toEqual(['0:1:1000', '1000:0:1', '1001:1001:999']);
    expect(uids({ uids: [range(5, 2, 5000)] }, { size: 10 })).toEqual(['0:7:10', '5000:5:2']);
  });

  it('counts users and groups apart', () => {
    const maps = autoMaps({ mode: 'auto' }, { size: 10, available: { uids: 100, gids: 100 }, used: { uids: [range(1, 10)], gids: [range(1, 20)] } });
    expect([...words(maps.uids), ...words(maps.gids)]).toEqual(['0:11:10', '0:21:10']);
  });

  it.each([
    [{ size: 65537 }, 'needs 65537 user ids, and you have 65536'],
    [{ size: 2, available: 1 }, 'needs subordinate ids, and you have none'],
    [{ size: 50, available: 101, used: [range(1, 60)] }, 'needs 50 user ids for itself, and only 40 of your 100 subordinate ones are free'],
  ])('says where too few are free: %j', (facts, why) => {
    expect(() => uids({}, facts)).toThrow(why);
  });
});
