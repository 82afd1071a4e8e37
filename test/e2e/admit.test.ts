/** The library's way into the image store, with sources that fail in the middle of a layer. */
import { createCipheriv } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ScullError } from '../../src/host/errors.ts';
import type { ProgressEvent } from '../../src/host/progress.ts';
import { admitImage } from '../../src/storage/admit.ts';
import { collectGarbage } from '../../src/storage/garbage.ts';
import type { ImageSource } from '../../src/storage/image-types.ts';
import { readImages } from '../../src/storage/images.ts';
import { listLayers } from '../../src/storage/layers/store.ts';
import { storeLayout } from '../../src/storage/layout.ts';
import { removeOwnedTree } from '../../src/storage/staging.ts';
import type { Store } from '../../src/storage/store.ts';
import { runFromCheckout } from '../support/checkout.ts';
import { makeImage } from '../support/image-source.ts';
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

test('what is here already is not fetched again', async () => {
  await admit(image.source);
  events = [];
  await admit({ ...image.source, blob: () => Promise.reject(new Error('fetched again')) });
  expect(events.filter((event) => event.kind === 'done').map((event) => event.result)).toEqual(['exists', 'exists', 'exists']);
});
