import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { manifestText } from '../../../scripts/build/manifest.ts';
import { VERSION } from '../../../src/host/version.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('oclif.manifest.json is current; `npm run build` writes it', async () => {
  // Compared as a truth value: nobody wants to read 10,000 lines of difference.
  expect(readFileSync(`${root}/oclif.manifest.json`, 'utf8') === (await manifestText(root))).toBe(true);
});

test('the version in the sources is that of package.json', () => {
  expect(VERSION).toBe((JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string }).version);
});
