import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { containerSpec, type ContainerFlags } from '../../../src/cli/container-spec-flags.ts';
import { attachFlags, parseStreams } from '../../../src/cli/flags/attach.ts';
import { containerFlags } from '../../../src/cli/flags/container.ts';
import { resolveWords, scanWords, type Declarations } from '../../../src/cli/parse.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec } from '../../../src/spec/container-spec.ts';

const folder = mkdtempSync(join(tmpdir(), 'scull-flags-'));
afterAll(() => rmSync(folder, { recursive: true }));

const declarations = { flags: { ...containerFlags, ...attachFlags }, args: {}, strict: false, stopAtFirstWord: true } as unknown as Declarations;

/** What `scull create WORDS` wishes for. */
async function specOf(...words: string[]): Promise<ContainerSpec> {
  const parsed = await resolveWords(scanWords(words, declarations), declarations, undefined);
  return containerSpec(parsed.flags as ContainerFlags, parsed.argv, parsed.tokens);
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('without flags it is the empty wish with an image', async () => {
  expect(await specOf('debian')).toEqual({ ...EMPTY_CONTAINER_SPEC, image: 'debian' });
});

test('the words after the image stay as they are', async () => {
  expect((await specOf('-it', 'img', 'ls', '--help', '-it', '--', 'a', 'a', '')).command).toEqual(['ls', '--help', '-it', '--', 'a', 'a', '']);
});

test.each<[string[], object]>([
  [['-it'], { tty: true, interactive: true }],
  [['--rm'], { autoRemove: true }],
  [['--rm=false'], { autoRemove: false }],
  [['--name', 'web'], { name: 'web' }],
  [['--entrypoint', ''], { entrypoint: [] }],
  [['--entrypoint', '/bin/sh'], { entrypoint: ['/bin/sh'] }],
  [['--entrypoint', '["sh","-c"]'], { entrypoint: ['sh', '-c'] }],
  [['-w', '/srv'], { workdir: '/srv' }],
  [['-u', '1000:users', '--group-add', 'a', '--group-add=b'], { user: '1000:users', groupAdd: ['a', 'b'] }],
  [['--umask', '027'], { umask: 0o27 }],
  [['-h', 'box'], { hostname: 'box' }],
  [['-l', 'a=b', '--label', 'c'], { labels: { a: 'b', c: '' } }],
  [['--annotation', 'a=b=c'], { annotations: { a: 'b=c' } }],
  [['--init', '--init-path', '/init'], { init: true, initPath: '/init' }],
  [['--read-only', '--read-only-tmpfs=false'], { readOnly: true, readOnlyTmpfs: false }],
  [['--image-volume', 'bind'], { imageVolume: 'anonymous' }],
  [['--cap-add', 'net_admin,SYS_TIME', '--cap-drop=all'], { capAdd: ['CAP_NET_ADMIN', 'CAP_SYS_TIME'], capDrop: ['ALL'] }],
  [['--privileged'], { privileged: true }],
  [['--sysctl', 'net.ipv4.ip_forward=1'], { sysctls: { 'net.ipv4.ip_forward': '1' } }],
  [['--shm-size', '1m'], { shmSize: 1024 * 1024 }],
  [['--stop-signal', 'int', '--stop-timeout', '3'], { stopSignal: 'SIGINT', stopTimeout: 3 }],
  [['--timeout', '0'], EMPTY_CONTAINER_SPEC],
  [['--timeout=5'], { timeout: 5 }],
  [['--oom-score-adj', '-100'], { oomScoreAdj: -100 }],
  [['--platform', 'linux/arm64/v8'], { platform: { os: 'linux', architecture: 'arm64' } }],
  [['--arch', 'arm', '--variant=v7'], { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }],
  [['--os', 'linux'], EMPTY_CONTAINER_SPEC],
  [['--pull', 'always'], { pull: 'always' }],
  [['--pull=newer'], { pull: 'newer' }],
  [['--tz', 'Europe/Berlin'], { timezone: 'Europe/Berlin' }],
  [['--http-proxy=false'], { httpProxy: false }],
  [['--cidfile', '/x/cid', '--pidfile=/x/pid'], { cidFile: '/x/cid', pidFile: '/x/pid' }],
  [['--volumes-from', 'a:ro', '--volumes-from=b'], { volumesFrom: ['a:ro', 'b'] }],
  [['--restart', 'no', '--sdnotify=ignore', '--tls-verify'], EMPTY_CONTAINER_SPEC],
])('%j', async (flags, expected) => {
  expect(await specOf(...flags, 'img')).toMatchObject({ ...expected, image: 'img' });
});

describe('parts', () => {
  test('network', async () => {
    const { network } = await specOf('--net', 'none', '-p', '8080:80', '-p=53:53/udp', '-P', '--expose', '90', '--dns', '1.1.1.1', '--dns-opt', 'ndots:2', '--dns-search=example.org', '--add-host', 'a:10.0.0.1', '--no-hostname', 'img');
    expect(network).toMatchObject({
      mode: { mode: 'none' },
      ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }, { hostPort: 53, containerPort: 53, protocol: 'udp' }],
      publishAll: true,
      expose: ['90/tcp'],
      dns: ['1.1.1.1'],
      dnsOptions: ['ndots:2'],
      dnsSearch: ['example.org'],
      addHosts: [{ name: 'a', ip: '10.0.0.1' }],
      noHosts: false,
      noHostname: true,
    });
  });

  test('mounts of all flags in the order they were typed', async () => {
    const { mounts } = await specOf('--tmpfs', '/one', '-v', '/src:/two:ro', '--mount', 'type=volume,source=data,target=/three', '-v', '/four', 'img');
    expect(mounts.map(({ type, target }) => [type, target])).toEqual([['tmpfs', '/one'], ['bind', '/two'], ['volume', '/three'], ['volume', '/four']]);
  });

  test('resources', async () => {
    const { resources } = await specOf('-m', '512m', '--memory-swap', '-1', '--cpus', '1.5', '-c', '100', '--cpuset-cpus', '0-2,4', '--pids-limit', '0', '--cgroups=split', 'img');
    expect(resources).toEqual({ memory: 512 * 1024 * 1024, memorySwap: -1, cpus: 1.5, cpuShares: 100, cpusetCpus: '0-2,4', pidsLimit: -1, cgroups: 'split' });
  });

  test('namespaces', async () => {
    const { namespaces } = await specOf('--userns=keep-id:uid=5', '--pid', 'host', '--ipc=shareable', '--uts', 'container:x', '--cgroupns=ns:/proc/1/ns/cgroup', 'img');
    expect(namespaces).toEqual({
      user: { mode: 'keep-id', uid: 5 },
      pid: { mode: 'host' },
      ipc: { mode: 'shareable' },
      uts: { mode: 'container', container: 'x' },
      cgroup: { mode: 'path', path: '/proc/1/ns/cgroup' },
    });
  });

  test('one of --uidmap and --gidmap stands for both', async () => {
    const { namespaces } = await specOf('--uidmap', '0:1:10', 'img');
    expect(namespaces.user).toEqual({ mode: 'explicit', uids: [{ container: 0, host: 1, size: 10 }], gids: [{ container: 0, host: 1, size: 10 }] });
  });

  test('variables of files come before those of flags; the value of a bare name is the caller\'s', async () => {
    process.env['SCULL_TEST_VALUE'] = 'from the caller';
    const path = file('env', '# comment\nA=file\n\nSCULL_TEST_VALUE\n');
    const { environment } = await specOf('-e', 'A=flag', '--env-file', path, '-e', 'SCULL_TEST_UNSET', '--unsetenv', 'X', '--env-host', 'img');
    expect(environment).toEqual({ set: ['A=file', 'SCULL_TEST_VALUE=from the caller', 'A=flag'], host: true, unset: ['X'], unsetAll: false });
    delete process.env['SCULL_TEST_VALUE'];
  });

  test('labels of flags win over those of files', async () => {
    expect((await specOf('-l', 'a=flag', '--label-file', file('labels', 'a=file\nb=2\n'), 'img')).labels).toEqual({ a: 'flag', b: '2' });
  });

  test('a root file system is a path, and there is no image then', async () => {
    const spec = await specOf('--rootfs', 'some/where', 'sh');
    expect(spec).toMatchObject({ rootfs: join(process.cwd(), 'some/where'), command: ['sh'] });
    expect(spec).not.toHaveProperty('image');
  });

  test('the wish survives JSON, as the record of a container must', async () => {
    const spec = await specOf('-it', '-v', '/a:/b', '-p', '80', '--cpus=2', 'img', 'x');
    expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
  });
});

test.each<[string[], string | RegExp]>([
  [['--workdir', 'rel'], /invalid --workdir "rel": it must be an absolute path/],
  [['--cpus', 'many'], /invalid --cpus "many"/],
  [['--cpus', '0'], /invalid --cpus "0"/],
  [['--cpus=1', '--cpu-quota=5'], /--cpus and --cpu-quota/],
  [['--cpuset-cpus', 'a'], /invalid --cpuset-cpus "a"/],
  [['--image-volume', 'x'], /invalid --image-volume "x"/],
  [['--cgroups', 'x'], /invalid --cgroups "x"/],
  [['--pull', 'sometimes'], /invalid --pull "sometimes"/],
  [['--pids-limit', 'x'], /invalid argument "x" for "--pids-limit" flag/],
  [['--oom-score-adj', '1001'], /invalid argument "1001"/],
  [['--network', 'none', '--network', 'host'], /several networks, but not together with --network none/],
  [['--userns=host', '--uidmap', '0:0:1'], /cannot be used together/],
  [['--dns', 'none', '--dns', '1.1.1.1'], /--dns none/],
  [['--no-hosts', '--add-host', 'a:1.1.1.1'], /--no-hosts and --add-host/],
  [['--variant', 'v7'], /--variant needs --arch/],
  [['--os', 'windows'], /only linux can run here/],
  [['--platform', 'linux/arm', '--arch', 'arm'], /--platform and --arch/],
  [['--env-file', '/nonexistent/file'], /cannot read the --env-file "\/nonexistent\/file"/],
  [['--label-file', '/nonexistent/file'], /cannot read the --label-file/],
  [['--name', '-x'], /invalid container name "-x"/],
  [['--stop-signal', 'NOPE'], /NOPE/],
  [['-p', '80:x'], /port/],
  [['--pod', ''], 'the name of the pod is missing'],
  [['--ip', '10.0.0.1'], '--ip needs a network of several containers'],
  [['--personality', 'BSD'], /invalid --personality "BSD": it is one of LINUX, LINUX32/],
])('%j is refused and says why', async (flags, message) => {
  await expect(specOf(...flags, 'img')).rejects.toMatchObject({ name: 'ScullError', message: expect.stringMatching(message) });
});

test('entries of users and the personality are taken as they are wished', async () => {
  expect(await specOf('--passwd=false', '--hostuser', 'me', '--hostuser', '7', '--personality=linux32', 'img')).toMatchObject({ passwd: false, hostUsers: ['me', '7'], personality: 'LINUX32' });
  expect(await specOf('--passwd-entry', '$USERNAME:x', '--group-entry', '$GROUPNAME:x', 'img')).toMatchObject({ passwdEntry: '$USERNAME:x', groupEntry: '$GROUPNAME:x' });
  const plain = await specOf('img');
  for (const key of ['passwd', 'passwdEntry', 'groupEntry', 'hostUsers', 'personality']) expect(plain).not.toHaveProperty(key);
});

test('streams to attach to are taken in any case, others refused', () => {
  expect(parseStreams(['STDOUT', 'stdin'])).toEqual(['stdout', 'stdin']);
  expect(parseStreams(undefined)).toBe(undefined);
  expect(() => parseStreams(['stdlog'])).toThrow(/one of stdin, stdout, stderr/);
});
