/** Things in registries that are no images: stored, passed on, never run. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../support/digest.ts';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { busyboxEntries } from '../support/images.ts';
import { useScull } from '../support/scull.ts';
import { writeTar, type TarEntry } from '../support/tar-writer.ts';

const s = useScull({ empty: true });
let registry: DockerRegistry;
beforeAll(async () => {
  registry = await startDockerRegistry(s.base);
});
afterAll(() => registry.stop());


/** An OCI archive of one artifact with the empty configuration. @returns its manifest's digest too */
function artifactArchive(name: string, content: string, ...more: readonly (readonly [title: string, content: string])[]): { archive: Buffer; digest: string } {
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
      layers: [['chart.txt', content] as const, ...more].map(([title, text]) => ({ ...add(Buffer.from(text), 'text/plain'), annotations: { 'org.opencontainers.image.title': title } })),
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

test('the contents of an artifact are mounted as files, and stay as long as the container', async () => {
  await s.load({ tags: ['busybox:latest'], layers: [busyboxEntries()] });
  await s.ok(['load', '-q'], { input: artifactArchive('one:1', 'the only one').archive });
  await s.ok(['load', '-q'], { input: artifactArchive('two:1', 'first', ['deep/../b.txt', 'second']).archive });
  const seen = (mount: string, script: string, ...flags: string[]) => s.ok(['run', '--rm', '--network', 'none', '--mount', `type=artifact,${mount}`, ...flags, 'busybox', 'sh', '-c', script]);
  expect(await seen('src=one:1,dst=/new', 'cat /new; touch /new 2>/dev/null || echo read-only')).toBe('the only oneread-only');
  expect(await seen('src=one:1,dst=/tmp', 'ls /tmp; cat /tmp/chart.txt', '-u', 'app')).toBe('chart.txt\nthe only one');
  expect(await seen('src=one:1,dst=/tmp,name=x', 'cat /tmp/x', '--userns=keep-id')).toBe('the only one');
  expect(await seen('src=two:1,dst=/d', 'cat /d/chart.txt /d/b.txt; ls /d | wc -l')).toBe('firstsecond2');
  expect(await seen('src=two:1,dst=/d,name=x', 'cat /d/x-0 /d/x-1')).toBe('firstsecond');
  expect(await seen('src=two:1,dst=/f,title=chart.txt', 'cat /f')).toBe('first');
  expect(await seen(`src=two:1,dst=/f,digest=${sha256(Buffer.from('second'))}`, 'cat /f')).toBe('second');
  await s.ok(['create', '--name', 'holds', '--network', 'none', '--mount', 'type=artifact,src=one:1,dst=/new', 'busybox', 'cat', '/new']);
  await s.ok(['rmi', 'one:1']);
  expect(await s.ok(['start', '-a', 'holds'])).toBe('the only one');
  await s.ok(['rm', 'holds']);
  const refused = (mount: string, message: RegExp) => s.fails(['run', '--rm', '--mount', `type=artifact,${mount}`, 'busybox', 'true'], 125, message);
  await refused('src=nosuch,dst=/d', /there is no artifact "nosuch"/);
  await refused('src=busybox,dst=/d', /is an image, not an artifact/);
  await refused('src=two:1,dst=/d,title=c', /no content with the title "c"[\s\S]*titles are chart\.txt, deep\/\.\.\/b\.txt/);
  await refused('src=two:1,dst=/etc/passwd', /has 2 contents, and \/etc\/passwd is one file/);
  await refused('src=two:1,dst=/d,rw', /cannot be changed/);
  await s.ok(['rmi', 'two:1', 'busybox']);
});
