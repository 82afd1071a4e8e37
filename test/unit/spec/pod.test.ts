import { expect, it } from 'vitest';
import { parseExitPolicy, parseShare } from '../../../src/spec/pod.ts';

it.each([
  [undefined, ['ipc', 'net', 'uts']],
  ['', []],
  ['none', []],
  ['net', ['net']],
  ['+pid', ['ipc', 'net', 'pid', 'uts']],
  ['uts,network,uts', ['net', 'uts']],
])('--share %j is %j', (text, namespaces) => expect(parseShare(text)).toEqual(namespaces));

it.each(['mount', 'net,', '+', ','])('--share %j is refused', (text) => expect(() => parseShare(text)).toThrow(/is no namespace that can be shared/));

it('an exit policy is continue or stop', () => {
  expect([parseExitPolicy(undefined), parseExitPolicy('continue'), parseExitPolicy('stop')]).toEqual(['continue', 'continue', 'stop']);
  expect(() => parseExitPolicy('restart')).toThrow('it is continue or stop');
});
