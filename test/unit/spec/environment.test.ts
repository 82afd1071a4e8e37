import { describe, expect, it } from 'vitest';
import { parseEnvironment, parseEnvironmentFile, parseEnvironmentMerge } from '../../../src/spec/environment.ts';

const caller = { HOME: '/home/u', LC_ALL: 'C', LC_TIME: 'de', EMPTY: '', GONE: undefined };

describe('parseEnvironment', () => {
  it.each([
    ['A=1', ['A=1']], ['A=', ['A=']], ['A=b=c', ['A=b=c']], ['A= x ', ['A= x ']], ['HOME', ['HOME=/home/u']], ['EMPTY', ['EMPTY=']], ['NOPE', []], ['GONE', []],
    ['LC_*', ['LC_ALL=C', 'LC_TIME=de']], ['X*', []], ['A*=1', ['A*=1']], ['my.key-1=v', ['my.key-1=v']],
  ])('reads %j', (text, entries) => {
    expect(parseEnvironment(text, caller)).toEqual(entries);
  });

  it('takes every variable of the caller for *', () => {
    expect(parseEnvironment('*', caller)).toEqual(['HOME=/home/u', 'LC_ALL=C', 'LC_TIME=de', 'EMPTY=']);
  });

  it.each([['', 'the name is empty'], ['=x', 'the name is empty'], ['A B=1', 'holds white space'], ['A=\0', 'NUL']])('refuses %j', (text, why) => {
    expect(() => parseEnvironment(text, caller)).toThrow(why);
  });
});

describe('parseEnvironmentFile', () => {
  it('passes comments and empty lines over and keeps quotes', () => {
    expect(parseEnvironmentFile('# c\n\n  A=1\r\nB="x # y"\nHOME\nNOPE\n', 'env', caller)).toEqual(['A=1', 'B="x # y"', 'HOME=/home/u']);
  });

  it('names the line that is wrong', () => {
    expect(() => parseEnvironmentFile('A=1\n=2\n', 'my.env', caller)).toThrow('invalid variable in line 2 of my.env: the name is empty');
    expect(() => parseEnvironmentFile('export A=1\n', 'my.env', caller)).toThrow('line 1 of my.env');
  });
});

describe('parseEnvironmentMerge', () => {
  it('wants both sides', () => {
    expect(parseEnvironmentMerge('PATH=${PATH}:/x')).toBe('PATH=${PATH}:/x');
    expect(() => parseEnvironmentMerge('PATH')).toThrow('--env-merge');
  });
});
