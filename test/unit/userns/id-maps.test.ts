import { expect, test } from 'vitest';
import { clipRanges, formatIdMap, outsideIds, stackRanges } from '../../../src/userns/id-maps.ts';

const promised = [{ start: 100_000, size: 65_536 }];

test('a user namespace that has all ids leaves ranges as they are', () => {
  expect(clipRanges(promised, '         0          0 4294967295\n')).toEqual(promised);
});

test('in a container with fewer ids than its /etc/subuid promises only those count that it has', () => {
  expect(clipRanges(promised, '0 1000 1\n1 200000 150000\n')).toEqual([{ start: 100_000, size: 50_001 }]);
  expect(clipRanges(promised, '0 1000 1\n')).toEqual([]);
});

test('a namespace around those of others has all ids as they are outside', () => {
  const uids = stackRanges(1000, promised);
  const around = outsideIds({ uids, gids: stackRanges(100, promised) });
  expect(formatIdMap(around.uids)).toBe('1000:1000:1,100000:100000:65536');
  expect(formatIdMap(around.gids)).toBe('100:100:1,100000:100000:65536');
});
