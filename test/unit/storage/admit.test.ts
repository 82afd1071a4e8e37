/** With images without layers: unpacking needs namespaces, see layers.test.ts beside and the e2e suites. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ScullError } from '../../../src/host/errors.ts';
import { bootId } from '../../../src/host/identity.ts';
import type { ProgressEvent } from '../../../src/host/progress.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../src/oci/image.ts';
import { admitImage } from '../../../src/storage/admit.ts';
import { storeBlob } from '../../../src/storage/blobs.ts';
import { addClaims } from '../../../src/storage/claims.ts';
import { collectGarbage } from '../../../src/storage/garbage.ts';
import { lookUpImage } from '../../../src/storage/image-lookup.ts';
import { readImages } from '../../../src/storage/images.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import { createStaging } from '../../../src/storage/staging.ts';
import type { Store } from '../../../src/storage/store.ts';
import { sha256 } from '../../support/digest.ts';
import { makeImage, type MadeImage } from '../../support/image-source.ts';

let root: string;
let store: Store;
let events: ProgressEvent[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-images-'));
  store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' };
  events = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const progress = (event: ProgressEvent): void => void events.push(event);
const admit = (image: MadeImage, ...names: string[]) => admitImage(store, image.source, { names, progress });
const names = (): string[][] => readImages(store).images.map((image) => [...image.names]);
const blobNames = (): string[] => (existsSync(join(store.layout.images, 'blobs')) ? readdirSync(join(store.layout.images, 'blobs', 'sha256')).sort() : []);
const hex = (image: MadeImage): string[] => [image.id, image.manifestDigest].map((digest) => digest.slice(7)).sort();

describe('admitting', () => {
  test('makes the image readable under its names, in a valid OCI layout, and leaves no unfinished work', async () => {
    const image = makeImage();
    const record = await admit(image, 'localhost/a:1', 'localhost/b:2');
    expect(record).toMatchObject({ id: image.id, manifestDigest: image.manifestDigest, names: ['localhost/a:1', 'localhost/b:2'], created: '2024-01-02T03:04:05Z' });
    expect(readImages(store)).toEqual({ images: [record], damaged: [] });
    expect(JSON.parse(readFileSync(join(store.layout.images, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    const index = JSON.parse(readFileSync(join(store.layout.images, 'index.json'), 'utf8'));
    expect(index.manifests.map((one: { annotations: Record<string, string> }) => one.annotations['org.opencontainers.image.ref.name'])).toEqual(['localhost/a:1', 'localhost/b:2']);
    expect(blobNames()).toEqual(hex(image));
    expect(readdirSync(store.layout.staging)).toEqual([]);
  });

  test('keeps everything from the eyes of others', async () => {
    await admit(makeImage(), 'localhost/a:1');
    for (const path of [store.layout.root, store.layout.images, join(store.layout.images, 'index.json'), store.layout.blob(makeImage().id)]) {
      expect(statSync(path).mode & 0o077, path).toBe(0);
    }
  });

  test('the same image twice at once succeeds twice', async () => {
    const image = makeImage();
    await Promise.all(Array.from({ length: 6 }, (_, index) => admit(image, `localhost/a:${index}`)));
    expect(names()).toEqual([Array.from({ length: 6 }, (_, index) => `localhost/a:${index}`)]);
  });

  test('many images at once all get their names', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, index) => admit(makeImage({ command: String(index) }), `localhost/a:${index}`)));
    expect(names().flat().sort()).toEqual(Array.from({ length: 8 }, (_, index) => `localhost/a:${index}`));
  });

  test('a name moves to the new image, and the old one stays without', async () => {
    const [old, fresh] = [makeImage({ command: 'old' }), makeImage({ command: 'new' })];
    await admit(old, 'localhost/a:1');
    await admitImage(store, fresh.source, { names: ['localhost/a:1'], progress, announceMoved: true });
    expect(lookUpImage(store, 'a:1').image.id).toBe(fresh.id);
    expect(lookUpImage(store, old.id).image.names).toEqual([]);
    expect(events).toContainEqual({ kind: 'message', level: 'warning', text: expect.stringContaining('localhost/a:1 was taken from image') });
  });

  test('a schema-2 manifest of Docker is stored as it came', async () => {
    const image = makeImage({ mediaType: MEDIA_TYPES.dockerManifest });
    expect(await admit(image)).toMatchObject({ manifestMediaType: MEDIA_TYPES.dockerManifest, manifestDigest: image.manifestDigest, names: [] });
    expect(readFileSync(store.layout.blob(image.manifestDigest))).toEqual(image.manifestBytes);
  });

  test('an image of the same configuration will do for a manifest that was made up', async () => {
    const [first, second] = [makeImage(), makeImage({ annotations: { other: 'manifest' } })];
    await admit(first, 'localhost/a:1');
    const record = await admitImage(store, second.source, { names: ['localhost/b:1'], progress, anyManifest: true });
    expect(record).toMatchObject({ manifestDigest: first.manifestDigest, names: ['localhost/a:1', 'localhost/b:1'] });
    expect(existsSync(store.layout.blob(second.manifestDigest))).toBe(false);
  });
});

describe('a source that lies', () => {
  const refused = async (image: MadeImage, message: RegExp, code = 'INVALID'): Promise<void> => {
    await admit(makeImage({ command: 'before' }), 'localhost/kept:1');
    const before = readFileSync(join(store.layout.images, 'index.json'), 'utf8');
    await expect(admit(image, 'localhost/kept:1')).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readFileSync(join(store.layout.images, 'index.json'), 'utf8')).toBe(before);
    expect(readdirSync(store.layout.staging)).toEqual([]);
  };

  test('about its manifest’s digest changes nothing', async () => {
    const image = makeImage();
    const manifest = await image.source.manifest();
    await refused({ ...image, source: { ...image.source, manifest: async () => ({ ...manifest, digest: sha256('another') }) } }, /its digest is/);
  });

  test.each([
    ['another content', (bytes: Buffer) => Buffer.from(bytes).fill(0x20, 1, 2)],
    ['more content', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(' ')])],
    ['less content', (bytes: Buffer) => bytes.subarray(1)],
    ['nothing', () => Buffer.alloc(0)],
  ])('with %s for its configuration changes nothing', async (_what, change) => {
    const image = makeImage();
    image.blobs.set(image.id, change(image.blobs.get(image.id) as Buffer));
    await refused(image, /is not what was announced/);
  });

  test('about the number of layers changes nothing', async () => {
    const image = makeImage();
    const manifest = JSON.parse(image.manifestBytes.toString());
    const bytes = Buffer.from(JSON.stringify({ ...manifest, layers: [{ mediaType: MEDIA_TYPES.ociLayer, digest: sha256('x'), size: 1 }] }));
    await refused({ ...image, source: { ...image.source, manifest: async () => ({ bytes, mediaType: MEDIA_TYPES.ociManifest }) } }, /manifest lists 1 layers, its configuration 0/);
  });

  test.each([
    ['application/vnd.cncf.helm.config.v1+json', undefined, /artifact of type "application\/vnd\.cncf\.helm\.config\.v1\+json"/],
    [MEDIA_TYPES.ociConfig, 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted', /is encrypted/],
    [MEDIA_TYPES.ociConfig, 'application/vnd.in-toto+json', /not a layer/],
  ])('a config of type %s with a layer of type %s is no image', async (configType, layerType, message) => {
    const image = makeImage();
    const layers = layerType === undefined ? [] : [{ mediaType: layerType, digest: sha256('x'), size: 1 }];
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: { ...image.config, mediaType: configType }, layers }));
    await refused({ ...image, source: { ...image.source, manifest: async () => ({ bytes, mediaType: MEDIA_TYPES.ociManifest }) } }, message, 'UNSUPPORTED');
  });

  test('that announces more than the disk holds is refused before a byte is fetched', async () => {
    const image = makeImage();
    const diff = sha256('layer');
    const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [diff] } }));
    image.blobs.set(sha256(config), config);
    const layer = { mediaType: MEDIA_TYPES.ociLayer, digest: diff, size: 2 ** 52 };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: { mediaType: MEDIA_TYPES.ociConfig, digest: sha256(config), size: config.length }, layers: [layer] }));
    await refused({ ...image, source: { ...image.source, manifest: async () => ({ bytes, mediaType: MEDIA_TYPES.ociManifest }) } }, /has only/, 'NO_SPACE');
  });
});

describe('a blob', () => {
  const content = Buffer.from('0123456789');
  const descriptor = { mediaType: 'application/octet-stream', digest: sha256(content), size: content.length };

  test('is visible only when all of it proved right', async () => {
    const staging = createStaging(store);
    const path = store.layout.blob(descriptor.digest);
    const open = async () =>
      Readable.from(
        (function* () {
          yield content.subarray(0, 5);
          expect(existsSync(path)).toBe(false);
          yield content.subarray(5);
        })(),
      );
    await storeBlob(store, staging, descriptor, open);
    expect(readFileSync(path)).toEqual(content);
  });

  test('is continued where a broken connection left it', async () => {
    const offsets: number[] = [];
    const open = async (offset: number) => {
      offsets.push(offset);
      return Readable.from(
        (function* () {
          yield content.subarray(offset, offset + 4);
          if (offset < 8) throw new ScullError('NETWORK', 'connection reset');
        })(),
      );
    };
    await storeBlob(store, createStaging(store), descriptor, open, { resumable: true });
    expect(offsets).toEqual([0, 4, 8]);
    expect(readFileSync(store.layout.blob(descriptor.digest))).toEqual(content);
  });

  test('is given up when a connection breaks again and again without a byte', async () => {
    let attempts = 0;
    const open = async (): Promise<Readable> => {
      attempts += 1;
      throw new ScullError('NETWORK', 'unreachable');
    };
    await expect(storeBlob(store, createStaging(store), descriptor, open, { resumable: true })).rejects.toMatchObject({ code: 'NETWORK' });
    expect(attempts).toBe(3);
    expect(blobNames()).toEqual([]);
  });

  test('that never ends is cut off at its announced size', async () => {
    let given = 0;
    const endless = async () =>
      Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(4, (given += 4));
        })(),
      );
    await expect(storeBlob(store, createStaging(store), descriptor, endless)).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining('more than the 10 bytes') });
    expect(given).toBeLessThan(400);
  });
});

describe('damage', () => {
  test('of one image harms no other, and names the file', async () => {
    const [sound, torn, lost] = [makeImage({ command: 'sound' }), makeImage({ command: 'torn' }), makeImage({ command: 'lost' })];
    await admit(sound, 'localhost/sound:1');
    await admit(torn, 'localhost/torn:1');
    await admit(lost, 'localhost/lost:1');
    chmodSync(store.layout.blob(torn.id), 0o600);
    writeFileSync(store.layout.blob(torn.id), Buffer.alloc(torn.config.size, '{'));
    rmSync(store.layout.blob(lost.manifestDigest));
    const { images, damaged } = readImages(store);
    expect(images.map((image) => image.id)).toEqual([sound.id]);
    expect(damaged.map((image) => [image.names, image.error.code, image.error.message])).toEqual([
      [['localhost/lost:1'], 'CORRUPT', expect.stringContaining(store.layout.blob(lost.manifestDigest))],
      [['localhost/torn:1'], 'CORRUPT', expect.stringContaining(store.layout.blob(torn.id))],
    ]);
    expect(() => lookUpImage(store, 'torn:1')).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    await admit(torn, 'localhost/torn:1');
    expect(lookUpImage(store, 'torn:1').image.id).toBe(torn.id);
  });

  test.each([['', /not JSON/], ['[]', /not an object/], ['{"schemaVersion":2}', /damaged/]])('of the index to %j is told, and nothing is deleted or overwritten', async (text, message) => {
    const image = makeImage();
    await admit(image, 'localhost/a:1');
    const index = join(store.layout.images, 'index.json');
    writeFileSync(index, text);
    for (const attempt of [async () => readImages(store), () => collectGarbage(store), () => admit(makeImage({ command: 'x' }))]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringMatching(message) });
    }
    expect(readFileSync(index, 'utf8')).toBe(text);
    expect(blobNames()).toEqual(expect.arrayContaining(hex(image)));
  });

  test('a lost index is not the same as no images', async () => {
    expect(readImages(store)).toEqual({ images: [], damaged: [] });
    await admit(makeImage(), 'localhost/a:1');
    rmSync(join(store.layout.images, 'index.json'));
    expect(() => readImages(store)).toThrow(expect.objectContaining({ code: 'CORRUPT', message: expect.stringContaining('index.json is missing') }));
  });
});

describe('garbage collection', () => {
  test('deletes what no image, no container and nobody at work needs', async () => {
    const kept = makeImage({ command: 'kept' });
    await admit(kept, 'localhost/kept:1');
    const stray = store.layout.blob(sha256('stray'));
    writeFileSync(stray, 'stray');
    const layers = ['1', '2', '3'].map((digit) => digit.repeat(64));
    for (const layer of layers) mkdirSync(join(store.layout.layers, layer, 'diff'), { recursive: true });
    const container = store.layout.container('c'.repeat(64));
    mkdirSync(container.directory, { recursive: true });
    writeFileSync(container.record, JSON.stringify({ name: 'c', image: { id: kept.id, layers: [layers[0]] } }));
    const staging = createStaging(store);
    addClaims(staging, { blobs: [], layers: [`sha256:${layers[1]}` as Digest] });
    const collected = await collectGarbage(store, { measure: false });
    expect(collected).toEqual({ blobs: [sha256('stray')], layers: [`sha256:${layers[2]}`], bytes: 0 });
    expect(readdirSync(store.layout.layers).filter((name) => name.length === 64)).toEqual([layers[0], layers[1]]);
    expect(blobNames()).toEqual(hex(kept));
    expect(readdirSync(store.layout.trash)).toEqual([]);
  });

  test('does not heed the claims of the dead', async () => {
    await admit(makeImage(), 'localhost/a:1');
    writeFileSync(store.layout.blob(sha256('stray')), 'stray');
    const dead = join(store.layout.staging, `1.4.${bootId()}.0123456789abcdef`);
    mkdirSync(dead);
    writeFileSync(join(dead, 'claims'), `${JSON.stringify({ blobs: [sha256('stray')], layers: [] })}\n`);
    expect((await collectGarbage(store)).blobs).toEqual([sha256('stray')]);
    expect(existsSync(dead)).toBe(false);
  });

  test('keeps all layers while a container’s record is unreadable', async () => {
    await admit(makeImage(), 'localhost/a:1');
    mkdirSync(join(store.layout.layers, '1'.repeat(64)), { recursive: true });
    const container = store.layout.container('c'.repeat(64));
    mkdirSync(container.directory, { recursive: true });
    writeFileSync(container.record, '{');
    expect((await collectGarbage(store)).layers).toEqual([]);
  });

  test('takes nothing from an image that is being admitted at the same time', async () => {
    await admit(makeImage({ command: 'before' }), 'localhost/before:1');
    const image = makeImage();
    const slow = { ...image.source, blob: async (...args: Parameters<typeof image.source.blob>) => (await collectGarbage(store), image.source.blob(...args)) };
    const [record] = await Promise.all([admitImage(store, slow, { names: ['localhost/a:1'], progress }), ...Array.from({ length: 5 }, () => collectGarbage(store))]);
    expect(record.id).toBe(image.id);
    expect(readImages(store).damaged).toEqual([]);
  });
});
