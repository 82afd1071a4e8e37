/** Names with a transport, for pull, run and push; skopeo reads what is written and writes what is read. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
const path = (name: string): string => join(s.base, name);
const skopeo = (...args: string[]): string => execFileSync('skopeo', args, { encoding: 'utf8', env: { ...s.env } });
const named = async (name: string): Promise<string> => (await s.inspect(name)).Id.replace(/^sha256:/, '');

beforeAll(async () => {
  await s.ok(['save', '-q', '-o', path('busybox.tar'), 'busybox']);
  // Two images in one archive.
  for (const tag of ['one:1', 'two:2']) await s.load({ tags: [tag], layers: [[{ path: tag, content: tag }]], settings: { Cmd: [tag] } });
  await s.ok(['save', '-q', '-m', '-o', path('both.tar'), 'one:1', 'two:2']);
  await s.ok(['rmi', 'one:1', 'two:2']);
  skopeo('copy', '-q', `docker-archive:${path('busybox.tar')}`, `oci:${path('layout')}:mine:1`);
  skopeo('copy', '-q', `docker-archive:${path('busybox.tar')}`, `oci-archive:${path('packed.tar')}:packed:1`);
  skopeo('copy', '-q', `docker-archive:${path('busybox.tar')}`, `dir:${path('folder')}`);
});

describe('pull', () => {
  test('docker-archive: takes every image, or the one that is named or counted', async () => {
    expect((await s.ok(['pull', '-q', `docker-archive:${path('both.tar')}`])).split('\n')).toHaveLength(2);
    await s.ok(['rmi', 'one:1', 'two:2']);
    const second = await s.ok(['pull', '-q', `docker-archive:${path('both.tar')}:two:2`]);
    expect([await named('two:2'), (await s.scull(['image', 'exists', 'one:1'])).status]).toEqual([second, 1]);
    const first = await s.ok(['pull', '-q', `docker-archive:${path('both.tar')}:@0`]);
    expect(await named('one:1')).toBe(first);
    await s.fails(['pull', `docker-archive:${path('both.tar')}:three:3`], 125, /has no image of the name "three:3"[^]*it has docker\.io\/library\/one:1, docker\.io\/library\/two:2/);
    await s.fails(['pull', `docker-archive:${path('both.tar')}:@2`], 125, /has 2 images/);
  });

  test('oci:, oci-archive: and dir: take what skopeo wrote', async () => {
    const ids = [await s.ok(['pull', '-q', `oci:${path('layout')}:mine:1`]), await s.ok(['pull', '-q', `oci-archive:${path('packed.tar')}`]), await s.ok(['pull', '-q', `dir:${path('folder')}`])];
    expect([await named('localhost/mine:1'), await named('localhost/packed:1'), await named(ids[2] as string)]).toEqual(ids);
    await s.fails(['pull', `oci:${path('layout')}:other`], 125, /has no image of the name "other"/);
    await s.fails(['pull', `oci-archive:${path('nosuch.tar')}`], 125, /no such file or folder/);
    await s.fails(['pull', '-a', `oci:${path('layout')}`], 125, /--all-tags is for repositories/);
  });
});

test('run takes an image out of a file, under its own name', async () => {
  expect(await s.ok(['run', '--rm', '--name', 'from-file', `oci-archive:${path('packed.tar')}`, 'echo', 'from a file'])).toBe('from a file');
  const id = await s.ok(['create', `docker-archive:${path('busybox.tar')}`, 'true']);
  expect((await s.inspect(id)).ImageName).toBe('docker.io/library/busybox:latest');
  await s.fails(['run', '--rm', `docker-archive:${path('both.tar')}`, 'true'], 125, /has 2 images: say which one/);
});

describe('push', () => {
  test('to an OCI layout adds to what is there, and replaces an entry of the same name', async () => {
    const folder = path('pushed-layout');
    const digest = await s.ok(['push', '-q', 'busybox', `oci:${folder}:one`]);
    await s.ok(['pull', '-q', `docker-archive:${path('both.tar')}:two:2`]);
    await s.ok(['push', '-q', 'two:2', `oci:${folder}:two`]);
    await s.ok(['push', '-q', 'two:2', `oci:${folder}:one`]);
    await s.ok(['push', '-q', 'busybox', `oci:${folder}:one`]);
    expect(JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')).manifests).toHaveLength(2);
    expect(JSON.parse(skopeo('inspect', `oci:${folder}:one`)).Digest).toBe(digest);
    expect(JSON.parse(skopeo('inspect', '--config', `oci:${folder}:two`)).config.Cmd).toEqual(['two:2']);
    await s.fails(['push', 'busybox', `oci:${s.base}:x`], 125, /neither empty nor an OCI image layout/);
  });

  test('to archives and a folder, which skopeo reads', async () => {
    const before = await named('busybox');
    for (const [destination, source] of [
      [`oci-archive:${path('p-oci.tar')}:busybox:p`, `oci-archive:${path('p-oci.tar')}`],
      [`docker-archive:${path('p-docker.tar')}:busybox:p`, `docker-archive:${path('p-docker.tar')}`],
      [`dir:${path('p-dir')}`, `dir:${path('p-dir')}`],
    ] as const) {
      await s.ok(['push', '-q', 'busybox', destination]);
      expect(JSON.parse(skopeo('inspect', '--raw', '--config', source)).rootfs.diff_ids, destination).toHaveLength(1);
    }
    await s.fails(['push', 'busybox', `oci-archive:${path('p-oci.tar')}`], 125, /is there already/);
    await s.ok(['push', '-q', '--compression-format', 'zstd:chunked', 'busybox', `oci:${path('p-zstd')}`]);
    expect(JSON.parse(skopeo('inspect', '--raw', `oci:${path('p-zstd')}`)).layers[0].mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd');
    expect(await s.ok(['pull', '-q', `oci:${path('p-zstd')}`])).toBe(before);
    for (const args of [['pull', 'docker-daemon:busybox:1'], ['push', 'busybox', 'docker-daemon:busybox:1'], ['run', '--rm', 'ostree:busybox']]) await s.fails(args, 125, /^Error: the transport "(?:docker-daemon|ostree)" is not supported$/m);
    await s.fails(['push', '--format', 'v2s2', 'busybox', `oci:${path('p-v2s2')}`], 125, /v2s2 does not go with oci:/);
    await s.fails(['push', '--compression-format', 'zstd', 'busybox', `docker-archive:${path('p-z')}`], 125, /can not be chosen for an archive of Docker/);
    expect(await s.ok(['pull', '-q', `docker-archive:${path('p-docker.tar')}`])).toBe(before);
  });
});

describe('the form of what is pushed', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry(s.directory('registry'));
    // Compressed, as it stays then.
    await s.ok(['import', '-', 'imported:1'], { input: gzipSync(writeTar([{ path: 'file', content: 'x'.repeat(100_000) }])) });
  });
  afterAll(() => registry.stop());
  const raw = (tag: string) => JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/app:${tag}`));
  const push = (image: string, tag: string, ...flags: string[]) => s.ok(['push', '-q', ...flags, image, `${registry.host}/app:${tag}`]);

  test('is that of the store, byte for byte', async () => {
    const pushed = await push('imported:1', 'same');
    expect(pushed.split('@')[1]).toBe((await s.inspect('imported:1')).Digest);
  });

  test('is compressed where it was not, and the same each time', async () => {
    const first = await push('busybox', 'gzip');
    expect(raw('gzip').layers.map((layer: { mediaType: string }) => layer.mediaType)).toEqual(['application/vnd.oci.image.layer.v1.tar+gzip']);
    expect(await push('busybox', 'gzip2')).toBe(first);
  });

  test('is zstd, at a level, on demand; and comes back as the same files', async () => {
    await push('imported:1', 'zstd', '--compression-format', 'zstd', '--compression-level', '15');
    expect(raw('zstd').layers[0].mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd');
    await push('busybox', 'zstd-run', '--compression-format', 'zstd');
    const id = await named('busybox');
    await s.ok(['rmi', '-f', 'busybox']);
    expect(await s.ok(['run', '--rm', `${registry.host}/app:zstd-run`, 'echo', 'unpacked'])).toBe('unpacked');
    expect(await named(`${registry.host}/app:zstd-run`)).toBe(id);
    // Not compressed again without being asked, or when forbidden; back to gzip where it is wanted.
    await push(`${registry.host}/app:zstd-run`, 'kept');
    expect(raw('kept').layers[0].mediaType).toMatch(/zstd$/);
    await push(`${registry.host}/app:zstd-run`, 'kept2', '--compression-format', 'gzip', '--force-compression=false');
    expect(raw('kept2').layers[0].mediaType).toMatch(/zstd$/);
    await push(`${registry.host}/app:zstd-run`, 'docker', '--format', 'v2s2');
    expect(raw('docker')).toMatchObject({ mediaType: 'application/vnd.docker.distribution.manifest.v2+json', config: { mediaType: 'application/vnd.docker.container.image.v1+json', digest: `sha256:${id}` }, layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }] });
    await s.load({ tags: ['busybox:latest'], layers: [[{ path: 'x', content: 'x' }]] });
  });

  test('is Docker\'s or the OCI\'s on demand', async () => {
    await push('imported:1', 'v2s2', '--format', 'v2s2');
    expect(raw('v2s2').mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json');
    await s.ok(['pull', '-q', `${registry.host}/app:v2s2`]);
    await push(`${registry.host}/app:v2s2`, 'oci', '--format', 'oci');
    expect(raw('oci')).toMatchObject({ mediaType: 'application/vnd.oci.image.manifest.v1+json', layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }] });
  });

  test.each<[string[], RegExp]>([
    [['--format', 'v2s2', '--compression-format', 'zstd'], /knows no zstd layers/],
    [['--format', 'v2s1'], /--format.*v2s1|v2s1.*format/],
    [['--compression-format', 'lzma'], /compression-format/],
    [['--compression-level', '12'], /levels of gzip/],
  ])('%j is refused', async (flags, message) => {
    await s.fails(['push', ...flags, 'imported:1', `${registry.host}/app:x`], 125, message);
  });
});
