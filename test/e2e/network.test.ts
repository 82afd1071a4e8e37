import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/docker-registry.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
let hostServer: Server;
let hostPort: number;

beforeAll(async () => {
  hostServer = createServer((socket) => socket.end('from the host\n'));
  await new Promise<void>((resolve) => hostServer.listen(0, '127.0.0.1', resolve));
  hostPort = (hostServer.address() as AddressInfo).port;
});
afterAll(() => void hostServer.close());

/** What a TCP server says at once, or why it could not be reached. We say at once that we have nothing to say. */
function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 }, () => socket.end());
    let said = '';
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', (error) => resolve(`error ${(error as NodeJS.ErrnoException).code}`));
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => resolve(said));
  });
}

const serve = (port: number, text = 'ahoy') => ['sh', '-c', `while :; do echo ${text} | nc -l -p ${port}; done`];
const ownAddress = Object.values(networkInterfaces()).flat().find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address;

describe('reaching out', () => {
  test('none: only a loopback, which is up', async () => {
    expect(await s.ok(['run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'ls /sys/class/net; ip addr show lo | grep -c 127.0.0.1'])).toBe('lo\n1');
  });

  test('by default there is an interface with an address and a default route', async () => {
    const output = await s.ok(['run', '--rm', 'busybox', 'sh', '-c', 'ip -4 addr show scope global | grep -c inet; ip route | grep -c default']);
    expect(output).toBe('1\n1');
  });

  test('by default the host’s loopback is out of reach', async () => {
    const result = await s.scull(['run', '--rm', 'busybox', 'sh', '-c', `nc -w 2 127.0.0.1 ${hostPort} </dev/null; gw=$(ip route | sed -n "s/default via \\([0-9.]*\\).*/\\1/p"); nc -w 2 $gw ${hostPort} </dev/null; true`]);
    expect(result.stdout).not.toContain('from the host');
  });

  test('host: the host’s network as it is', async () => {
    expect(await s.ok(['run', '--rm', '--network', 'host', 'busybox', 'sh', '-c', `nc -w 2 127.0.0.1 ${hostPort} </dev/null`])).toBe('from the host');
  });

  test('pasta with options', async () => {
    expect(await s.ok(['run', '--rm', '--network', 'pasta:--mtu,1300', 'busybox', 'sh', '-c', 'cat /sys/class/net/[!l]*/mtu'])).toBe('1300');
    await s.fails(['run', '--rm', '--network', 'pasta:--no-such-option', 'busybox', 'true'], 125, /pasta/);
  });

  test('/etc/hosts knows the container, /etc/resolv.conf has a name server', async () => {
    const output = await s.ok(['run', '--rm', '--name', 'named', '--hostname', 'hosty', 'busybox', 'sh', '-c', 'cat /etc/hosts; grep -c ^nameserver /etc/resolv.conf']);
    expect(output).toMatch(/127\.0\.0\.1\s+localhost/);
    expect(output).toMatch(/hosty/);
    expect(output).toMatch(/\n[1-9]$/);
  });

  test('container:NAME shares the network of another container', async () => {
    await s.ok(['run', '-d', '--name', 'net', 'busybox', ...serve(7000)]);
    await eventually('the neighbour answers', async () => (await s.ok(['run', '--rm', '--network', 'container:net', 'busybox', 'sh', '-c', 'nc -w 2 127.0.0.1 7000 </dev/null'])) === 'ahoy');
    await s.ok(['create', '--name', 'guest', '--network', 'container:net', 'busybox', 'sh', '-c', 'until nc -w 2 127.0.0.1 7000 </dev/null; do sleep 0.1; done']);
    await s.ok(['rename', 'net', 'renamed']);
    expect(await s.ok(['start', '-a', 'guest']), 'it keeps whom it was made for').toBe('ahoy');
    await s.ok(['rm', '-f', '-t', '0', 'renamed', 'guest']);
  });

  test('ns:PATH of a container’s namespace is as if the container had been named, and its other namespaces can be joined likewise', async () => {
    await s.ok(['run', '-d', '--name', 'named', '--hostname', 'named-host', '--add-host', 'known:192.0.2.9', 'busybox', 'sleep', '1000']);
    const { Pid } = (await s.inspect('named')).State;
    const path = (kind: string): string => `ns:/proc/${Pid}/ns/${kind}`;
    const addresses = await s.ok(['exec', 'named', 'ip', '-o', 'address']);
    expect(await s.ok(['run', '--rm', '--network', path('net'), 'busybox', 'ip', '-o', 'address'])).toBe(addresses);
    expect(await s.ok(['run', '--rm', '--network', path('net'), 'busybox', 'cat', '/etc/hosts'])).toContain('192.0.2.9\tknown');
    expect(await s.ok(['run', '--rm', '--network', path('net'), '--add-host', 'mine:192.0.2.8', 'busybox', 'cat', '/etc/hosts'])).toMatch(/192\.0\.2\.8\tmine/);
    expect(await s.ok(['run', '--rm', '--network', path('net'), '--uts', path('uts'), '--ipc', path('ipc'), '--pid', path('pid'), 'busybox', 'sh', '-c', 'hostname; ps'])).toMatch(/^named-host\n[^]*sleep 1000/);
    // Another user namespace cannot be joined at the same time.
    await s.ok(['run', '-d', '--name', 'stranger', 'busybox', 'sleep', '1000']);
    await s.fails(['run', '--rm', '--network', path('net'), '--ipc', `ns:/proc/${(await s.inspect('stranger')).State.Pid}/ns/ipc`, 'busybox', 'true'], 125, /namespaces of two different containers/);
    await s.ok(['rm', '-f', '-t', '0', 'named', 'stranger']);
  });

  test('ns:PATH of a namespace made within unshare, also behind a bind mount; not of one with other ids', async () => {
    const folder = s.directory('namespaces');
    const unshared = s.start(['unshare', 'sh', '-c', `mount -t tmpfs none ${folder} && touch ${folder}/net && unshare -n sh -c 'ip link set lo up && ip address add 198.51.100.77/32 dev lo && mount --bind /proc/self/ns/net ${folder}/net' && echo $$ && read end`], { openInput: true });
    await eventually('the namespace is made', () => expect(unshared.stdout()).toMatch(/\d+\n/));
    const joined = await s.ok(['run', '--rm', '--network', `ns:/proc/${unshared.stdout().trim()}/root${folder}/net`, 'busybox', 'ip', '-o', 'address']);
    unshared.child.stdin?.end();
    expect((await unshared.ended).stderr).toBe('');
    expect(joined).toContain('198.51.100.77/32');
    const other = spawn('unshare', ['--user', '--map-root-user', '--net', 'sh', '-c', 'echo made; read end'], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(other.stdout, 'data');
      await s.fails(['run', '--rm', '--network', `ns:/proc/${other.pid}/ns/net`, 'busybox', 'true'], 125, /cannot join the namespace "\/proc\/\d+\/ns\/net": it belongs to a user namespace whose ids are not those of your containers/);
    } finally {
      other.stdin.end();
      await once(other, 'close');
    }
  });

  test('container:NAME of one on the host’s network is on the host’s network', async () => {
    await s.ok(['run', '-d', '--name', 'hosted', '--network', 'host', 'busybox', 'sleep', '1000']);
    const said = await s.ok(['run', '--rm', '--network', 'container:hosted', 'busybox', 'sh', '-c', 'readlink /proc/self/ns/net; ls /sys/class/net']);
    expect(said.split('\n')).toEqual([readlinkSync('/proc/self/ns/net'), ...readdirSync('/sys/class/net').sort()]);
    await s.ok(['rm', '-f', '-t', '0', 'hosted']);
  });
});

describe('published ports', () => {
  test('-p HOST:CONTAINER answers on the host when run returns', async () => {
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'p1', '-p', `${port}:80`, 'busybox', ...serve(80)]);
    await eventually('ahoy', async () => (await ask('127.0.0.1', port)) === 'ahoy\n');
    expect(await s.ok(['port', 'p1'])).toBe(`80/tcp -> 0.0.0.0:${port}`);
    expect(await s.ok(['port', 'p1', '80'])).toBe(`0.0.0.0:${port}`);
    expect(await s.ok(['ps', '--filter', 'name=p1', '--format', '{{.Ports}}'])).toBe(`0.0.0.0:${port}->80/tcp`);
    expect((await s.inspect('p1')).NetworkSettings.Ports['80/tcp']).toEqual([{ HostIp: '0.0.0.0', HostPort: String(port) }]);
    await s.ok(['rm', '-f', '-t', '0', 'p1']);
    await eventually('the port is free again', async () => (await ask('127.0.0.1', port)).startsWith('error'));
  });

  test('what visitors say and are told is counted by stats', async () => {
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'counted', '-p', `${port}:80`, 'busybox', ...serve(80, 'x'.repeat(5000))]);
    await eventually('an answer', async () => (await ask('127.0.0.1', port)).length > 5000);
    await eventually('it is counted', async () => /\/ \d+(?:\.\d+)?kB$/.test(await s.ok(['stats', '--no-stream', '--format', '{{.NetIO}}', 'counted'])));
    await s.ok(['rm', '-f', '-t', '0', 'counted']);
  });

  test('-p 127.0.0.1:HOST:CONTAINER answers there only', async () => {
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'p2', '-p', `127.0.0.1:${port}:80`, 'busybox', ...serve(80)]);
    await eventually('ahoy', async () => (await ask('127.0.0.1', port)) === 'ahoy\n');
    if (ownAddress !== undefined) expect(await ask(ownAddress, port)).toMatch(/error|^$/);
    await s.ok(['rm', '-f', '-t', '0', 'p2']);
  });

  test('-p CONTAINER takes a free port of the host, which port tells', async () => {
    await s.ok(['run', '-d', '--name', 'p3', '-p', '80', 'busybox', ...serve(80)]);
    const port = Number(/:(\d+)$/.exec(await s.ok(['port', 'p3', '80/tcp']))?.[1]);
    expect(port).toBeGreaterThan(1023);
    await eventually('ahoy', async () => (await ask('127.0.0.1', port)) === 'ahoy\n');
    await s.ok(['rm', '-f', '-t', '0', 'p3']);
  });

  test('-p with ranges', async () => {
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'p4', '-p', `${port}-${port + 1}:80-81`, 'busybox', 'sh', '-c', '(while :; do echo one | nc -l -p 80; done) & while :; do echo two | nc -l -p 81; done']);
    await eventually('one', async () => (await ask('127.0.0.1', port)) === 'one\n');
    await eventually('two', async () => (await ask('127.0.0.1', port + 1)) === 'two\n');
    await s.ok(['rm', '-f', '-t', '0', 'p4']);
  });

  test('the container sees where a connection comes from, not its own gateway', async () => {
    if (ownAddress === undefined) throw new Error('this machine has no address but the loopback');
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'p6', '-p', `${port}:80`, 'busybox', 'sh', '-c', 'while :; do nc -l -p 80 -e cat /proc/net/tcp /proc/net/tcp6; done']);
    // The kernel's table shows the peer as hexadecimal in the machine's byte order, proc_net_tcp(5).
    const peer = ownAddress.split('.').reverse().map((byte) => Number(byte).toString(16).padStart(2, '0')).join('').toUpperCase();
    await eventually('the table of connections', async () => (await ask(ownAddress, port)).includes(`${peer}:`));
    await s.ok(['rm', '-f', '-t', '0', 'p6']);
  });

  test('a port in use is refused by its number, and nothing is left running', async () => {
    await s.fails(['run', '-d', '--name', 'clash', '-p', `127.0.0.1:${hostPort}:80`, 'busybox', 'sleep', '1000'], 125, new RegExp(String(hostPort)));
    expect(await s.ok(['ps', '-q', '--filter', 'name=clash'])).toBe('');
    await s.scull(['rm', '-f', 'clash']);
  });

  test.each(['default', 'pasta:--mtu,1300'])('a port that a container on --network %s has is refused by the container’s name', async (network) => {
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'holder', '--network', network, '-p', `${port}:80`, 'busybox', 'sleep', '1000']);
    await s.fails(['run', '-d', '--name', 'comer', '-p', `127.0.0.1:${port}:80`, 'busybox', 'sleep', '1000'], 125, /already in use by container "holder" \([0-9a-f]{12}\)/);
    await s.ok(['rm', '-f', '-t', '0', 'holder', 'comer']);
  });

  test('-P publishes what the image exposes', async () => {
    await s.ok(['run', '-d', '--name', 'p7', '--expose', '8080', '-P', 'busybox', 'sleep', '1000']);
    expect(await s.ok(['port', 'p7'])).toMatch(/^8080\/tcp -> 0\.0\.0\.0:\d+$/);
    await s.ok(['rm', '-f', '-t', '0', 'p7']);
  });

  test('published ports come back after a restart', async () => {
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'p8', '--stop-signal', 'KILL', '-p', `${port}:80`, 'busybox', ...serve(80)]);
    await s.ok(['restart', 'p8']);
    await eventually('ahoy', async () => (await ask('127.0.0.1', port)) === 'ahoy\n');
    await s.ok(['rm', '-f', '-t', '0', 'p8']);
  });

  test('what is killed is noticed by ps and inspect, and healed by network reload', async () => {
    if (ownAddress === undefined) throw new Error('this machine has no address but the loopback');
    const port = await freePort();
    await s.ok(['run', '-d', '--name', 'hurt', '-p', `${port}:80`, 'busybox', ...serve(80)]);
    const id = await s.ok(['inspect', '-f', '{{.Id}}', 'hurt']);
    const answers = async () => (await ask(ownAddress, port)) === 'ahoy\n';
    const reachesOut = async () => (await s.scull(['exec', 'hurt', 'sh', '-c', `nc -w 5 ${ownAddress} ${port} -e head -c 5 >&2`])).status === 0;
    await eventually('ahoy', answers);
    expect(await reachesOut()).toBe(true);
    for (const [program, trouble] of [['scull-port', 'ports lost'], ['scull-net', 'network lost']] as const) {
      const found = processesOf(id).find((one) => new RegExp(`^process \\d+: \\S*${program} `).test(one));
      process.kill(Number(/^process (\d+)/.exec(found ?? '')?.[1]), 'SIGKILL');
      await eventually(`${trouble} is noticed`, async () => (await s.inspect('hurt')).NetworkSettings.Trouble.startsWith(trouble));
      expect(await s.ok(['ps', '--filter', 'name=hurt', '--format', '{{.Status}}'])).toContain(`(${trouble})`);
      await s.ok(['network', 'reload', 'hurt']);
      expect((await s.inspect('hurt')).NetworkSettings.Trouble).toBe('');
      await eventually('ahoy', answers);
      expect(await reachesOut()).toBe(true);
    }
    await s.ok(['rm', '-f', '-t', '0', 'hurt']);
    await eventually('nothing of it is left', () => processesOf(id).length === 0);
  });

  test.each(['x:80', '80:x', '70000:80', '80:80/icmp', '1.2.3:80:80', '10-12:20-21', ':', '0'])('-p %s is refused with the part that is wrong', async (port) => {
    const result = await s.fails(['run', '--rm', '-p', port, 'busybox', 'true'], 125, /port/i);
    expect(result.stderr).toContain(port.split(/[:/]/).find((part) => part !== '80') || port);
  });
});

test.each(['sideways', 'container:nosuch', 'container:'])('--network %s is refused', async (network) => {
  await s.fails(['run', '--rm', '--network', network, 'busybox', 'true'], 125, new RegExp(network.split(':')[1] || network.split(':')[0] || ''));
});
