/**
 * The default network of a container that has not said anything yet: no pasta, and none of its time or memory; with the first
 * packet there is one, and nobody notices (native/scull-net.c).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
let server: Server;
let port: number;
const ownAddress = Object.values(networkInterfaces()).flat().find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address ?? '';

beforeAll(async () => {
  expect(ownAddress, 'this machine has an address besides the loopback').not.toBe('');
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('from the host\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());
afterEach(async () => void (await s.scull(['rm', '-f', '-t', '0', '-a'])));

/** Processes of a container's network, by the name of their program. */
async function networkOf(name: string): Promise<{ pasta: number[]; waiter: number[] }> {
  const id = await s.ok(['inspect', '--format', '{{.Id}}', name]);
  const found = { pasta: [] as number[], waiter: [] as number[] };
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (!words.some((word) => word.includes(`${id}/network.json`))) continue;
      if (words[0]?.endsWith('/scull-net') === true) found.waiter.push(Number(pid));
      else if (words[0]?.includes('pasta') === true) found.pasta.push(Number(pid));
    } catch {
      continue; // it just ended
    }
  }
  return found;
}

/**
 * Says something and reads the answer, in this order and without closing its side in between: pasta of 2023 stalls where one
 * side has said all it wants and still listens.
 */
const talk = (host: string): string => `nc -w 20 ${host} ${port} -e sh -c 'echo hello; answer=$(head -c 14); echo "\${answer:-closed without an answer}" >&2' 2>&1`;

test('a container that says nothing has no pasta, only a process of some pages that waits', async () => {
  await s.ok(['run', '-d', '--name', 'quiet', 'busybox', 'sleep', '1000']);
  const { pasta, waiter } = await networkOf('quiet');
  expect(pasta).toEqual([]);
  expect(waiter).toHaveLength(1);
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${waiter[0]}/status`, 'utf8'))?.[1]);
  expect(kilobytes).toBeLessThan(1000);
  // What the kernel says by itself when interfaces appear has been said by now.
  await sleep(1500);
  expect((await networkOf('quiet')).pasta).toEqual([]);
});

test('its interface looks the same before and after the first packet', async () => {
  await s.ok(['run', '-d', '--name', 'same', 'busybox', 'sleep', '1000']);
  const look = (): Promise<string> => s.ok(['exec', 'same', 'sh', '-c', 'ls /sys/class/net; ip -4 addr show dev eth0 | grep inet; cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address; ip route']);
  const before = await look();
  expect(await s.ok(['exec', 'same', 'sh', '-c', talk(ownAddress)])).toBe('from the host');
  await eventually('one pasta serves it', async () => (await networkOf('same')).pasta.length === 1); // beside it, for a moment, may be the one that it forked from
  await eventually('hold is gone', async () => (await look()) === before);
});

test('the first connections are answered, all of them, and packets are not lost', async () => {
  // Many at once, some of them while pasta is being started. What nc says, and its status, tell why one was not answered.
  const one = `(${talk(ownAddress)} || echo "connection $i: status $?") & usleep 2000`;
  const script = `for i in $(seq 30); do ${one}; done; wait; awk '$1 == "Tcp:" { again = $13 } END { print again }' /proc/net/snmp`;
  const sentAgain: number[] = [];
  for (let round = 0; round < 5; round++) {
    const said = (await s.ok(['run', '--rm', 'busybox', 'sh', '-c', script])).split('\n');
    sentAgain.push(Number(said.pop()));
    expect(said).toEqual(Array.from({ length: 30 }, () => 'from the host'));
  }
  // A lost packet is sent again after a second or more (RFC 6298). On a machine that has much else to do pasta may need as long to start,
  // but not every time.
  expect(Math.min(...sentAgain), `segments sent again: ${sentAgain.join(', ')}`).toBe(0);
});

test('host.containers.internal is the host, though its loopback is out of reach', async () => {
  expect(await s.ok(['run', '--rm', 'busybox', 'sh', '-c', talk('host.containers.internal')])).toBe('from the host');
  expect(await s.ok(['run', '--rm', 'busybox', 'sh', '-c', talk('host.docker.internal')])).toBe('from the host');
});

test('with --userns=keep-id too', async () => {
  expect(await s.ok(['run', '--rm', '--userns', 'keep-id', 'busybox', 'sh', '-c', talk(ownAddress)])).toBe('from the host');
});

test('a pasta that was killed comes back with the next packet', async () => {
  await s.ok(['run', '-d', '--name', 'hurt', 'busybox', 'sleep', '1000']);
  await s.ok(['exec', 'hurt', 'sh', '-c', talk(ownAddress)]);
  const [first] = (await networkOf('hurt')).pasta;
  process.kill(first ?? 0, 'SIGKILL');
  await eventually('it talks again', async () => (await s.scull(['exec', 'hurt', 'sh', '-c', talk(ownAddress)])).stdout === 'from the host\n');
  const [second] = (await networkOf('hurt')).pasta;
  expect(second).not.toBe(first);
});

test.each(['stop', 'kill'])('%s ends pasta and what waited', async (verb) => {
  await s.ok(['run', '-d', '--name', 'ending', '--stop-timeout', '0', 'busybox', 'sleep', '1000']);
  await s.ok(['exec', 'ending', 'sh', '-c', talk(ownAddress)]);
  const { pasta, waiter } = await networkOf('ending');
  expect([pasta.length, waiter.length]).toEqual([1, 1]);
  await s.ok([verb, 'ending']);
  await eventually('both are gone', async () => {
    const now = await networkOf('ending');
    return now.pasta.length + now.waiter.length === 0;
  });
});

test('a container that joins it talks through it', async () => {
  await s.ok(['run', '-d', '--name', 'owner', 'busybox', 'sleep', '1000']);
  expect(await s.ok(['run', '--rm', '--network', 'container:owner', 'busybox', 'sh', '-c', talk(ownAddress)])).toBe('from the host');
  expect((await networkOf('owner')).pasta).toHaveLength(1);
});
