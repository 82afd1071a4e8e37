import { expect, test } from 'vitest';
import { parseCopySide } from '../../../../src/engine/containers/copy.ts';

test.each([
  ['web:/etc', { kind: 'container', name: 'web', path: '/etc' }],
  ['web:etc', { kind: 'container', name: 'web', path: 'etc' }],
  ['web:', { kind: 'container', name: 'web', path: '' }],
  ['web:/a:b', { kind: 'container', name: 'web', path: '/a:b' }],
  ['file', { kind: 'host', path: 'file' }],
  ['./a:b', { kind: 'host', path: './a:b' }],
  ['/a:b', { kind: 'host', path: '/a:b' }],
  [':x', { kind: 'host', path: ':x' }],
  ['-', { kind: 'stream' }],
])('%s', (text, side) => {
  expect(parseCopySide(text)).toEqual(side);
});
