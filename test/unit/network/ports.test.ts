import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { checkHostPorts, chooseHostPorts, explainPublishFailure, publishedPorts } from '../../../src/network/ports.ts';
import { parseSockets, publishedBy } from '../../../src/network/port-owners.ts';
import type { PortRequest } from '../../../src/spec/container-spec.ts';

const wish = (more: Partial<PortRequest> = {}): PortRequest => ({ hostIp: '127.0.0.1', containerPort: 80, protocol: 'tcp', range: 1, ...more });
const servers: Server[] = [];

/** 0 inside many containers: no port is reserved there. */
function lowestPort(): number {
  return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
}

function listen(host: string, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    servers.push(server);
    server.once('error', reject);
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  });
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

describe('checking host ports', () => {
  it('lets free ones pass, and nothing asked', async () => {
    const [port] = await chooseHostPorts([wish()]);
    await checkHostPorts([port as PortRequest]);
    await checkHostPorts([]);
  });
  it('names the taken port and the process that has it', async () => {
    const port = await listen('127.0.0.1');
    await expect(checkHostPorts([wish({ hostPort: port })])).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringMatching(new RegExp(`port 127\\.0\\.0\\.1:${port}/tcp is already in use by .+ \\(pid ${process.pid}\\)`)) });
  });
  it('sees that a listener on every address blocks one on a single address, and the other way round', async () => {
    const wide = await listen('0.0.0.0');
    await expect(checkHostPorts([wish({ hostPort: wide })])).rejects.toMatchObject({ code: 'IN_USE' });
    const narrow = await listen('127.0.0.1');
    await expect(checkHostPorts([wish({ hostPort: narrow, hostIp: '' })])).rejects.toMatchObject({ code: 'IN_USE' });
  });
  it('finds the taken port inside a range', async () => {
    // An address that nobody else takes ports of.
    const hostIp = '127.0.0.77';
    const port = await listen(hostIp);
    await expect(checkHostPorts([wish({ hostIp, hostPort: port - 2, range: 5 })])).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining(`${port}/tcp`) });
  });
  it('tells udp from tcp', async () => {
    const port = await listen('127.0.0.1');
    await checkHostPorts([wish({ hostPort: port, protocol: 'udp' })]);
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    await expect(checkHostPorts([wish({ hostPort: socket.address().port, protocol: 'udp' })])).rejects.toMatchObject({ code: 'IN_USE' });
    socket.close();
  });
  it('refuses the same port twice, also inside ranges', async () => {
    await expect(checkHostPorts([wish({ hostPort: 40000, range: 10 }), wish({ hostPort: 40005, hostIp: '' })])).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining('published twice') });
  });
  it.skipIf(lowestPort() < 2)('says what a port reserved for root needs', async () => {
    await expect(checkHostPorts([wish({ hostPort: 1 })])).rejects.toMatchObject({ code: 'PERMISSION', hint: expect.stringContaining('net.ipv4.ip_unprivileged_port_start=1') });
  });
  it('explains an address that is not of this host', async () => {
    await expect(explainPublishFailure([wish({ hostIp: '203.0.113.77', hostPort: 45000 })])).resolves.toMatchObject({ code: 'INVALID', message: expect.stringContaining('203.0.113.77') });
  });
});

describe('choosing host ports', () => {
  it('fills in what was left open and keeps what was given', async () => {
    const chosen = await chooseHostPorts([wish({ hostPort: 45555 }), wish(), wish({ protocol: 'udp', hostIp: '' }), wish({ range: 3 })]);
    expect(chosen[0]).toEqual(wish({ hostPort: 45555 }));
    for (const port of chosen) expect(port.hostPort).toBeGreaterThan(0);
    await checkHostPorts(chosen);
  });
  it('gives different ports to different wishes', async () => {
    const chosen = await chooseHostPorts(Array.from({ length: 20 }, () => wish({ hostIp: '' })));
    expect(new Set(chosen.map((port) => port.hostPort)).size).toBe(20);
  });
});

describe('-P', () => {
  it('publishes what is exposed and not published yet', () => {
    const ports = publishedPorts([wish({ hostPort: 8080 })], ['80/tcp', '443', '53/udp', '9000-9001/tcp', '7/sctp'], true);
    expect(ports.slice(1).map((port) => `${port.containerPort}/${port.protocol}`)).toEqual(['443/tcp', '53/udp', '9000/tcp', '9001/tcp']);
  });
  it('is not the default', () => {
    expect(publishedPorts([], ['80/tcp'], false)).toEqual([]);
  });
});

describe('the socket tables of the kernel', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  it('are read for listeners only', () => {
    const text = `${head}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1
   1: 0100007F:1F91 0200007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1\n`;
    expect(parseSockets(text, 'tcp')).toEqual([{ protocol: 'tcp', address: '127.0.0.1', port: 8080, inode: '4711' }]);
  });
  it('are read with IPv6 addresses', () => {
    const line = (address: string): string => `${head}   0: ${address}:0050 ${'0'.repeat(32)}:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1\n`;
    expect(parseSockets(line('0'.repeat(32)), 'tcp6')[0]?.address).toBe('::');
    expect(parseSockets(line('00000000000000000000000001000000'), 'tcp6')[0]?.address).toBe('::1');
    expect(parseSockets(line('B80D0120000000000000000007000000'), 'tcp6')[0]?.address).toBe('2001:db8::7');
  });
});

describe('what a process publishes', () => {
  const forwarder = ['/opt/dist/scull-port', '--watch', '7', '--pid-file', '/run/user/1000/scull/c/x/network.json.port.pid', '--'];
  it('is read from the command line of scull-port', () => {
    expect(publishedBy([...forwarder, 'tcp', '*', '8080', '3', '80', '10.0.2.100', '-', 'udp', '127.0.0.1', '53', '1', '53', '10.0.2.100', '-', ''])).toEqual([
      { protocol: 'tcp', address: '', first: 8080, count: 3 },
      { protocol: 'udp', address: '127.0.0.1', first: 53, count: 1 },
    ]);
  });
  it('and from that of pasta', () => {
    expect(publishedBy(['/usr/bin/pasta', '-t', '8080:80', '-u', '::1/53-54:53', '-t', 'none', '-T', 'none', '99', ''])).toEqual([
      { protocol: 'tcp', address: '', first: 8080, count: 1 },
      { protocol: 'udp', address: '::1', first: 53, count: 2 },
    ]);
  });
  it('is nothing where the line is another’s', () => {
    expect(publishedBy(['nginx: master process', ''])).toEqual([]);
    expect(publishedBy([...forwarder.slice(0, -1), ''])).toEqual([]);
  });
});
