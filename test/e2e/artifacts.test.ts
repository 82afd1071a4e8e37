/** Things in registries that are no images: stored, passed on, never run. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { useScull } from '../support/scull.ts';
import { writeTar, type TarEntry } from '../support/tar-writer.ts';

const s = useScull({ empty: true });
let registry: DockerRegistry;
beforeAll(async () => {
  registry = await startDockerRegistry(s.base);
});
afterAll(() => registry.stop());

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** An OCI archive of one artifact with the empty configuration. @returns its manifest's digest too */
function artifactArchive(name: string, content: string): { archive: Buffer; digest: string } {
  const entries: TarEntry[] = [{ path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' }];
  const add = (bytes: Buffer, mediaType: string): object => {
    entries.push({ path: `blobs/sha256/${sha256(bytes).slice(7)}`, content: bytes });
    return { mediaType, digest: sha256(bytes), size: bytes.length };
  };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/x-chart',
      config: add(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
      layers: [{ ...add(Buffer.from(content), 'text/plain'), annotations: { 'org.opencontainers.image.title': 'chart.txt' } }],
    }),
  );
  const descriptor = { ...add(manifest, 'application/vnd.oci.image.manifest.v1+json'), annotations: { 'org.opencontainers.image.ref.name': name } };
  return { archive: writeTar([...entries, { path: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }) }]), digest: sha256(manifest) };
}

test('an artifact is loaded, listed, inspected and saved byte for byte, but not run', async () => {
  const { archive, digest } = artifactArchive('chart:1', 'the chart');
  expect(await s.ok(['load'], { input: archive })).toBe('Loaded image: localhost/chart:1');
  expect(await s.ok(['images', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}} {{.Size}}'])).toBe(`localhost/chart:1 ${digest} 9 B`);
  expect((await s.inspect('chart:1'))).toMatchObject({ Digest: digest, ArtifactType: 'application/x-chart', Manifest: { layers: [{ annotations: { 'org.opencontainers.image.title': 'chart.txt' } }] } });
  await s.fails(['run', '--rm', 'chart:1'], 125, /not an image but an artifact of type "application\/x-chart", which can't be run/);
  await s.fails(['save', '-o', `${s.base}/x.tar`, 'chart:1'], 125, /oci-archive/);
  await s.ok(['save', '--format', 'oci-archive', '-o', `${s.base}/chart.tar`, 'chart:1']);
  await s.ok(['rmi', 'chart:1']);
  await s.ok(['load', '-i', `${s.base}/chart.tar`]);
  expect((await s.inspect('chart:1')).Digest).toBe(digest);
  await s.ok(['rmi', 'chart:1']);
});

test('artifacts that share the empty configuration are different things', async () => {
  await s.ok(['load'], { input: artifactArchive('a:1', 'one').archive });
  await s.ok(['load'], { input: artifactArchive('b:1', 'two').archive });
  await s.ok(['rmi', 'a:1']);
  expect(await s.ok(['images', '--format', '{{.Repository}}'])).toBe('localhost/b');
  await s.ok(['rmi', 'b:1']);
});

test('an artifact goes to a registry and comes back', async () => {
  const { archive, digest } = artifactArchive('sent:1', 'to be sent');
  await s.ok(['load'], { input: archive });
  await s.ok(['push', '-q', 'sent:1', `${registry.host}/team/chart:1`]);
  await s.ok(['rmi', 'sent:1']);
  await s.fails(['run', '--rm', `${registry.host}/team/chart:1`], 125, /not an image but an artifact/);
  expect(await s.ok(['images', '-q'])).toBe('');
  expect(await s.ok(['pull', '-q', `${registry.host}/team/chart:1`])).toBe(digest.slice(7));
  expect(await s.ok(['pull', '-q', `${registry.host}/team/chart:1`])).toBe(digest.slice(7));
  expect((await s.inspect(`${registry.host}/team/chart:1`)).Digest).toBe(digest);
  await s.ok(['rmi', `${registry.host}/team/chart:1`]);
});
