import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Digest } from '../../../../src/oci/digest.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import { linkOf, removeLink, shortName } from '../../../../src/storage/layers/links.ts';
import type { Store } from '../../../../src/storage/store.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

const chain = `sha256:${'0123456789abcdef'.repeat(4)}` as Digest;
const hex = chain.slice(7);

function emptyStore(): Store {
  const root = scratchDirectory();
  return { layout: storeLayout(root, join(root, 'run')), driver: 'auto' };
}

test('a short name is ten plain letters and depends on the chain id alone', () => {
  const names = [shortName(hex), shortName(hex, 1), shortName(hex, 2), shortName('f'.repeat(64)), shortName('0'.repeat(64))];
  for (const name of names) expect(name).toMatch(/^[a-z2-7]{10}$/);
  expect(new Set(names).size).toBe(5);
  expect(shortName('0'.repeat(64))).toBe('aaaaaaaaaa');
  expect(shortName('f'.repeat(64))).toBe('7777777777');
});

test('the link leads to the layer, and is made again when lost', () => {
  const store = emptyStore();
  const name = linkOf(store, chain);
  expect(readlinkSync(join(store.layout.layerLinks, name))).toBe(`../${hex}/diff`);
  rmSync(join(store.layout.layerLinks, name));
  expect(linkOf(store, chain)).toBe(name);
  expect(lstatSync(join(store.layout.layerLinks, name)).isSymbolicLink()).toBe(true);
});

test('a name that another layer has is left to it', () => {
  const store = emptyStore();
  mkdirSync(store.layout.layerLinks, { recursive: true });
  symlinkSync('../other/diff', join(store.layout.layerLinks, shortName(hex)));
  expect(linkOf(store, chain)).toBe(shortName(hex, 1));
  removeLink(store, chain);
  expect(readdirSync(store.layout.layerLinks)).toEqual([shortName(hex)]);
});
