import { expect, test } from 'vitest';
import { isMapped, parseMap, unmappedOwner } from '../../../../src/storage/layers/owners.ts';

test('a map is read as the kernel writes it', () => {
  const map = parseMap('         0       1001          1\n         1     100000      65536\n');
  expect(map).toEqual([{ first: 0, size: 1 }, { first: 1, size: 65536 }]);
  expect([0, 1, 65536, 65537].map((id) => isMapped(map, id))).toEqual([true, true, true, false]);
});

test('the remedy proposes exactly the missing number of ids, or says that none can help', () => {
  const ids = { uids: [{ first: 0, size: 65537 }], gids: [{ first: 0, size: 65537 }], single: false };
  expect(unmappedOwner('file "x"', 'user', 65537, ids).hint).toMatch(/add the 1 missing ones/);
  expect(unmappedOwner('file "x"', 'group', 100_000, ids).hint).toMatch(/add the 34464 missing ones: sudo usermod --add-subuids (\d+)-(\d+) --add-subgids \1-\2 \$USER/);
  expect(unmappedOwner('file "x"', 'user', 4_294_967_294, ids).hint).toMatch(/made again/);
});
