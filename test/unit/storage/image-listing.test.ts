/** What listings keep of images from one to the next, and everything after which it must not be believed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openEngine } from '../../../src/engine/engine.ts';
import { admitImage } from '../../../src/storage/admit.ts';
import { readListedImages } from '../../../src/storage/image-listing.ts';
import { changeIndex, indexFile } from '../../../src/storage/index-file.ts';
import type { Store } from '../../../src/storage/store.ts';
import { untilTheClockTicks } from '../../support/clock.ts';
import { makeImage, type MadeImage } from '../../support/image-source.ts';

// Before src/host/flush.ts is read: a busy disk takes seconds to flush forty images for each test.
vi.hoisted(() => { process.env['SCULL_NO_FLUSH'] = '1'; });

const COUNT = 40;
const LATER = 10_000;

let base: string;
let store: Store;
let images: MadeImage[];

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'image-listing-'));
  store = openEngine({ root: join(base, 'store'), runRoot: join(base, 'run'), storageDriver: 'vfs' }).store;
  mkdirSync(store.layout.claims, { recursive: true });
  images = Array.from({ length: COUNT }, (_, number) => makeImage({ command: `c${number}` }));
  for (const [number, image] of images.entries()) await admitImage(store, image.source, { names: [`localhost/c${number}:latest`], progress: () => undefined });
});
afterEach(() => rmSync(base, { recursive: true }));

const list = (now = Date.now() + LATER): ReturnType<typeof readListedImages> => readListedImages(store, now);
const names = (): string[] => list().images.flatMap((image) => image.names);

/** A change that no folder and no index shows. @returns its undoing */
function damageInPlace(): () => void {
  const file = store.layout.blob(images[5]!.id);
  const before = readFileSync(file);
  writeFileSync(file, 'x');
  return () => writeFileSync(file, before);
}

/** Whether the documents of images are read for a listing. */
function isRead(): boolean {
  const mend = damageInPlace();
  const { damaged } = list();
  mend();
  return damaged.length > 0;
}

test('what has not changed is not read a second time, and shows the same', () => {
  const first = list();
  expect(existsSync(store.layout.imageListing)).toBe(true);
  expect(isRead()).toBe(false);
  const second = list();
  expect(second.images).toHaveLength(COUNT);
  expect(second.images.map(({ id, names: called, size, created, config }) => ({ id, called, size, created, os: config?.os }))).toEqual(
    first.images.map(({ id, names: called, size, created, config }) => ({ id, called, size, created, os: config?.os })),
  );
});

test('a name that was given or taken, by us or by another program, is seen', async () => {
  list();
  untilTheClockTicks(base);
  await changeIndex(store, (entries) => entries.map((entry) => (entry.name === 'localhost/c7:latest' ? { ...entry, name: 'localhost/other:1' } : entry)));
  expect(names()).toContain('localhost/other:1');
  expect(names()).not.toContain('localhost/c7:latest');
  untilTheClockTicks(base);
  // skopeo writes the file in its place.
  const foreign = JSON.parse(readFileSync(indexFile(store), 'utf8')) as { manifests: { annotations: Record<string, string> }[] };
  foreign.manifests = foreign.manifests.filter(({ annotations }) => annotations['org.opencontainers.image.ref.name'] !== 'localhost/c8:latest');
  writeFileSync(indexFile(store), JSON.stringify(foreign));
  expect(names()).toHaveLength(COUNT - 1);
  expect(names()).not.toContain('localhost/c8:latest');
});

test('an index of the same size and time under the same name is another file', () => {
  list();
  untilTheClockTicks(base);
  const text = readFileSync(indexFile(store), 'utf8');
  writeFileSync(join(base, 'other'), text.replace('localhost/c9:latest', 'localhost/d9:latest'));
  renameSync(join(base, 'other'), indexFile(store));
  expect(names()).toContain('localhost/d9:latest');
});

test('a blob that was taken away is missed, and the damage told each time', () => {
  list();
  untilTheClockTicks(base);
  unlinkSync(store.layout.blob(images[3]!.id));
  expect(list().damaged).toHaveLength(1);
  expect(list().damaged).toHaveLength(1);
  expect(list().images).toHaveLength(COUNT - 1);
});

test('a damaged index is an error, whatever was kept', () => {
  list();
  writeFileSync(indexFile(store), '{');
  expect(() => list()).toThrow(/index\.json is damaged/);
});

test('what was changed a moment ago is not kept: a change after it could look the same', () => {
  list(Date.now());
  expect(existsSync(store.layout.imageListing)).toBe(false);
});

test.each([
  ['cut off', (text: string) => text.slice(0, -100)],
  ['changed within', (text: string) => text.replace('localhost/c5:', 'localhost/d5:')],
  ['empty', () => ''],
  ['no JSON', () => 'x\n'],
  ['another store’s', (text: string) => text.replace(base, '/elsewhere')],
])('a file that is %s is not believed', (_, damage) => {
  list();
  writeFileSync(store.layout.imageListing, damage(readFileSync(store.layout.imageListing, 'utf8')));
  expect(names()).toContain('localhost/c5:latest');
  expect(isRead()).toBe(false);
});

test.each([
  ['a folder', (path: string) => mkdirSync(path)],
  ['a link that leads nowhere', (path: string) => symlinkSync('/nowhere/at/all', path)],
  ['a link to itself', (path: string) => symlinkSync(path, path)],
])('where there is %s in its place, everything is read', (_, put) => {
  put(store.layout.imageListing);
  expect(names()).toHaveLength(COUNT);
});

test('a runtime directory that was removed is missed by nobody, and not made again', () => {
  list();
  rmSync(store.layout.runRoot, { recursive: true });
  expect(names()).toHaveLength(COUNT);
  expect(existsSync(store.layout.runRoot)).toBe(false);
});

test('where another machine works on the store as well, everything is read', () => {
  list();
  expect(isRead()).toBe(false);
  mkdirSync(store.layout.hosts, { recursive: true });
  writeFileSync(join(store.layout.hosts, '0123456789abcdef0123456789abcdef'), JSON.stringify({ bootId: 'f'.repeat(32), name: 'elsewhere' }));
  expect(isRead()).toBe(true);
});

test('a store of a newer format is refused, whatever was kept', () => {
  list();
  writeFileSync(store.layout.versionFile, '2\n');
  expect(() => list()).toThrow(/newer scull/);
});
