import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();

test('images lists names, short ids and sizes', async () => {
  const lines = (await s.ok(['images'])).split('\n');
  expect(lines[0]).toMatch(/^REPOSITORY\s+TAG\s+IMAGE ID\s+CREATED\s+SIZE$/);
  expect(lines[1]).toMatch(/^(docker\.io\/library|localhost)\/busybox\s+latest\s+[0-9a-f]{12}\s/);
  expect(await s.ok(['images', '-q'])).toMatch(/^[0-9a-f]{12}$/);
  expect(await s.ok(['images', '-q', '--no-trunc'])).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await s.ok(['images', '--noheading'])).not.toMatch(/REPOSITORY/);
  expect(await s.ok(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'])).toMatch(/busybox:latest$/);
  expect(JSON.parse(await s.ok(['images', '--format', 'json']))[0]).toMatchObject({ Names: [expect.stringMatching(/busybox:latest$/)] });
});

test('inspect of an image is shaped as Docker’s', async () => {
  const image = await s.inspect('busybox');
  expect(image).toMatchObject({ Id: expect.stringMatching(/^(sha256:)?[0-9a-f]{64}$/), Os: 'linux', Config: { Cmd: ['sh'] }, RootFS: { Type: 'layers' } });
  expect(image.RootFS.Layers.length).toBe(1);
  expect(await s.ok(['inspect', '--format', '{{.Os}} {{index .Config.Cmd 0}}', 'busybox'])).toBe('linux sh');
  expect(await s.ok(['image', 'inspect', '--format', '{{json .Config.Cmd}}', 'busybox'])).toBe('["sh"]');
});

test('image exists answers by exit code alone', async () => {
  expect(await s.scull(['image', 'exists', 'busybox'])).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await s.scull(['image', 'exists', 'nosuch'])).toEqual({ status: 1, stdout: '', stderr: '' });
});

test('tag gives further names, untag takes them, rmi of the last removes the image', async () => {
  await s.load({ tags: ['first:1'], layers: [busyboxEntries(), [{ path: 'marker', content: 'tagged' }]] });
  await s.ok(['tag', 'first:1', 'second:2', 'example.org/third']);
  expect(await s.ok(['run', '--rm', 'second:2', 'cat', '/marker'])).toBe('tagged');
  expect(await s.ok(['run', '--rm', 'example.org/third:latest', 'cat', '/marker'])).toBe('tagged');
  await s.ok(['untag', 'first:1', 'second:2']);
  expect((await s.scull(['image', 'exists', 'second:2'])).status).toBe(1);
  expect(await s.ok(['rmi', 'first:1'])).toMatch(/Untagged/);
  expect(await s.ok(['rmi', 'example.org/third'])).toMatch(/Deleted/);
  await s.fails(['rmi', 'first:1'], 1, /first:1/);
});

test('an image that a container uses is not removed, unless by force', async () => {
  await s.load({ tags: ['used:1'], layers: [busyboxEntries(), [{ path: 'u', content: 'u' }]] });
  await s.ok(['create', '--name', 'user', 'used:1', 'true']);
  const result = await s.scull(['rmi', 'used:1']);
  expect(result.status).toBe(2);
  expect(result.stderr).toMatch(/user|in use/);
  await s.ok(['rmi', '-f', 'used:1']);
  expect((await s.scull(['container', 'exists', 'user'])).status).toBe(1);
});

describe('save and load', () => {
  test.each(['docker-archive', 'oci-archive'])('%s through files and through pipes', async (format) => {
    const file = `${s.base}/${format}.tar`;
    await s.ok(['save', '--format', format, '-o', file, 'busybox']);
    const id = await s.ok(['images', '-q', '--no-trunc', 'busybox']);
    await s.ok(['rmi', '-f', 'busybox']);
    expect(await s.ok(['load', '-i', file])).toMatch(/Loaded image.*busybox:latest/);
    expect(await s.ok(['images', '-q', '--no-trunc', 'busybox'])).toBe(id);
    const [program, ...words] = productCommand();
    const piped = execFileSync(program, [...words, 'save', '--format', format, 'busybox'], { env: s.env, maxBuffer: 1 << 28 });
    await s.ok(['rmi', '-f', 'busybox']);
    await s.ok(['load'], { input: piped });
    expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'again'])).toBe('again');
  });

  test('a directory of either kind', async () => {
    for (const format of ['oci-dir', 'docker-dir']) {
      await s.ok(['save', '--format', format, '-o', `${s.base}/${format}`, 'busybox']);
    }
    await s.ok(['load', '-i', `${s.base}/oci-dir`]);
  });

  test('save to a terminal or of an unknown image is refused', async () => {
    await s.fails(['save', '-o', `${s.base}/x.tar`, 'nosuch'], 125, /nosuch/);
    expect((await s.scull(['save', '-o', `${s.base}/x.tar`, 'nosuch'])).status).toBe(125);
  });

  test('compressed archives are understood', async () => {
    const archive = dockerArchive({ tags: ['zipped:1'], layers: [[{ path: 'z', content: 'z' }]] });
    for (const tool of ['gzip', 'xz'].filter((name) => name === 'gzip')) {
      await s.ok(['load'], { input: execFileSync(tool, ['-c'], { input: archive }) });
      expect((await s.scull(['image', 'exists', 'zipped:1'])).status).toBe(0);
      await s.ok(['rmi', 'zipped:1']);
    }
  });

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['text', Buffer.from('this is not an archive\n'.repeat(100))],
    ['a tar without a manifest', writeTar([{ path: 'a', content: 'b' }])],
    ['a manifest that is not JSON', writeTar([{ path: 'manifest.json', content: '{' }])],
    ['a manifest whose layer is missing', writeTar([{ path: 'manifest.json', content: '[{"Config":"c.json","RepoTags":["x:1"],"Layers":["l.tar"]}]' }, { path: 'c.json', content: '{"rootfs":{"type":"layers","diff_ids":["sha256:' + 'a'.repeat(64) + '"]}}' }])],
    ['half an archive', dockerArchive({ tags: ['half:1'], layers: [[{ path: 'z', content: 'z'.repeat(100_000) }]] }).subarray(0, 30_000)],
  ])('load of %s is one clean error and leaves nothing', async (_name, input) => {
    const before = await s.ok(['images', '-a']);
    await s.fails(['load'], 125, /archive|image|manifest|layer|truncated/i, { input });
    expect(await s.ok(['images', '-a'])).toBe(before);
  });
});

describe('import', () => {
  test('a root file system from a file, with changes', async () => {
    const file = s.file('rootfs.tar', writeTar(busyboxEntries()));
    await s.ok(['import', '--change', 'CMD ["echo","imported"]', '--change', 'ENV A=b', '--message', 'by hand', file, 'imported:1']);
    expect(await s.ok(['run', '--rm', 'imported:1'])).toBe('imported');
    expect(await s.ok(['run', '--rm', 'imported:1', 'sh', '-c', 'echo $A'])).toBe('b');
    await s.ok(['rmi', 'imported:1']);
  });

  test('from standard input', async () => {
    await s.ok(['import', '-', 'piped:1'], { input: writeTar(busyboxEntries()) });
    expect(await s.ok(['run', '--rm', 'piped:1', 'echo', 'x'])).toBe('x');
  });

  test('from an address of the web, for another machine; what the server says and leaves out is told', async () => {
    const rootfs = writeTar(busyboxEntries());
    const server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/rootfs.tar' }).end();
      else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
      else if (request.url === '/rootfs.tar') response.writeHead(200, { 'content-length': rootfs.length }).end(rootfs);
      else if (request.url === '/short') response.writeHead(200, { 'content-length': rootfs.length }).write(rootfs.subarray(0, 5000), () => response.destroy());
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await s.ok(['import', '-q', '--arch', 'arm64', '--variant', 'v8', '--os', 'linux', '--message', 'from afar', `${at}/moved`, 'web:1']);
      expect(await s.inspect('web:1')).toMatchObject({ Architecture: 'arm64', Os: 'linux', Comment: 'from afar' });
      await s.ok(['rmi', 'web:1']);
      await s.fails(['import', `${at}/nosuch`, 'web:1'], 125, /nosuch: the server answered 404/);
      await s.fails(['import', `${at}/round`, 'web:1'], 125, /without end/);
      await s.fails(['import', `${at}/short`, 'web:1'], 125, /short/);
      expect((await s.scull(['image', 'exists', 'web:1'])).status).toBe(1);
    } finally {
      server.close();
    }
  });

  test('what is not a tar is refused', async () => {
    await s.fails(['import', s.file('not.tar', 'text'), 'x:1'], 125, /not\.tar|archive/);
    await s.fails(['import', `${s.base}/nosuch.tar`, 'x:1'], 125, /nosuch\.tar/);
  });
});

describe('layers', () => {
  test('whiteouts hide what lower layers have', async () => {
    await s.load({
      tags: ['layers:1'],
      layers: [
        [...busyboxEntries(), { path: 'd', type: 'directory' }, { path: 'd/gone', content: '1' }, { path: 'd/stays', content: '2' }, { path: 'o', type: 'directory' }, { path: 'o/hidden', content: '3' }],
        [{ path: 'd/.wh.gone', content: '' }, { path: 'o', type: 'directory' }, { path: 'o/.wh..wh..opq', content: '' }, { path: 'o/new', content: '4' }],
      ],
    });
    expect(await s.ok(['run', '--rm', 'layers:1', 'sh', '-c', 'ls /d /o'])).toBe('/d:\nstays\n\n/o:\nnew');
  });

  test('set-id bits, owners, links, times and modes arrive', async () => {
    await s.load({
      tags: ['attributes:1'],
      layers: [[...busyboxEntries(), { path: 'suid', content: 'x', mode: 0o4755 }, { path: 'owned', content: 'y', uid: 33, gid: 44, mode: 0o640, mtime: 1_234_567_890 }, { path: 'hard', type: 'hardlink', target: 'owned' }, { path: 'pipe', type: 'fifo' }]],
    });
    const output = await s.ok(['run', '--rm', 'attributes:1', 'stat', '-c', '%a %u:%g %Y %h %F', '/suid', '/owned', '/hard', '/pipe']);
    expect(output.split('\n')).toEqual(['4755 0:0 1700000000 1 regular file', '640 33:44 1234567890 2 regular file', '640 33:44 1234567890 2 regular file', expect.stringMatching(/^644 0:0 \d+ 1 fifo$/)]);
  });

  test('sixty layers are fine', async () => {
    await s.load({ tags: ['tall:1'], layers: [busyboxEntries(), ...Array.from({ length: 60 }, (_, i) => [{ path: `layer-${i}`, content: String(i) }])] });
    expect(await s.ok(['run', '--rm', 'tall:1', 'sh', '-c', 'ls / | grep -c layer-'])).toBe('60');
  });
});

test('an image for another machine is refused, and says for which', async () => {
  const foreign = process.arch === 'arm64' ? 'amd64' : 'arm64';
  await s.load({ tags: ['foreign:1'], layers: [busyboxEntries()], architecture: foreign });
  const result = await s.scull(['run', '--rm', 'foreign:1', 'true']);
  // It may run (an emulator, or a program that happens to fit) but never without a word about it.
  expect(result.stderr).toMatch(new RegExp(foreign));
});

test('the store is a valid OCI layout for other tools', async () => {
  const index = JSON.parse(readFileSync(`${s.storeRoot}/images/index.json`, 'utf8'));
  expect(index.schemaVersion).toBe(2);
  expect(JSON.parse(readFileSync(`${s.storeRoot}/images/oci-layout`, 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
});
