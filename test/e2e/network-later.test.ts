/**
 * A host that gets its network while containers run: a network namespace that this user may change stands for it. In there scull has a
 * single id, for newuidmap(1) can do nothing in a user namespace within.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/docker-registry.ts';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
let host: ChildProcess;

beforeAll(async () => {
  const none = s.file('no-ids', '');
  // What is written to it is done as the host's administrator.
  const administrator = 'PATH=$PATH:/usr/sbin:/sbin; mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid && ip link set lo up && echo ready && while read -r line; do eval "$line"; done';
  host = spawn('unshare', ['--user', '--map-current-user', '--mount', '--net', '--keep-caps', 'sh', '-c', administrator, 'sh', none], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(host.stdout as NodeJS.ReadableStream, 'data');
});
afterAll(async () => {
  host.stdin?.end();
  await once(host, 'close');
});

/** Runs a program on that host. @returns what it said, on both streams */
function on(host: ChildProcess, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('nsenter', ['--preserve-credentials', '-U', '-n', '-m', '-t', String(host.pid), '--', ...words], { env: { ...s.env }, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`${words.join(' ')}: ${error.message}`));
    });
  });
}

const scull = (...args: readonly string[]): Promise<string> => on(host, ...s.command, ...args);
const addresses = (): Promise<string> => scull('exec', 'early', 'ip', '-o', 'address', 'show', 'eth0');
/** The first connection through an old pasta may not be closed by it: the page has come by then. */
const page = (address: string): string => `printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | timeout 3 busybox nc -w 3 ${address}; true`;

test('what was started before the host had a network gets it then, with its ports; IPv6 likewise', async () => {
  const port = await freePort();
  await s.ok(['network', 'create', 'several']);
  const told = await scull('run', '-d', '--name', 'early', '--hostname', 'early-host', '-p', `${port}:80`, 'busybox', 'httpd', '-f', '-p', '80', '-h', '/etc');
  expect(told).toMatch(/this host has no network, so the container gets none either until it has one[^]*published ports have no effect until it has one/);
  await scull('run', '-d', '--name', 'plugged', '--network', 'several', 'busybox', 'sleep', '1000');
  expect(await addresses()).not.toMatch(/inet .*global|inet6 .*global/);
  expect(await scull('exec', 'early', 'sh', '-c', 'nc -w 3 198.51.100.2 9 2>&1; true')).toContain('Network is unreachable');

  host.stdin?.write('ip link add wire type veth peer name far; ip link set far up; ip address add 198.51.100.2/24 dev wire; ip link set wire up; ip route add default via 198.51.100.1\n');
  await eventually('the container has IPv4', async () => (await addresses()).includes('inet 10.0.2.100'));
  expect(await addresses()).not.toMatch(/inet6 .*global/);
  await eventually('its port is published', async () => (await on(host, 'sh', '-c', page(`198.51.100.2 ${port}`))).includes('early-host'));
  await eventually('a network of several has a way out', async () => (await scull('exec', 'plugged', 'sh', '-c', page(`198.51.100.2 ${port}`))).includes('early-host'));
  expect(await scull('exec', 'early', 'cat', '/etc/hosts')).toContain('198.51.100.2\thost.containers.internal');

  host.stdin?.write('ip address add 2001:db8::5/64 dev wire nodad; ip -6 route add default via 2001:db8::1 dev wire\n');
  await eventually('the container has IPv6', async () => (await addresses()).includes('inet6 2001:db8::5'));
  expect(await addresses()).toContain('inet 10.0.2.100');
  await scull('rm', '-f', '-t', '0', 'early', 'plugged');
});
