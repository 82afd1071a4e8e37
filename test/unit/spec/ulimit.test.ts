import { describe, expect, it } from 'vitest';
import { parseUlimit } from '../../../src/spec/ulimit.ts';

describe('parseUlimit', () => {
  it.each([
    ['nofile=1024', { name: 'nofile', soft: 1024, hard: 1024 }], ['nofile=1024:2048', { name: 'nofile', soft: 1024, hard: 2048 }], ['core=-1', { name: 'core', soft: -1, hard: -1 }],
    ['core=0:unlimited', { name: 'core', soft: 0, hard: -1 }], ['NPROC=5', { name: 'nproc', soft: 5, hard: 5 }], ['RLIMIT_NPROC=5', { name: 'nproc', soft: 5, hard: 5 }], ['host', { name: 'host', soft: -1, hard: -1 }],
  ])('reads %j', (text, limit) => {
    expect(parseUlimit(text)).toEqual(limit);
  });

  it.each([
    ['', 'expected name=soft[:hard]'], ['nofile', 'expected name=soft[:hard]'], ['nofiles=1', 'unknown limit "nofiles"'], ['nofile=', 'the soft limit "" is not a number'], ['nofile=1:', 'the hard limit ""'],
    ['nofile=2:1', 'the soft limit 2 is above the hard limit 1'], ['nofile=-1:5', 'above the hard limit'], ['nofile=1:2:3', 'at most two numbers'], ['nofile=x', 'the soft limit "x"'], ['nofile=-5', 'the soft limit "-5"'],
  ])('refuses %j', (text, why) => {
    expect(() => parseUlimit(text)).toThrow(why);
  });
});
