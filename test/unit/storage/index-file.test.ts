import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MEDIA_TYPES } from '../../../src/oci/image.ts';
import { lookUpImage } from '../../../src/storage/image-lookup.ts';
import { readImages } from '../../../src/storage/images.ts';
import { changeIndex, readIndex } from '../../../src/storage/index-file.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';
import { sha256 } from '../../support/digest.ts';
import { makeImage, type MadeImage } from '../../support/image-source.ts';

let root: string;
let store: Store;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-index-'));
  store = { layout: storeLayout(root, join(root, 'run')), driver: 'vfs' };
  mkdirSync(join(store.layout.images, 'blobs', 'sha256'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Puts an image there as another program would. */
function place(image: MadeImage): { mediaType: string; digest: string; size: number } {
  writeFileSync(store.layout.blob(image.manifestDigest), image.manifestBytes);
  writeFileSync(store.layout.blob(image.id), image.blobs.get(image.id) as Buffer);
  return { mediaType: MEDIA_TYPES.ociManifest, digest: image.manifestDigest, size: image.manifestBytes.length };
}

function writeForeign(manifests: readonly object[]): void {
  writeFileSync(join(store.layout.images, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

const named = (name: string): { annotations: Record<string, string> } => ({ annotations: { 'org.opencontainers.image.ref.name': name } });

test('images that other programs put there are found, by names of this machine', () => {
  const image = makeImage();
  writeForeign([{ ...place(image), ...named('tool:1') }, { ...place(image), ...named('quay.io/x/y:2') }, { ...place(image), ...named('../../etc') }]);
  expect(readImages(store).images).toMatchObject([{ id: image.id, names: ['localhost/tool:1', 'quay.io/x/y:2'] }]);
  expect(lookUpImage(store, 'tool:1').image.id).toBe(image.id);
  expect(lookUpImage(store, image.id.slice(7, 15)).image.id).toBe(image.id);
});

test('of an index for several machines the image for this one is taken', () => {
  const [here, there] = [makeImage({ command: 'here' }), makeImage({ command: 'there' })];
  const manifests = [
    { ...place(there), platform: { os: 'linux', architecture: 's390x' } },
    { ...place(here), platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch } },
  ];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
  writeFileSync(store.layout.blob(sha256(bytes)), bytes);
  writeForeign([{ mediaType: MEDIA_TYPES.ociIndex, digest: sha256(bytes), size: bytes.length, ...named('multi:1') }]);
  expect(lookUpImage(store, 'multi:1').image.id).toBe(here.id);
});

test('what is not an image is left out of the list, and kept in the file', async () => {
  const chart = { mediaType: 'application/vnd.example+json', digest: sha256('chart'), size: 5, annotations: { a: 'b' } };
  const image = makeImage();
  writeForeign([chart, { ...place(image), ...named('x:1') }]);
  await changeIndex(store, (entries) => [...entries]);
  const { manifests } = JSON.parse(readFileSync(join(store.layout.images, 'index.json'), 'utf8'));
  expect(manifests).toContainEqual(chart);
  expect(readImages(store).images.map((one) => one.id)).toEqual([image.id]);
});

test('what is written is read the same', async () => {
  const entries = [
    { descriptor: { mediaType: MEDIA_TYPES.ociManifest, digest: sha256('a'), size: 1, annotations: { other: 'x' } }, name: 'localhost/a:1', imageId: sha256('b'), repoDigests: ['r@1', 's@2'], size: 42 },
    { descriptor: { mediaType: MEDIA_TYPES.dockerManifest, digest: sha256('c'), size: 2 }, repoDigests: [] },
  ];
  await changeIndex(store, () => entries);
  expect(readIndex(store)).toEqual(entries);
});

test('a change that fails leaves the file alone and the lock free', async () => {
  await changeIndex(store, () => []);
  const failing = changeIndex(store, () => {
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await changeIndex(store, (entries) => entries);
});

test('notes of ours that another program copied to what it made are not believed', async () => {
  const image = makeImage({ command: 'ours' });
  const changed = makeImage({ command: 'theirs' });
  const descriptor = place(image);
  place(changed);
  await changeIndex(store, () => [{ descriptor: { ...descriptor, digest: image.manifestDigest }, name: 'localhost/app:1', imageId: image.id, repoDigests: [`quay.io/app@${image.manifestDigest}`], size: 7 }]);
  const index = JSON.parse(readFileSync(join(store.layout.images, 'index.json'), 'utf8')) as { manifests: { annotations: Record<string, string> }[] };
  const [own] = index.manifests as [{ annotations: Record<string, string> }];
  writeForeign([own, { ...own, ...place(changed), annotations: { ...own.annotations, 'org.opencontainers.image.ref.name': 'changed' } }]);
  expect(readIndex(store)[0]).toMatchObject({ imageId: image.id, size: 7, repoDigests: [`quay.io/app@${image.manifestDigest}`] });
  expect(readIndex(store)[1]).toEqual({ descriptor: place(changed), name: 'localhost/changed:latest', repoDigests: [] });
  expect(lookUpImage(store, 'changed').image.id).toBe(changed.id);
  expect(lookUpImage(store, image.id).image.names).toEqual(['localhost/app:1']);
});
