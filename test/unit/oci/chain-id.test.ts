import { expect, test } from 'vitest';
import { chainIds } from '../../../src/oci/chain-id.ts';
import { parseDigest } from '../../../src/oci/digest.ts';
import { sha256 } from '../../support/digest.ts';

const [a, b, c] = ['a', 'b', 'c'].map((digit) => parseDigest(`sha256:${digit.repeat(64)}`)) as [ReturnType<typeof parseDigest>, ReturnType<typeof parseDigest>, ReturnType<typeof parseDigest>];

test('the lowest layer is named by its own digest, each other by the stack it tops', () => {
  const second = sha256(`${a} ${b}`);
  expect(chainIds([a, b, c])).toEqual([a, second, sha256(`${second} ${c}`)]);
  expect(chainIds([a])).toEqual([a]);
  expect(chainIds([])).toEqual([]);
});

test('the same layer on another one has another name', () => {
  expect(chainIds([a, c])[1]).not.toBe(chainIds([b, c])[1]);
});
