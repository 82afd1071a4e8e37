import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { createAnonymousVolume, createVolume } from '../../../../src/engine/volumes/create.ts';
import { findVolume, volumeExists } from '../../../../src/engine/volumes/find.ts';
import { inspectVolume, listVolumes } from '../../../../src/engine/volumes/list.ts';
import { claimFirstUses, resolveVolumeMount } from '../../../../src/engine/volumes/mount.ts';
import { pruneVolumes, removeVolumes } from '../../../../src/engine/volumes/remove.ts';
import { emptyRecord } from '../../../support/container-record.ts';
import type { VolumeMount } from '../../../../src/spec/container-spec.ts';

let directory: string;
let engine: Engine;
const warnings: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-test-'));
  warnings.length = 0;
  engine = openEngine({ root: join(directory, 'root'), runRoot: join(directory, 'run'), progress: (event) => (event.kind === 'message' ? warnings.push(event.text) : undefined) });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A container record that mounts a volume, as far as volumes look at it. */
function containerUsing(volume: string, name = 'web'): void {
  const id = 'ab'.repeat(32);
  const paths = engine.store.layout.container(id);
  mkdirSync(paths.directory, { recursive: true });
  const mounts = [{ type: 'volume', name: volume, source: '/x', target: '/data', readOnly: false, propagation: '', options: [] }] as const;
  writeFileSync(paths.record, JSON.stringify(emptyRecord(id, name, { mounts })));
}

describe('volume create', () => {
  it('refuses a taken name, unless told to ignore that', async () => {
    await createVolume(engine, { name: 'data', labels: { tier: 'db' } });
    await expect(createVolume(engine, { name: 'data' })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect((await createVolume(engine, { name: 'data', ignore: true, labels: { tier: 'other' } })).labels).toEqual({ tier: 'db' });
  });
  it('invents a name of 64 hex digits', async () => {
    expect(await createVolume(engine, {})).toMatchObject({ name: expect.stringMatching(/^[0-9a-f]{64}$/), anonymous: true });
  });
  it('knows one driver', async () => {
    await createVolume(engine, { name: 'a', driver: 'local' });
    await expect(createVolume(engine, { name: 'b', driver: 'nfs' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('volume ls', () => {
  it('lists by name, and by filters', async () => {
    await createVolume(engine, { name: 'web-data', labels: { tier: 'web', x: '' } });
    await createVolume(engine, { name: 'db-data', labels: { tier: 'db' } });
    const { name: anonymous } = await createAnonymousVolume(engine);
    containerUsing('db-data');
    const names = (filters: Record<string, string[]>): string[] => listVolumes(engine, { filters }).map((volume) => volume.Name);
    expect(names({})).toEqual(['db-data', 'web-data', anonymous].sort());
    expect(names({ name: ['^web-', '^db-'] })).toEqual(['db-data', 'web-data']);
    expect(names({ name: ['data'], label: ['tier=web', 'x'] })).toEqual(['web-data']);
    expect(names({ label: ['tier'], 'label!': ['tier=web'] })).toEqual(['db-data']);
    expect(names({ dangling: ['false'] })).toEqual(['db-data']);
    expect(names({ anonymous: ['true'] })).toEqual([anonymous]);
    expect(names({ driver: ['local'], scope: ['local'], anonymous: ['0'] })).toEqual(['db-data', 'web-data']);
    expect(names({ until: ['2001-01-01T00:00:00Z'] })).toEqual([]);
    expect(() => names({ color: ['red'] })).toThrow('unknown filter "color"');
    expect(() => names({ dangling: ['maybe'] })).toThrow('true or false');
  });
  it('is empty in a store that was never used', () => {
    expect(listVolumes(engine)).toEqual([]);
  });
  it('tells of a damaged volume and lists the others', async () => {
    await createVolume(engine, { name: 'good' });
    await createVolume(engine, { name: 'bad' });
    writeFileSync(engine.store.layout.volume('bad').record, '{');
    expect(listVolumes(engine).map((volume) => volume.Name)).toEqual(['good']);
    expect(warnings.join()).toContain(engine.store.layout.volume('bad').record);
  });
});

describe('volume inspect', () => {
  it('has the shape of Docker', async () => {
    await createVolume(engine, { name: 'data', labels: { a: 'b' } });
    expect(inspectVolume(engine, 'data')).toEqual({
      Name: 'data', Driver: 'local', Mountpoint: engine.store.layout.volume('data').data, CreatedAt: expect.stringMatching(/^\d{4}-/),
      Labels: { a: 'b' }, Scope: 'local', Options: {}, Anonymous: false, NeedsCopyUp: true,
    });
  });
  it('finds a volume by an unambiguous beginning', async () => {
    await createVolume(engine, { name: 'data1' });
    await createVolume(engine, { name: 'data2' });
    await createVolume(engine, { name: 'other' });
    expect(findVolume(engine, 'oth').name).toBe('other');
    expect(() => findVolume(engine, 'data')).toThrow(expect.objectContaining({ code: 'AMBIGUOUS' }));
    expect(() => findVolume(engine, 'none')).toThrow(expect.objectContaining({ code: 'NO_SUCH_VOLUME' }));
    expect([volumeExists(engine, 'other'), volumeExists(engine, 'oth')]).toEqual([true, false]);
  });
});

describe('volume rm', () => {
  it('names the container that uses a volume, and removes the others', async () => {
    await createVolume(engine, { name: 'used' });
    await createVolume(engine, { name: 'free' });
    containerUsing('used', 'web');
    const [used, free, missing] = await removeVolumes(engine, { names: ['used', 'free', 'missing'] });
    expect(used?.error).toMatchObject({ code: 'IN_USE', message: expect.stringContaining('web') });
    expect(free).toEqual({ name: 'free' });
    expect(missing?.error?.code).toBe('NO_SUCH_VOLUME');
    expect(volumeExists(engine, 'used')).toBe(true);
  });
  it('forgives a missing one with force or ignore', async () => {
    expect(await removeVolumes(engine, { names: ['missing'], force: true })).toEqual([]);
    expect(await removeVolumes(engine, { names: ['missing'], ignore: true })).toEqual([]);
  });
});

describe('volume prune', () => {
  it('removes unused anonymous ones, and all unused ones only when asked', async () => {
    await createVolume(engine, { name: 'named' });
    await createVolume(engine, { name: 'used' });
    const { name: anonymous } = await createAnonymousVolume(engine);
    writeFileSync(join(engine.store.layout.volume(anonymous).data, 'f'), Buffer.alloc(8192, 1));
    containerUsing('used');
    expect((await pruneVolumes(engine, { dryRun: true })).removed.map(({ name }) => name)).toEqual([anonymous]);
    const pruned = await pruneVolumes(engine);
    expect(pruned.removed.map(({ name }) => name)).toEqual([anonymous]);
    expect(pruned.reclaimed).toBeGreaterThanOrEqual(8192);
    expect((await pruneVolumes(engine, { all: true })).removed.map(({ name }) => name)).toEqual(['named']);
    expect(listVolumes(engine).map((volume) => volume.Name)).toEqual(['used']);
  });
});

describe('a volume as a mount', () => {
  const wish = (more: Partial<VolumeMount> = {}): VolumeMount => ({ type: 'volume', target: '/data', readOnly: false, options: [], copy: true, chown: false, ...more });

  it('is made where it is missing, and the same one afterwards', async () => {
    const first = await resolveVolumeMount(engine, wish({ name: 'data' }));
    expect(first).toMatchObject({ type: 'volume', name: 'data', source: engine.store.layout.volume('data').data, copyUp: true });
    await resolveVolumeMount(engine, wish({ name: 'data' }));
    expect(listVolumes(engine)).toHaveLength(1);
    expect(await resolveVolumeMount(engine, wish())).toMatchObject({ anonymous: true, name: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });
  it('may be a directory of the host, or memory', async () => {
    await createVolume(engine, { name: 'host', options: { type: 'none', o: 'bind,ro', device: directory } });
    await createVolume(engine, { name: 'memory', options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1M' } });
    expect(await resolveVolumeMount(engine, wish({ name: 'host' }))).toMatchObject({ type: 'volume', source: directory, readOnly: true });
    expect(await resolveVolumeMount(engine, wish({ name: 'memory' }))).toMatchObject({ type: 'tmpfs', options: ['size=1M'] });
  });
  it('is filled on first use by the image, and given to the user of the container', async () => {
    const mount = await resolveVolumeMount(engine, wish({ name: 'data' }));
    const { data } = engine.store.layout.volume('data');
    const uses = await claimFirstUses(engine, [mount], '/r', { uid: 33, gid: 33 });
    expect(uses.steps).toEqual([
      { kind: 'chown', owner: '33:33', path: data },
      { kind: 'fill', root: '/r', path: '/data', volume: data },
    ]);
    uses.done();
    expect((await claimFirstUses(engine, [mount], '/r', { uid: 33, gid: 33 })).steps).toEqual([]);
  });
  it('that must not be copied into is not', async () => {
    const mount = await resolveVolumeMount(engine, wish({ name: 'data', copy: false }));
    expect((await claimFirstUses(engine, [mount], '/r', { uid: 0, gid: 0 })).steps).toEqual([]);
  });
  it('whose directory on the host is gone is told before the start', async () => {
    await createVolume(engine, { name: 'host', options: { o: 'bind', device: join(directory, 'missing') } });
    const mount = await resolveVolumeMount(engine, wish({ name: 'host' }));
    await expect(claimFirstUses(engine, [mount], '/r', { uid: 0, gid: 0 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
