/** Pulls from a registry that misbehaves, and pulls that are interrupted: what the server sent is counted. */
import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { goArchitecture } from '../support/images.ts';
import { processesOf } from '../support/leaks.ts';
import { refuse, startTestRegistry, type TestImage, type TestRegistry, type TestRegistryOptions } from '../support/registry-server.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull({ empty: true });
const SIZE = 8_000_000;
const platform = { os: 'linux', architecture: goArchitecture() };
let registry: TestRegistry;
let count = 0;

beforeAll(async () => {
  registry = await startTestRegistry();
});
afterAll(() => registry.stop());
beforeEach(() => {
  registry.requests.length = 0;
  registry.intercept = undefined;
});

/** Incompressible, and another content each time. */
function noise(): Buffer {
  count += 1;
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, count), Buffer.alloc(16)).update(Buffer.alloc(SIZE));
}

interface Made {
  readonly name: string;
  readonly image: TestImage;
  readonly blob: string;
  readonly bytes: Uint8Array;
}

/** An image of a small layer, a big one, and a small one. */
function make(on: TestRegistry = registry): Made {
  const layers = [writeTar([{ path: `a${count}`, content: 'a' }]), writeTar([{ path: 'big', content: noise() }]), writeTar([{ path: `c${count}`, content: 'c' }])];
  const image = on.addImage('team/app', `v${count}`, layers, platform);
  const blob = image.layers[1]?.digest as string;
  return { name: `${on.host}/team/app:v${count}`, image, blob, bytes: on.blobs.get(blob) as Uint8Array };
}

test('what a registry does not know is no reason to push the image that a short name stands for elsewhere', async () => {
  const [meant, elsewhere] = [make(), make()];
  const tag = elsewhere.name.slice(elsewhere.name.lastIndexOf(':') + 1);
  const env = { CONTAINERS_REGISTRIES_CONF: s.file('short.conf', `[aliases]\n"nick" = "${registry.host}/team/app"\n`) };
  for (const { name } of [meant, elsewhere]) await s.ok(['pull', '-q', '--tls-verify=false', name]);
  await s.ok(['tag', meant.name, `localhost/nick:${tag}`]);
  registry.requests.length = 0;
  registry.intercept = (request, response) => request.method !== 'GET' && refuse(response, 404, 'NAME_UNKNOWN', 'no such repository');
  await s.fails(['push', '--tls-verify=false', `nick:${tag}`, `${registry.host}/to/here:1`], 125, /no such repository/, { env });
  expect(registry.requests.filter(({ path }) => path.includes(meant.blob))).not.toEqual([]);
  expect(registry.requests.filter(({ path }) => path.includes(elsewhere.blob))).toEqual([]);
});

/** Answers the first request for the blob by its beginning, then falls silent; what follows is answered as usual. */
function stallAt(made: Made, bytes: number): void {
  registry.intercept = (request, response, earlier) => {
    if (!request.url?.endsWith(made.blob) || earlier > 0) return false;
    response.writeHead(200, { 'content-length': made.bytes.length });
    response.write(made.bytes.subarray(0, bytes));
    return true;
  };
}

const partialFolder = (made: Made): string => join(s.storeRoot, 'partial', made.blob.replace(':', '-'));
/** Bytes that are on disk of a blob that has not come whole. */
const partialBytes = (made: Made): number => readdirSync(partialFolder(made)).reduce((sum, name) => sum + statSync(join(partialFolder(made), name)).size, 0);
const arrived = (made: Made, bytes: number) => eventually(`${bytes} bytes on disk`, () => partialBytes(made) === bytes, 20_000);
const pull = (name: string, ...args: string[]) => s.scull(['pull', '--retry-delay', '20ms', ...args, name]);
const askedFor = (made: Made) => registry.asked(made.blob).map((request) => request.headers.range ?? 'whole');

async function works(made: Made): Promise<void> {
  // Saving reads every blob.
  await s.ok(['save', '-q', '--format', 'oci-archive', '-o', join(s.base, 'whole.tar'), made.name]);
  expect(existsSync(partialFolder(made)), 'nothing in part is left').toBe(false);
}

describe('an interrupted pull', () => {
  test.each(['SIGKILL', 'SIGINT'] as const)('by %s costs only the rest the next time', async (signal) => {
    const made = make();
    const half = 5_000_000;
    stallAt(made, half);
    const first = s.start(['pull', made.name]);
    await arrived(made, half);
    first.child.kill(signal);
    expect((await first.ended).status).not.toBe(0);
    expect((await s.scull(['image', 'exists', made.name])).status).toBe(1);

    registry.intercept = undefined;
    registry.requests.length = 0;
    expect(await pull(made.name)).toMatchObject({ status: 0 });
    expect(askedFor(made)).toEqual([`bytes=${half}-`]);
    await works(made);
  });

  test('by a registry that goes away for good keeps what came, and says so in one line', async () => {
    const made = make();
    registry.intercept = (request, response, earlier) => {
      if (!request.url?.endsWith(made.blob)) return false;
      if (earlier > 0) return refuse(response, 503, 'UNAVAILABLE', 'down for today');
      return breakOff(response, made, 3_000_000);
    };
    await s.fails(['pull', '--retry', '1', '--retry-delay', '20ms', made.name], 125, /failed with status 503/);
    const kept = partialBytes(made);
    expect(kept).toBeGreaterThan(1_000_000);
    registry.intercept = undefined;
    registry.requests.length = 0;
    expect(await pull(made.name)).toMatchObject({ status: 0 });
    expect(askedFor(made)).toEqual([`bytes=${kept}-`]);
    await works(made);
  });

  test('goes on with a registry that knows no ranges', async () => {
    const made = make();
    stallAt(made, 4_000_000);
    const first = s.start(['pull', made.name]);
    await arrived(made, 4_000_000);
    first.child.kill('SIGKILL');
    await first.ended;
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(made.blob)) return false;
      response.writeHead(200, { 'content-length': made.bytes.length });
      response.end(made.bytes);
      return true;
    };
    expect(await pull(made.name)).toMatchObject({ status: 0 });
    await works(made);
  });

  test('goes on with a registry that refuses a range it has', async () => {
    const made = make();
    stallAt(made, 4_000_000);
    const first = s.start(['pull', made.name]);
    await arrived(made, 4_000_000);
    first.child.kill('SIGKILL');
    await first.ended;
    registry.requests.length = 0;
    registry.intercept = (request, response) => request.url?.endsWith(made.blob) === true && request.headers.range !== undefined && refuse(response, 416, 'RANGE_INVALID', 'no');
    expect(await pull(made.name)).toMatchObject({ status: 0 });
    expect(askedFor(made)).toEqual(['bytes=4000000-', 'whole']);
    await works(made);
  });

  test('whose beginning does not fit the rest is fetched whole', async () => {
    const [made, other] = [make(), make()];
    registry.intercept = (request, response, earlier) => {
      if (!request.url?.endsWith(made.blob) || earlier > 0) return false;
      response.writeHead(200, { 'content-length': made.bytes.length });
      // Of a layer too: what can't be unpacked from its first byte on would be given up before it has arrived.
      response.write(other.bytes.subarray(0, 2_000_000));
      return true;
    };
    const first = s.start(['pull', made.name]);
    await arrived(made, 2_000_000);
    first.child.kill('SIGKILL');
    await first.ended;
    registry.requests.length = 0;
    registry.intercept = undefined;
    const second = await pull(made.name);
    expect(second).toMatchObject({ status: 0, stderr: expect.stringContaining('does not fit together with the rest: fetching it whole') });
    expect(askedFor(made)).toEqual(['bytes=2000000-', 'whole']);
    await works(made);
  });

  test('leaves nothing for ever: a removal takes it along', async () => {
    const made = make();
    stallAt(made, 1_000_000);
    const first = s.start(['pull', made.name]);
    await arrived(made, 1_000_000);
    await s.ok(['image', 'prune', '-f']);
    expect(partialBytes(made), 'of a pull that lives').toBe(1_000_000);
    first.child.kill('SIGKILL');
    await first.ended;
    await s.ok(['image', 'prune', '-f']);
    expect(existsSync(partialFolder(made))).toBe(false);
  });
});

describe('two pulls of one image at once', () => {
  test('fetch each blob once', async () => {
    const made = make();
    let release: (() => void) | undefined;
    registry.intercept = (request, response, earlier) => {
      if (!request.url?.endsWith(made.blob) || earlier > 0) return false;
      response.writeHead(200, { 'content-length': made.bytes.length });
      response.write(made.bytes.subarray(0, 1_000_000));
      release = () => void response.end(made.bytes.subarray(1_000_000));
      return true;
    };
    const both = [s.start(['pull', made.name]), s.start(['pull', made.name])];
    await arrived(made, 1_000_000);
    // Both have asked for the manifest, so both want the blob.
    await eventually('both have begun', () => registry.asked('/manifests/').length >= 2);
    release?.();
    for (const running of both) expect(await running.ended).toMatchObject({ status: 0 });
    for (const layer of made.image.layers) expect(registry.asked(layer.digest), layer.digest).toHaveLength(1);
    await works(made);
  });

  test('go on when the one that fetches is killed', async () => {
    const made = make();
    stallAt(made, 6_000_000);
    const first = s.start(['pull', made.name]);
    await arrived(made, 6_000_000);
    const second = s.start(['pull', made.name]);
    await eventually('the second one has begun', () => registry.asked('/manifests/').length >= 2);
    expect(askedFor(made)).toEqual(['whole']);
    first.child.kill('SIGKILL');
    expect(await second.ended).toMatchObject({ status: 0 });
    expect(askedFor(made)).toEqual(['whole', 'bytes=6000000-']);
    await works(made);
  });
});

test('a disk without the space for it is told beforehand, with a remedy, and nothing is fetched', async () => {
  const made = make();
  const root = s.directory('full');
  // A small file system of its own, in a namespace of its own.
  const script = 'mount -t tmpfs -o size=6m none "$0" && exec "$@"';
  const child = spawn('unshare', ['--user', '--map-current-user', '--keep-caps', '--mount', 'sh', '-c', script, root, ...s.command, '--root', root, 'pull', '-q', made.name], { env: { ...s.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const status = await new Promise((resolve) => child.once('close', resolve));
  expect({ status, said }).toEqual({ status: 125, said: expect.stringMatching(/^Error: taking the image in takes \d+ MB at least, but .* has only \d+ MB to spare\nhint: .*scull rm/) });
  expect(askedFor(made)).toEqual([]);
});

test('a machine on which layers cannot be unpacked is told with its cause, not as a broken layer', async () => {
  const made = make();
  // What is traced gains no privileges by executing newuidmap, and without them no subordinate ids can be mapped.
  const child = spawn('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=uname', ...s.command, '--root', s.directory('unmapped'), 'pull', '-q', made.name], { env: { ...s.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const status = await new Promise((resolve) => child.once('close', resolve));
  expect({ status, said }).toEqual({ status: 125, said: expect.stringMatching(/^Error: your subordinate ids could not be mapped: /) });
});

test('the process that unpacks can write nothing but the layer that it makes', async () => {
  const made = make();
  stallAt(made, 6_000_000);
  const running = s.start(['pull', made.name]);
  await arrived(made, 6_000_000);
  const worker = await eventually('an unpacking worker', () => processesOf(s.base).find((line) => /__worker unpack/.test(line) && !/launch/.test(line)));
  const pid = /^process (\d+)/.exec(worker)?.[1] ?? '';
  const writable = await eventually('its mounts', () => {
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n').map((line) => line.split(' '));
    const found = mounts.filter((fields) => (fields[5] ?? '').split(',').includes('rw')).map((fields) => fields[4] ?? '');
    return found.length === 1 ? found : undefined;
  });
  expect(writable[0]).toMatch(new RegExp(`^${s.storeRoot}/staging/[^/]+/layer$`));
  running.child.kill('SIGKILL');
  await running.ended;
  await eventually('the worker ends with who wanted the layer', () => !existsSync(`/proc/${pid}`));
  await s.ok(['image', 'prune', '-f']); // sweeps what was left
});

test('a layer that any image has is not fetched again', async () => {
  const made = make();
  expect((await pull(made.name)).status).toBe(0);
  const other = registry.addManifest('other/name', { ...made.image.manifest, annotations: { other: 'image' } }, made.image.descriptor.mediaType, 'v1');
  registry.requests.length = 0;
  const again = await s.scull(['pull', `${registry.host}/other/name:v1`]);
  expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('already here') });
  expect(registry.asked('/blobs/')).toEqual([]);
  expect(other.digest).not.toBe(made.image.descriptor.digest);
});

describe('a registry that', () => {
  test('sends another content than announced is found out, and the old tag stays', async () => {
    const made = make();
    expect((await pull(made.name)).status).toBe(0);
    const id = (await s.inspect(made.name)).Id;
    const fresh = registry.addImage('team/app', made.name.split(':').at(-1), [writeTar([{ path: 'x', content: noise() }])], platform);
    const blob = fresh.layers[0]?.digest as string;
    const bytes = Buffer.from(registry.blobs.get(blob) as Uint8Array);
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(blob)) return false;
      response.end(Buffer.from(bytes).fill(7, 4_000_000, 4_000_010));
      return true;
    };
    await s.fails(['pull', made.name], 125, /not what was announced|damaged|digest/);
    expect((await s.inspect(made.name)).Id).toBe(id);
    expect(await s.ok(['images', '-q', '--filter', 'dangling=true'])).toBe('');
  });

  test('ends a blob too early is told, and nothing of it is listed', async () => {
    const made = make();
    registry.intercept = (request, response) => (request.url?.endsWith(made.blob) ? breakOff(response, made, 100) : false);
    await s.fails(['pull', '--retry', '1', '--retry-delay', '20ms', made.name], 125, /broke off the connection/);
    expect((await s.scull(['image', 'exists', made.name])).status).toBe(1);
  });

  test('limits the rate is waited for, and the user told', async () => {
    const made = make();
    registry.intercept = (request, response, earlier) => request.url?.includes('/manifests/') === true && earlier === 0 && refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '1' });
    expect(await pull(made.name)).toMatchObject({ status: 0, stderr: expect.stringMatching(/^Warning: .*limits the rate of requests: trying again in 1 s$/m) });
    registry.intercept = (_request, response) => refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '7200' });
    await s.fails(['pull', made.name], 125, /rate limit of .* is used up[^]*try again in 2 hours/);
  });

  test('fails now and then with 503 is asked again', async () => {
    const made = make();
    registry.intercept = (_request, response, earlier) => earlier === 0 && refuse(response, 503, 'UNAVAILABLE', 'not now');
    expect(await pull(made.name)).toMatchObject({ status: 0 });
    await works(made);
  });

  test('drips byte after byte is not waited for for ever, and what came counts', async () => {
    const made = make();
    registry.intercept = (request, response, earlier) => {
      if (!request.url?.endsWith(made.blob) || earlier > 0) return false;
      response.writeHead(200, { 'content-length': made.bytes.length });
      let at = 0;
      const drip = setInterval(() => (response.destroyed ? clearInterval(drip) : void response.write(made.bytes.subarray(at, (at += 400_000)))), 20);
      return true;
    };
    expect(await pull(made.name)).toMatchObject({ status: 0 });
    await works(made);
  });
});

describe('a registry with logins', () => {
  const others: TestRegistry[] = [];
  const start = async (options: TestRegistryOptions): Promise<TestRegistry> => {
    const made = await startTestRegistry(options);
    others.push(made);
    return made;
  };
  afterEach(async () => {
    for (const other of others.splice(0)) await other.stop();
  });

  test('that redirects blobs to another host does not show it the Authorization header', async () => {
    const own = await start({ basic: 'ann:secret' });
    const storage = await start({});
    const made = make(own);
    storage.addBlob(made.bytes, 'application/octet-stream');
    own.intercept = (request, response) => {
      if (!request.url?.endsWith(made.blob)) return false;
      response.writeHead(307, { location: `http://${storage.host}/v2/x/blobs/${made.blob}?signature=s3cret` }).end();
      return true;
    };
    const result = await s.scull(['pull', '--creds', 'ann:secret', made.name]);
    expect(result).toMatchObject({ status: 0 });
    expect(storage.requests.map((request) => request.headers.authorization)).toEqual([undefined]);
    expect(own.requests.some((request) => request.headers.authorization !== undefined)).toBe(true);
    expect(result.stderr).not.toContain('s3cret');
  });

  test('whose tokens run out in the middle is asked for another one', async () => {
    const own = await start({ tokens: { login: 'ann:secret', expiresIn: 300 } });
    const made = make(own);
    own.intercept = (request, _response, earlier) => {
      if (request.url?.endsWith(made.blob) && earlier === 0) own.tokens.clear();
      return false;
    };
    expect(await s.scull(['pull', '--creds', 'ann:secret', made.name])).toMatchObject({ status: 0 });
    expect(own.asked('/token').length).toBeGreaterThan(1);
  });
});

/** Sends so many bytes of the blob and breaks the connection. */
function breakOff(response: ServerResponse, made: Made, bytes: number): true {
  response.writeHead(200, { 'content-length': made.bytes.length });
  response.write(made.bytes.subarray(0, bytes), () => setTimeout(() => response.destroy(), 50));
  return true;
}
