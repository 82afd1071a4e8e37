import { expect, test } from 'vitest';
import { clipRanges } from '../../../src/userns/id-maps.ts';

const promised = [{ start: 100_000, size: 65_536 }];

test('a user namespace that has all ids leaves ranges as they are', () => {
  expect(clipRanges(promised, '         0          0 4294967295\n')).toEqual(promised);
});

test('in a container with fewer ids than its /etc/subuid promises only those count that it has', () => {
  expect(clipRanges(promised, '0 1000 1\n1 200000 150000\n')).toEqual([{ start: 100_000, size: 50_001 }]);
  expect(clipRanges(promised, '0 1000 1\n')).toEqual([]);
});
