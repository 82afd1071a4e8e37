import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { executableFile } from '../../../src/host/product.ts';
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

test('an executable that was replaced by an upgrade while it runs is looked for in its place', () => {
  expect(executableFile('/usr/local/bin/scull (deleted)')).toBe('/usr/local/bin/scull');
  expect(executableFile('/usr/local/bin/scull')).toBe('/usr/local/bin/scull');
});
