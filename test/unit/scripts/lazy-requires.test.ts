import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeLazy } from '../../../scripts/build/lazy-requires.mjs';

const require = createRequire(import.meta.url);
const oclif = dirname(require.resolve('@oclif/core/package.json'));

test('the base class of oclif is changed as the plugin expects, and loads nothing when it is loaded', () => {
  const text = makeLazy(readFileSync(join(oclif, 'lib/command.js'), 'utf8'), 'command.js', '5.1.9');
  const loaded: string[] = [];
  const module = { exports: {} as { Command?: { _base: string } } };
  const run = new Function('exports', 'require', 'module', text) as (...values: unknown[]) => void;
  run(module.exports, (name: string) => (loaded.push(name), {}), module);
  expect(loaded).toEqual([]);
  expect(module.exports.Command?._base).toBe('@oclif/core@5.1.9');
});

test('another version of oclif stops the build instead of making it slow', () => {
  expect(() => makeLazy('const x = 1;', 'command.js', '6.0.0')).toThrow(/not what this plugin was written for/);
});

test('uses become calls, names of properties and keys stay', () => {
  const text = makeLazy('const util_1 = require("./util");\nconst Errors = __importStar(require("./errors"));\nexports.Errors = Errors; const y = { Errors: (0, util_1.x)(), z: y ? Errors : 1 };', 'index.js', '5.1.9');
  expect(text).toContain('exports.Errors = Errors$lazy(); const y = { Errors: (0, util_1$lazy().x)(), z: y ? Errors$lazy() : 1 };');
});

test('what is made by new is the class, not what its module is got by', () => {
  const text = makeLazy('const errors_1 = require("./errors");\nexports.fail = () => { throw new errors_1.CLIError("no"); };', 'flags.js', '5.1.9');
  const exported = {} as { fail: () => void };
  class CLIError extends Error {}
  (new Function('exports', 'require', text) as (...values: unknown[]) => void)(exported, () => ({ CLIError }));
  expect(exported.fail).toThrow(CLIError);
});
