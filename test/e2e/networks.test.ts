import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/docker-registry.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

const ownAddress = Object.values(networkInterfaces()).flat().find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address ?? '';

/** Answers on port 80 with its own name; logs who asked, `[::ffff:ADDRESS]:PORT: response:200`. */
const serve = (text: string) => ['sh', '-c', `echo ${text} > /tmp/index.html; exec httpd -f -vv -p 80 -h /tmp`];
/** Debian's static busybox falls over its own wget: names are looked up by nslookup, pages fetched by nc. */
const fetch = (host: string) => {
  const address = /^[\d.]+$|:/.test(host) ? host : `$(nslookup ${host} | sed -n '/^Name/,$ s/^Address: \\([0-9.]*\\)$/\\1/p' | head -n 1)`;
  return ['sh', '-c', `address=${address}; [ -n "$address" ] || exit 1; page=$(printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 $address 80) && echo "$page" | tail -n 1`];
};

/** The body of a page, or undefined. */
function ask(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 }, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    let said = '';
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', () => resolve(undefined));
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => resolve(said.split('\r\n\r\n')[1]?.trim()));
  });
}

const start = async (name: string, network: readonly string[], ...more: readonly string[]) => {
  await s.ok(['run', '-d', '--name', name, ...network.flatMap((one) => ['--network', one]), ...more, 'busybox', ...serve(name)]);
};
const stop = (...names: string[]) => s.ok(['rm', '-f', '-t', '0', ...names]);
/** What `from` gets of `host`, asked until it gets something. */
const reach = (from: string, host: string) => eventually(`${from} reaches ${host}`, () => s.ok(['exec', from, ...fetch(host)]));
const cannotReach = async (from: string, host: string) => expect((await s.scull(['exec', from, ...fetch(host)])).status).not.toBe(0);
const addressOf = async (name: string, network: string, key = 'IPAddress') => (await s.inspect(name)).NetworkSettings.Networks[network][key] as string;
const switchProcesses = () => processesOf(s.base).filter((one) => /scull-bridge|scull-port|scull-net|aardvark|pasta/.test(one));

beforeAll(async () => {
  await s.ok(['network', 'create', '--ipv6', 'front']);
  await s.ok(['network', 'create', 'back']);
});

describe('containers on one network', () => {
  beforeAll(async () => {
    await start('web', ['front'], '--network-alias', 'www');
    await start('client', ['front']);
    return () => stop('web', 'client');
  });

  test('find each other by name, alias and short id, over IPv4 and IPv6', async () => {
    const id = (await s.inspect('web')).Id.slice(0, 12);
    for (const name of ['web', 'www', id]) expect(await reach('client', name)).toBe('web');
    expect(await reach('client', await addressOf('web', 'front'))).toBe('web');
    expect(await reach('client', await addressOf('web', 'front', 'GlobalIPv6Address'))).toBe('web');
    const looked = await s.ok(['exec', 'client', 'nslookup', 'web']);
    expect(looked).toContain(await addressOf('web', 'front'));
    expect(looked).toContain(await addressOf('web', 'front', 'GlobalIPv6Address'));
  });

  test('see each other’s own addresses', async () => {
    await reach('client', 'web');
    const client = await addressOf('client', 'front');
    await eventually('the log names the client', async () => (await s.scull(['logs', 'web'])).stderr.includes(client));
  });

  test('reach the host by name, and not its loopback', async () => {
    const hosts = await s.ok(['exec', 'client', 'cat', '/etc/hosts']);
    expect(hosts).toMatch(new RegExp(`^${ownAddress.replaceAll('.', '\\.')}\\s+host\\.containers\\.internal host\\.docker\\.internal$`, 'm'));
  });

  test('are told by inspect of the network, in the words of Docker and of Podman', async () => {
    const [network] = JSON.parse(await s.ok(['network', 'inspect', 'front']));
    const id = (await s.inspect('web')).Id;
    const address = await addressOf('web', 'front');
    expect(network.Containers[id]).toMatchObject({ Name: 'web', IPv4Address: `${address}/24` });
    expect(network.containers[id].interfaces.eth0.subnets[0]).toEqual({ ipnet: `${address}/24`, gateway: network.subnets[0].gateway });
    expect(await s.ok(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}} {{.EnableIPv6}}', 'front'])).toBe(`${network.subnets[0].gateway} true`);
    expect(await s.ok(['ps', '--filter', 'network=front', '--format', '{{.Names}} {{.Networks}}'])).toBe('web front\nclient front');
  });

  test('may listen on low ports and ping as any user', async () => {
    const [ports, groups] = (await s.ok(['exec', 'web', 'sh', '-c', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range'])).split('\n');
    expect(ports).toBe('0');
    expect(Number(groups?.split(/\s+/)[1])).toBeGreaterThan(0);
  });
});

describe('networks', () => {
  test('are isolated from each other, also by the gateway’s other addresses', async () => {
    await start('one', ['front']);
    await start('two', ['back']);
    await reach('one', 'one');
    await cannotReach('one', 'two');
    await cannotReach('one', await addressOf('two', 'back'));
    const { subnets } = JSON.parse(await s.ok(['network', 'inspect', 'back']))[0];
    expect((await s.scull(['exec', 'one', 'nslookup', 'two', subnets[0].gateway])).status).not.toBe(0);
    await stop('one', 'two');
  });

  test('that are internal have no way out, and names', async () => {
    await s.ok(['network', 'create', '--internal', 'inner']);
    await start('in1', ['inner']);
    await start('in2', ['inner']);
    expect(await reach('in1', 'in2')).toBe('in2');
    expect(await s.ok(['exec', 'in1', 'sh', '-c', 'ip route | grep -c default || true'])).toBe('0');
    expect((await s.scull(['exec', 'in1', 'nslookup', 'example.org'])).status).not.toBe(0);
    await stop('in1', 'in2');
    await s.ok(['network', 'rm', 'inner']);
  });

  test('are connected and disconnected while a container runs', async () => {
    await start('hub', ['front']);
    await start('leaf', ['back']);
    await cannotReach('leaf', 'hub');
    await s.ok(['network', 'connect', '--alias', 'centre', 'back', 'hub']);
    expect(await reach('leaf', 'centre')).toBe('hub');
    expect(await s.ok(['exec', 'hub', 'ls', '/sys/class/net'])).toBe('eth0\neth1\nlo');
    await s.fails(['network', 'connect', 'back', 'hub'], 125, /already connected/);
    await s.ok(['network', 'disconnect', 'front', 'hub']);
    expect(await s.ok(['exec', 'hub', 'ls', '/sys/class/net'])).toBe('eth1\nlo');
    expect(await reach('hub', 'leaf')).toBe('leaf');
    await s.fails(['network', 'disconnect', 'front', 'hub'], 125, /not connected/);
    await s.ok(['restart', '-t', '0', 'hub']);
    expect(await reach('leaf', 'centre')).toBe('hub');
    await stop('hub', 'leaf');
  });

  test('tell in events that they are made, joined, left and removed', async () => {
    await s.ok(['network', 'create', 'told']);
    await s.ok(['create', '--name', 'teller', '--network', 'front', 'busybox', 'true']);
    await s.ok(['network', 'connect', 'told', 'teller']);
    await s.ok(['network', 'disconnect', 'told', 'teller']);
    await s.ok(['network', 'rm', 'told']);
    await s.ok(['rm', 'teller']);
    const lines = (await s.ok(['events', '--stream=false', '--filter', 'network=told'])).split('\n');
    expect(lines.map((line) => line.replace(/^.* network (\w+) [0-9a-f]+ \(/, '$1 (').replace(/container=[0-9a-f]+,/, 'container=ID,'))).toEqual([
      'create (name=told, type=bridge)',
      'connect (container=ID, name=told)',
      'disconnect (container=ID, name=told)',
      'remove (name=told, type=bridge)',
    ]);
  });

  test('several at once', async () => {
    await start('both', ['front', 'back:alias=middle']);
    await start('side', ['back']);
    expect(await reach('side', 'middle')).toBe('both');
    expect(Object.keys((await s.inspect('both')).NetworkSettings.Networks)).toEqual(['front', 'back']);
    await stop('both', 'side');
  });

  test('give the addresses that were asked for', async () => {
    const { subnets } = JSON.parse(await s.ok(['network', 'inspect', 'back']))[0];
    const wished = subnets[0].gateway.replace(/\.1$/, '.77');
    await start('fixed', ['back'], '--ip', wished, '--mac-address', '02:00:00:00:12:34');
    expect(await s.ok(['exec', 'fixed', 'cat', '/sys/class/net/eth0/address'])).toBe('02:00:00:00:12:34');
    expect(await addressOf('fixed', 'back')).toBe(wished);
    await s.fails(['run', '--rm', '--network', `back:ip=${wished}`, 'busybox', 'true'], 125, new RegExp(`${wished.replaceAll('.', '\\.')} is used by container fixed`));
    await s.fails(['run', '--rm', '--network', 'back', '--ip', '192.168.99.9', 'busybox', 'true'], 125, /not in the subnet/);
    await s.fails(['run', '--rm', '--network', 'back', '--ip6', 'fd00::9', 'busybox', 'true'], 125, /no IPv6 subnet/);
    await stop('fixed');
    // The address is free at once for the next.
    await start('fixed', ['back'], '--ip', wished);
    await stop('fixed');
  });

  test('work for containers with ids of their own', async () => {
    await start('kept', ['front'], '--userns=keep-id');
    await start('peer', ['front']);
    expect(await reach('peer', 'kept')).toBe('kept');
    await stop('kept', 'peer');
  });

  test('are shared by container:NAME', async () => {
    await start('owner', ['front']);
    await start('other', ['front']);
    expect(await s.ok(['run', '--rm', '--network', 'container:owner', 'busybox', ...fetch('other')])).toBe('other');
    await stop('owner', 'other');
  });
});

describe('published ports', () => {
  test('answer from the host, and the server sees who asks', async () => {
    const port = await freePort();
    await start('pub', ['front'], '-p', `${port}:80`);
    expect(await eventually('an answer', () => ask('127.0.0.1', port))).toBe('pub');
    expect(await ask('::1', port)).toBe('pub');
    expect(await ask(ownAddress, port)).toBe('pub');
    const { stderr } = await s.scull(['logs', 'pub']);
    expect(stderr).toContain(`${ownAddress}`);
    expect(await s.ok(['port', 'pub'])).toBe(`80/tcp -> 0.0.0.0:${port}`);
    await stop('pub');
    expect(await eventually('the port is free', async () => (await ask('127.0.0.1', port)) === undefined)).toBe(true);
  });

  test('follow the container to another network', async () => {
    const port = await freePort();
    await start('mover', ['front'], '-p', `${port}:80`);
    await s.ok(['network', 'connect', 'back', 'mover']);
    await s.ok(['network', 'disconnect', 'front', 'mover']);
    expect(await eventually('an answer', () => ask(ownAddress, port))).toBe('mover');
    await stop('mover');
  });

  test('in use are refused, and nothing is left', async () => {
    const port = await freePort();
    await start('first', ['front'], '-p', `${port}:80`);
    await s.fails(['run', '-d', '--name', 'second', '--network', 'front', '-p', `${port}:80`, 'busybox', 'sleep', '9'], 125, new RegExp(`port ${port}/tcp is already in use by container "first" \\([0-9a-f]{12}\\)`));
    await s.ok(['rm', 'second']);
    expect(await eventually('an answer', () => ask('127.0.0.1', port))).toBe('first');
    await stop('first');
  });

  test('below 1024 come with the setting that allows them, or are raised', async () => {
    if (Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) < 1024) return;
    await s.fails(['run', '--rm', '--network', 'front', '-p', '81:80', 'busybox', 'true'], 125, /sysctl net\.ipv4\.ip_unprivileged_port_start=81/);
    const raised = await s.scull(['run', '-d', '--name', 'raised', '--publish-low=auto', '--network', 'front', '-p', '81:80', 'busybox', ...serve('raised')]);
    expect(raised).toMatchObject({ status: 0, stderr: expect.stringContaining('published as 8081/tcp') });
    expect(await eventually('an answer', () => ask('127.0.0.1', 8081))).toBe('raised');
    await stop('raised');
  });

  test('have no effect on an internal network, which is said', async () => {
    await s.ok(['network', 'create', '--internal', 'shut']);
    const { stderr } = await s.scull(['run', '--rm', '--network', 'shut', '-p', '80', 'busybox', 'true']);
    expect(stderr).toMatch(/no effect on an internal network/);
    await s.ok(['network', 'rm', 'shut']);
  });
});

describe('what goes wrong', () => {
  test.each([
    [['network', 'create', '--subnet', '10.88.5.0/24', 'clash'], /overlaps with 10\.88\.0\.0\/16, which is used by network "bridge"/],
    [['network', 'create', '--subnet', `${ownAddress}/32`, 'clash'], /overlaps with .* which is used by the host|no room/],
    [['network', 'create', '--subnet', 'fd00::', 'bad'], /invalid --subnet/],
    [['network', 'create', '--subnet', '10.99.0.0/24', '--gateway', '10.98.0.1', 'bad'], /not in the subnet/],
    [['network', 'create', '--gateway', '10.98.0.1', 'bad'], /need --subnet/],
    [['network', 'create', 'front'], /already exists/],
    [['network', 'create', 'host'], /can't be called "host"/],
    [['network', 'create', '../up'], /not a valid network name/],
    [['network', 'create', '-d', 'macvlan', 'bad'], /only root can make/],
    [['network', 'create', '-o', 'speed=9', 'bad'], /no network option "speed"/],
    [['run', '--rm', '--network', 'frnt', 'busybox', 'true'], /did you mean "front"/],
    [['run', '--rm', '--network', 'front', '--network', 'none', 'busybox', 'true'], /not together with --network none/],
    [['run', '--rm', '--ip', '10.0.0.5', 'busybox', 'true'], /--ip needs a network/],
    [['network', 'rm', 'bridge'], /can't be removed/],
  ])('%j', async (args, message) => {
    await s.fails(args, 125, message);
  });

  test('a network in use is not removed, and says by whom; with --force both go', async () => {
    await s.ok(['network', 'create', 'busy']);
    await start('user', ['busy']);
    await s.fails(['network', 'rm', 'busy'], 2, /used by container user/);
    await s.fails(['network', 'rm', 'nothing'], 1, /network not found/);
    expect((await s.scull(['network', 'exists', 'busy'])).status).toBe(0);
    await s.ok(['network', 'rm', '-f', '-t', '0', 'busy']);
    expect((await s.scull(['network', 'exists', 'busy'])).status).toBe(1);
    expect(await s.ok(['ps', '-aq', '--filter', 'name=user'])).toBe('');
  });

  test('a container of the default network can’t be connected, and says why', async () => {
    await s.ok(['run', '-d', '--name', 'plain', 'busybox', 'sleep', '1000']);
    await s.fails(['network', 'connect', 'front', 'plain'], 125, /was made with --network pasta/);
    await stop('plain');
  });

  test('doctor says whether they work here', async () => {
    expect((await s.scull(['doctor'])).stdout).toMatch(/networks\s+bridges, rules and aardvark-dns/);
  });

  test('what is killed is noticed by ps and inspect, and healed by network reload', async () => {
    const port = await freePort();
    await s.ok(['rm', '-a', '-f', '-t', '0']);
    await start('victim', ['front'], '-p', `${port}:80`);
    await start('witness', ['front']);
    expect(await reach('witness', 'victim')).toBe('victim');
    const address = await addressOf('victim', 'front');
    for (const [pattern, trouble] of [[/aardvark-dns --config/, 'names lost'], [/scull-port --watch/, 'ports lost'], [/^process \d+: \S*scull-bridge hold/, 'network lost']] as const) {
      const found = switchProcesses().find((one) => pattern.test(one) && !one.includes('keep --watch'));
      process.kill(Number(/^process (\d+)/.exec(found ?? '')?.[1]), 'SIGKILL');
      await eventually(`${trouble} is noticed`, async () => (await s.inspect('victim')).NetworkSettings.Trouble.startsWith(trouble));
      expect(await s.ok(['ps', '--filter', 'name=victim', '--format', '{{.Status}}'])).toContain(`(${trouble})`);
      await s.ok(['network', 'reload', '--all']);
      expect((await s.inspect('victim')).NetworkSettings.Trouble).toBe('');
      expect(await addressOf('victim', 'front')).toBe(address);
      expect(await reach('witness', 'victim')).toBe('victim');
      expect(await eventually('an answer', () => ask(ownAddress, port))).toBe('victim');
    }
    await stop('victim', 'witness');
  });
});

describe('many', () => {
  beforeAll(async () => void (await s.ok(['rm', '-a', '-f', '-t', '0'])));

  test('thirty started at once get addresses of their own and find each other; then everything is gone', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `c${n}`);
    await Promise.all(names.map((name) => s.ok(['run', '-d', '--name', name, '--network', 'front', 'busybox', ...serve(name)], { timeout: 120_000 })));
    const [network] = JSON.parse(await s.ok(['network', 'inspect', 'front']));
    const addresses = Object.values(network.Containers as Record<string, { IPv4Address: string }>).map(({ IPv4Address }) => IPv4Address);
    expect(new Set(addresses).size).toBe(30);
    for (const name of ['c0', 'c15', 'c29']) expect(await reach('c7', name)).toBe(name);
    await s.ok(['rm', '-a', '-f', '-t', '0'], { timeout: 120_000 });
    await eventually('no process of the switch is left', () => switchProcesses().length === 0);
  }, 240_000);

  test('networks without containers are listed and pruned, and run nothing', async () => {
    await s.ok(['network', 'create', '--label', 'tier=test', 'loose']);
    expect((await s.ok(['network', 'ls', '-q', '--filter', 'dangling=true'])).split('\n')).toEqual(['back', 'front', 'loose']);
    expect(await s.ok(['network', 'ls', '--filter', 'label=tier=test', '--format', '{{.Name}} {{.Driver}} {{.Labels}}'])).toBe('loose bridge tier=test');
    expect(JSON.parse(await s.ok(['network', 'ls', '--format', 'json'])).map(({ name }: { name: string }) => name)).toEqual(['back', 'bridge', 'front', 'loose']);
    expect(switchProcesses()).toEqual([]);
    expect(await s.ok(['network', 'prune', '-f', '--filter', 'label=tier=test'])).toBe('loose');
    expect(await s.ok(['network', 'prune', '-f'])).toBe('back\nfront');
    expect(readdirSync(join(s.storeRoot, 'networks'))).toEqual([]);
  });
});
