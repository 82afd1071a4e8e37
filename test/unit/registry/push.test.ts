import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { ScullError } from '../../../src/host/errors.ts';
import type { ProgressEvent } from '../../../src/host/progress.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { MEDIA_TYPES, type Manifest } from '../../../src/oci/image.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { pushImageTo, type PushedImage, type PushOptions } from '../../../src/registry/push.ts';
import { openRegistry, type RegistryOptions } from '../../../src/registry/session.ts';
import { registrySource } from '../../../src/registry/source.ts';
import { sha256 } from '../../support/digest.ts';
import { refuse, startTestRegistry, type TestRegistry, type TestRegistryOptions } from '../../support/registry-server.ts';

const toStop: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function start(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const registry = await startTestRegistry(options);
  toStop.push(() => registry.stop());
  return registry;
}

interface Sent extends PushedImage {
  readonly layers: readonly Descriptor[];
  readonly contents: ReadonlyMap<string, Buffer>;
}

function image(...layers: readonly Buffer[]): Sent {
  const contents = new Map<string, Buffer>();
  const add = (bytes: Buffer, mediaType: string): Descriptor => {
    contents.set(sha256(bytes), bytes);
    return { mediaType, digest: sha256(bytes), size: bytes.length };
  };
  const config = add(Buffer.from(`{"n":${Math.random()}}`), MEDIA_TYPES.ociConfig);
  const manifest: Manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: layers.map((layer) => add(layer, MEDIA_TYPES.ociLayerGzip)) };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return {
    bytes,
    mediaType: MEDIA_TYPES.ociManifest,
    digest: sha256(bytes),
    manifest,
    layers: manifest.layers,
    contents,
    blob: (descriptor) => (offset) => Readable.from(piecesOf((contents.get(descriptor.digest) ?? Buffer.alloc(0)).subarray(offset))),
  };
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

function push(registry: TestRegistry, sent: Sent, name = 'team/app:v1', options: RegistryOptions = {}, more: Partial<PushOptions> = {}): Promise<unknown> {
  const session = openRegistry(registry.host, { retryDelay: 5, ...options });
  toStop.push(() => session.close());
  return pushImageTo(session, parseReference(`${registry.host}/${name}`), sent, { progress: () => undefined, ...more });
}

async function failure(work: Promise<unknown>): Promise<ScullError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ScullError);
  return error as ScullError;
}

test('an image arrives whole, its manifest last, and can be pulled again', async () => {
  const registry = await start();
  const sent = image(randomBytes(3_000_000), randomBytes(10), Buffer.alloc(0));
  const events: ProgressEvent[] = [];
  expect(await push(registry, sent, 'team/app:v1', {}, { progress: (event) => void events.push(event) })).toBe(sent.digest);
  for (const [digest, bytes] of sent.contents) expect(bytes.equals(Buffer.from(registry.blobs.get(digest) ?? [1]))).toBe(true);
  const writes = registry.requests.filter((request) => request.method !== 'HEAD' && request.method !== 'GET');
  expect(`${writes.at(-1)?.method} ${writes.at(-1)?.path}`).toBe('PUT /v2/team/app/manifests/v1');
  const source = registrySource(parseReference(`${registry.host}/team/app:v1`));
  toStop.push(() => source.close());
  expect((await source.manifest()).digest).toBe(sent.digest);
  const last = events.filter((event) => event.kind === 'bytes' && event.id === sent.layers[0]?.digest).at(-1);
  expect(last).toMatchObject({ phase: 'upload', done: 3_000_000, total: 3_000_000 });
});

test('what the registry has is not sent again', async () => {
  const registry = await start();
  const sent = image(randomBytes(1000));
  await push(registry, sent);
  registry.requests.length = 0;
  await push(registry, sent, 'team/app:v2');
  expect(registry.requests.filter((request) => request.method === 'POST' || request.method === 'PATCH')).toEqual([]);
});

test('a blob of another repository is mounted, or uploaded where that is refused', async () => {
  const registry = await start();
  const sent = image(randomBytes(1000), randomBytes(2000));
  await push(registry, sent, 'base:v1');
  const [first, second] = sent.layers as [Descriptor, Descriptor];
  registry.requests.length = 0;
  registry.intercept = (request, response) => {
    // As a registry where blobs belong to repositories: not there until mounted.
    if (request.method === 'HEAD' && (request.url ?? '').includes('/other/blobs/')) return refuse(response, 404, 'BLOB_UNKNOWN', '');
    return (request.url ?? '').includes(`mount=${encodeURIComponent(second.digest)}`) && refuse(response, 403, 'DENIED', 'not yours');
  };
  await push(registry, sent, 'other:v1', {}, { mountFrom: () => ['base'] });
  const posts = registry.requests.filter((request) => request.method === 'POST').map((request) => request.path);
  expect(posts).toContain(`/v2/other/blobs/uploads/?mount=${encodeURIComponent(first.digest)}&from=base`);
  const uploads = registry.requests.filter((request) => request.method === 'PUT' && request.path.includes('/blobs/uploads/'));
  expect(uploads.map((request) => request.headers['content-length'])).toEqual(['2000']);
});

test('a blob goes in one request, or in several where that is refused', async () => {
  const registry = await start();
  const sent = image(randomBytes(100), randomBytes(1_000_000));
  await push(registry, sent);
  expect(registry.requests.filter((request) => request.method === 'PATCH')).toEqual([]);
  const strict = await start();
  strict.intercept = (request, response) => request.method === 'PUT' && request.url?.includes('/blobs/') === true && request.headers['content-length'] !== '0' && refuse(response, 400, 'UNSUPPORTED', 'not at once');
  await push(strict, sent);
  for (const digest of sent.contents.keys()) expect(strict.blobs.has(digest)).toBe(true);
});

test('a registry that does not take as much at once gets pieces, not smaller than it says', async () => {
  const registry = await start();
  const sent = image(randomBytes(5_000_000));
  registry.intercept = (request, response) => {
    if (request.method === 'POST') response.setHeader('oci-chunk-min-length', '1500000');
    return Number(request.headers['content-length']) > 2_000_000 && refuse(response, 413, 'SIZE_INVALID', 'too large');
  };
  await push(registry, sent);
  const ranges = registry.requests.filter((request) => request.method === 'PATCH').flatMap((request) => request.headers['content-range'] ?? []);
  expect(ranges.slice(-4)).toEqual(['0-1499999', '1500000-2999999', '3000000-4499999', '4500000-4999999']);
  expect(Buffer.from(registry.blobs.get(sent.layers[0]?.digest ?? '') ?? []).equals(sent.contents.get(sent.layers[0]?.digest ?? '') as Buffer)).toBe(true);
});

test('an upload that breaks off goes on where the registry says', async () => {
  const registry = await start();
  const sent = image(randomBytes(2_000_000));
  let broken = 0;
  registry.intercept = (request, response) => {
    if (request.method !== 'PUT' || Number(request.headers['content-length']) < 1_000_000 || broken > 0) return false;
    broken += 1;
    let arrived = 0;
    request.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
      if (arrived > 700_000) response.destroy();
    });
    return false;
  };
  await push(registry, sent);
  const patches = registry.requests.filter((request) => request.method === 'PATCH' && request.headers['content-range'] !== undefined);
  expect(broken).toBe(1);
  expect(patches.length).toBe(1);
  expect(Number(/^([0-9]+)-1999999$/.exec(patches[0]?.headers['content-range'] ?? '')?.[1])).toBeGreaterThan(500_000);
  expect(Buffer.from(registry.blobs.get(sent.layers[0]?.digest ?? '') ?? []).equals(sent.contents.get(sent.layers[0]?.digest ?? '') as Buffer)).toBe(true);
});

test('a file is sent as it is, from where it breaks off too', async () => {
  const registry = await start();
  const sent = image(randomBytes(2_000_000), Buffer.alloc(0));
  const folder = mkdtempSync(join(tmpdir(), 'scull-push-'));
  toStop.push(() => rmSync(folder, { recursive: true }));
  for (const [digest, bytes] of sent.contents) writeFileSync(join(folder, digest.slice(7)), bytes);
  let arrived = 0;
  registry.intercept = (request, response) => {
    if (request.method === 'PUT' && Number(request.headers['content-length']) === 2_000_000) request.on('data', (chunk: Buffer) => (arrived += chunk.length) > 700_000 && response.destroy());
    return false;
  };
  const sentBytes: number[] = [];
  await push(registry, { ...sent, blob: ({ digest }) => join(folder, digest.slice(7)) }, 'team/app:v1', {}, { progress: (event) => void (event.kind === 'bytes' && event.total === 2_000_000 && sentBytes.push(event.done)) });
  expect(arrived).toBeLessThan(2_000_000);
  expect(sentBytes.at(-1)).toBe(2_000_000);
  for (const [digest, bytes] of sent.contents) expect(bytes.equals(Buffer.from(registry.blobs.get(digest) ?? [1]))).toBe(true);
});

test('the token is for writing here and reading there', async () => {
  const registry = await start({ tokens: { login: 'ann:s3cret' } });
  await push(registry, image(randomBytes(10)), 'team/app:v1', { credentials: async () => ({ kind: 'password', username: 'ann', password: 's3cret' }) }, { mountFrom: () => ['base'] });
  const scopes = new URL(registry.asked('/token')[0]?.path ?? '', 'http://x').searchParams.getAll('scope');
  expect(scopes).toEqual(['repository:team/app:pull,push', 'repository:base:pull']);
});

describe('a push that is refused', () => {
  test('for want of a login says so', async () => {
    const registry = await start({ basic: 'ann:s3cret' });
    expect(await failure(push(registry, image(randomBytes(10))))).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('cannot push'), hint: expect.stringContaining('scull login') });
  });

  test('in the middle of a blob tells the registry\'s reason', async () => {
    const registry = await start();
    registry.intercept = (request, response) => ['PATCH', 'PUT'].includes(request.method ?? '') && refuse(response, 413, 'SIZE_INVALID', 'too large for you');
    expect(await failure(push(registry, image(randomBytes(5_000_000))))).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('too large for you') });
  });

  test('by a registry that does not say where to upload to', async () => {
    const registry = await start();
    registry.intercept = (request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(202, { location: 'file:///etc/passwd' }).end();
      return true;
    };
    expect((await failure(push(registry, image(randomBytes(10))))).message).toContain('does not say where to upload to');
  });
});

test('an upload elsewhere gets no credentials', async () => {
  const registry = await start({ basic: 'ann:s3cret' });
  const storage = await start();
  registry.intercept = (request, response) => {
    if (request.method !== 'POST' || request.headers.authorization === undefined) return false;
    response.writeHead(202, { location: `http://${storage.host}/v2/x/blobs/uploads/` }).end();
    return true;
  };
  storage.intercept = (request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(request.method === 'PUT' ? 201 : 202, { location: `http://${storage.host}/again` }).end());
    return true;
  };
  await push(registry, image(randomBytes(100_000)), 'app:v1', { credentials: async () => ({ kind: 'password', username: 'ann', password: 's3cret' }) });
  expect(storage.requests.length).toBe(2);
  expect(storage.requests.filter((request) => request.headers.authorization !== undefined)).toEqual([]);
});
