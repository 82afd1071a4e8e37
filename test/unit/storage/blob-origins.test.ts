import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { admitImage } from '../../../src/storage/admit.ts';
import { knownOrigins } from '../../../src/storage/blob-origins.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';
import { makeImage, type MadeImage } from '../../support/image-source.ts';

let root: string;
let store: Store;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-origins-'));
  store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' };
});
afterEach(() => rmSync(root, { recursive: true }));

const admit = (image: MadeImage, name: string, ...repositories: readonly string[]) =>
  admitImage(store, image.source, { names: [name], repoDigests: repositories.map((repository) => `${repository}@${image.manifestDigest}`), progress: () => undefined });

test('a blob is known to be where any image with it was pulled from or pushed to, of the image itself first', async () => {
  // Two manifests of one configuration: a blob of two images.
  const base = await admit(makeImage({ command: 'same', annotations: { of: 'base' } }), 'r.example/base:1', 'r.example/team/base', 'else.example/base');
  const app = await admit(makeImage({ command: 'same', annotations: { of: 'app' } }), 'localhost/app:1', 'r.example/app');
  await admit(makeImage({ command: 'other' }), 'localhost/other:1');
  const config = base.manifest.config.digest;
  expect(app.manifest.config.digest).toBe(config);
  expect(Object.fromEntries(knownOrigins(store, 'r.example', app.manifestDigest))).toEqual({ [config]: ['app', 'team/base'] });
  expect(Object.fromEntries(knownOrigins(store, 'r.example', base.manifestDigest))).toEqual({ [config]: ['team/base', 'app'] });
  expect(knownOrigins(store, 'r.example:5000', app.manifestDigest).size).toBe(0);
});

test('an image that can not be read is left out', async () => {
  const lost = await admit(makeImage({ command: 'lost' }), 'r.example/lost:1', 'r.example/lost');
  const app = await admit(makeImage({ command: 'app' }), 'r.example/app:1', 'r.example/app');
  rmSync(store.layout.blob(lost.manifestDigest));
  expect([...knownOrigins(store, 'r.example', app.manifestDigest).values()]).toEqual([['app']]);
});
