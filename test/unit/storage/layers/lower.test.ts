import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { LowerLayers, UNDESCRIBED } from '../../../../src/storage/layers/lower.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

/** A layer from paths: `x/` a directory, `-x` a whiteout, `x -> y` a link, `!x/` an opaque directory. */
function layer(...paths: string[]): string {
  const diff = join(scratchDirectory(), 'diff');
  mkdirSync(diff);
  const opaque: string[] = [];
  for (const path of paths) {
    const [name, target] = path.replace(/^[-!]/, '').split(' -> ') as [string, string?];
    mkdirSync(join(diff, dirname(name)), { recursive: true });
    if (path.startsWith('-')) execFileSync('mknod', [join(diff, name), 'c', '0', '0']);
    else if (target !== undefined) symlinkSync(target, join(diff, name));
    else if (name.endsWith('/')) mkdirSync(join(diff, name), { recursive: true });
    else writeFileSync(join(diff, name), '');
    if (path.startsWith('!')) opaque.push(name.slice(0, -1));
  }
  const digest = `sha256:${'0'.repeat(64)}`;
  writeFileSync(join(diff, '../layer.json'), JSON.stringify({ format: 1, chainId: digest, diffId: digest, link: 'x', size: 0, opaque }));
  return diff;
}

test.each<[string, string[][], string, boolean]>([
  ['a file of a lower layer shows through a directory above it', [['d/a'], ['d/b']], 'd/a', true],
  ['a whiteout hides it', [['d/a'], ['-d/a']], 'd/a', false],
  ['a whiteout of the directory hides all below it', [['d/a'], ['-d']], 'd/a', false],
  ['an opaque directory hides what it does not have', [['d/a'], ['!d/']], 'd/a', false],
  ['an opaque directory hides deeper things too', [['d/e/a'], ['!d/', 'd/e/b']], 'd/e/a', false],
  ['an opaque directory shows its own', [['d/a'], ['!d/', 'd/b']], 'd/b', true],
  ['a file in the place of a directory hides what was in it', [['d/a'], ['d']], 'd/a', false],
  ['links are not followed', [['real/a'], ['d -> real']], 'd/a', false],
  ['a later layer brings it back', [['d/a'], ['-d'], ['d/a']], 'd/a', true],
  ['what no layer has is not there', [['d/a']], 'x', false],
])('%s', (_, layers, path, shown) => {
  expect(new LowerLayers(layers.map((paths) => layer(...paths))).has(path)).toBe(shown);
});

test('the merged root lists each name once, without the hidden ones', () => {
  const lower = new LowerLayers([layer('a', 'b', 'c'), layer('-b', 'c', 'd')]);
  expect([...lower.rootNames()].sort()).toEqual(['a', 'c', 'd']);
});

test('without layers a directory gets plain attributes', () => {
  expect(new LowerLayers([]).attributes('any/')).toEqual(UNDESCRIBED);
});
