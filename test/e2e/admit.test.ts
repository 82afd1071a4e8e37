/** The library's way into the image store, with sources that fail in the middle of a layer. */
import { createCipheriv } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ScullError } from '../../src/host/errors.ts';
import type { ProgressEvent } from '../../src/host/progress.ts';
import { digestHex, type Digest } from '../../src/oci/digest.ts';
import { admitImage } from '../../src/storage/admit.ts';
import { collectGarbage } from '../../src/storage/garbage.ts';
import type { ImageSource, LayerRef } from '../../src/storage/image-types.ts';
import { readImages } from '../../src/storage/images.ts';
import { SIZE_VARIABLE } from '../../src/storage/layers/extract.ts';
import { layerExists, listLayers } from '../../src/storage/layers/store.ts';
import { storeLayout } from '../../src/storage/layout.ts';
import { createStaging, removeOwnedTree } from '../../src/storage/staging.ts';
import type { Store } from '../../src/storage/store.ts';
import { runFromCheckout } from '../support/checkout.ts';
import { sha256 } from '../support/digest.ts';
import { makeImage } from '../support/image-source.ts';
import { header } from '../support/raw-tar.ts';
import { writeTar } from '../support/tar-writer.ts';

let root: string;
let store: Store;
let events: ProgressEvent[];

beforeEach(() => {
  runFromCheckout();
  root = mkdtempSync('/var/tmp/sc-');
  store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'auto' };
  events = [];
});
afterEach(async () => {
  await removeOwnedTree(store.layout.root);
  rmSync(root, { recursive: true });
});

const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(6_000_000));
const image = makeImage({ layers: [writeTar([{ path: 'a', content: 'a' }]), writeTar([{ path: 'big', content: noise }]), writeTar([{ path: 'c', content: 'c' }])] });
const big = image.layers[1]?.digest;
const admit = (source: ImageSource) => admitImage(store, source, { names: ['localhost/a:1'], progress: (event) => void events.push(event) });

/** The image's source, with something else for the blob of its big layer. */
function withBig(open: (content: Buffer, offset: number) => Readable | Promise<Readable>, resumable = false): ImageSource {
  return { ...image.source, resumable, blob: async (descriptor, offset = 0) => (descriptor.digest === big ? open(image.blobs.get(big) as Buffer, offset) : image.source.blob(descriptor, offset)) };
}

test.each([
  ['can not be opened', () => Promise.reject(new ScullError('REGISTRY', 'no such blob'))],
  ['can not be opened after a while', () => new Promise<Readable>((_, reject) => setTimeout(reject, 200, new ScullError('REGISTRY', 'no such blob')))],
  ['breaks off', (content: Buffer) => Readable.from((function* () {
    yield content.subarray(0, 3_000_000);
    throw new ScullError('REGISTRY', 'no such blob');
  })())],
])('a layer that %s is the error told, and nothing is listed', async (_what, open) => {
  await expect(admit(withBig(open))).rejects.toMatchObject({ code: 'REGISTRY', message: 'no such blob' });
  expect(readImages(store).images).toEqual([]);
  expect(readdirSync(store.layout.staging)).toEqual([]);
  await collectGarbage(store);
  expect(listLayers(store)).toEqual([]);
});

test.each([
  ['is changed on the way', (content: Buffer) => Readable.from([Buffer.from(content).fill(0, 4_000_000, 4_000_010)])],
  ['is cut short', (content: Buffer) => Readable.from([content.subarray(0, content.length - 1024)])],
  ['is longer than announced', (content: Buffer) => Readable.from([content, Buffer.alloc(1)])],
])('a layer that %s never becomes visible', async (_what, open) => {
  await expect(admit(withBig(open))).rejects.toMatchObject({ code: expect.stringMatching(/INVALID|CORRUPT/) });
  expect(readdirSync(join(store.layout.images, 'blobs', 'sha256'))).not.toContain(big?.slice(7));
  expect(listLayers(store).length).toBeLessThan(2);
  // The next attempt takes what is there already, and fetches the rest.
  const record = await admit(image.source);
  expect(record.layers).toHaveLength(3);
  expect(readdirSync(store.layout.staging)).toEqual([]);
});

test.each([
  ['behind the end of the archive', (zeros: Buffer) => [writeTar([{ path: 'a', content: 'a' }]), zeros]],
  ['in what is passed over', (zeros: Buffer) => [header('label', { type: 'V', size: zeros.length }), zeros, Buffer.alloc(1024)]],
])('a bomb %s stops at the same limit as one in a file', async (_what, pieces) => {
  vi.stubEnv(SIZE_VARIABLE, '1m');
  onTestFinished(() => void vi.unstubAllEnvs());
  const tar = Buffer.concat(pieces(Buffer.alloc(8 << 20)));
  const bomb = makeImage({ layers: [gzipSync(tar)], diffIds: [sha256(tar)] });
  await expect(admit(bomb.source)).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining('unpacks to more than 1048576 bytes'), hint: expect.stringContaining(SIZE_VARIABLE) });
  expect(readImages(store).images).toEqual([]);
  vi.stubEnv(SIZE_VARIABLE, '8m');
  expect((await admit(bomb.source)).layers).toHaveLength(1);
});

test('a connection that breaks is taken up where it broke, while the layer is being unpacked', async () => {
  const offsets: number[] = [];
  const open = (content: Buffer, offset: number): Readable => {
    offsets.push(offset);
    return Readable.from(
      (function* () {
        yield content.subarray(offset, offset + 2_500_000);
        if (offset + 2_500_000 < content.length) throw new ScullError('NETWORK', 'reset');
      })(),
    );
  };
  const record = await admit(withBig(open, true));
  expect(offsets).toEqual([0, 2_500_000, 5_000_000]);
  expect(record.size).toBe(noise.length + 2);
});

test.each([true, false])('a layer that is gone is unpacked from its blob, and where that was damaged from a new one (resumable: %s)', async (resumable) => {
  const source = { ...image.source, resumable };
  const record = await admit(source);
  const { chainId } = record.layers[1] as LayerRef;
  const blob = store.layout.blob(big as Digest);
  const damaged = Buffer.from(noise).fill(0, 3_000_000, 3_000_100);
  const lose = (): void => renameSync(store.layout.layer(digestHex(chainId)).directory, createStaging(store).path('lost'));
  lose();
  await admit({ ...source, blob: () => Promise.reject(new Error('fetched again')) });
  lose();
  writeFileSync(blob, Buffer.concat([damaged, readFileSync(blob).subarray(damaged.length)]));
  await admit(source);
  expect(layerExists(store, chainId)).toBe(true);
  expect(sha256(readFileSync(blob))).toBe(big);
  expect(events.filter((event) => event.kind === 'message').map((event) => event.text)).toEqual([`the blob ${big ?? ''} was damaged in the store: fetching it again`]);
});

test('what is here already is not fetched again', async () => {
  await admit(image.source);
  events = [];
  await admit({ ...image.source, blob: () => Promise.reject(new Error('fetched again')) });
  expect(events.filter((event) => event.kind === 'done').map((event) => event.result)).toEqual(['exists', 'exists', 'exists']);
});
