import { describe, expect, test } from 'vitest';
import { DetachFilter } from '../../../src/runtime/portable-attach-worker.ts';

function typed(keys: readonly number[], ...reads: string[]) {
  const filter = new DetachFilter(keys);
  let passed = '';
  for (const text of reads) {
    const { pass, detached } = filter.take(Buffer.from(text));
    passed += pass.toString();
    if (detached) return { passed, detached };
  }
  return { passed, detached: false };
}

describe('the detach keys', () => {
  const keys = [0x10, 0x11];
  test.each([
    [['abc'], 'abc', false],
    [['a\x10\x11b'], 'a', true],
    [['a\x10', '\x11b'], 'a', true],
    [['a\x10b\x11'], 'a\x10b\x11', false],
    [['\x10\x10\x11'], '\x10', true],
    [['\x10', 'x'], '\x10x', false],
  ])('%j', (reads, passed, detached) => {
    expect(typed(keys, ...reads)).toEqual({ passed, detached });
  });

  test('none pass everything on', () => {
    expect(typed([], '\x10\x11')).toEqual({ passed: '\x10\x11', detached: false });
  });

  test('one is enough', () => {
    expect(typed([0x04], 'ab\x04c')).toEqual({ passed: 'ab', detached: true });
  });
});
