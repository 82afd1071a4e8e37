/** Real servers of this machine's own Debian: nginx, PostgreSQL and Redis on a named network, nginx and others on the default one. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { debianRoot } from '../support/debian.ts';
import { freePort } from '../support/docker-registry.ts';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull({ empty: true });
const addresses = Object.values(networkInterfaces()).flat().filter((one) => one !== undefined && !one.internal);
const ipv4 = addresses.find((one) => one?.family === 'IPv4')?.address ?? '';
/** Only machines with IPv6 have one. */
const ipv6 = addresses.find((one) => one?.family === 'IPv6' && !one.address.startsWith('fe80'))?.address;

beforeAll(async () => {
  const { archive } = debianRoot(['nginx-light', 'postgresql', 'redis-server', 'curl', 'iputils-ping', 'python3-minimal', 'passwd']);
  await s.ok(['import', archive, 'servers'], { timeout: 240_000 });
  await s.ok(['network', 'create', '--ipv6', 'net']);
}, 600_000);

const inside = (name: string, ...command: readonly string[]) => s.ok(['exec', name, ...command]);

/** What a server on the host's port answers to one request, or undefined. */
function over(host: string, port: number, request: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 4000 }, () => socket.write(request));
    let said = '';
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', () => resolve(undefined));
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => resolve(said === '' ? undefined : said));
  });
}

function askByDatagram(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const finish = (answer: string | undefined) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), 1500);
    socket.on('message', (message) => finish(`${message.toString()} to ${socket.address().port}`));
    socket.on('error', () => finish(undefined));
    socket.send('who', port, host);
  });
}

test('nginx answers by name and from the host, and logs the visitor’s own address, IPv4 and IPv6', async () => {
  const port = await freePort();
  const site = 'events {} http { access_log /dev/stdout; server { listen 80; listen [::]:80; location / { return 200 "ahoy\\n"; } } }';
  await s.ok(['run', '-d', '--name', 'nginx', '--network', 'net', '-p', `${port}:80`, 'servers', 'sh', '-c', `echo '${site}' > /etc/nginx/nginx.conf; exec nginx -g 'daemon off;'`]);
  await s.ok(['run', '-d', '--name', 'client', '--network', 'net', 'servers', 'sleep', '1000']);
  await eventually('nginx answers by name', async () => (await inside('client', 'curl', '-sS', '-m', '5', 'http://nginx/')) === 'ahoy');
  expect(await inside('client', 'curl', '-sS', '-6', '-m', '5', 'http://nginx/')).toBe('ahoy');
  const logged = async (from: string) => eventually(`the log has ${from}`, async () => (await s.ok(['logs', 'nginx'])).split('\n').some((line) => line.startsWith(`${from} - - `)));
  const { GlobalIPv6Address, IPAddress } = (await s.inspect('client')).NetworkSettings.Networks.net;
  for (const neighbour of [IPAddress, GlobalIPv6Address]) {
    await inside('client', 'curl', '-sS', '-m', '5', neighbour === IPAddress ? '-4' : '-6', 'http://nginx/');
    await logged(neighbour);
  }
  const request = 'GET / HTTP/1.0\r\n\r\n';
  expect(await over(ipv4, port, request)).toContain('ahoy');
  await logged(ipv4);
  if (ipv6 !== undefined) {
    expect(await over(ipv6, port, request)).toContain('ahoy');
    await logged(ipv6);
  }
});

test('PostgreSQL takes a login from the next container by name, and knows where it came from', async () => {
  const setUp = [
    'd=$(ls -d /usr/lib/postgresql/*/bin)',
    'mkdir -p /data && chown postgres /data',
    'setpriv --reuid=postgres --regid=postgres --clear-groups $d/initdb -D /data -A trust >/dev/null',
    "echo 'host all all all trust' >> /data/pg_hba.conf",
    "exec setpriv --reuid=postgres --regid=postgres --clear-groups $d/postgres -D /data -c listen_addresses='*' -c unix_socket_directories=/tmp",
  ].join(' && ');
  await s.ok(['run', '-d', '--name', 'pg', '--network', 'net', '--network-alias', 'db', 'servers', 'sh', '-c', setUp]);
  const peer = await eventually('PostgreSQL answers', () => inside('client', 'psql', '-h', 'db', '-U', 'postgres', '-Atc', 'select inet_client_addr()'), 60_000);
  const { GlobalIPv6Address, IPAddress } = (await s.inspect('client')).NetworkSettings.Networks.net;
  expect([IPAddress, GlobalIPv6Address]).toContain(peer);
});

test('Redis keeps what is said to it from the host and from the next container', async () => {
  const port = await freePort();
  await s.ok(['run', '-d', '--name', 'redis', '--network', 'net', '-p', `127.0.0.1:${port}:6379`, 'servers', 'redis-server', '--bind', '*', '--protected-mode', 'no', '--save', '']);
  await eventually('Redis takes a value', async () => (await over('127.0.0.1', port, 'SET boat scull\r\nQUIT\r\n'))?.startsWith('+OK'));
  expect(await inside('client', 'redis-cli', '-h', 'redis', 'get', 'boat')).toBe('scull');
});

/** Tells TCP visitors at once who they are, and how much they said until their end; UDP visitors who they are. */
const WHO = [
  'import socket, threading',
  'def name(peer): return "%s %d" % (peer[0].replace("::ffff:", ""), peer[1])',
  'def datagrams():',
  '  s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 53))',
  '  while True:',
  '    data, peer = s.recvfrom(99); s.sendto(name(peer).encode(), peer)',
  'threading.Thread(target=datagrams).start()',
  's = socket.socket(socket.AF_INET6); s.bind(("::", 53)); s.listen()',
  'while True:',
  '  c, peer = s.accept(); c.sendall((name(peer) + "\\n").encode())',
  '  while c.recv(65536): pass',
  '  c.sendall(b"bye"); c.close()',
].join('\n');

/** What a server says that speaks first; we are silent, and close our side when it has spoken. */
function listenTo(host: string, port: number): Promise<{ readonly said: string; readonly from: number } | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 4000 });
    let said = '';
    let from = 0;
    socket.on('connect', () => (from = socket.localPort ?? 0));
    socket.on('data', (chunk) => {
      said += chunk.toString();
      if (said.endsWith('\n')) socket.end();
    });
    socket.on('error', () => resolve(undefined));
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => resolve(said === '' ? undefined : { said, from }));
  });
}

describe.each([
  ['a named network', ['--network', 'net']],
  ['the default network', []],
  ['pasta with options', ['--network', 'pasta:--mtu,1400']],
  ['the default network, with ids of its own', ['--userns', 'keep-id:uid=1000', '-u', '0']],
])('on %s', (_name, network) => {
  let port: number;
  let gateway: string;

  beforeAll(async () => {
    port = await freePort();
    await s.ok(['run', '-d', '--name', 'who', ...network, '-p', `${port}:53/udp`, '-p', `${port}:53`, 'servers', 'python3', '-c', WHO]);
    const { Gateway, Networks } = (await s.inspect('who')).NetworkSettings;
    gateway = Gateway || Networks.net?.Gateway;
    await eventually('it listens', () => listenTo('127.0.0.1', port));
    return () => s.ok(['rm', '-f', '-t', '0', 'who']);
  });

  test('servers see visitors’ own addresses and ports, IPv4 and IPv6, TCP and UDP', async () => {
    for (const address of [ipv4, ...(ipv6 === undefined ? [] : [ipv6])]) {
      const answer = await eventually('an answer', () => askByDatagram(address, port));
      const [from, fromPort, , seenAs] = answer.split(' ');
      expect([from, fromPort]).toEqual([address, seenAs]);
      const heard = await listenTo(address, port);
      expect(heard?.said).toBe(`${address} ${heard?.from}\nbye`);
    }
  });

  test('who comes over the host’s loopback is the gateway: no server takes him for its own', async () => {
    expect(await eventually('an answer', () => askByDatagram('127.0.0.1', port))).toContain(`${gateway} `);
    for (const address of ['127.0.0.1', ...(ipv6 === undefined ? [] : ['::1'])]) expect((await listenTo(address, port))?.said).toContain(`${gateway} `);
  });

  test('what the container itself says to a visitor goes out as ever', async () => {
    const server = createSocket('udp4');
    await new Promise<void>((resolve) => server.bind(0, ipv4, resolve));
    server.on('message', (_message, from) => server.send('from outside', from.port, from.address));
    const ask = 'import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.sendto(b"x", ("' + ipv4 + '", ' + server.address().port + ')); print(s.recv(99).decode())';
    expect(await eventually('an answer', () => s.ok(['exec', 'who', 'python3', '-c', ask]))).toBe('from outside');
    server.close();
  });
});

test('ping works, by name and to the gateway, also for other users', async () => {
  // A copy: the file itself demands a capability that containers do not have, and the kernel refuses to execute it.
  await inside('client', 'cp', '/bin/ping', '/tmp/ping');
  expect(await inside('client', '/tmp/ping', '-c', '1', '-W', '2', 'nginx')).toContain('1 received');
  const gateway = (await s.inspect('client')).NetworkSettings.Networks.net.Gateway;
  expect(await s.ok(['exec', '-u', 'www-data', 'client', '/tmp/ping', '-c', '1', '-W', '2', gateway])).toContain('1 received');
});
