import { describe, expect, it } from 'vitest';
import { displayWidth, renderTable } from '../../../../src/cli/present/table.ts';

describe('a table', () => {
  it('has columns of at least twelve, two spaces between, and nothing after the last word', () => {
    expect(
      renderTable([
        ['CONTAINER ID', 'IMAGE', 'PORTS', 'NAMES'],
        ['0123456789ab', 'docker.io/library/debian:latest', '', 'web'],
        ['ab', 'x', '80/tcp', ''],
      ]),
    ).toBe(
      [
        'CONTAINER ID  IMAGE                            PORTS       NAMES',
        '0123456789ab  docker.io/library/debian:latest              web',
        'ab            x                                80/tcp',
        '',
      ].join('\n'),
    );
  });
  it('shows control characters and line breaks of a cell instead of obeying them', () => {
    expect(renderTable([['a\nb\tc\u001b[1m', 'x']])).toBe('a\\nb\\tc\\x1b[1m  x\n');
  });
  it('counts wide characters as two columns and combining marks as none', () => {
    expect([displayWidth('漢字'), displayWidth('e\u0301'), displayWidth('🚀a'), displayWidth('plain')]).toEqual([4, 1, 3, 5]);
    expect(renderTable([['漢字', 'x'], ['abcd', 'y']], { minWidth: 0 })).toBe('漢字  x\nabcd  y\n');
  });
  it('copes with rows of different length and with none', () => {
    expect(renderTable([['a'], ['b', 'c']])).toBe('a\nb           c\n');
    expect(renderTable([])).toBe('');
  });
});
