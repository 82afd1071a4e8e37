import { expect, test } from 'vitest';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../../src/runtime/attach.ts';

test.each([
  [DEFAULT_DETACH_KEYS, [0x10, 0x11]],
  ['a,b', [97, 98]],
  ['ctrl-@', [0]],
  ['ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [27, 28, 29, 30, 31]],
  ['CTRL-A,Z', [1, 90]],
  ['', []],
])('detach keys %j are the bytes %j', (text, bytes) => {
  expect(parseDetachKeys(text)).toEqual(bytes);
});

test.each(['ctrl-', 'ctrl-aa', 'ab', ',', 'a,', 'é', 'ctrl-1'])('detach keys %j are refused', (text) => {
  expect(() => parseDetachKeys(text)).toThrow(/invalid detach keys/);
});
