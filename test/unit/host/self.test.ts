import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rememberScript, selfCommand } from '../../../src/host/self.ts';

test('a library under test starts the sources of its checkout', () => {
  const { file, args } = selfCommand('__worker', 'x');
  expect(existsSync(file)).toBe(true);
  expect(args.slice(-3)).toEqual([expect.stringMatching(/bin\/dev\.ts$/), '__worker', 'x']);
});

test('with an entry point we start ourselves: this runtime and that script', () => {
  rememberScript('/somewhere/bin/run.js');
  expect(selfCommand('ps', '-a')).toEqual({ file: process.execPath, args: ['/somewhere/bin/run.js', 'ps', '-a'] });
});
