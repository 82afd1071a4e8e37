/** tag, untag, rmi, prune. With images without layers, because unpacking needs namespaces; the e2e suites take whole ones. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { findImage, imageExists } from '../../../../src/engine/images/find.ts';
import { inspectImage } from '../../../../src/engine/images/inspect.ts';
import { listImages } from '../../../../src/engine/images/list.ts';
import { pruneImages } from '../../../../src/engine/images/prune.ts';
import { removeImages } from '../../../../src/engine/images/remove.ts';
import { tagImage, untagImage } from '../../../../src/engine/images/tag.ts';
import type { ProgressEvent } from '../../../../src/host/progress.ts';
import { admitImage } from '../../../../src/storage/admit.ts';
import { makeImage, type MadeImage } from '../../../support/image-source.ts';

let root: string;
let engine: Engine;
let events: ProgressEvent[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-images-'));
  events = [];
  engine = openEngine({ root: join(root, 'store'), runRoot: join(root, 'run'), storageDriver: 'vfs', progress: (event) => void events.push(event) });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function add(command: string, ...names: string[]): Promise<MadeImage> {
  const image = makeImage({ command });
  await admitImage(engine.store, image.source, { names, progress: engine.progress });
  return image;
}
const hex = (image: MadeImage): string => image.id.slice(7);
const names = (): string[][] => listImages(engine).map((image) => [...image.names]);
const blobs = (): string[] => readdirSync(join(engine.store.layout.images, 'blobs', 'sha256'));

function makeContainer(name: string, image: MadeImage): void {
  const id = Buffer.from(name).toString('hex').padEnd(64, '0');
  mkdirSync(engine.store.layout.container(id).directory, { recursive: true });
  writeFileSync(engine.store.layout.container(id).record, JSON.stringify({ format: 1, id, name, image: { id: image.id, layers: [] } }));
}

describe('tag', () => {
  test('gives names of this machine where none says otherwise', async () => {
    const image = await add('a', 'localhost/a:1');
    await tagImage(engine, 'a:1', ['b', 'quay.io/x/c', 'team/d:2']);
    expect(names()).toEqual([['localhost/a:1', 'localhost/b:latest', 'localhost/team/d:2', 'quay.io/x/c:latest']]);
    expect((await findImage(engine, 'b')).id).toBe(image.id);
  });

  test('moves a name, and the image that had it stays', async () => {
    await add('old', 'localhost/a:1');
    const fresh = await add('new', 'localhost/b:1');
    await tagImage(engine, 'b:1', ['a:1']);
    expect((await findImage(engine, 'a:1')).id).toBe(fresh.id);
    expect(names()).toEqual([['localhost/a:1', 'localhost/b:1'], []]);
  });

  test('of nothing, or with a bad name, changes nothing', async () => {
    await add('a', 'localhost/a:1');
    await expect(tagImage(engine, 'nosuch', ['b'])).rejects.toMatchObject({ code: 'NO_SUCH_IMAGE' });
    await expect(tagImage(engine, 'a:1', ['ok', 'B@D'])).rejects.toMatchObject({ code: 'INVALID' });
    await expect(tagImage(engine, 'a:1', [`x@sha256:${'a'.repeat(64)}`])).rejects.toMatchObject({ code: 'INVALID' });
    expect(names()).toEqual([['localhost/a:1']]);
  });

  test('by many commands at once loses no name', async () => {
    await add('a', 'localhost/a:0');
    await Promise.all(Array.from({ length: 10 }, (_, index) => tagImage(engine, 'a:0', [`a:${index + 1}`])));
    expect(names()[0]).toHaveLength(11);
  });
});

test('untag takes the names given, or all, and the image stays', async () => {
  const image = await add('a', 'localhost/a:1', 'localhost/a:2', 'localhost/a:3');
  await add('b', 'localhost/b:1');
  await untagImage(engine, 'a:1', ['a:2']);
  expect(names()).toContainEqual(['localhost/a:1', 'localhost/a:3']);
  await expect(untagImage(engine, 'a:1', ['b:1'])).rejects.toMatchObject({ code: 'NO_SUCH_IMAGE', message: expect.stringContaining('b:1') });
  await untagImage(engine, 'a:1', []);
  expect((await findImage(engine, image.id)).names).toEqual([]);
  expect(names()).toContainEqual(['localhost/b:1']);
});

describe('rmi', () => {
  test('by one of several names only untags', async () => {
    const image = await add('a', 'localhost/a:1', 'localhost/a:2');
    expect(await removeImages(engine, ['a:1'])).toEqual({ untagged: ['localhost/a:1'], deleted: [], errors: [] });
    expect(await removeImages(engine, ['a:2'])).toEqual({ untagged: ['localhost/a:2'], deleted: [hex(image)], errors: [] });
    expect(blobs()).toEqual([]);
    expect(listImages(engine)).toEqual([]);
  });

  test('by id takes all names, with force if there are several', async () => {
    const image = await add('a', 'localhost/a:1', 'localhost/a:2');
    const refused = await removeImages(engine, [image.id]);
    expect(refused).toMatchObject({ untagged: [], deleted: [], errors: [{ code: 'AMBIGUOUS', message: expect.stringMatching(/localhost\/a:1, localhost\/a:2/) }] });
    expect(await removeImages(engine, [hex(image).slice(0, 12)], { force: true })).toEqual({ untagged: ['localhost/a:1', 'localhost/a:2'], deleted: [hex(image)], errors: [] });
  });

  test('of several images removes those it can, and says what it could not', async () => {
    const [a, b] = [await add('a', 'localhost/a:1'), await add('b', 'localhost/b:1')];
    const removed = await removeImages(engine, ['a:1', 'nosuch', 'b:1', 'a:1']);
    expect(removed).toMatchObject({ deleted: [hex(a), hex(b)], errors: [{ code: 'NO_SUCH_IMAGE', message: expect.stringContaining('nosuch') }, { code: 'NO_SUCH_IMAGE' }] });
    expect((await removeImages(engine, ['nosuch'], { ignore: true })).errors).toEqual([]);
  });

  test('spares an image that containers use and names them, but may take one of its names', async () => {
    const image = await add('a', 'localhost/a:1', 'localhost/a:2');
    makeContainer('web', image);
    expect((await removeImages(engine, ['a:1'])).untagged).toEqual(['localhost/a:1']);
    const refused = await removeImages(engine, ['a:2']);
    expect(refused.errors).toMatchObject([{ code: 'IN_USE', message: expect.stringContaining('container web (776562000000)') }]);
    expect((await findImage(engine, 'a:2')).id).toBe(image.id);
  });

  test('of all leaves nothing but what is used', async () => {
    const used = await add('used', 'localhost/used:1');
    await add('a', 'localhost/a:1', 'localhost/a:2');
    await add('dangling');
    makeContainer('web', used);
    const removed = await removeImages(engine, [], { all: true });
    expect(removed.errors).toMatchObject([{ code: 'IN_USE' }]);
    expect(removed.deleted).toHaveLength(2);
    expect(names()).toEqual([['localhost/used:1']]);
  });

  test('removes a damaged image too', async () => {
    const image = await add('a', 'localhost/a:1');
    writeFileSync(engine.store.layout.blob(image.id), 'x');
    writeFileSync(engine.store.layout.blob(image.manifestDigest), 'x');
    expect(listImages(engine)).toEqual([]);
    expect(events).toContainEqual({ kind: 'message', level: 'warning', text: expect.stringMatching(/localhost\/a:1 is left out.*damaged/) });
    expect((await removeImages(engine, ['a:1'])).deleted).toEqual([hex(image)]);
    expect(blobs()).toEqual([]);
  });

  test('by many commands at once removes once', async () => {
    const image = await add('a', 'localhost/a:1');
    const all = await Promise.all(Array.from({ length: 6 }, () => removeImages(engine, ['a:1'])));
    expect(all.flatMap((one) => one.deleted)).toEqual([hex(image)]);
    expect(all.flatMap((one) => one.errors.map((error) => error.code))).toEqual(Array.from({ length: 5 }, () => 'NO_SUCH_IMAGE'));
  });
});

test('prune removes images without a name, with --all those without a container', async () => {
  const [dangling, unused, used] = [await add('dangling'), await add('unused', 'localhost/unused:1'), await add('used', 'localhost/used:1')];
  makeContainer('web', used);
  expect(await pruneImages(engine)).toEqual({ deleted: [hex(dangling)], bytes: 0, failed: [] });
  expect((await pruneImages(engine, { all: true })).deleted).toEqual([hex(unused)]);
  expect(names()).toEqual([['localhost/used:1']]);
});

test('exists tells a missing image from a bad name', async () => {
  await add('a', 'localhost/a:1');
  expect([await imageExists(engine, 'a:1'), await imageExists(engine, 'b:1')]).toEqual([true, false]);
  await expect(imageExists(engine, 'A B')).rejects.toThrow(expect.objectContaining({ code: 'INVALID' }));
});

test('questions change nothing in a store that is not there', async () => {
  expect(listImages(engine)).toEqual([]);
  expect(await imageExists(engine, 'a')).toBe(false);
  expect(existsSync(engine.store.layout.root)).toBe(false);
});

test('inspect has Docker’s fields and Podman’s', async () => {
  const image = await add('a', 'localhost/a:1');
  expect(await inspectImage(engine, 'a:1')).toMatchObject({
    Id: image.id,
    Digest: image.manifestDigest,
    RepoTags: ['localhost/a:1'],
    RepoDigests: [`localhost/a@${image.manifestDigest}`],
    Created: '2024-01-02T03:04:05Z',
    Config: { Cmd: ['a'], Entrypoint: null, Env: [], Labels: null },
    Architecture: 'amd64',
    Os: 'linux',
    GraphDriver: { Name: 'vfs', Data: {} },
    RootFS: { Type: 'layers', Layers: [] },
    ManifestType: 'application/vnd.oci.image.manifest.v1+json',
  });
});
