import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

function tool(file: string, ...args: string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', cwd: s.base, env: { ...s.env, PATH: `${s.env['PATH']}:/usr/sbin:/sbin` }, stdio: ['ignore', 'pipe', 'pipe'] });
}

test('skopeo reads what scull saves, in both formats', async () => {
  for (const [format, transport] of [['docker-archive', 'docker-archive'], ['oci-archive', 'oci-archive']] as const) {
    const file = `${s.base}/${format}.tar`;
    await s.ok(['save', '--format', format, '-o', file, 'busybox']);
    const image = JSON.parse(tool('skopeo', 'inspect', '--config', `${transport}:${file}`));
    expect(image, format).toMatchObject({ os: 'linux', config: { Cmd: ['sh'] } });
  }
});

test('scull reads what skopeo writes', async () => {
  await s.ok(['save', '--format', 'oci-archive', '-o', `${s.base}/out.tar`, 'busybox']);
  tool('skopeo', 'copy', '--insecure-policy', '-q', `oci-archive:${s.base}/out.tar`, `docker-archive:${s.base}/in.tar:skopeo:docker`);
  tool('skopeo', 'copy', '--insecure-policy', '-q', `oci-archive:${s.base}/out.tar`, `oci-archive:${s.base}/in-oci.tar:skopeo:oci`);
  await s.ok(['load', '-i', `${s.base}/in.tar`]);
  expect(await s.ok(['run', '--rm', 'skopeo:docker', 'echo', 'docker'])).toBe('docker');
  const loaded = await s.ok(['load', '-q', '-i', `${s.base}/in-oci.tar`]);
  expect(loaded).not.toBe('');
});

test('skopeo and umoci read the store’s image layout as it is', async () => {
  const layout = `${s.storeRoot}/images`;
  const references = tool('umoci', 'ls', '--layout', layout).trim().split('\n');
  const name = references.find((one) => one.includes('busybox')) as string;
  expect(name).toMatch(/busybox/);
  tool('skopeo', 'copy', '--insecure-policy', '-q', `oci:${layout}:${name}`, `dir:${s.base}/copied`);
});

test('umoci unpacks to the files the container sees', async () => {
  await s.ok(['save', '--format', 'oci-dir', '-o', `${s.base}/layout`, 'busybox']);
  const [reference] = tool('umoci', 'ls', '--layout', `${s.base}/layout`).trim().split('\n');
  tool('umoci', 'unpack', '--rootless', '--image', `${s.base}/layout:${reference}`, `${s.base}/bundle`);
  const outside = tool('sh', '-c', `cd ${s.base}/bundle/rootfs && md5sum bin/busybox etc/passwd etc/data/from-image`);
  expect(await s.ok(['run', '--rm', '-w', '/', 'busybox', 'md5sum', 'bin/busybox', 'etc/passwd', 'etc/data/from-image'])).toBe(outside.trimEnd());
});
