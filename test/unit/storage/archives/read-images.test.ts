import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Descriptor } from '../../../../src/oci/descriptor.ts';
import { MEDIA_TYPES, type Manifest } from '../../../../src/oci/image.ts';
import type { FileSet } from '../../../../src/storage/archives/file-set.ts';
import { openImages } from '../../../../src/storage/archives/read-images.ts';
import { readOciLayout } from '../../../../src/storage/archives/read-oci-layout.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import { createStaging, type Staging } from '../../../../src/storage/staging.ts';
import { sha256 } from '../../../support/digest.ts';
import { makeImage, type MadeImage } from '../../../support/image-source.ts';
import { writeTar, type TarEntry } from '../../../support/tar-writer.ts';

let root: string;
let staging: Staging;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-archives-'));
  staging = createStaging({ layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const layer = writeTar([{ path: 'file', content: 'content' }]);

function file(name: string, content: string | Uint8Array): string {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
}

function dockerEntries(image: MadeImage, layerFiles: readonly TarEntry[], names: readonly string[] = ['app:1']): TarEntry[] {
  return [
    ...layerFiles,
    { path: 'config.json', content: image.blobs.get(image.id) as Buffer },
    { path: 'manifest.json', content: JSON.stringify([{ Config: 'config.json', RepoTags: names, Layers: layerFiles.filter((one) => one.type !== 'directory').map((one) => one.path) }]) },
  ];
}

function layoutEntries(image: MadeImage, annotations: Readonly<Record<string, string>> = {}): TarEntry[] {
  const blob = (digest: string, content: Buffer): TarEntry => ({ path: `blobs/sha256/${digest.slice(7)}`, content });
  const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: image.manifestDigest, size: image.manifestBytes.length, annotations };
  return [
    { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }) },
    blob(image.manifestDigest, image.manifestBytes),
    ...[...image.blobs].map(([digest, content]) => blob(digest, content)),
  ];
}

async function contentOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The image's manifest and the content of its layers, read as the store does. */
async function readAll(input: string | Readable, wanted?: 'every') {
  const images = await openImages(input, staging, wanted);
  return Promise.all(
    images.map(async ({ source, names, shortNames }) => {
      const { bytes } = await source.manifest();
      const manifest = JSON.parse(Buffer.from(bytes).toString()) as Manifest;
      const read = async (descriptor: Descriptor): Promise<Buffer> => contentOf(await source.blob(descriptor));
      return { names, shortNames, manifest, config: await read(manifest.config), layers: await Promise.all(manifest.layers.map(read)) };
    }),
  );
}

describe('an archive of docker save', () => {
  test('gives its images, with a manifest made over its layers as they are', async () => {
    const image = makeImage({ layers: [layer] });
    const [read] = await readAll(file('a.tar', writeTar(dockerEntries(image, [{ path: 'l/layer.tar', content: layer }], ['app:1', 'x/y:2']))));
    expect(read).toMatchObject({ names: ['app:1', 'x/y:2'], shortNames: 'docker.io', layers: [layer], config: image.blobs.get(image.id) });
    expect(read?.manifest).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: image.config, layers: image.layers });
  });

  test('may have compressed layers', async () => {
    const image = makeImage({ layers: [layer] });
    const packed = gzipSync(layer);
    const [read] = await readAll(file('a.tar', writeTar(dockerEntries(image, [{ path: 'l.tar', content: packed }]))));
    expect(read?.manifest.layers).toEqual([{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: sha256(packed), size: packed.length }]);
    expect(read?.layers).toEqual([packed]);
  });

  test('may write a layer that repeats as a link to the first', async () => {
    const image = makeImage({ layers: [layer, layer, layer] });
    const [read] = await readAll(
      file(
        'a.tar',
        writeTar(dockerEntries(image, [{ path: 'one/layer.tar', content: layer }, { path: 'two/layer.tar', type: 'symlink', target: '../one/layer.tar' }, { path: 'three.tar', type: 'hardlink', target: 'one/layer.tar' }])),
      ),
    );
    expect(read?.layers).toEqual([layer, layer, layer]);
  });

  test.each([
    ['gzip', (tar: Buffer) => gzipSync(tar)],
    ['zstd', (tar: Buffer) => zstdCompressSync(tar)],
    ['xz', (tar: Buffer) => execFileSync('xz', ['-c'], { input: tar })],
    ['bzip2', (tar: Buffer) => execFileSync('bzip2', ['-c'], { input: tar })],
  ])('may be compressed with %s, in a file or a stream', async (_name, compress) => {
    const image = makeImage({ layers: [layer] });
    const packed = compress(writeTar(dockerEntries(image, [{ path: 'l.tar', content: layer }])));
    expect(await readAll(file('a', packed))).toMatchObject([{ layers: [layer] }]);
    await staging.remove();
    mkdirSync(staging.directory);
    // In pieces of three bytes: what it is must not be guessed from the first one.
    expect(await readAll(Readable.from(packed.subarray(0, 30).toString('latin1').match(/[\s\S]{1,3}/g)?.map((piece) => Buffer.from(piece, 'latin1')).concat(packed.subarray(30)) ?? []))).toMatchObject([{ layers: [layer] }]);
  });

  const hostileConfig = { path: 'config.json', content: makeImage({ layers: [layer] }).blobs.get(makeImage({ layers: [layer] }).id) as Buffer };
  const list = (value: unknown): TarEntry => ({ path: 'manifest.json', content: JSON.stringify(value) });
  test.each([
    ['whose configuration is a file of the host (CVE-2014-9358)', [list([{ Config: '/etc/passwd', Layers: [] }])], /no "\/etc\/passwd" in it/],
    ['whose layer is a file of the host', [hostileConfig, list([{ Config: 'config.json', Layers: ['../../../../etc/passwd'] }])], /no ".*etc\/passwd" in it/],
    ['whose layer is a link out of it', [hostileConfig, { path: 'l.tar', type: 'symlink' as const, target: '/etc/passwd' }, list([{ Config: 'config.json', Layers: ['l.tar'] }])], /no "l\.tar" in it/],
    ['whose layer is a link to itself', [hostileConfig, { path: 'l.tar', type: 'symlink' as const, target: 'l.tar' }, list([{ Config: 'config.json', Layers: ['l.tar'] }])], /no "l\.tar" in it/],
    ['with fewer layers than its configuration', [hostileConfig, list([{ Config: 'config.json', Layers: [] }])], /lists 0 layers, the configuration 1/],
    ['without images', [list([])], /has no image/],
    ['with a list of something else', [list([1])], /manifest\.json of .*\[0\] is not an object/],
    ['with names that are none', [list([{ Config: 'c', RepoTags: [1] }])], /\[0\]\.RepoTags\[0\] is not a string/],
    ['with a configuration that is none', [{ path: 'c', content: '{}' }, list([{ Config: 'c', Layers: [] }])], /the image configuration is malformed/],
    ['that is none', [{ path: 'bin/sh', content: 'x' }], /neither manifest\.json nor index\.json/],
  ])('%s is refused', async (_what, entries, message) => {
    await expect(readAll(file('a.tar', writeTar(entries as TarEntry[])))).rejects.toMatchObject({ code: 'INVALID', message: expect.stringMatching(message) });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('hello\n'.repeat(1000))],
    ['zeros', Buffer.alloc(10_240)],
    ['a compressed nothing', gzipSync('')],
    ['half of a compressed archive', gzipSync(Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7919) % 251))).subarray(0, 9000)],
    ['a header with a wrong checksum', writeTar([{ path: 'manifest.json', content: '[]' }]).fill(0x41, 0, 3)],
    ['an archive that breaks off', writeTar([{ path: 'l.tar', content: Buffer.alloc(5000) }]).subarray(0, 2048)],
    ['random bytes', Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * index * 31 + 7) % 256))],
  ])('%s instead of an archive is refused, from a file and from a stream', async (_what, bytes) => {
    await expect(readAll(file('a.tar', bytes))).rejects.toMatchObject({ code: 'INVALID' });
    await staging.remove();
    mkdirSync(staging.directory);
    await expect(readAll(Readable.from([bytes]))).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('with long names and extended headers is read', async () => {
    const tar = execFileSync('python3', [
      '-c',
      `import io,sys,tarfile
out=io.BytesIO()
for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
  t=tarfile.open(fileobj=out, mode="w", format=format)
  for name, content in (("x"*150+str(format), b"1"), ("manifest.json", b"[]")):
    i=tarfile.TarInfo(name); i.size=len(content); t.addfile(i, io.BytesIO(content))
sys.stdout.buffer.write(out.getvalue())`,
    ]);
    await expect(readAll(file('a.tar', tar))).rejects.toMatchObject({ message: expect.stringContaining('has no image') });
  });
});

describe('an OCI layout', () => {
  test('is read from an archive, a stream and a folder', async () => {
    const image = makeImage({ layers: [layer] });
    const entries = layoutEntries(image, { 'org.opencontainers.image.ref.name': 'app:1' });
    const expected = [{ names: ['app:1'], shortNames: 'localhost', manifest: JSON.parse(image.manifestBytes.toString()), layers: [layer] }];
    expect(await readAll(file('a.tar', writeTar(entries)))).toMatchObject(expected);
    expect(await readAll(Readable.from([writeTar(entries)]))).toMatchObject(expected);
    mkdirSync(join(root, 'layout', 'blobs', 'sha256'), { recursive: true });
    for (const entry of entries) writeFileSync(join(root, 'layout', entry.path), entry.content as Buffer);
    expect(await readAll(join(root, 'layout'))).toMatchObject(expected);
  });

  test('written by a newer docker save goes by the full name', async () => {
    const image = makeImage();
    const entries = layoutEntries(image, { 'org.opencontainers.image.ref.name': '1', 'io.containerd.image.name': 'docker.io/library/app:1' });
    const both = [...entries, { path: 'manifest.json', content: '[]' }];
    expect(await readAll(file('a.tar', writeTar(both)))).toMatchObject([{ names: ['docker.io/library/app:1'] }]);
  });

  test('of an image for several machines gives the one that is there and fits', async () => {
    const [here, attestation] = [makeImage({ command: 'here' }), makeImage({ command: 'attestation' })];
    const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };
    const describe = (image: MadeImage, more: object): object => ({ mediaType: MEDIA_TYPES.ociManifest, digest: image.manifestDigest, size: image.manifestBytes.length, ...more });
    const missing = { mediaType: MEDIA_TYPES.ociManifest, digest: sha256('absent'), size: 3, platform: { os: 'linux', architecture: 's390x' } };
    const manifests = [missing, describe(attestation, { platform: { os: 'unknown', architecture: 'unknown' } }), describe(here, { platform })];
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
    const entries = [...layoutEntries(here), ...layoutEntries(attestation)].filter((entry) => entry.path !== 'index.json');
    const top = { schemaVersion: 2, manifests: [{ mediaType: MEDIA_TYPES.ociIndex, digest: sha256(index), size: index.length }] };
    const tar = writeTar([...entries, { path: `blobs/sha256/${sha256(index).slice(7)}`, content: index }, { path: 'index.json', content: JSON.stringify(top) }]);
    expect(await readAll(file('a.tar', tar))).toMatchObject([{ manifest: { config: { digest: here.id } } }]);
  });

  test('whose manifest is not what its name says is refused', async () => {
    const image = makeImage();
    const entries = layoutEntries(image).map((entry) => (entry.path.endsWith(image.manifestDigest.slice(7)) ? { ...entry, content: Buffer.from(image.manifestBytes).fill(0x20, 1, 2) } : entry));
    await expect(readAll(file('a.tar', writeTar(entries)))).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining('is damaged') });
  });

  test('with a FIFO in the place of a file is refused instead of hanging', async () => {
    mkdirSync(join(root, 'layout'));
    execFileSync('mkfifo', [join(root, 'layout', 'manifest.json')]);
    await expect(readAll(join(root, 'layout'))).rejects.toMatchObject({ code: 'INVALID' });
  });
});

test('a folder of skopeo’s dir: is read, and has no names', async () => {
  const image = makeImage({ layers: [layer] });
  mkdirSync(join(root, 'dir'));
  writeFileSync(join(root, 'dir', 'manifest.json'), image.manifestBytes);
  for (const [digest, content] of image.blobs) writeFileSync(join(root, 'dir', digest.slice(7)), content);
  expect(await readAll(join(root, 'dir'))).toMatchObject([{ names: [], layers: [layer] }]);
});

test('a list in such a folder, or in a layout, gives the image for this machine, or every one once', async () => {
  const [here, foreign] = [makeImage({ command: 'here' }), makeImage({ command: 'foreign' })];
  const describe = (image: MadeImage, architecture: string): object => ({ mediaType: MEDIA_TYPES.ociManifest, digest: image.manifestDigest, size: image.manifestBytes.length, platform: { os: 'linux', architecture } });
  const absent = { mediaType: MEDIA_TYPES.ociManifest, digest: sha256('absent'), size: 3, platform: { os: 'linux', architecture: 'arm' } };
  const manifests = [absent, describe(foreign, 's390x'), describe(here, process.arch === 'x64' ? 'amd64' : process.arch), describe(foreign, 's390x')];
  const list = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
  const folder = join(root, 'list');
  mkdirSync(folder);
  writeFileSync(join(folder, 'manifest.json'), list);
  for (const image of [here, foreign]) {
    writeFileSync(join(folder, `${image.manifestDigest.slice(7)}.manifest.json`), image.manifestBytes);
    for (const [digest, content] of image.blobs) writeFileSync(join(folder, digest.slice(7)), content);
  }
  const top = { schemaVersion: 2, manifests: [{ mediaType: MEDIA_TYPES.ociIndex, digest: sha256(list), size: list.length }] };
  const layout = [...layoutEntries(here), ...layoutEntries(foreign)].filter((entry) => entry.path !== 'index.json');
  const tar = file('list.tar', writeTar([...layout, { path: `blobs/sha256/${sha256(list).slice(7)}`, content: list }, { path: 'index.json', content: JSON.stringify(top) }]));
  for (const input of [folder, tar]) {
    const ids = (images: Awaited<ReturnType<typeof readAll>>): string[] => images.map(({ manifest }) => manifest.config.digest);
    expect(ids(await readAll(input))).toEqual([here.id]);
    expect(ids(await readAll(input, 'every'))).toEqual([foreign.id, here.id]);
  }
  writeFileSync(join(folder, `${here.manifestDigest.slice(7)}.manifest.json`), foreign.manifestBytes);
  const [image] = await openImages(folder, staging);
  // Who takes it in compares the two.
  expect(await image?.source.manifest()).toMatchObject({ digest: here.manifestDigest, bytes: foreign.manifestBytes });
});

test('what is no archive is refused at its beginning, not after it was written to the disk', async () => {
  for (const [piece, said] of [[Buffer.alloc(1 << 20), /not a tar archive, or an empty one/], [Buffer.alloc(1 << 20, 'no tar '), /not an image archive/]] as const) {
    let taken = 0;
    const endless = Readable.from((function* () {
      for (; taken < 300; taken += 1) yield piece;
    })());
    await expect(readAll(endless)).rejects.toMatchObject({ code: 'INVALID', message: expect.stringMatching(said) as unknown });
    expect(taken).toBeLessThan(100);
    await staging.remove();
    staging = createStaging({ layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' });
  }
});

test('a list that thousands of entries name is read once', async () => {
  const image = makeImage();
  const list = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [{ mediaType: MEDIA_TYPES.ociManifest, digest: image.manifestDigest, size: image.manifestBytes.length }] }));
  const entry = { mediaType: MEDIA_TYPES.ociIndex, digest: sha256(list), size: list.length };
  const content = new Map([['index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: Array.from({ length: 5000 }, () => entry) }))], [`blobs/sha256/${sha256(list).slice(7)}`, list], [`blobs/sha256/${image.manifestDigest.slice(7)}`, image.manifestBytes]]);
  const opened: string[] = [];
  const files: FileSet = { label: 'x', size: (name) => content.get(name)?.length, pieces: (name) => (opened.push(name), Readable.from([content.get(name)])) };
  expect(await readOciLayout(files)).toMatchObject([{ names: [] }]);
  expect(opened).toEqual(['index.json', `blobs/sha256/${sha256(list).slice(7)}`]);
});

test('what is not there, or can not be read, is told by its path', async () => {
  await expect(readAll(join(root, 'nosuch.tar'))).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('nosuch.tar') });
  symlinkSync('loop', join(root, 'loop'));
  await expect(readAll(join(root, 'loop'))).rejects.toMatchObject({ code: 'PERMISSION' });
});
