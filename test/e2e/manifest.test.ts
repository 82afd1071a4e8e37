/** Lists of images for several platforms: made here, pushed to a real registry, run, and read by skopeo. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { busyboxEntries, goArchitecture } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const here = goArchitecture();
const foreign = here === 'arm64' ? 'amd64' : 'arm64';
let registry: DockerRegistry;

beforeAll(async () => {
  registry = await startDockerRegistry(s.directory('registry'));
  await s.load({ tags: ['app:here'], layers: [busyboxEntries(), [{ path: 'which', content: 'here' }]], settings: { Cmd: ['cat', '/which'] } });
  await s.load({ tags: ['app:foreign'], layers: [busyboxEntries(), [{ path: 'which', content: 'foreign' }]], settings: { Cmd: ['cat', '/which'] }, architecture: foreign });
});
afterAll(() => registry.stop());

const list = async (name: string) => JSON.parse(await s.ok(['manifest', 'inspect', name])) as { mediaType: string; manifests: { digest: string; platform: Record<string, string>; annotations?: Record<string, string> }[]; annotations?: Record<string, string> };
const skopeo = (...args: string[]): string => execFileSync('skopeo', args, { encoding: 'utf8', env: s.env, stdio: ['ignore', 'pipe', 'pipe'] });

test('a list is made, filled, described and emptied under one id', async () => {
  const id = await s.ok(['manifest', 'create', 'fill']);
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect((await list('fill')).manifests).toEqual([]);
  expect(await s.ok(['manifest', 'add', 'fill', 'app:here'])).toBe(id);
  expect(await s.ok(['manifest', 'add', '--annotation', 'a=b', '--variant', 'v9', '--os-version', '7', 'fill', 'app:foreign'])).toBe(id);
  const [first, second] = (await list('localhost/fill:latest')).manifests;
  expect(first?.platform).toEqual({ os: 'linux', architecture: here });
  expect(second).toMatchObject({ platform: { os: 'linux', architecture: foreign, variant: 'v9', 'os.version': '7' }, annotations: { a: 'b' } });
  expect(await s.ok(['manifest', 'annotate', '--arch', 'riscv64', '--features', 'fast,small', 'fill', 'app:foreign'])).toBe(id);
  expect((await list('fill')).manifests[1]).toMatchObject({ digest: second?.digest, platform: { architecture: 'riscv64', features: ['fast', 'small'] }, annotations: { a: 'b' } });
  expect(await s.ok(['manifest', 'annotate', '--index', '--annotation', 'of=all', id.slice(0, 12)])).toBe(id);
  expect((await list('fill')).annotations).toEqual({ of: 'all' });
  expect(await s.ok(['manifest', 'remove', 'fill', second?.digest as string])).toBe(id);
  expect(await s.ok(['manifest', 'remove', 'fill', 'app:here'])).toBe(id);
  expect((await list('fill')).manifests).toEqual([]);
  await s.fails(['manifest', 'remove', 'fill', 'app:here'], 125, /no image "app:here"/);
  expect(await s.ok(['manifest', 'rm', 'fill'])).toBe(`Untagged: localhost/fill:latest\nDeleted: ${id}`);
  expect(await s.ok(['run', '--rm', 'app:here'])).toBe('here');
});

test('exists, names that are taken, and what is no list', async () => {
  expect((await s.scull(['manifest', 'exists', 'mine'])).status).toBe(1);
  const id = await s.ok(['manifest', 'create', 'mine', 'app:here']);
  expect(await s.scull(['manifest', 'exists', 'mine'])).toEqual({ status: 0, stdout: '', stderr: '' });
  expect((await s.scull(['manifest', 'exists', 'app:here'])).status).toBe(1);
  await s.fails(['manifest', 'create', 'mine'], 125, /already taken/);
  expect(await s.ok(['manifest', 'create', '--amend', 'mine', 'app:foreign'])).toBe(id);
  expect((await list('mine')).manifests.length).toBe(2);
  await s.fails(['manifest', 'add', 'app:here', 'app:foreign'], 125, /not a list/);
  await s.fails(['manifest', 'add', 'nosuch', 'app:foreign'], 125, /nosuch/);
  await s.fails(['manifest', 'rm', 'app:here'], 125, /not a list/);
  await s.fails(['manifest', 'rm', 'nosuch'], 1, /nosuch/);
  expect(await s.ok(['manifest', 'rm', '--ignore', 'nosuch'])).toBe('');
  await s.fails(['manifest', 'annotate', 'mine'], 125, /--index/);
  await s.fails(['manifest', 'add', '--artifact-type', 'a/b', 'mine', 'x'], 125, /--artifact/);
  await s.ok(['rmi', 'mine']);
});

test('two empty lists are two, and each keeps to itself', async () => {
  const one = await s.ok(['manifest', 'create', 'one']);
  const two = await s.ok(['manifest', 'create', 'two']);
  expect(one).not.toBe(two);
  await s.ok(['manifest', 'add', 'one', 'app:here']);
  expect((await list('two')).manifests).toEqual([]);
  await s.ok(['tag', 'one', 'uno']);
  await s.ok(['manifest', 'add', 'uno', 'app:foreign']);
  expect((await list('one')).manifests.length).toBe(2);
  await s.ok(['manifest', 'rm', 'two', 'uno', 'one']);
});

test('run and inspect take the image of the platform, images shows the list as one', async () => {
  const id = await s.ok(['manifest', 'create', 'both', 'app:foreign', 'app:here']);
  expect(await s.ok(['run', '--rm', 'both'])).toBe('here');
  expect((await s.inspect('both')).Architecture).toBe(here);
  const other = await s.scull(['create', '--name', 'other', '--platform', `linux/${foreign}`, 'both']);
  expect(other.status, other.stderr).toBe(0);
  expect((await s.inspect('other')).Image).toBe((await s.inspect('app:foreign')).Id);
  await s.fails(['run', '--rm', '--pull=never', '--platform', 'linux/s390x', 'both'], 125, /none for linux\/s390x/);
  expect(await s.ok(['images', '--filter', 'manifest=true', '--format', '{{.Repository}} {{.ID}}'])).toBe(`localhost/both ${id.slice(0, 12)}`);
  expect(JSON.parse(await s.ok(['images', '--format', 'json', 'both']))).toMatchObject([{ IsManifestList: true, Id: id }]);
  await s.ok(['rm', 'other']);
  await s.ok(['manifest', 'rm', 'both']);
});

test('an image that only a list has left stays while the list does, and is in use by its containers', async () => {
  await s.load({ tags: ['only:1'], layers: [busyboxEntries(), [{ path: 'only', content: 'only' }]] });
  await s.ok(['manifest', 'create', 'keeps', 'only:1']);
  await s.ok(['rmi', 'only:1']);
  await s.ok(['image', 'prune', '-f']);
  expect(await s.ok(['run', '--name', 'of-list', 'keeps', 'cat', '/only'])).toBe('only');
  await s.fails(['rmi', 'keeps'], 2, /of-list/);
  await s.ok(['image', 'prune', '-f']);
  await s.ok(['rm', 'of-list']);
  await s.ok(['rmi', 'keeps']);
});

test('pushed with its images, it is what skopeo sees, and can be copied whole without a layer being fetched', async () => {
  await s.ok(['manifest', 'create', '--annotation', 'x=y', 'sent', 'app:here', 'app:foreign']);
  const file = join(s.base, 'digest');
  const pushed = await s.ok(['manifest', 'push', '-q', '--digestfile', file, 'sent', `docker://${registry.host}/team/sent:1`]);
  expect(pushed).toBe(`${registry.host}/team/sent@${readFileSync(file, 'utf8')}`);
  const seen = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/team/sent:1`));
  expect(seen).toEqual(JSON.parse(await s.ok(['manifest', 'inspect', 'sent'])));
  skopeo('copy', '-q', '--all', '--insecure-policy', '--src-tls-verify=false', `docker://${registry.host}/team/sent:1`, `oci:${s.base}/sent-layout:x`);

  await s.ok(['rmi', 'app:foreign', 'sent']);
  const copied = await s.ok(['manifest', 'create', '--all', 'copied', `${registry.host}/team/sent:1`]);
  expect(copied).toMatch(/^[0-9a-f]{64}$/);
  expect((await list('copied')).manifests).toEqual(seen.manifests);
  await s.ok(['manifest', 'push', '-q', '--rm', 'copied', `${registry.host}/other/copied:1`]);
  expect((await s.scull(['manifest', 'exists', 'copied'])).status).toBe(1);
  expect(JSON.parse(await s.ok(['manifest', 'inspect', `${registry.host}/other/copied:1`])).manifests).toEqual(seen.manifests);
  expect(skopeo('inspect', '--tls-verify=false', '--override-arch', foreign, '--format', '{{.Architecture}}', `docker://${registry.host}/other/copied:1`).trim()).toBe(foreign);
});

test('an image of a list that is in a registry only is fetched when it is run', async () => {
  await s.load({ tags: [`${registry.host}/far/app:1`], layers: [busyboxEntries(), [{ path: 'far', content: 'far' }]] });
  await s.ok(['push', '-q', `${registry.host}/far/app:1`]);
  await s.ok(['rmi', `${registry.host}/far/app:1`]);
  await s.ok(['image', 'prune', '-f']);
  await s.ok(['manifest', 'create', 'far', `${registry.host}/far/app:1`]);
  expect(await s.ok(['run', '--rm', 'far', 'cat', '/far'])).toBe('far');
  await s.ok(['manifest', 'rm', 'far']);
});

test('files become an artifact in a list, and are pushed with it', async () => {
  await s.ok(['manifest', 'create', 'with-files', 'app:here']);
  await s.ok(['manifest', 'add', '--artifact', '--artifact-type', 'application/x-notes', '--artifact-subject', 'app:here', 'with-files', s.file('notes.txt', 'some notes')]);
  await s.ok(['image', 'prune', '-f']);
  await s.ok(['push', '-q', 'with-files', `${registry.host}/team/files:1`]);
  const artifact = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/team/files:1`)).manifests[1];
  expect(artifact).toMatchObject({ artifactType: 'application/x-notes' });
  skopeo('copy', '-q', '--insecure-policy', '--src-tls-verify=false', `docker://${registry.host}/team/files@${artifact.digest}`, `dir:${s.base}/files`);
  const manifest = JSON.parse(readFileSync(`${s.base}/files/manifest.json`, 'utf8'));
  expect(manifest.layers[0]).toMatchObject({ mediaType: 'text/plain', annotations: { 'org.opencontainers.image.title': 'notes.txt' } });
  expect(readFileSync(`${s.base}/files/${manifest.layers[0].digest.slice(7)}`, 'utf8')).toBe('some notes');
  rmSync(`${s.base}/files`, { recursive: true });
  expect(await s.ok(['run', '--rm', 'with-files'])).toBe('here');
});

test('a list that skopeo wrote into the store is a list here', async () => {
  await s.ok(['manifest', 'create', 'sent2', 'app:here']);
  await s.ok(['manifest', 'push', '-q', '--rm', 'sent2', `${registry.host}/team/sent2:1`]);
  skopeo('copy', '-q', '--all', '--insecure-policy', '--src-tls-verify=false', `docker://${registry.host}/team/sent2:1`, `oci:${s.storeRoot}/images:from-skopeo`);
  expect((await list('from-skopeo')).manifests.length).toBe(1);
  expect(await s.ok(['run', '--rm', 'from-skopeo'])).toBe('here');
  await s.ok(['rmi', 'from-skopeo']);
});

test('save of a list writes the image for this machine, and says that it is not all', async () => {
  await s.load({ tags: ['half:here'], layers: [busyboxEntries()], settings: { Cmd: ['true'] } });
  await s.load({ tags: ['half:foreign'], layers: [[{ path: 'which', content: 'foreign' }]], architecture: foreign });
  await s.ok(['manifest', 'create', 'halved', 'half:here', 'half:foreign']);
  const archive = join(s.base, 'halved.tar');
  const saved = await s.scull(['save', '-o', archive, 'halved']);
  expect(saved).toMatchObject({ status: 0, stderr: expect.stringMatching(new RegExp(`"halved" is a list of images: only the one for linux/${here}\\S* is written`)) });
  expect(JSON.parse(skopeo('inspect', `docker-archive:${archive}`)).Architecture).toBe(here);
  await s.ok(['manifest', 'rm', 'halved']);
});

test.each(['oci-archive', 'docker-archive', 'dir'])('an image in a file goes into a list with all that it is: %s', async (transport) => {
  await s.load({ tags: ['filed:1'], layers: [[{ path: 'which', content: `from ${transport}` }]], architecture: foreign });
  const place = join(s.base, `filed-${transport}`);
  await s.ok(['push', 'filed:1', `${transport}:${place}`]);
  await s.ok(['rmi', 'filed:1']);
  await s.ok(['manifest', 'create', 'files']);
  await s.ok(['manifest', 'add', '--annotation', 'from=file', 'files', `${transport}:${place}`]);
  rmSync(place, { recursive: true });
  const [instance] = (await list('files')).manifests;
  expect(instance).toMatchObject({ platform: { os: 'linux', architecture: foreign }, annotations: { from: 'file' } });
  // The list can be sent although the file is gone and no other image has the layer.
  const name = `${registry.host}/files:${transport}`;
  await s.ok(['manifest', 'push', '-q', 'files', `docker://${name}`]);
  await s.ok(['manifest', 'rm', 'files']);
  await s.ok(['create', '--name', 'filed', '--arch', foreign, name, 'none']);
  await s.ok(['cp', 'filed:/which', join(s.base, 'which')]);
  expect(readFileSync(join(s.base, 'which'), 'utf8')).toBe(`from ${transport}`);
  await s.ok(['rm', 'filed']);
  await s.ok(['rmi', name]);
});

test.each(['oci', 'oci-archive', 'dir'])('a list is written to a file with all that is in it, and comes back: %s', async (transport) => {
  const name = `${registry.host}/away/app:${transport}`;
  await s.load({ tags: [name], layers: [[{ path: 'which', content: `away, ${transport}` }]], architecture: foreign });
  await s.ok(['push', '-q', name]);
  await s.ok(['rmi', name]);
  await s.ok(['manifest', 'create', '--annotation', 'x=y', 'filled', 'app:here', name]);
  await s.ok(['manifest', 'annotate', '--os-version', '7', 'filled', (await list('filled')).manifests[1]?.digest ?? '']);
  const before = await list('filled');
  const place = `${transport}:${s.base}/filled-${transport}`;
  const file = join(s.base, 'filled.digest');
  expect(await s.ok(['manifest', 'push', '-q', '--digestfile', file, 'filled', place])).toBe(readFileSync(file, 'utf8'));
  expect(JSON.parse(skopeo('inspect', '--raw', place))).toEqual(before);
  skopeo('copy', '-q', '--all', '--insecure-policy', '--preserve-digests', place, `dir:${s.base}/filled-copy`);
  rmSync(`${s.base}/filled-copy`, { recursive: true });
  expect(await s.ok(['run', '--rm', place])).toBe('here');
  await s.ok(['manifest', 'rm', 'filled']);
  await s.ok(['manifest', 'create', '--all', 'back', place]);
  expect((await list('back')).manifests).toEqual(before.manifests);
  await s.ok(['manifest', 'rm', 'back']);
  rmSync(`${s.base}/filled-${transport}`, { recursive: true });
});

test('what a registry sends for a file is compared with its digest first, and no file is left of what is wrong', async () => {
  const name = `${registry.host}/wrong/app:1`;
  await s.load({ tags: [name], layers: [[{ path: 'which', content: 'to be spoilt' }]], architecture: foreign });
  await s.ok(['push', '-q', name]);
  const layer = (JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`)) as { layers: { digest: string }[] }).layers[0]?.digest.slice('sha256:'.length) ?? '';
  await s.ok(['rmi', name]);
  await s.ok(['manifest', 'create', 'spoilt', name]);
  const kept = join(s.base, 'registry', 'registry', 'docker', 'registry', 'v2', 'blobs', 'sha256', layer.slice(0, 2), layer, 'data');
  const bytes = readFileSync(kept);
  writeFileSync(kept, Buffer.from(bytes).fill(0, 20));
  for (const transport of ['oci-archive', 'dir']) await s.fails(['manifest', 'push', '-q', 'spoilt', `${transport}:${s.base}/spoilt`], 125, /is not what was announced: its digest is [0-9a-f]{64}$/m);
  await s.fails(['manifest', 'push', '-q', 'spoilt', `oci:${s.base}/spoilt`], 125, /is not what was announced/);
  expect(existsSync(join(s.base, 'spoilt', 'index.json'))).toBe(false);
  await s.fails(['manifest', 'push', 'spoilt', `docker-archive:${s.base}/spoilt.tar`], 125, /can't hold a list of images/);
  writeFileSync(kept, bytes);
  await s.ok(['manifest', 'rm', 'spoilt']);
});

test('a list is sent in the words of Docker, or of the OCI, with its images, and Docker\'s have no notes', async () => {
  const name = `${registry.host}/docker/list`;
  const apart = `${registry.host}/docker/apart:1`;
  await s.load({ tags: [apart], layers: [[{ path: 'which', content: 'in a registry only' }]], architecture: foreign });
  await s.ok(['push', '-q', apart]);
  await s.ok(['rmi', apart]);
  await s.ok(['manifest', 'create', 'worded', 'app:here', apart]);
  await s.ok(['manifest', 'create', '--amend', '--annotation', 'x=y', 'worded', 'app:here']);
  const raw = (reference: string) => JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${reference}`));
  for (const [format, listType, manifestType] of [
    ['v2s2', 'application/vnd.docker.distribution.manifest.list.v2+json', 'application/vnd.docker.distribution.manifest.v2+json'],
    ['oci', 'application/vnd.oci.image.index.v1+json', 'application/vnd.oci.image.manifest.v1+json'],
  ] as const) {
    await s.ok(['manifest', 'push', '-q', '--format', format, 'worded', `docker://${name}:${format}`]);
    const index = raw(`${name}:${format}`);
    expect(index).toMatchObject({ mediaType: listType, manifests: [{ mediaType: manifestType, platform: { architecture: here } }, { mediaType: manifestType, platform: { architecture: foreign } }] });
    expect(index.annotations).toEqual(format === 'oci' ? { x: 'y' } : undefined);
    for (const { digest } of index.manifests) expect(raw(`${name}@${digest}`).mediaType).toBe(manifestType);
    expect(await s.ok(['run', '--rm', `${name}:${format}`])).toBe('here');
    await s.ok(['rmi', `${name}:${format}`]);
  }
  await s.ok(['manifest', 'rm', 'worded']);
});

test('a list is sent with layers of another compression: images and list are others there', async () => {
  await s.load({ tags: ['zip:here'], layers: [busyboxEntries(), [{ path: 'which', content: 'zipped' }]], settings: { Cmd: ['cat', '/which'] } });
  await s.load({ tags: ['zip:foreign'], layers: [[{ path: 'which', content: 'zipped elsewhere' }]], architecture: foreign });
  await s.ok(['manifest', 'create', 'zipped', 'zip:here', 'zip:foreign']);
  const name = `${registry.host}/team/zipped:1`;
  for (const words of [['manifest', 'push'], ['push']]) {
    await s.ok([...words, '-q', '--compression-format', 'zstd', 'zipped', `docker://${name}`]);
    const index = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`));
    expect(index.manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture)).toEqual([here, foreign]);
    for (const { digest } of index.manifests) {
      const { layers } = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/team/zipped@${digest}`));
      for (const { mediaType } of layers) expect(mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd');
    }
  }
  await s.fails(['manifest', 'push', '--all=false', '--compression-format', 'zstd', 'zipped', `docker://${name}`], 125, /no layers to compress/);
  await s.ok(['manifest', 'rm', 'zipped']);
  await s.ok(['rmi', 'zip:here', 'zip:foreign']);
  expect(await s.ok(['run', '--rm', name])).toBe('zipped');
  await s.ok(['rmi', name]);
});
