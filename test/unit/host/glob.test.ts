import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pathsOf } from '../../../src/host/glob.ts';

let base: string;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'glob-'));
  for (const directory of ['a', 'b', 'closed']) mkdirSync(join(base, directory));
  for (const file of ['a/one', 'a/two', 'a/.dot', 'b/one', 'b/[x]', 'b/x', 'b/a+b', 'b/back\\slash', 'b/^', 'b/]']) writeFileSync(join(base, file), '');
  chmodSync(join(base, 'closed'), 0);
});

afterAll(() => {
  chmodSync(join(base, 'closed'), 0o700);
  rmSync(base, { recursive: true });
});

it.each([
  ['a/one', ['a/one']],
  ['a/none', []],
  ['a/*', ['a/.dot', 'a/one', 'a/two']],
  ['*/one', ['a/one', 'b/one']],
  ['[ab]/o?e', ['a/one', 'b/one']],
  ['[^a]/one', ['b/one']],
  ['[!a]/one', ['b/one']],
  ['[a-b]/t*', ['a/two']],
  ['b/\\[x\\]', ['b/[x]']],
  ['b/[x]', ['b/x']],
  ['b/[]]', ['b/]']],
  ['b/[x^]', ['b/^', 'b/x']],
  ['b/a+*', ['b/a+b']],
  ['b/[', []],
  ['b/[[]*', ['b/[x]']],
  ['b/back\\\\*', ['b/back\\slash']],
  ['a/one/*', []],
  ['closed/*', []],
  ['a/../b/o*', ['a/../b/one']],
  ['.*', []],
])('%j', (pattern, expected) => {
  expect(pathsOf(`${base}/${pattern}`)).toEqual(expected.map((path) => join(base, path)));
});
