import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admitImage } from '../../../src/storage/admit.ts';
import { lookUpImage } from '../../../src/storage/image-lookup.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';
import { makeImage, type MadeImage } from '../../support/image-source.ts';

let root: string;
let store: Store;
const images: Record<string, MadeImage> = {};

/** Two images whose ids begin with the same hex digit exist among seventeen. */
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'scull-lookup-'));
  store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' };
  const add = async (key: string, names: readonly string[], repository?: string): Promise<void> => {
    const image = makeImage({ command: key });
    images[key] = image;
    await admitImage(store, image.source, { names, repoDigests: repository === undefined ? [] : [`${repository}@${image.manifestDigest}`], progress: () => undefined });
  };
  await add('hub', ['docker.io/library/debian:latest'], 'docker.io/library/debian');
  await add('local', ['localhost/app:latest', 'localhost/app:2']);
  await add('hub app', ['docker.io/library/app:latest']);
  await add('quay', ['quay.io/team/tool:v1'], 'quay.io/team/tool');
  await add('ghcr', ['ghcr.io/other/tool:v1']);
  await add('one', ['example.org:5000/deep/path/only:latest']);
  await add('hexname', ['localhost/cafe:latest']);
  await add('dangling', []);
  for (let index = 0; index < 17; index += 1) await add(`many ${index}`, []);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const image = (key: string): MadeImage => images[key] as MadeImage;

describe('an image is found by', () => {
  test.each([
    ['debian', 'hub', 'docker.io/library/debian:latest'],
    ['docker.io/debian', 'hub', 'docker.io/library/debian:latest'],
    ['library/debian:latest', 'hub', 'docker.io/library/debian:latest'],
    ['app', 'local', 'localhost/app:latest'],
    ['app:2', 'local', 'localhost/app:2'],
    ['docker.io/library/app', 'hub app', 'docker.io/library/app:latest'],
    ['only', 'one', 'example.org:5000/deep/path/only:latest'],
    ['path/only', 'one', 'example.org:5000/deep/path/only:latest'],
    ['other/tool:v1', 'ghcr', 'ghcr.io/other/tool:v1'],
    ['cafe', 'hexname', 'localhost/cafe:latest'],
  ])('%s', (text, key, name) => {
    expect(lookUpImage(store, text)).toMatchObject({ name, image: { id: image(key).id } });
  });

  test('its id, whole or its beginning, with or without sha256:', () => {
    const { id } = image('dangling');
    for (const text of [id, id.slice(7), id.slice(7, 19), id.slice(0, 19)]) expect(lookUpImage(store, text)).toEqual({ image: expect.objectContaining({ id }) });
  });

  test('the whole digest of its manifest', () => {
    expect(lookUpImage(store, image('quay').manifestDigest).image.id).toBe(image('quay').id);
  });

  test('repository and digest, whatever the tag says', () => {
    const { id, manifestDigest } = image('quay');
    for (const text of [`quay.io/team/tool@${manifestDigest}`, `quay.io/team/tool:v9@${manifestDigest}`, `tool@${manifestDigest}`, `team/tool@${manifestDigest}`]) {
      expect(lookUpImage(store, text), text).toMatchObject({ name: `quay.io/team/tool@${manifestDigest}`, image: { id } });
    }
    // It came without a digest being noted, but it is the very manifest.
    expect(lookUpImage(store, `ghcr.io/other/tool@${image('ghcr').manifestDigest}`).image.id).toBe(image('ghcr').id);
  });
});

describe('no image is found by', () => {
  test.each(['nosuch', 'debian:12', 'docker.io/app:2', 'localhost/debian', 'ool:v1', 'quay.io/tool:v1', `quay.io/team/tool@sha256:${'0'.repeat(64)}`, '0'.repeat(64), `sha256:${'0'.repeat(64)}`])('%s', (text) => {
    expect(() => lookUpImage(store, text)).toThrow(expect.objectContaining({ code: 'NO_SUCH_IMAGE', message: expect.stringContaining(text) }));
  });

  test('another repository with the right digest', () => {
    expect(() => lookUpImage(store, `docker.io/library/debian@${image('quay').manifestDigest}`)).toThrow(expect.objectContaining({ code: 'NO_SUCH_IMAGE' }));
  });

  test.each(['', 'A/B C', '-x', 'a:b:c', 'a@sha256:12', '../x', 'x\u001b[2J'])('what is no name: %j', (text) => {
    expect(() => lookUpImage(store, text)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});

describe('what fits several images is not guessed', () => {
  test('the end of two names', () => {
    expect(() => lookUpImage(store, 'tool:v1')).toThrow(expect.objectContaining({ code: 'AMBIGUOUS', message: expect.stringMatching(/ghcr\.io\/other\/tool:v1.*quay\.io\/team\/tool:v1/) }));
  });

  test('the beginning of two ids', () => {
    const seen = new Set<string>();
    const digits = Object.values(images).map((one) => one.id[7] as string);
    const twice = digits.find((digit) => seen.has(digit) || !seen.add(digit)) as string;
    expect(() => lookUpImage(store, twice)).toThrow(expect.objectContaining({ code: 'AMBIGUOUS' }));
  });
});
