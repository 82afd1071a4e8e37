import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';
import { claimFirstUse, endFirstUse, giveUpFirstUse, isFresh, readVolume, readVolumes, removeVolumeDirectory, VOLUME_FORMAT, volumeNames, volumeSize, writeVolume, type VolumeRecord } from '../../../src/storage/volumes.ts';

let directory: string;
let store: Store;
const record = (name: string, more: Partial<VolumeRecord> = {}): VolumeRecord => ({ format: VOLUME_FORMAT, name, driver: 'local', created: '2026-01-02T03:04:05.678Z', labels: {}, options: {}, anonymous: false, ...more });
const fresh = (name: string): string => join(store.layout.volume(name).directory, 'fresh');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-test-'));
  store = { layout: storeLayout(join(directory, 'root'), join(directory, 'run')), driver: 'auto' };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('a volume', () => {
  it('is there as a whole after it was made, and reads back as it was', async () => {
    const wanted = record('data', { labels: { a: 'b' }, options: { o: 'nocopy' }, anonymous: true });
    await writeVolume(store, wanted);
    expect(readVolume(store, 'data')).toEqual(wanted);
    expect(statSync(store.layout.volume('data').data).mode & 0o7777).toBe(0o755);
    expect(readdirSync(store.layout.staging)).toEqual([]);
  });
  it('keeps its name to itself, and its content when another wants the name', async () => {
    await writeVolume(store, record('data'));
    writeFileSync(join(store.layout.volume('data').data, 'kept'), '');
    await expect(writeVolume(store, record('data', { labels: { other: '' } }))).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(readVolume(store, 'data')?.labels).toEqual({});
    expect(existsSync(join(store.layout.volume('data').data, 'kept'))).toBe(true);
  });
  it('is made once when twenty want it at the same time', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => writeVolume(store, record('race'))));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
  });
  it.each(['', '.', '..', '../x', 'a/b', '-a', 'a b', 'ä', 'x'.repeat(256)])('is never called %j', async (name) => {
    await expect(writeVolume(store, record(name))).rejects.toMatchObject({ code: 'INVALID' });
    expect(readVolume(store, name)).toBeUndefined();
  });
  it('is gone at once when removed, with all that is in it', async () => {
    await writeVolume(store, record('data'));
    mkdirSync(join(store.layout.volume('data').data, 'deep/deeper'), { recursive: true });
    expect(await removeVolumeDirectory(store, 'data')).toBe(true);
    expect(await removeVolumeDirectory(store, 'data')).toBe(false);
    expect(volumeNames(store)).toEqual([]);
    expect(readdirSync(store.layout.trash)).toEqual([]);
  });
  it('has a size in which hard links count once', async () => {
    await writeVolume(store, record('data'));
    const { data } = store.layout.volume('data');
    writeFileSync(join(data, 'a'), Buffer.alloc(1 << 20, 1));
    const single = await volumeSize(store, record('data'));
    linkSync(join(data, 'a'), join(data, 'b'));
    expect(await volumeSize(store, record('data'))).toBe(single);
    expect(single).toBeGreaterThanOrEqual(1 << 20);
  });
});

describe('a damaged volume', () => {
  it.each([
    ['torn', '{"format":1,'],
    ['empty', ''],
    ['of another name', JSON.stringify(record('other'))],
    ['of a newer format', JSON.stringify({ ...record('bad'), format: 2 })],
    ['without labels', JSON.stringify({ ...record('bad'), labels: undefined })],
  ])('record (%s) is an error that names the file, and the volume can still be removed', async (_, text) => {
    await writeVolume(store, record('bad'));
    await writeVolume(store, record('good'));
    writeFileSync(store.layout.volume('bad').record, text);
    expect(() => readVolume(store, 'bad')).toThrow(store.layout.volume('bad').record);
    const broken: string[] = [];
    expect(readVolumes(store, (error) => broken.push(error.code)).map(({ name }) => name)).toEqual(['good']);
    expect(broken).toEqual(['CORRUPT']);
    expect(await removeVolumeDirectory(store, 'bad')).toBe(true);
  });
  it('record that is missing is not the same as no volume', async () => {
    await writeVolume(store, record('bad'));
    rmSync(store.layout.volume('bad').record);
    expect(() => readVolume(store, 'bad')).toThrow('is missing');
  });
});

describe('the first use', () => {
  it('is claimed by one, and over when it says so', async () => {
    await writeVolume(store, record('data'));
    expect(await claimFirstUse(store, 'data')).toBe('fill');
    endFirstUse(store, 'data');
    expect(await claimFirstUse(store, 'data')).toBe('ready');
    expect(isFresh(store, 'data')).toBe(false);
  });
  it('never fills what the user has put something into (CVE-2020-1726)', async () => {
    await writeVolume(store, record('data'));
    writeFileSync(join(store.layout.volume('data').data, 'mine'), '');
    expect(await claimFirstUse(store, 'data')).toBe('ready');
  });
  it('is done again when the one who filled was killed', async () => {
    await writeVolume(store, record('data'));
    writeFileSync(fresh('data'), `${2 ** 22 + 1}.1.${'0'.repeat(32)}.0123456789abcdef`);
    writeFileSync(join(store.layout.volume('data').data, 'half'), '');
    expect(await claimFirstUse(store, 'data')).toBe('fill');
  });
  it('is done again after a launch that failed', async () => {
    await writeVolume(store, record('data'));
    expect(await claimFirstUse(store, 'data')).toBe('fill');
    writeFileSync(join(store.layout.volume('data').data, 'half'), '');
    giveUpFirstUse(store, 'data');
    expect(await claimFirstUse(store, 'data')).toBe('fill');
  });
  it('belongs to the maker who claims it', async () => {
    await writeVolume(store, record('data'), { claim: true });
    expect(await claimFirstUse(store, 'data')).toBe('fill');
  });
  it('does not exist where nothing is to be copied', async () => {
    await writeVolume(store, record('data', { options: { o: 'nocopy' } }));
    expect(await claimFirstUse(store, 'data')).toBe('ready');
  });
});
