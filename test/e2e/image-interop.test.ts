/** Images between engines: what Debian's podman, buildah, skopeo and umoci write is read here, and the other way round. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { busyboxEntries, dockerArchive, ociArchive, sha256 } from '../support/images.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
const LONG = 120_000;

/** Inside a namespace of scull's, where Podman and Buildah work as root and leave no process behind. */
function other(program: 'podman' | 'buildah', ...args: string[]): string {
  for (const folder of ['other', 'other-run']) mkdirSync(`${s.base}/${folder}`, { recursive: true });
  const store = ['--root', `${s.base}/other`, '--runroot', `${s.base}/other-run`, '--storage-driver', 'vfs'];
  return outside(s.command[0], ...s.command.slice(1), 'unshare', program, ...store, ...args);
}

function outside(file: string, ...args: string[]): string {
  const env = { ...s.env, PATH: `${s.env['PATH']}:/usr/sbin:/sbin`, TMPDIR: s.base };
  return execFileSync(file, args, { encoding: 'utf8', cwd: s.base, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONG }).trim();
}

const digestIn = (format: string, path: string): string => outside('skopeo', 'inspect', '--format', '{{.Digest}}', `${format}:${path}`);
const here = async (name: string): Promise<{ Id: string; Digest: string }> => s.inspect(name);

beforeAll(async () => {
  await s.load({ tags: ['both:1'], layers: [busyboxEntries(), [{ path: 'd', type: 'directory', mode: 0o750, uid: 33, gid: 44 }, { path: 'd/f', content: 'f', uid: 5, gid: 6, mode: 0o640 }], [{ path: 'd/.wh.f', content: '' }, { path: 'd/g', content: 'g' }]], settings: { Cmd: ['cat', '/d/g'], Labels: { of: 'both' } } });
});
afterAll(() => outside(s.command[0], ...s.command.slice(1), 'unshare', 'rm', '-rf', `${s.base}/other`, `${s.base}/other-run`));

describe.each(['podman', 'buildah'] as const)('%s', (program) => {
  test.each(['docker-archive', 'oci-archive'])('reads what is saved as %s, and it comes back as the same image', { timeout: LONG }, async (format) => {
    const { Id: id } = await here('both:1');
    const file = `${s.base}/to-${program}.tar`;
    await s.ok(['save', '--format', format, '-o', file, 'both:1']);
    other(program, 'pull', '-q', `${format}:${file}`);
    const [theirs = ''] = other(program, 'images', '--no-trunc', '--format', '{{.ID}}').split('\n');
    expect(theirs.replace('sha256:', '')).toBe(id.replace('sha256:', ''));
    const back = `${s.base}/from-${program}.tar`;
    other(program, 'push', '-q', theirs, `${format}:${back}:back:${format.slice(0, 3)}`);
    const name = (await s.ok(['load', '-q', '-i', back])).replace(/^Loaded image: /, '');
    expect(name).toMatch(/back:/);
    expect((await here(name)).Id).toBe(id);
    if (format === 'oci-archive') expect(digestIn(format, back)).toMatch(/^sha256:/);
    expect(await s.ok(['run', '--rm', name])).toBe('g');
    expect(await s.ok(['run', '--rm', name, 'sh', '-c', 'stat -c "%a %u:%g" /d; ls /d'])).toBe('750 33:44\ng');
    await s.ok(['rmi', name]);
    other(program, 'rmi', '-f', theirs);
    for (const path of [file, back]) rmSync(path);
  });
});

test.each(['docker-archive', 'oci-archive'])('an archive of `save` with plain, gzip and zstd layers is one of Docker and one of OCI: read as %s', { timeout: LONG }, async (transport) => {
  const tars = [writeTar(busyboxEntries()), writeTar([{ path: 'a', content: 'A' }]), writeTar([{ path: 'b', content: 'B' }])] as const;
  const media = 'application/vnd.oci.image.layer.v1.tar';
  const layers = [
    { tar: tars[0], blob: gzipSync(tars[0]), mediaType: `${media}+gzip` },
    { tar: tars[1], blob: zstdCompressSync(tars[1]), mediaType: `${media}+zstd` },
    { tar: tars[2], blob: tars[2], mediaType: media },
  ];
  await s.ok(['load'], { input: ociArchive({ name: 'docker.io/library/mixed:1', layers }) });
  const { Id: id, Digest: digest } = await here('mixed:1');
  const file = `${s.base}/as-kept.tar`;
  await s.ok(['save', '-o', file, 'mixed:1']);
  expect(JSON.parse(outside('skopeo', 'inspect', '--config', `${transport}:${file}:docker.io/library/mixed:1`)).rootfs.diff_ids).toEqual(tars.map((tar) => `sha256:${sha256(tar)}`));
  if (transport === 'oci-archive') expect(digestIn(transport, file)).toBe(digest);
  outside('skopeo', 'copy', '-q', '--insecure-policy', `${transport}:${file}`, `oci:${s.base}/as-read-${transport}:read:1`);
  for (const program of ['podman', 'buildah'] as const) {
    other(program, 'pull', '-q', `${transport}:${file}`);
    expect(other(program, 'images', '--no-trunc', '--format', '{{.ID}}')).toBe(id.replace(/^(sha256:)?/, 'sha256:'));
    other(program, 'rmi', '-f', id.replace('sha256:', ''));
  }
  other('podman', 'load', '-q', '-i', file);
  expect(other('podman', 'images', '--format', '{{.Repository}}:{{.Tag}}')).toBe('docker.io/library/mixed:1');
  other('podman', 'rmi', '-af');
  await s.ok(['rmi', 'mixed:1']);
  await s.ok(['load', '-i', file]);
  expect(await here('mixed:1')).toMatchObject({ Id: id, Digest: digest });
  await s.ok(['load', '-i', `${s.base}/as-read-${transport}`]);
  expect((await here('localhost/read:1')).Id).toBe(id);
  expect(await s.ok(['run', '--rm', 'localhost/read:1', 'cat', '/a', '/b'])).toBe('AB');
  await s.ok(['rmi', 'mixed:1', 'localhost/read:1']);
  rmSync(file);
});

test('a manifest of Docker’s schema 2 is in a docker archive as it is, which podman and skopeo read', { timeout: LONG }, async () => {
  await s.load({ tags: ['schema:2'], layers: [busyboxEntries(), [{ path: 's', content: '2' }]] });
  await s.ok(['save', '--format', 'docker-dir', '-o', `${s.base}/schema2`, 'schema:2']);
  await s.ok(['rmi', 'schema:2']);
  await s.ok(['tag', (await s.ok(['load', '-q', '-i', `${s.base}/schema2`])).replace(/^Loaded image: /, ''), 'docker.io/library/schema:2']);
  const { Id: id, Digest: digest } = await here('schema:2');
  const file = `${s.base}/schema2.tar`;
  await s.ok(['save', '-o', file, 'schema:2']);
  expect(digestIn('oci-archive', file)).toBe(digest);
  outside('skopeo', 'copy', '-q', '--insecure-policy', `docker-archive:${file}`, `dir:${s.base}/schema2-copy`);
  other('podman', 'load', '-q', '-i', file);
  expect(other('podman', 'images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).toBe(`docker.io/library/schema:2 ${id.replace(/^(sha256:)?/, 'sha256:')}`);
  other('podman', 'rmi', '-af');
  await s.ok(['rmi', 'schema:2']);
  await s.ok(['load', '-i', file]);
  expect(await here('schema:2')).toMatchObject({ Id: id, Digest: digest });
  expect(await s.ok(['run', '--rm', 'schema:2', 'cat', '/s'])).toBe('2');
  await s.ok(['rmi', 'schema:2']);
});

test('podman imports nothing else than scull: the same tar gives the same layer', { timeout: LONG }, async () => {
  const tar = s.file('rootfs.tar', dockerArchive({ tags: [], layers: [] }));
  other('podman', 'import', '-q', tar, 'imported:1');
  await s.ok(['import', '-q', tar, 'imported:1']);
  expect((await s.inspect('imported:1')).RootFS.Layers).toEqual(JSON.parse(other('podman', 'image', 'inspect', '--format', '{{json .RootFS.Layers}}', 'imported:1')));
  await s.ok(['rmi', 'imported:1']);
});

test('skopeo copies the store’s images and back into it, byte for byte', async () => {
  const { Digest: digest } = await here('both:1');
  const layout = `${s.storeRoot}/images`;
  outside('skopeo', 'copy', '-q', '--insecure-policy', '--preserve-digests', `oci:${layout}:docker.io/library/both:1`, `oci:${s.base}/copied:both`);
  expect(digestIn('oci', `${s.base}/copied:both`)).toBe(digest);
  await s.ok(['load', '-q', '-i', `${s.base}/copied`]);
  expect((await here('localhost/both')).Digest).toBe(digest);
  outside('skopeo', 'copy', '-q', '--insecure-policy', '--preserve-digests', `oci:${s.base}/copied:both`, `oci:${layout}:straight`);
  expect((await here('straight')).Digest).toBe(digest);
  expect(await s.ok(['run', '--rm', 'straight'])).toBe('g');
  await s.ok(['rmi', 'localhost/both', 'straight']);
});

test('of many images, whose listing is kept, what another program writes is seen at once, and a broken copy is believed by nobody', { timeout: LONG }, async () => {
  const tar = s.file('little.tar', dockerArchive({ tags: [], layers: [] }));
  for (let n = 0; n < 40; n++) await s.ok(['import', '-q', '-c', `LABEL n=${n}`, tar, `many:${n}`]);
  await s.ok(['run', '--rm', 'both:1']);
  const copy = join(s.runRoot, readdirSync(s.runRoot)[0] as string, 'image-listing.json');
  const names = async (): Promise<string[]> => (await s.ok(['images', '--format', '{{.Repository}}:{{.Tag}}'])).split('\n');
  const before = await names();
  await eventually('the listing is kept', async () => (await names()).length > 40 && existsSync(copy));
  outside('skopeo', 'copy', '-q', '--insecure-policy', '--preserve-digests', `oci:${s.storeRoot}/images:docker.io/library/both:1`, `oci:${s.storeRoot}/images:straight`);
  expect((await names()).sort()).toEqual([...before, 'localhost/straight:latest'].sort());
  await s.ok(['rmi', 'straight']);
  expect((await names()).sort()).toEqual(before.sort());
  for (const damage of ['', '{}\n', '{}\n[]', readFileSync(copy).subarray(0, -20)]) {
    writeFileSync(copy, damage);
    expect((await names()).sort()).toEqual(before.sort());
  }
  expect((await s.ok(['images', '-q', '--filter', 'label=n=7'])).split('\n')).toHaveLength(1);
  await s.ok(['rmi', ...before.filter((name) => name.includes('/many:'))]);
  expect(await names()).toHaveLength(before.length - 40);
});

test('umoci changes an image in the store, and scull runs the result', async () => {
  const layout = `${s.storeRoot}/images`;
  outside('umoci', 'config', '--image', `${layout}:docker.io/library/both:1`, '--tag', 'by-umoci', '--config.cmd', 'echo', '--config.cmd', 'umoci');
  expect(await s.ok(['run', '--rm', 'by-umoci'])).toBe('umoci');
  await s.ok(['rmi', 'by-umoci']);
  expect(await s.ok(['run', '--rm', 'both:1'])).toBe('g');
});

test('dir: goes both ways with the same layers', async () => {
  await s.ok(['save', '--format', 'docker-dir', '-o', `${s.base}/dir`, 'both:1']);
  const { layers } = JSON.parse(readFileSync(`${s.base}/dir/manifest.json`, 'utf8')) as { layers: { digest: string }[] };
  outside('skopeo', 'copy', '-q', '--insecure-policy', '--preserve-digests', `dir:${s.base}/dir`, `dir:${s.base}/dir-copy`);
  const [id = ''] = (await s.ok(['load', '-q', '-i', `${s.base}/dir-copy`])).replace(/^Loaded image: /, '').split('\n');
  expect((await here(id)).Id).toBe((await here('both:1')).Id);
  expect(layers.length).toBe(3);
  await s.ok(['save', '--format', 'docker-dir', '--compress', '-o', `${s.base}/dir-small`, 'both:1']);
  const small = JSON.parse(readFileSync(`${s.base}/dir-small/manifest.json`, 'utf8')) as { layers: { mediaType: string; size: number }[] };
  expect(small.layers.every((layer) => layer.mediaType.endsWith('gzip'))).toBe(true);
  await s.ok(['load', '-q', '-i', `${s.base}/dir-small`]);
});

describe('several images', () => {
  test.each(['docker-archive', 'oci-archive'])('in one %s, compressed, over a pipe', async (format) => {
    await s.load({ tags: ['second:2'], layers: [busyboxEntries(), [{ path: 'second', content: '2' }]] });
    const file = `${s.base}/several.tar`;
    await s.ok(['save', '-m', '--format', format, '-o', file, 'both:1', 'second:2']);
    await s.ok(['rmi', 'both:1', 'second:2']);
    const loaded = await s.ok(['load'], { input: gzipSync(readFileSync(file)) });
    expect(loaded.split('\n').sort()).toEqual(['Loaded image: docker.io/library/both:1', 'Loaded image: docker.io/library/second:2']);
    expect(await s.ok(['run', '--rm', 'second:2', 'cat', '/second'])).toBe('2');
    await s.ok(['rmi', 'second:2']);
    rmSync(file);
  });

  test('without --multi-image-archive further words are names of the first', async () => {
    const file = `${s.base}/names.tar`;
    await s.ok(['save', '--multi-image-archive=false', '-o', file, 'both:1', 'alias:3']);
    expect((await s.ok(['load', '-i', file])).split('\n').sort()).toEqual(['Loaded image: docker.io/library/both:1', 'Loaded image: localhost/alias:3']);
    await s.ok(['rmi', 'alias:3']);
  });
});

test('compressed archives of every kind are loaded, from files and from standard input', async () => {
  const archive = dockerArchive({ tags: ['packed:1'], layers: [[{ path: 'p', content: 'p' }]] });
  for (const tool of ['gzip', 'zstd', 'xz', 'bzip2']) {
    const packed = execFileSync(tool, ['-c'], { input: archive });
    expect(await s.ok(['load', '-q', '-i', s.file(`packed.${tool}`, packed)]), tool).toBe('Loaded image: docker.io/library/packed:1');
    await s.ok(['rmi', 'packed:1']);
    await s.ok(['load', '-q'], { input: packed });
    await s.ok(['rmi', 'packed:1']);
  }
});
