/** Saving and loading again. With images without layers, because unpacking needs namespaces; the e2e suites take whole ones. */
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { listImages } from '../../../../src/engine/images/list.ts';
import { loadImages } from '../../../../src/engine/images/load.ts';
import { saveImages, type SaveFormat } from '../../../../src/engine/images/save.ts';
import type { ProgressEvent } from '../../../../src/host/progress.ts';
import { MEDIA_TYPES } from '../../../../src/oci/image.ts';
import { admitImage } from '../../../../src/storage/admit.ts';
import { sleep } from '../../../support/eventually.ts';
import { makeImage, type ImageParts, type MadeImage } from '../../../support/image-source.ts';
import { writeTar } from '../../../support/tar-writer.ts';

let root: string;
let engine: Engine;
let other: Engine;
let events: ProgressEvent[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-save-'));
  events = [];
  engine = openEngine({ root: join(root, 'store'), runRoot: join(root, 'run'), storageDriver: 'vfs' });
  other = openEngine({ root: join(root, 'other'), runRoot: join(root, 'run'), storageDriver: 'vfs', progress: (event) => void events.push(event) });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function add(parts: ImageParts, ...names: string[]): Promise<MadeImage> {
  const image = makeImage(parts);
  await admitImage(engine.store, image.source, { names, progress: engine.progress });
  return image;
}
const out = (name: string): string => join(root, name);
const loaded = (): unknown => listImages(other).map(({ id, names }) => ({ id, names }));

describe('what was saved is loaded the same', () => {
  test.each(['docker-archive', 'oci-archive', 'oci-dir'] as const)('as %s', async (format) => {
    const image = await add({}, 'docker.io/library/a:1');
    await saveImages(engine, ['a:1'], { format, output: out('saved') });
    expect(await loadImages(other, out('saved'))).toEqual(['docker.io/library/a:1']);
    expect(loaded()).toEqual([{ id: image.id, names: ['docker.io/library/a:1'] }]);
  });

  test('as docker-dir, which has no names', async () => {
    const image = await add({}, 'localhost/a:1');
    await saveImages(engine, ['a:1'], { format: 'docker-dir', output: out('saved') });
    expect(JSON.parse(readFileSync(join(out('saved'), 'manifest.json'), 'utf8'))).toMatchObject({ mediaType: MEDIA_TYPES.dockerManifest, config: { mediaType: MEDIA_TYPES.dockerConfig } });
    expect(await loadImages(other, out('saved'))).toEqual([image.id]);
  });

  test('with its manifest, unless the format has none', async () => {
    const image = await add({ annotations: { kept: 'yes' } }, 'localhost/a:1');
    await saveImages(engine, ['a:1'], { format: 'oci-archive', output: out('saved') });
    await loadImages(other, createReadStream(out('saved')));
    expect(listImages(other)[0]?.manifestDigest).toBe(image.manifestDigest);
  });

  test('from Docker’s schema 2 as OCI', async () => {
    const image = await add({ mediaType: MEDIA_TYPES.dockerManifest }, 'localhost/a:1');
    await saveImages(engine, ['a:1'], { format: 'oci-dir', output: out('saved') });
    await loadImages(other, out('saved'));
    expect(listImages(other)).toMatchObject([{ id: image.id, manifestMediaType: MEDIA_TYPES.ociManifest }]);
  });

  test('from Docker’s schema 2 as it is, in a docker archive', async () => {
    const image = await add({ mediaType: MEDIA_TYPES.dockerManifest }, 'localhost/a:1');
    await saveImages(engine, ['a:1'], { output: out('saved') });
    await loadImages(other, out('saved'));
    expect(listImages(other)).toMatchObject([{ id: image.id, manifestDigest: image.manifestDigest, manifestMediaType: MEDIA_TYPES.dockerManifest }]);
  });

  test('in the form of Docker before 25, where plain layers are asked for', async () => {
    const image = await add({}, 'localhost/a:1');
    await saveImages(engine, ['a:1'], { output: out('saved'), uncompressed: true });
    expect(execFileSync('tar', ['-tf', out('saved')], { encoding: 'utf8' })).toBe(`${image.id.slice(7)}.json\nmanifest.json\n`);
    expect(await loadImages(other, out('saved'))).toEqual(['localhost/a:1']);
  });

  test('several at once, each with its names', async () => {
    const [a, b] = [await add({ command: 'a' }, 'localhost/a:1', 'localhost/a:2'), await add({ command: 'b' }, 'quay.io/x/b:1')];
    for (const format of ['docker-archive', 'oci-archive'] as const) {
      await saveImages(engine, ['a:1', 'x/b:1', 'a:2'], { format, output: out(format), multiple: true });
      expect([...(await loadImages(other, out(format)))].sort()).toEqual(['localhost/a:1', 'localhost/a:2', 'quay.io/x/b:1']);
      expect(loaded()).toEqual([{ id: a.id, names: ['localhost/a:1', 'localhost/a:2'] }, { id: b.id, names: ['quay.io/x/b:1'] }]);
    }
  });

  test('without a name where the image was asked for by its id', async () => {
    const image = await add({}, 'localhost/a:1');
    await saveImages(engine, [image.id.slice(7, 19)], { output: out('saved') });
    expect(await loadImages(other, out('saved'))).toEqual([image.id]);
  });

  test('under more names where more are given', async () => {
    await add({}, 'localhost/a:1');
    await saveImages(engine, ['a:1', 'extra:2'], { output: out('saved') });
    expect(await loadImages(other, out('saved'))).toEqual(['localhost/a:1', 'localhost/extra:2']);
  });
});

test.each(['docker-archive', 'oci-archive'] as const)('the same image gives the same bytes as %s', async (format) => {
  await add({}, 'localhost/a:1');
  await saveImages(engine, ['a:1'], { format, output: out('one') });
  await sleep(1100);
  await saveImages(engine, ['a:1'], { format, output: out('two') });
  expect(readFileSync(out('one')).equals(readFileSync(out('two')))).toBe(true);
  expect(execFileSync('tar', ['-tf', out('one')], { encoding: 'utf8' })).toContain('json');
});

test('a name that the archive takes from another image is told', async () => {
  await add({ command: 'new' }, 'localhost/a:1');
  await saveImages(engine, ['a:1'], { output: out('saved') });
  const before = makeImage({ command: 'before' });
  await admitImage(other.store, before.source, { names: ['localhost/a:1'], progress: () => undefined });
  await loadImages(other, out('saved'));
  expect(events).toContainEqual({ kind: 'message', level: 'warning', text: expect.stringContaining(`localhost/a:1 was taken from image ${before.id.slice(7, 19)}`) });
});

test('a name that makes no sense costs only the name', async () => {
  const image = makeImage();
  const manifest = JSON.stringify([{ Config: 'c.json', RepoTags: ['../../x', 'good:1', 'A\u001b[2J'], Layers: [] }]);
  writeFileSync(out('a.tar'), writeTar([{ path: 'c.json', content: image.blobs.get(image.id) as Buffer }, { path: 'manifest.json', content: manifest }]));
  expect(await loadImages(other, out('a.tar'))).toEqual(['docker.io/library/good:1']);
  expect(events.filter((event) => event.kind === 'message')).toHaveLength(2);
  for (const event of events) if (event.kind === 'message') expect(event.text).not.toContain('\u001b');
});

test('a load that fails leaves nothing behind', async () => {
  const image = makeImage();
  const manifest = JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], Layers: [] }, { Config: 'missing.json', RepoTags: ['b:1'], Layers: [] }]);
  writeFileSync(out('a.tar'), writeTar([{ path: 'c.json', content: image.blobs.get(image.id) as Buffer }, { path: 'manifest.json', content: manifest }]));
  await expect(loadImages(other, out('a.tar'))).rejects.toMatchObject({ code: 'INVALID' });
  await expect(loadImages(other, createReadStream(out('a.tar')))).rejects.toMatchObject({ code: 'INVALID' });
  expect(readdirSync(other.store.layout.staging).filter((name) => name !== 'trash')).toEqual([]);
  expect(loaded()).toEqual([{ id: image.id, names: ['docker.io/library/a:1'] }]); // the first was loaded before the second failed
});

describe('save refuses', () => {
  test.each([
    ['an unknown image', ['nosuch'], {}, 'NO_SUCH_IMAGE'],
    ['an unknown format', ['a:1'], { format: 'zip' as SaveFormat }, 'USAGE'],
    ['no image', [], {}, 'USAGE'],
    ['compression of an archive', ['a:1'], { compress: true }, 'USAGE'],
    ['a folder without a name', ['a:1'], { format: 'oci-dir', output: undefined }, 'USAGE'],
    ['several images in one docker-dir', ['a:1', 'b:1'], { format: 'docker-dir', multiple: true }, 'USAGE'],
    ['a file in a folder that is not there', ['a:1'], { output: '/nonexistent/x.tar' }, 'NOT_FOUND'],
    ['a folder in one that is not there', ['a:1'], { format: 'oci-dir', output: '/nonexistent/x' }, 'NOT_FOUND'],
  ] as const)('%s', async (_what, names, options, code) => {
    await add({ command: 'a' }, 'localhost/a:1');
    await add({ command: 'b' }, 'localhost/b:1');
    await expect(saveImages(engine, names, { output: out('saved'), ...options })).rejects.toMatchObject({ code });
    expect(existsSync(out('saved'))).toBe(false);
  });

  test('a file that has no folder, by the name that was typed', async () => {
    await add({}, 'localhost/a:1');
    await expect(saveImages(engine, ['a:1'], { output: '/nonexistent/x.tar' })).rejects.toThrow('cannot write "/nonexistent/x.tar": its folder does not exist');
  });

  test('a folder that is not empty, and leaves it alone', async () => {
    await add({}, 'localhost/a:1');
    mkdirSync(out('full'));
    writeFileSync(join(out('full'), 'mine'), 'x');
    await expect(saveImages(engine, ['a:1'], { format: 'oci-dir', output: out('full') })).rejects.toMatchObject({ code: 'INVALID' });
    expect(readdirSync(out('full'))).toEqual(['mine']);
  });

  test('a damaged image, and keeps the file that was there', async () => {
    const image = await add({}, 'localhost/a:1');
    writeFileSync(out('saved'), 'before');
    rmSync(engine.store.layout.blob(image.id));
    await expect(saveImages(engine, ['a:1'], { output: out('saved') })).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining(image.id.slice(7)) });
    expect(readFileSync(out('saved'), 'utf8')).toBe('before');
    expect(readdirSync(root).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
