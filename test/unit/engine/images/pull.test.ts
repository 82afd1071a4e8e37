/** With images without layers, because unpacking needs namespaces; the e2e suites pull whole ones. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { ensureImage } from '../../../../src/engine/images/ensure.ts';
import { pullAllTags, pullImage } from '../../../../src/engine/images/pull.ts';
import type { ScullError } from '../../../../src/host/errors.ts';
import type { ProgressEvent } from '../../../../src/host/progress.ts';
import { MEDIA_TYPES } from '../../../../src/oci/image.ts';
import { hostPlatform, type Platform } from '../../../../src/oci/platform.ts';
import { readImages } from '../../../../src/storage/images.ts';
import { startTestRegistry, type TestRegistry } from '../../../support/registry-server.ts';

const HERE = hostPlatform();
const OTHER: Platform = HERE.architecture === 's390x' ? { os: 'linux', architecture: 'amd64' } : { os: 'linux', architecture: 's390x' };

let folder: string;
let registry: TestRegistry;
let engine: Engine;
let events: ProgressEvent[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scull-pull-'));
  registry = await startTestRegistry();
  events = [];
  engine = openEngine({ root: join(folder, 'root'), runRoot: join(folder, 'run'), storageDriver: 'vfs', progress: (event) => void events.push(event) });
});

afterEach(async () => {
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
});

const add = (tag: string, platform: Platform = HERE, entry = tag) => {
  // What differs is in the configuration, so that each has an id of its own.
  const config = registry.addBlob(Buffer.from(JSON.stringify({ ...platform, config: { Cmd: [entry] }, rootfs: { type: 'layers', diff_ids: [] } })), MEDIA_TYPES.ociConfig);
  const manifest = { schemaVersion: 2 as const, mediaType: MEDIA_TYPES.ociManifest, config, layers: [] };
  return { manifest, config, layers: [], descriptor: registry.addManifest('team/app', manifest, MEDIA_TYPES.ociManifest, tag) };
};
const warnings = (): string[] => events.flatMap((event) => (event.kind === 'message' ? [event.text] : []));
const failure = async (work: Promise<unknown>): Promise<ScullError> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'ScullError' });
  return error as ScullError;
};

describe('pulling', () => {
  test('by tag puts the name and the digest on the image', async () => {
    const { config, descriptor } = add('v1');
    const image = await pullImage(engine, `${registry.host}/team/app:v1`);
    expect(image).toMatchObject({ id: config.digest, names: [`${registry.host}/team/app:v1`], repoDigests: [`${registry.host}/team/app@${descriptor.digest}`] });
    expect(readImages(engine.store).images.map((other) => other.id)).toEqual([config.digest]);
  });

  test('by digest gives no name', async () => {
    const { descriptor } = add('v1');
    const image = await pullImage(engine, `docker://${registry.host}/team/app@${descriptor.digest}`);
    expect(image).toMatchObject({ names: [], repoDigests: [`${registry.host}/team/app@${descriptor.digest}`] });
  });

  test('what is there already costs one HEAD request', async () => {
    add('v1');
    const first = await pullImage(engine, `${registry.host}/team/app:v1`);
    registry.requests.length = 0;
    expect(await pullImage(engine, `${registry.host}/team/app:v1`)).toEqual(first);
    expect(registry.requests.map((request) => `${request.method} ${request.path}`)).toEqual(['HEAD /v2/team/app/manifests/v1']);
  });

  test('of an index remembers both digests, so that it is recognised later', async () => {
    const mine = add('x');
    const index = registry.addIndex('team/app', 'multi', [{ image: { ...mine }, platform: HERE }]);
    const image = await pullImage(engine, `${registry.host}/team/app:multi`);
    expect(image.repoDigests).toEqual([index.digest, mine.descriptor.digest].map((digest) => `${registry.host}/team/app@${digest}`).sort());
    registry.requests.length = 0;
    await pullImage(engine, `${registry.host}/team/app:multi`);
    expect(registry.asked('/manifests/', 'GET')).toEqual([]);
  });

  test('a tag that has moved takes the name along and leaves the old image without one', async () => {
    const old = add('v1', HERE, 'old');
    await pullImage(engine, `${registry.host}/team/app:v1`);
    const fresh = add('v1', HERE, 'new');
    expect((await pullImage(engine, `${registry.host}/team/app:v1`)).id).toBe(fresh.config.digest);
    expect(readImages(engine.store).images.map((image) => [image.id, image.names.length]).sort()).toEqual([[fresh.config.digest, 1], [old.config.digest, 0]].sort());
  });

  test('that fails leaves what the name meant before', async () => {
    const old = add('v1', HERE, 'old');
    await pullImage(engine, `${registry.host}/team/app:v1`);
    const fresh = add('v1', HERE, 'new');
    registry.intercept = (request, response) => {
      if (!(request.url ?? '').includes(fresh.config.digest)) return false;
      response.end('x'.repeat(fresh.config.size));
      return true;
    };
    expect((await failure(pullImage(engine, `${registry.host}/team/app:v1`))).message).toContain('not what was announced');
    expect(readImages(engine.store).images.map((image) => image.id)).toEqual([old.config.digest]);
  });

  test('all tags passes over what is no image', async () => {
    add('v1');
    add('v2');
    const chart = { ...add('x').manifest, config: registry.addBlob(Buffer.from('{}'), 'application/vnd.cncf.helm.config.v1+json') };
    registry.addManifest('team/app', chart, MEDIA_TYPES.ociManifest, 'x');
    const images = await pullAllTags(engine, `${registry.host}/team/app`);
    expect(images.flatMap((image) => image.names)).toEqual([`${registry.host}/team/app:v1`, `${registry.host}/team/app:v2`]);
    expect(warnings()).toEqual([expect.stringMatching(/app:x is passed over: this is not an image but an artifact/)]);
    expect((await failure(pullAllTags(engine, `${registry.host}/team/app:v1`))).code).toBe('USAGE');
  });

  test('an image for another machine warns in Podman\'s words', async () => {
    add('v1', OTHER);
    await pullImage(engine, `${registry.host}/team/app:v1`);
    expect(warnings()).toEqual([`image platform (linux/${OTHER.architecture}) does not match the expected platform (linux/${HERE.architecture})`]);
    events.length = 0;
    await pullImage(engine, `${registry.host}/team/app:v1`, { platform: OTHER });
    expect(warnings()).toEqual([]);
  });

  test('from a file asks no registry', async () => {
    expect(await failure(pullImage(engine, 'oci-archive:/x.tar'))).toMatchObject({ code: 'NOT_FOUND' });
    expect(registry.requests).toEqual([]);
  });

  test('a malformed name asks nobody', async () => {
    expect((await failure(pullImage(engine, `${registry.host}/Team`))).code).toBe('INVALID');
    expect(registry.requests).toEqual([]);
  });
});

describe('the pull policy', () => {
  test('missing pulls once, then asks nobody', async () => {
    add('v1');
    const image = await ensureImage(engine, `${registry.host}/team/app:v1`, { pull: 'missing' });
    registry.requests.length = 0;
    expect(await ensureImage(engine, `${registry.host}/team/app:v1`, { pull: 'missing' })).toEqual(image);
    expect(await ensureImage(engine, image.id.slice(7, 19), { pull: 'missing' })).toEqual(image);
    expect(registry.requests).toEqual([]);
  });

  test('an alias finds what was pulled by it', async () => {
    add('v1');
    const conf = join(folder, 'registries.conf');
    writeFileSync(conf, `[aliases]\n"tool" = "${registry.host}/team/app"\n[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
    vi.stubEnv('CONTAINERS_REGISTRIES_CONF', conf);
    try {
      const image = await ensureImage(engine, 'tool:v1', { pull: 'missing' });
      expect(image.names).toEqual([`${registry.host}/team/app:v1`]);
      registry.requests.length = 0;
      expect(await ensureImage(engine, 'tool:v1', { pull: 'missing' })).toEqual(image);
      expect(await ensureImage(engine, 'tool:v1', { pull: 'never' })).toEqual(image);
      expect(registry.requests).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('missing pulls again when the one here is for another platform', async () => {
    const mine = add('a', HERE);
    const other = add('b', OTHER);
    registry.addIndex('team/app', 'multi', [
      { image: mine, platform: HERE },
      { image: other, platform: OTHER },
    ]);
    const name = `${registry.host}/team/app:multi`;
    expect((await ensureImage(engine, name, { pull: 'missing' })).id).toBe(mine.config.digest);
    expect((await ensureImage(engine, name, { pull: 'missing', platform: OTHER })).id).toBe(other.config.digest);
    expect((await ensureImage(engine, name, { pull: 'always' })).id).toBe(mine.config.digest);
    expect(await failure(ensureImage(engine, name, { pull: 'never', platform: OTHER }))).toMatchObject({ code: 'NO_SUCH_IMAGE', message: expect.stringContaining('only, not for') });
  });

  test('never only takes what is here', async () => {
    add('v1');
    expect(await failure(ensureImage(engine, `${registry.host}/team/app:v1`, { pull: 'never' }))).toMatchObject({ code: 'NO_SUCH_IMAGE' });
    expect(registry.requests).toEqual([]);
  });

  test('newer takes the registry\'s if it is another, and what is here with a warning if the registry fails', async () => {
    const old = add('v1', HERE, 'old');
    const name = `${registry.host}/team/app:v1`;
    expect((await ensureImage(engine, name, { pull: 'newer' })).id).toBe(old.config.digest);
    const fresh = add('v1', HERE, 'new');
    expect((await ensureImage(engine, name, { pull: 'newer' })).id).toBe(fresh.config.digest);
    await registry.stop();
    expect((await ensureImage(engine, name, { pull: 'newer' })).id).toBe(fresh.config.digest);
    expect(warnings()).toEqual([expect.stringMatching(/nothing listens at .*; the image that is here is used/)]);
    expect((await failure(ensureImage(engine, name, { pull: 'always' }))).code).toBe('NETWORK');
  });

  test('always can not be met for an id, nor for what was made here', async () => {
    add('v1');
    const image = await pullImage(engine, `${registry.host}/team/app:v1`);
    expect((await failure(ensureImage(engine, image.id.slice(7, 19), { pull: 'always' }))).message).toContain('is an image id');
    const { tagImage } = await import('../../../../src/engine/images/tag.ts');
    await tagImage(engine, image.id, ['mine']);
    expect((await failure(ensureImage(engine, 'mine', { pull: 'always' }))).message).toContain('"mine" is localhost/mine:latest, which was made here');
    expect((await ensureImage(engine, 'mine', { pull: 'newer' })).id).toBe(image.id);
  });

  test('an id that is not here is not looked for elsewhere', async () => {
    expect((await failure(ensureImage(engine, 'a'.repeat(64), { pull: 'missing' }))).code).toBe('NO_SUCH_IMAGE');
  });
});
