/** The image store under crowds, lies and other programs, with whole images. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { busyboxEntries, dockerArchive, ociArchive, sha256 } from '../support/images.ts';
import { eventually } from '../support/eventually.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();

const unfinished = (): string[] => readdirSync(join(s.storeRoot, 'staging')).filter((name) => name !== 'trash');
const blobs = (): string[] => readdirSync(join(s.storeRoot, 'images', 'blobs', 'sha256'));
const noise = (size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let index = 0; index < size; index += 1) bytes[index] = (state = (state * 48271) % 2147483647) & 0xff;
  return bytes;
};

const TAR = 'application/vnd.oci.image.layer.v1.tar';

test('eight commands that load the same image at once all succeed', async () => {
  const archive = dockerArchive({ tags: ['crowd:1'], layers: [busyboxEntries(), [{ path: 'big', content: noise(3_000_000) }], [{ path: 'marker', content: 'crowd' }]] });
  const file = s.file('crowd.tar', archive);
  await Promise.all(Array.from({ length: 8 }, () => s.ok(['load', '-i', file])));
  expect(await s.ok(['run', '--rm', 'crowd:1', 'cat', '/marker'])).toBe('crowd');
  expect(unfinished()).toEqual([]);
  await s.ok(['rmi', 'crowd:1']);
});

test('images that share layers are loaded, run and removed at the same time', async () => {
  const shared = [...busyboxEntries(), { path: 'shared', content: noise(500_000) }];
  const round = async (number: number): Promise<void> => {
    const input = dockerArchive({ tags: [`sharing:${number}`], layers: [shared, [{ path: 'own', content: `own ${number}` }]] });
    await s.ok(['load'], { input });
    expect(await s.ok(['run', '--rm', `sharing:${number}`, 'cat', '/own'])).toBe(`own ${number}`);
    expect(await s.ok(['rmi', `sharing:${number}`])).toMatch(/Deleted/);
  };
  for (let wave = 0; wave < 3; wave += 1) await Promise.all(Array.from({ length: 5 }, (_, number) => round(wave * 5 + number)));
  expect(unfinished()).toEqual([]);
  expect(await s.ok(['images', '-q'])).toMatch(/^[0-9a-f]{12}$/);
  expect(readdirSync(join(s.storeRoot, 'layers')).filter((name) => name.length === 64)).toHaveLength(1);
});

test('a save that is interrupted leaves nothing in the folder of the file', async () => {
  await s.load({ tags: ['long:1'], layers: [busyboxEntries(), [{ path: 'noise', content: noise(120_000_000) }]] });
  const folder = join(s.base, 'interrupted');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  let interrupted = 0;
  // It may be done before the signal comes; then all of the file is there.
  for (let round = 0; round < 50 && interrupted < 3; round += 1) {
    const signal = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const)[round % 3] as NodeJS.Signals;
    const child = spawn(s.command[0], [...s.command.slice(1), 'save', '-q', '-o', join(folder, 'a.tar'), 'long:1'], { env: s.env, stdio: 'ignore' });
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_status, by) => resolve(by)));
    await eventually('the file is begun', () => readdirSync(folder).length > 0 || child.exitCode !== null);
    child.kill(signal);
    const by = await ended;
    expect(readdirSync(folder)).toEqual(by === null ? ['a.tar'] : []);
    if (by === signal) interrupted += 1;
    rmSync(join(folder, 'a.tar'), { force: true });
  }
  expect(interrupted).toBe(3);
  await s.ok(['rmi', 'long:1']);
}, 120_000);

test('a layer is put to a place of its own on the disk, where the file system knows such places', async () => {
  const directories = (): string[] => readdirSync(join(s.storeRoot, 'layers')).filter((name) => name.length === 64);
  await s.scull(['rmi', '-f', 'apart:1']);
  const before = directories();
  await s.load({ tags: ['apart:1'], layers: [[{ path: 'apart', content: 'apart' }]] });
  const [layer = '', ...more] = directories().filter((name) => !before.includes(name));
  expect(more).toEqual([]);
  const knows = execFileSync('stat', ['-f', '-c', '%T', s.storeRoot], { encoding: 'utf8' }).trim() === 'ext2/ext3';
  // chattr(1), T: what is made in it is a top of its own.
  const attributes = spawnSync('lsattr', ['-d', join(s.storeRoot, 'layers', layer)], { encoding: 'utf8' }).stdout;
  if (knows) expect(attributes).toContain('T');
  expect(readdirSync(join(s.storeRoot, 'layers', layer)).sort()).toEqual(['contents', 'diff', 'layer.json']);
  await s.ok(['rmi', 'apart:1']);
});

test('layers may be plain, gzip or zstd, and are kept as they came', async () => {
  const tars = [writeTar(busyboxEntries()), writeTar([{ path: 'a', content: 'A' }]), writeTar([{ path: 'b', content: 'B' }])] as const;
  const layers = [
    { tar: tars[0], blob: gzipSync(tars[0]), mediaType: `${TAR}+gzip` },
    { tar: tars[1], blob: zstdCompressSync(tars[1]), mediaType: `${TAR}+zstd` },
    { tar: tars[2], blob: tars[2], mediaType: TAR },
  ];
  await s.ok(['load'], { input: ociArchive({ name: 'mixed:1', layers }) });
  expect(await s.ok(['run', '--rm', 'mixed:1', 'cat', '/a', '/b'])).toBe('AB');
  expect(blobs()).toEqual(expect.arrayContaining(layers.map((layer) => sha256(layer.blob))));
  // They are saved so too, unless plain ones are asked for; docker-dir knows no zstd. All are read again the same.
  const id = await s.ok(['images', '-q', '--no-trunc', 'mixed:1']);
  await s.ok(['save', '-o', `${s.base}/mixed.tar`, 'mixed:1']);
  await s.ok(['save', '--uncompressed', '-o', `${s.base}/plain.tar`, 'mixed:1']);
  await s.ok(['save', '--format', 'docker-dir', '-o', `${s.base}/mixed.dir`, 'mixed:1']);
  const [asKept, plain] = ['mixed.tar', 'plain.tar'].map((file) => JSON.parse(execFileSync('tar', ['-xOf', `${s.base}/${file}`, 'manifest.json'], { encoding: 'utf8' }))[0]);
  expect(asKept.Layers).toEqual(layers.map(({ blob }) => `blobs/sha256/${sha256(blob)}`));
  for (const { blob } of layers) expect(sha256(execFileSync('tar', ['-xOf', `${s.base}/mixed.tar`, `blobs/sha256/${sha256(blob)}`], { maxBuffer: 1 << 26 }))).toBe(sha256(blob));
  expect(plain.Layers).toEqual(tars.map((tar) => `${sha256(tar)}.tar`));
  for (const saved of ['mixed.tar', 'plain.tar', 'mixed.dir']) {
    await s.ok(['rmi', '-f', id]);
    await s.ok(['load', '-i', `${s.base}/${saved}`]);
    expect(await s.ok(['run', '--rm', id, 'cat', '/a', '/b'])).toBe('AB');
  }
  await s.ok(['rmi', '-f', id]);
});

test.each([
  ['whose content is another than its configuration says', (tar: Buffer) => ({ tar: writeTar([{ path: 'other', content: 'x' }]), blob: gzipSync(tar), mediaType: `${TAR}+gzip` })],
  ['that is cut short', (tar: Buffer) => ({ tar, blob: gzipSync(tar).subarray(0, 2000), mediaType: `${TAR}+gzip` })],
  ['that is no archive', () => ({ tar: noise(5000), blob: noise(5000), mediaType: TAR })],
  ['that writes outside', () => {
    const tar = writeTar([{ path: '../../../../../../../../var/tmp/scull-escaped', content: 'x' }, { path: 'link', type: 'symlink', target: '/var/tmp' }, { path: 'link/scull-escaped', content: 'x' }]);
    return { tar, blob: gzipSync(tar), mediaType: `${TAR}+gzip` };
  }],
])('a layer %s leaves the old image under the name, and nothing else', async (_what, make) => {
  await s.load({ tags: ['localhost/kept:1'], layers: [busyboxEntries(), [{ path: 'marker', content: 'old' }]] });
  const before = blobs().sort();
  const base = writeTar(busyboxEntries());
  const result = await s.scull(['load'], { input: ociArchive({ name: 'localhost/kept:1', layers: [{ tar: base, blob: base, mediaType: TAR }, make(base)] }) });
  if (result.status !== 0) {
    expect(result.stderr).toMatch(/^Error: .*layer/m);
    expect(await s.ok(['run', '--rm', 'kept:1', 'cat', '/marker'])).toBe('old');
    expect(blobs().sort()).toEqual(before);
  }
  expect(existsSync('/var/tmp/scull-escaped')).toBe(false);
  expect(unfinished()).toEqual([]);
  await s.ok(['rmi', '-f', 'kept:1']);
});

test('an image whose blob on the way is not what was announced is refused', async () => {
  const tar = writeTar([{ path: 'big', content: noise(200_000) }]);
  const archive = ociArchive({ name: 'wrong:1', layers: [{ tar, blob: tar, mediaType: TAR }] });
  const at = archive.indexOf(tar.subarray(0, 2000)) + tar.length - 3000;
  archive[at] = (archive[at] as number) ^ 0xff;
  await s.fails(['load'], 125, /blob sha256:[0-9a-f]{64} is not what was announced|layer/, { input: archive });
  expect((await s.scull(['image', 'exists', 'wrong:1'])).status).toBe(1);
});

test('a compressed layer that gives the digest of its blob for that of its content is refused', async () => {
  // Of a plain layer both are the same, and compared but once.
  const blob = gzipSync(writeTar(busyboxEntries()));
  await s.fails(['load'], 125, /its content has the digest/, { input: ociArchive({ name: 'double:1', layers: [{ tar: blob, blob, mediaType: `${TAR}+gzip` }] }) });
  expect((await s.scull(['image', 'exists', 'double:1'])).status).toBe(1);
});

test('what skopeo copies into the store runs at once', async () => {
  await s.ok(['save', '--format', 'oci-dir', '-o', `${s.base}/from`, 'busybox']);
  const [name] = execFileSync('umoci', ['ls', '--layout', `${s.base}/from`], { encoding: 'utf8' }).trim().split('\n');
  execFileSync('skopeo', ['copy', '--insecure-policy', '-q', `oci:${s.base}/from:${name}`, `oci:${s.storeRoot}/images:foreign:1`], { env: s.env });
  expect(await s.ok(['run', '--rm', 'foreign:1', 'echo', 'here'])).toBe('here');
  expect(await s.ok(['rmi', 'foreign:1'])).toBe('Untagged: localhost/foreign:1');
});

test('layers that were lost are unpacked again from their blobs', async () => {
  await s.load({ tags: ['lost:1'], layers: [busyboxEntries(), [{ path: 'marker', content: 'again' }]] });
  const top = JSON.parse(await s.ok(['image', 'inspect', '--format', '{{json .GraphDriver.Data.UpperDir}}', 'lost:1'])) as string;
  rmSync(join(top, '..'), { recursive: true });
  expect(await s.ok(['run', '--rm', 'lost:1', 'cat', '/marker'])).toBe('again');
  await s.ok(['rmi', 'lost:1']);
});

test.each([
  ['plain', (tar: Buffer) => tar, /\.tar$/],
  ['gzip', (tar: Buffer) => gzipSync(tar), /\+gzip$/],
  ['zstd', (tar: Buffer) => zstdCompressSync(tar), /\+zstd$/],
  ['xz', (tar: Buffer) => execFileSync('xz', ['-c'], { input: tar, maxBuffer: 1 << 26 }), /\+gzip$/],
])('import takes a root file system that is %s', async (kind, compress, mediaType) => {
  const packed = compress(writeTar(busyboxEntries()));
  const id = await s.ok(['import', s.file(`rootfs.${kind}`, packed), `imported-${kind}`]);
  expect(id).toMatch(/sha256:[0-9a-f]{64}$/);
  const index = JSON.parse(readFileSync(join(s.storeRoot, 'images', 'index.json'), 'utf8'));
  const entry = index.manifests.find((one: { annotations: Record<string, string> }) => one.annotations['org.opencontainers.image.ref.name'] === `localhost/imported-${kind}:latest`);
  const manifest = JSON.parse(readFileSync(join(s.storeRoot, 'images', 'blobs', 'sha256', entry.digest.slice(7)), 'utf8'));
  expect(manifest.layers[0].mediaType).toMatch(mediaType);
  if (kind !== 'xz') expect(manifest.layers[0].digest).toBe(`sha256:${sha256(packed)}`);
  expect(await s.ok(['run', '--rm', `imported-${kind}`, 'echo', 'ok'])).toBe('ok');
  await s.ok(['rmi', `imported-${kind}`]);
});

test('an archive may be redirected to standard input, at its beginning or further on', async () => {
  const file = s.file('redirected.tar', dockerArchive({ tags: ['redirected:1'], layers: [[{ path: 'a', content: 'a' }]] }));
  const [program, ...words] = productCommand();
  for (const command of ['exec "$@" < "$0"', '{ dd bs=512 count=0 2> /dev/null; exec "$@"; } < "$0"', 'cat "$0" | "$@"']) {
    const output = execFileSync('sh', ['-c', command, file, program, ...words, 'load', '-q'], { env: s.env, encoding: 'utf8' });
    expect(output, command).toMatch(/^Loaded image: .*redirected:1\n$/);
  }
  const shifted = s.file('shifted.tar', Buffer.concat([Buffer.alloc(1000, 'x'), readFileSync(file)]));
  const output = execFileSync('sh', ['-c', '{ dd bs=1000 count=1 of=/dev/null 2> /dev/null; exec "$@"; } < "$0"', shifted, program, ...words, 'load', '-q'], { env: s.env, encoding: 'utf8' });
  expect(output).toMatch(/redirected:1/);
  await s.ok(['rmi', 'redirected:1']);
});

test('an import that fails leaves no blob behind', async () => {
  const before = blobs().sort();
  await s.fails(['import', s.file('half.tgz', gzipSync(noise(50_000)).subarray(0, 20_000)), 'half:1'], 125, /half\.tgz.*cannot be decompressed/);
  await s.fails(['import', s.file('text.txt', 'just text'), 'text:1'], 125, /archive/);
  await s.fails(['import', '--change', 'RUN x', s.file('rootfs.tar', writeTar(busyboxEntries())), 'x:1'], 125, /invalid change "RUN x"/);
  expect(blobs().sort()).toEqual(before);
  expect(unfinished()).toEqual([]);
});
