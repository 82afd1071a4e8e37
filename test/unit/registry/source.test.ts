import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ScullError } from '../../../src/host/errors.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { MEDIA_TYPES } from '../../../src/oci/image.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import type { Credentials } from '../../../src/registry/auth.ts';
import { explainConnectionFailure } from '../../../src/registry/errors.ts';
import { listTags } from '../../../src/registry/tags.ts';
import { openRegistry, type RegistryOptions } from '../../../src/registry/session.ts';
import { registrySource, type RegistrySource, type RegistrySourceOptions } from '../../../src/registry/source.ts';
import { sha256 } from '../../support/digest.ts';
import { sleep } from '../../support/eventually.ts';
import { refuse, startTestRegistry, type TestRegistry, type TestRegistryOptions } from '../../support/registry-server.ts';
import { TEST_CERTIFICATE } from '../../support/test-certificate.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const QUICK: RegistryOptions = { retryDelay: 5, limits: { connect: 2000, response: 1000, stall: 400 } };

const toStop: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function start(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const registry = await startTestRegistry(options);
  toStop.push(() => registry.stop());
  return registry;
}

function open(name: string, options: RegistrySourceOptions = {}): RegistrySource {
  const source = registrySource(parseReference(name), { platform: AMD64, ...QUICK, ...options });
  toStop.push(() => source.close());
  return source;
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function failure(work: Promise<unknown>): Promise<ScullError> {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(ScullError);
    return error as ScullError;
  }
  throw new Error('it did not fail');
}

const login = (username: string, password: string) => async (): Promise<Credentials> => ({ kind: 'password', username, password });

describe('an image', () => {
  test('is pulled by tag: manifest, configuration and layers, each byte of them', async () => {
    const registry = await start();
    const layer = randomBytes(300_000);
    const image = registry.addImage('team/app', 'v1', [layer]);
    const source = open(`${registry.host}/team/app:v1`);
    const { bytes, mediaType, digest } = await source.manifest();
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(image.manifest);
    expect(mediaType).toBe(MEDIA_TYPES.ociManifest);
    expect(digest).toBe(image.descriptor.digest);
    expect(await source.digests()).toEqual([image.descriptor.digest]);
    for (const descriptor of [image.config, ...image.layers]) {
      expect(sha256(await read(await source.blob(descriptor)))).toBe(descriptor.digest);
    }
  });

  test('is pulled by digest, whatever the tag beside it says', async () => {
    const registry = await start();
    const image = registry.addImage('app', 'old', [randomBytes(10)]);
    registry.addImage('app', 'new', [randomBytes(10)]);
    const source = open(`${registry.host}/app:new@${image.descriptor.digest}`);
    expect((await source.manifest()).digest).toBe(image.descriptor.digest);
  });

  test('is chosen from an index by platform, and known by both digests', async () => {
    const registry = await start();
    const amd64 = registry.addImage('app', undefined, [randomBytes(10)]);
    const arm64 = registry.addImage('app', undefined, [randomBytes(10)], { os: 'linux', architecture: 'arm64' });
    const index = registry.addIndex('app', 'latest', [
      { image: arm64, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { image: amd64, platform: AMD64 },
    ]);
    expect(await open(`${registry.host}/app`).digests()).toEqual([index.digest, amd64.descriptor.digest]);
    expect((await open(`${registry.host}/app`, { platform: { os: 'linux', architecture: 'arm64' } }).manifest()).digest).toBe(arm64.descriptor.digest);
    const error = await failure(open(`${registry.host}/app`, { platform: { os: 'linux', architecture: 's390x' } }).manifest());
    expect(error).toMatchObject({ code: 'NO_SUCH_IMAGE', message: expect.stringContaining('no image for linux/s390x'), hint: expect.stringContaining('linux/arm64/v8, linux/amd64') });
  });

  test('can be read from any offset', async () => {
    const registry = await start();
    const bytes = randomBytes(100_000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    const source = open(`${registry.host}/app`);
    expect((await read(await source.blob(blob, 99_000))).equals(bytes.subarray(99_000))).toBe(true);
    expect((await read(await source.blob(blob, 100_000))).length).toBe(0);
    expect(registry.requests.at(-1)?.headers.range).toBe('bytes=99000-');
  });

  test('is read from an offset also where the registry knows no ranges', async () => {
    const registry = await start();
    const bytes = randomBytes(100_000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    registry.intercept = (request, response) => {
      if (request.headers.range === undefined) return false;
      response.end(bytes);
      return true;
    };
    expect((await read(await open(`${registry.host}/app`).blob(blob, 70_001))).equals(bytes.subarray(70_001))).toBe(true);
  });

  test('has all its tags listed, over several pages', async () => {
    const registry = await start();
    for (const tag of ['a', 'b', 'c', 'd', 'e']) registry.addImage('app', tag, []);
    const session = openRegistry(registry.host, QUICK);
    toStop.push(() => session.close());
    expect(await listTags(session, parseReference(`${registry.host}/app`))).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await failure(listTags(session, parseReference(`${registry.host}/none`)))).toMatchObject({ code: 'NO_SUCH_IMAGE' });
  });
});

describe('a name the registry does not have', () => {
  test('is told apart: repository, tag, digest', async () => {
    const registry = await start();
    registry.addImage('app', 'v1', []);
    expect((await failure(open(`${registry.host}/none`).manifest())).message).toBe(`cannot pull ${registry.host}/none:latest: ${registry.host} has no such repository`);
    expect((await failure(open(`${registry.host}/app:v2`).manifest())).message).toContain('has no such tag or digest');
    expect(await failure(open(`${registry.host}/app@${sha256(Buffer.from('x'))}`).manifest())).toMatchObject({ code: 'NO_SUCH_IMAGE' });
  });
});

describe('a registry that lies about content is caught', () => {
  test.each([
    ['the manifest of a digest is another', 'digest'],
    ['the manifest of a tag is not what its header says', 'header'],
  ])('%s', async (_what, how) => {
    const registry = await start();
    const image = registry.addImage('app', 'v1', []);
    registry.intercept = (request, response) => {
      if (!(request.url ?? '').includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': MEDIA_TYPES.ociManifest, ...(how === 'header' ? { 'docker-content-digest': image.descriptor.digest } : {}) });
      response.end(JSON.stringify({ ...image.manifest, annotations: { evil: 'yes' } }));
      return true;
    };
    const error = await failure(open(how === 'header' ? `${registry.host}/app:v1` : `${registry.host}/app@${image.descriptor.digest}`).manifest());
    expect(error).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining(`is not ${image.descriptor.digest}`) });
  });

  test('one document that is index and manifest at once (CVE-2021-41190)', async () => {
    const registry = await start();
    const image = registry.addImage('app', undefined, []);
    registry.addManifest('app', { ...image.manifest, manifests: [image.descriptor] }, MEDIA_TYPES.ociManifest, 'v1');
    expect(await failure(open(`${registry.host}/app:v1`).manifest())).toMatchObject({ code: 'INVALID', message: expect.stringContaining('ambiguous') });
  });

  test('an index that leads to itself and on', async () => {
    const registry = await start();
    let inner = registry.addImage('app', undefined, []).descriptor;
    for (let depth = 0; depth < 5; depth++) {
      inner = registry.addManifest('app', { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [{ ...inner, platform: AMD64 }] }, MEDIA_TYPES.ociIndex, 'v1');
    }
    expect(await failure(open(`${registry.host}/app:v1`).manifest())).toMatchObject({ code: 'INVALID', message: expect.stringContaining('ever more indexes') });
  });

  test('a manifest without end', async () => {
    const registry = await start();
    registry.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': MEDIA_TYPES.ociManifest });
      const more = (): void => {
        if (response.destroyed) return;
        response.write(' '.repeat(65_536));
        setImmediate(more);
      };
      more();
      return true;
    };
    expect(await failure(open(`${registry.host}/app`).manifest())).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('more than 4194304 bytes') });
  });

  test.each(['not json', '[]', '{}', '{"schemaVersion":1}', 'null', '{"schemaVersion":2,"config":{},"layers":[]}', '\u001b[31m'])('a manifest that is %j', async (body) => {
    const registry = await start();
    registry.intercept = (_request, response) => {
      response.end(body);
      return true;
    };
    const error = await failure(open(`${registry.host}/app`).manifest());
    expect(['INVALID', 'UNSUPPORTED']).toContain(error.code);
    expect(error.message).not.toContain('\u001b');
  });

  test('a blob of another length than the manifest says', async () => {
    const registry = await start();
    const blob = registry.addBlob(randomBytes(1000), MEDIA_TYPES.ociLayer);
    const source = open(`${registry.host}/app`);
    expect(await failure(source.blob({ ...blob, size: 999 }))).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('has 1000 bytes') });
  });

  test('a blob that goes on after its end', async () => {
    const registry = await start();
    const bytes = randomBytes(1000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    registry.intercept = (_request, response) => {
      response.writeHead(200); // No Content-Length: chunked.
      response.end(Buffer.concat([bytes, bytes]));
      return true;
    };
    expect(await failure(open(`${registry.host}/app`).blob(blob).then(read))).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('sends more than the 1000 bytes') });
  });

  test('a range request answered with another range', async () => {
    const registry = await start();
    const bytes = randomBytes(1000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    registry.intercept = (_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 10-999/1000' });
      response.end(bytes.subarray(10));
      return true;
    };
    expect(await failure(open(`${registry.host}/app`).blob(blob, 500))).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('another range') });
  });

  test('a compressed transfer, which would change the digest', async () => {
    const registry = await start();
    const blob = registry.addBlob(randomBytes(10), MEDIA_TYPES.ociLayer);
    registry.intercept = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end('x');
      return true;
    };
    expect(await failure(open(`${registry.host}/app`).blob(blob))).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('encodes blobs') });
  });

  test('foreign layers are refused, their addresses not asked (CVE-2020-15157)', async () => {
    const registry = await start();
    const blob: Descriptor = { ...registry.addBlob(randomBytes(10), MEDIA_TYPES.dockerForeignLayer), urls: [`http://${registry.host}/elsewhere`] };
    expect(await failure(open(`${registry.host}/app`).blob(blob))).toMatchObject({ code: 'UNSUPPORTED' });
    expect(registry.requests).toEqual([]);
  });
});

describe('a registry of an older or simpler kind', () => {
  test.each([
    ['HTTP/1.0, without a length', (bytes: Buffer) => ['HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n', bytes]],
    ['closing each connection', (bytes: Buffer) => [`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${bytes.length}\r\n\r\n`, bytes]],
    ['closing each connection without saying so', (bytes: Buffer) => [`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`, bytes]],
    ['in chunks', (bytes: Buffer) => ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n', `${bytes.length.toString(16)}\r\n`, bytes, '\r\n0\r\n\r\n']],
  ])('is understood: %s, over IPv6', async (_what, answer) => {
    const bytes = randomBytes(5000);
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        for (const part of answer(bytes)) socket.write(part);
        socket.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
    toStop.push(() => void server.close());
    const source = open(`[::1]:${(server.address() as AddressInfo).port}/app`);
    for (let time = 0; time < 3; time += 1) expect((await read(await source.blob({ mediaType: MEDIA_TYPES.ociLayer, digest: sha256(bytes), size: bytes.length }))).equals(bytes)).toBe(true);
  });
});

/** Sends the first part of what is asked for, then breaks the connection off. */
function breakOff(response: ServerResponse, bytes: Uint8Array, start: number, length: number): true {
  response.writeHead(start === 0 ? 200 : 206, { 'content-length': bytes.length - start, ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }) });
  response.write(bytes.subarray(start, start + length), () => setTimeout(() => response.destroy(), 20));
  return true;
}

describe('a registry that fails', () => {
  test('in the middle of a blob is asked for the rest only', async () => {
    const registry = await start();
    const bytes = randomBytes(1_000_000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    const starts: number[] = [];
    registry.intercept = (request, response, earlier) => {
      if (request.url === '/v2/') return false;
      const from = Number(/^bytes=([0-9]+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      starts.push(from);
      return earlier < 2 ? breakOff(response, bytes, from, 300_000) : false;
    };
    expect((await read(await open(`${registry.host}/app`).blob(blob))).equals(bytes)).toBe(true);
    expect(starts).toEqual([0, 300_000, 600_000]);
  });

  test('in the middle of a blob again and again is given up, with what was reached', async () => {
    const registry = await start();
    const bytes = randomBytes(1000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    registry.intercept = (request, response) => request.url !== '/v2/' && breakOff(response, bytes, Number(/^bytes=([0-9]+)-/.exec(request.headers.range ?? '')?.[1] ?? 0), 10);
    expect(await failure(open(`${registry.host}/app`).blob(blob).then(read))).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('broke off the connection') });
    expect(registry.asked('/blobs/').length).toBe(4);
  });

  test('in the middle of a manifest is asked for it again', async () => {
    const registry = await start();
    const { descriptor } = registry.addImage('app', 'latest', []);
    registry.intercept = (_request, response, earlier) => earlier === 0 && breakOff(response, randomBytes(1000), 0, 10);
    expect(await open(`${registry.host}/app`).manifest()).toMatchObject({ digest: descriptor.digest });
    expect(registry.requests.map(({ path }) => path)).toEqual(['/v2/app/manifests/latest', '/v2/app/manifests/latest']); // and no greeting before
  });

  test('in the middle of every manifest is told as what it is', async () => {
    const registry = await start();
    registry.intercept = (_request, response) => breakOff(response, randomBytes(1000), 0, 10);
    expect(await failure(open(`${registry.host}/app`, { limits: {} }).manifest())).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('broke off the connection') });
  });

  test('by ending a blob early without a word is given up as well', async () => {
    const registry = await start();
    const blob = registry.addBlob(randomBytes(1000), MEDIA_TYPES.ociLayer);
    registry.intercept = (_request, response) => {
      response.writeHead(200);
      response.end('short');
      return true;
    };
    expect(await failure(open(`${registry.host}/app`).blob(blob).then(read))).toMatchObject({ code: 'REGISTRY', message: expect.stringMatching(/ends .* after 5 of 1000 bytes/) });
  });

  test('by going silent in a blob is noticed', async () => {
    const registry = await start();
    const bytes = randomBytes(1000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    registry.intercept = (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 100));
      return true;
    };
    expect(await failure(open(`${registry.host}/app`, { retries: 0 }).blob(blob).then(read))).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('does not answer') });
  });

  test('by dripping byte after byte is noticed', async () => {
    const registry = await start();
    const blob = registry.addBlob(randomBytes(1000), MEDIA_TYPES.ociLayer);
    registry.intercept = (_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write('x')), 30);
      return true;
    };
    expect(await failure(open(`${registry.host}/app`, { retries: 0 }).blob(blob).then(read))).toMatchObject({ code: 'NETWORK' });
  });

  test('a reader that takes its time is not taken for a silent registry', async () => {
    const registry = await start();
    const bytes = randomBytes(8_000_000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    const stream = await open(`${registry.host}/app`).blob(blob);
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (length === 0) await sleep(1000);
      length += chunk.length;
    }
    expect(length).toBe(bytes.length);
    expect(registry.requests.filter((request) => request.path.includes('/blobs/')).length).toBe(1);
  });

  test('by never answering is noticed', async () => {
    const registry = await start();
    registry.intercept = (request) => request.url !== '/v2/';
    expect(await failure(open(`${registry.host}/app`, { retries: 0 }).manifest())).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('does not answer') });
  });

  test.each([500, 502, 503, 504])('with status %i is asked again', async (status) => {
    const registry = await start();
    registry.addImage('app', 'v1', []);
    registry.intercept = (request, response, earlier) => (request.url ?? '').includes('/manifests/') && earlier < 2 && refuse(response, status, 'UNKNOWN', 'out of order');
    await open(`${registry.host}/app:v1`).manifest();
    expect(registry.asked('/manifests/').length).toBe(3);
  });

  test('with status 503 for good is an error with its own words, escaped', async () => {
    const registry = await start();
    registry.intercept = (request, response) => request.url !== '/v2/' && refuse(response, 503, 'UNKNOWN', 'gone \u001b[31mfishing\u202e');
    const error = await failure(open(`${registry.host}/app:v1`).manifest());
    expect(error.message).toBe(`cannot pull ${registry.host}/app:v1: ${registry.host} failed with status 503 ("gone \\u001b[31mfishing\\u202e")`);
    expect(error.detail).toContain('GET http://');
    expect(registry.asked('/manifests/').length).toBe(4);
  });

  test('by limiting the rate is waited for as long as it says, and the user told', async () => {
    const registry = await start();
    registry.addImage('app', 'v1', []);
    const times: number[] = [];
    registry.intercept = (request, response, earlier) => {
      if (!(request.url ?? '').includes('/manifests/')) return false;
      times.push(Date.now());
      return earlier === 0 && refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '1' });
    };
    const messages: string[] = [];
    await open(`${registry.host}/app:v1`, { progress: (event) => void (event.kind === 'message' && messages.push(event.text)) }).manifest();
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
    expect(messages).toEqual([`${registry.host} limits the rate of requests: trying again in 1 s`]);
  });

  test.each([
    ['for hours', { 'retry-after': '7200' }, /try again in 2 hours/],
    ['with nothing left, as Docker Hub says it', { 'ratelimit-remaining': '0;w=21600' }, /log in with `scull login/],
  ])('by limiting the rate %s is an error at once', async (_what, headers, hint) => {
    const registry = await start();
    registry.intercept = (request, response) => request.url !== '/v2/' && refuse(response, 429, 'TOOMANYREQUESTS', 'enough', headers);
    const error = await failure(open(`${registry.host}/app:v1`).manifest());
    expect(error).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('rate limit'), hint: expect.stringMatching(hint) });
    expect(registry.asked('/manifests/').length).toBe(1);
  });
});

describe('what cannot be reached is told apart', () => {
  test('nothing listens', async () => {
    const registry = await startTestRegistry();
    await registry.stop();
    const started = performance.now();
    expect(await failure(open(`${registry.host}/app`, { retryDelay: 1000 }).manifest())).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('nothing listens at') });
    expect(performance.now() - started).toBeLessThan(900);
  });

  test('no such host', async () => {
    expect(await failure(open('registry.invalid/app', { retries: 0 }).manifest())).toMatchObject({ code: 'NETWORK', message: expect.stringMatching(/registry\.invalid/) });
  });

  test('a certificate nobody vouches for', async () => {
    const registry = await start({ tls: true });
    registry.addImage('app', 'v1', []);
    const error = await failure(open(`${registry.host}/app:v1`).manifest());
    expect(error).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('certificate of') });
    expect(error.hint).toContain(`certs.d/${registry.host}/ca.crt`);
    expect(error.hint).toContain('--tls-verify=false');
  });

  test('a certificate for another name', async () => {
    const registry = await start({ tls: true });
    const folder = certificateFolder();
    expect(await failure(open(`127.0.0.1:${registry.port}/app`, { certificateDirectory: folder }).manifest())).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('it is for another host') });
  });

  test.each([
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'error:10000412:SSL routines:OPENSSL_internal:SSLV3_ALERT_BAD_CERTIFICATE'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl'],
    ['EPROTO', 'write EPROTO 00:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate'],
  ])('a registry that wants a certificate of ours: %s', (code, message) => {
    const error = explainConnectionFailure(Object.assign(new Error(message), { code }), new URL('https://registry.lan:5000/v2/'), { verb: 'pull', subject: 'x', registry: 'registry.lan:5000', authenticated: false });
    expect(error).toMatchObject({ code: 'NETWORK', message: 'cannot pull x: registry.lan:5000 wants to be shown a certificate that it trusts', hint: expect.stringContaining('certs.d/registry.lan:5000/ as client.cert and client.key') });
  });

  test('plain http where TLS is insisted on', async () => {
    const registry = await start();
    expect(await failure(open(`${registry.host}/app`, { tlsVerify: true }).manifest())).toMatchObject({ code: 'NETWORK', message: expect.stringContaining('does not speak TLS') });
    expect(registry.requests).toEqual([]);
  });
});

function certificateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scull-certs-'));
  toStop.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'ca.crt'), TEST_CERTIFICATE);
  return folder;
}

describe('TLS', () => {
  test('is accepted with the authority from a folder', async () => {
    const registry = await start({ tls: true });
    const image = registry.addImage('app', 'v1', []);
    expect((await open(`${registry.host}/app:v1`, { certificateDirectory: certificateFolder() }).manifest()).digest).toBe(image.descriptor.digest);
  });

  test('is accepted unseen when the user says so', async () => {
    const registry = await start({ tls: true });
    const image = registry.addImage('app', 'v1', []);
    expect((await open(`${registry.host}/app:v1`, { tlsVerify: false }).manifest()).digest).toBe(image.descriptor.digest);
  });

  test('of a registry on this machine that also answers plain requests is used when it says that it wants it', async () => {
    const registry = await start({ tls: true });
    registry.addImage('app', 'v1', []);
    await open(`${registry.host}/app:v1`, { certificateDirectory: certificateFolder() }).manifest();
    expect(registry.asked('/manifests/').length).toBe(1);
  });
});

describe('tokens', () => {
  test.each([
    ['is limited', (response: ServerResponse) => refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '0' })],
    ['fails', (response: ServerResponse) => refuse(response, 503, 'UNAVAILABLE', 'not now')],
    ['breaks off', (response: ServerResponse) => response.destroy() !== undefined],
  ])('are asked for again where their server %s', async (_what, answer) => {
    const registry = await start({ tokens: {} });
    registry.addImage('app', 'v1', []);
    const said: string[] = [];
    registry.intercept = (request, response, earlier) => request.url?.startsWith('/token') === true && earlier < 2 && answer(response);
    await open(`${registry.host}/app:v1`, { progress: (event) => void (event.kind === 'message' && said.push(event.text)) }).manifest();
    expect(registry.asked('/token').length).toBe(3);
    expect(said.every((text) => text.startsWith(registry.host))).toBe(true);
  });

  test('are not waited for longer than makes sense', async () => {
    const registry = await start({ tokens: {} });
    registry.intercept = (request, response) => request.url?.startsWith('/token') === true && refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '7200' });
    expect(await failure(open(`${registry.host}/app:v1`).manifest())).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining('the rate limit of'), hint: expect.stringContaining('in 2 hours') });
    expect(registry.asked('/token').length).toBe(1);
  });

  test('cost no new connection to the registry that asks for one', async () => {
    const registry = await start({ tokens: {} });
    registry.addImage('app', 'v1', []);
    const sockets = new Set<unknown>();
    registry.intercept = (request) => {
      if (request.url?.startsWith('/v2/') === true) sockets.add(request.socket);
      return false;
    };
    await open(`${registry.host}/app:v1`).manifest();
    expect([registry.asked('/manifests/').length, sockets.size]).toEqual([2, 1]);
  });

  test('are fetched once for all requests, anonymously', async () => {
    const registry = await start({ tokens: {} });
    const image = registry.addImage('team/app', 'v1', [randomBytes(10), randomBytes(20)]);
    const source = open(`${registry.host}/team/app:v1`);
    await source.manifest();
    await Promise.all(image.layers.map(async (layer) => read(await source.blob(layer))));
    expect(registry.asked('/token').map((request) => new URL(request.path, 'http://x').searchParams.toString())).toEqual(['service=test+registry&scope=repository%3Ateam%2Fapp%3Apull']);
    expect(registry.asked('/token')[0]?.headers.authorization).toBeUndefined();
  });

  test('that run out are replaced', async () => {
    const registry = await start({ tokens: {} });
    const image = registry.addImage('app', 'v1', [randomBytes(10)]);
    const source = open(`${registry.host}/app:v1`);
    await source.manifest();
    registry.tokens.clear();
    expect((await read(await source.blob(image.config))).length).toBe(image.config.size);
    expect(registry.asked('/token').length).toBe(2);
  });

  test('that are announced as short-lived are not used after their time', async () => {
    const registry = await start({ tokens: { expiresIn: 0.05 } });
    const image = registry.addImage('app', 'v1', [randomBytes(10)]);
    const source = open(`${registry.host}/app:v1`);
    await source.manifest();
    await sleep(80);
    await source.blob(image.config).then(read);
    expect(registry.asked('/blobs/').filter((request) => request.headers.authorization === undefined).length).toBe(1);
  });

  test('are asked for with the user\'s password where there is one', async () => {
    const registry = await start({ tokens: { login: 'ann:s3cret' } });
    registry.addImage('app', 'v1', []);
    await open(`${registry.host}/app:v1`, { credentials: login('ann', 's3cret') }).manifest();
    expect(registry.asked('/token')[0]?.path).toContain('account=ann');
    const error = await failure(open(`${registry.host}/app:v1`, { credentials: login('ann', 'wr0ng') }).manifest());
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('refuses the password of "ann"'), hint: expect.stringContaining('scull login') });
    expect(JSON.stringify([error.message, error.detail, error.hint])).not.toContain('wr0ng');
  });

  test('that do not help end in one clear error, not in a circle', async () => {
    const registry = await start({ tokens: {} });
    registry.addImage('app', 'v1', []);
    registry.intercept = (request, response) => {
      if (!(request.url ?? '').includes('/manifests/')) return false;
      return refuse(response, 401, 'UNAUTHORIZED', 'no', { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` });
    };
    expect(await failure(open(`${registry.host}/app:v1`).manifest())).toMatchObject({ code: 'UNAUTHORIZED', hint: expect.stringContaining('scull login') });
    expect(registry.requests.length).toBeLessThan(6);
  });

  test.each([
    ['http from a registry with TLS (CVE-2019-10214)', (host: string) => `Bearer realm="http://${host}/token"`, /without TLS/],
    ['no address', () => 'Bearer realm="::::"', /not an address/],
    ['a file', () => 'Bearer realm="file:///etc/passwd"', /without TLS/],
    ['an address with a user', (host: string) => `Bearer realm="https://a:b@${host}/token"`, /with a user/],
  ])('are not asked for at %s', async (_what, challenge, message) => {
    const registry = await start({ tls: true, tokens: { challenge } });
    const error = await failure(open(`${registry.host}/app:v1`, { tlsVerify: false, credentials: login('ann', 's3cret') }).manifest());
    expect(error.code).toBe('REGISTRY');
    expect(error.message).toMatch(message);
    expect(registry.asked('/token')).toEqual([]);
  });

  test.each(['nonsense', '{}', '{"token":""}', '{"token":5}', 'null', '{"token":"a\\r\\nX: y"}'])('answered with %s are an error', async (body) => {
    const registry = await start({ tokens: {} });
    registry.intercept = (request, response) => {
      if (!(request.url ?? '').startsWith('/token')) return false;
      response.end(body);
      return true;
    };
    expect((await failure(open(`${registry.host}/app:v1`).manifest())).code).toBe('REGISTRY');
  });
});

describe('Basic authentication', () => {
  test('is answered with the password, and without one the user is told', async () => {
    const registry = await start({ basic: 'ann:s3cret' });
    registry.addImage('app', 'v1', []);
    await open(`${registry.host}/app:v1`, { credentials: login('ann', 's3cret') }).manifest();
    expect(await failure(open(`${registry.host}/app:v1`).manifest())).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('wants a login') });
    expect(await failure(open(`${registry.host}/app:v1`, { credentials: login('ann', 'wr0ng') }).manifest())).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('refuses this user name or password') });
  });
});

describe('a redirect', () => {
  test('to another host does not take the credentials along, back home it does', async () => {
    const registry = await start({ basic: 'ann:s3cret' });
    const storage = await start();
    const bytes = randomBytes(5000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    registry.intercept = (request, response) => {
      if (!(request.url ?? '').includes('/blobs/') || request.headers.authorization === undefined) return false;
      response.writeHead(307, { location: `http://${storage.host}/signed?signature=secret` });
      response.end();
      return true;
    };
    storage.intercept = (_request, response) => {
      response.end(bytes);
      return true;
    };
    const source = open(`${registry.host}/app`, { credentials: login('ann', 's3cret') });
    expect((await read(await source.blob(blob))).equals(bytes)).toBe(true);
    expect(storage.requests.map((request) => request.headers.authorization)).toEqual([undefined]);
    expect(storage.requests[0]?.headers.host).toBe(storage.host);
    expect(registry.asked('/blobs/').at(-1)?.headers.authorization).toBeDefined();
  });

  test('is followed again for the rest after a break, and a signature never gets into a message', async () => {
    const registry = await start();
    const storage = await start();
    const blob = registry.addBlob(randomBytes(1000), MEDIA_TYPES.ociLayer);
    registry.intercept = (request, response) => {
      if (request.url === '/v2/') return false;
      response.writeHead(302, { location: `http://${storage.host}/signed?signature=secret` });
      response.end();
      return true;
    };
    storage.intercept = (_request, response) => refuse(response, 403, 'AccessDenied', 'expired');
    const error = await failure(open(`${registry.host}/app`).blob(blob));
    expect(error.detail).toContain('/signed?…');
    expect(JSON.stringify([error.message, error.detail, error.hint])).not.toContain('secret');
  });

  test.each([401, 403])('to an address that holds no longer (%i) is asked for once more', async (status) => {
    const registry = await start({ tokens: {} });
    const storage = await start();
    const bytes = randomBytes(5000);
    const blob = registry.addBlob(bytes, MEDIA_TYPES.ociLayer);
    let given = 0;
    registry.intercept = (request, response) => {
      if (!(request.url ?? '').includes('/blobs/') || request.headers.authorization === undefined) return false;
      response.writeHead(307, { location: `http://${storage.host}/signed?number=${++given}` }).end();
      return true;
    };
    let valid = 2;
    storage.intercept = (request, response) => {
      if (request.url !== `/signed?number=${valid}`) return refuse(response, status, 'AccessDenied', 'Request has expired');
      response.end(bytes);
      return true;
    };
    expect((await read(await open(`${registry.host}/app`).blob(blob))).equals(bytes)).toBe(true);
    expect([given, registry.asked('/token').length]).toEqual([2, 1]);
    valid = 0;
    expect(await failure(open(`${registry.host}/app`).blob(blob))).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining(`${storage.host}, where ${registry.host} sends us, refuses access`), hint: expect.stringContaining('clock') });
    expect(given).toBe(4);
  });

  test.each([
    ['in a circle', (host: string) => `http://${host}/v2/app/manifests/v1`, /more than 5 redirects/],
    ['to a file', () => 'file:///etc/passwd', /not on the web/],
    ['with a user', (host: string) => `http://a:b@${host}/`, /with a user/],
    ['to nonsense', () => 'http://', /not an address/],
  ])('%s is refused', async (_what, location, message) => {
    const registry = await start();
    registry.intercept = (request, response) => {
      if (request.url === '/v2/') return false;
      response.writeHead(302, { location: location(registry.host) });
      response.end();
      return true;
    };
    expect((await failure(open(`${registry.host}/app:v1`).manifest())).message).toMatch(message);
  });

  test('from TLS to plain http is refused', async () => {
    const registry = await start({ tls: true });
    registry.intercept = (_request, response) => {
      response.writeHead(302, { location: 'http://localhost:1/x' });
      response.end();
      return true;
    };
    expect((await failure(open(`${registry.host}/app:v1`, { tlsVerify: false }).manifest())).message).toMatch(/not encrypted/);
  });
});

describe('a proxy', () => {
  test('is handed plain requests whole, with its own login', async () => {
    const registry = await start();
    const image = registry.addImage('app', 'v1', []);
    const proxy = await start();
    proxy.intercept = (request, response) => {
      const target = new URL(request.url ?? '');
      if (target.protocol !== 'http:') return false;
      void fetch(`http://${registry.host}${target.pathname}`, { headers: { accept: request.headers.accept ?? '' } }).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
      return true;
    };
    const direct = openRegistry(registry.host, { ...QUICK, proxy: (url) => (url.protocol === 'http:' ? new URL(`http://me:pw@${proxy.host}`) : undefined) });
    toStop.push(() => direct.close());
    const through = open(`${registry.host}/app:v1`, { session: direct });
    expect((await through.manifest()).digest).toBe(image.descriptor.digest);
    expect(proxy.requests.at(-1)?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`);
    expect(proxy.requests.at(-1)?.path).toBe(`http://${registry.host}/v2/app/manifests/v1`);
  });

  test('is asked for a way to TLS with its own login, and its refusal told', async () => {
    const registry = await start({ tls: true });
    const image = registry.addImage('app', 'v1', []);
    const asked: string[] = [];
    let refusal: string | undefined;
    const proxy = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (head) => {
        asked.push(head.toString('latin1'));
        if (refusal !== undefined) return void socket.end(refusal);
        const through = connect({ host: '127.0.0.1', port: registry.port }, () => {
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
          socket.pipe(through).pipe(socket);
        });
        through.on('error', () => socket.destroy());
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    toStop.push(() => void proxy.close());
    const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const options: RegistrySourceOptions = { tlsVerify: false, retries: 0, proxy: (url) => (url.protocol === 'https:' ? new URL(`http://me:p%40w@${host}`) : undefined) };
    expect((await open(`${registry.host}/app:v1`, options).manifest()).digest).toBe(image.descriptor.digest);
    expect(asked[0]).toMatch(new RegExp(`^CONNECT ${registry.host} HTTP/1.1\r\n`));
    expect(asked[0]?.toLowerCase()).toContain(`proxy-authorization: basic ${Buffer.from('me:p@w').toString('base64')}`.toLowerCase());
    refusal = 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n';
    const error = await failure(open(`${registry.host}/app:v1`, options).manifest());
    expect(error).toMatchObject({ code: 'NETWORK', message: `the proxy ${host} refuses a connection to ${registry.host} with status 407`, hint: expect.stringContaining('NO_PROXY') });
  });
});

test('closing breaks off what is under way', async () => {
  const registry = await start();
  registry.intercept = (request) => request.url !== '/v2/';
  const source = open(`${registry.host}/app`, { limits: { response: 30_000 } });
  const pending = failure(source.manifest());
  setTimeout(() => void source.close(), 100);
  expect((await pending).code).toBe('INTERRUPTED');
});
