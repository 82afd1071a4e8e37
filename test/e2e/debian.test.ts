import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lstatSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { beforeAll, expect, test } from 'vitest';
import { debianRoot } from '../support/debian.ts';
import { freePort } from '../support/docker-registry.ts';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull({ empty: true });
let release: string;

beforeAll(async () => {
  const root = debianRoot();
  release = root.release;
  await s.ok(['import', '--change', 'CMD ["bash"]', root.archive, 'debian:made'], { timeout: 90_000 });
}, 240_000);

test('a real Debian runs, as root and as another user', async () => {
  expect(await s.ok(['run', '--rm', 'debian:made', 'sh', '-c', '. /etc/os-release; echo $VERSION_CODENAME'])).toBe(release);
  expect(await s.ok(['run', '--rm', '-u', 'www-data', 'debian:made', 'id'])).toMatch(/^uid=33\(www-data\) gid=33\(www-data\)/);
  expect(await s.ok(['run', '--rm', 'debian:made', 'stat', '-c', '%U:%G %a', '/etc/shadow', '/usr/bin/passwd'])).toBe('root:shadow 640\nroot:root 4755');
});

test('python works, with threads, subprocesses and sockets', async () => {
  const program = 'import socket, os, threading\ns=socket.socket(); s.bind(("127.0.0.1",0)); s.listen()\nt=threading.Thread(target=lambda: s.accept()[0].sendall(b"over the wire"))\nt.start()\nc=socket.create_connection(s.getsockname()); print(c.recv(99).decode(), os.getpid()); t.join()';
  expect(await s.ok(['run', '--rm', 'debian:made', 'python3', '-c', program])).toBe('over the wire 1');
  expect(await s.ok(['run', '--rm', '-u', 'daemon', 'debian:made', 'python3', '-c', 'import os; print(os.getuid(), os.system("true"))'])).toBe('1 0');
});

test('a published UDP port answers', async () => {
  const address = Object.values(networkInterfaces()).flat().find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address ?? '127.0.0.1';
  const port = await freePort();
  const program = 'import socket\ns=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53)); print("ready", flush=True)\nwhile True:\n  data, peer = s.recvfrom(99); s.sendto(b"echo " + data, peer)';
  await s.ok(['run', '-d', '--name', 'udp', '-p', `${port}:53/udp`, 'debian:made', 'python3', '-c', program]);
  expect(await s.ok(['port', 'udp'])).toBe(`53/udp -> 0.0.0.0:${port}`);
  // Asked over the machine's own address: Debian 12's pasta loses the answers to datagrams that came over the loopback.
  await eventually('the server is ready', async () => (await s.ok(['logs', 'udp'])) === 'ready');
  const answer = await eventually('an answer', () => askByDatagram(address, port));
  expect(answer).toBe('echo datagram');
  await s.ok(['rm', '-f', '-t', '0', 'udp']);
});

test('dpkg installs a package inside: owners, modes and scripts are no obstacle', async () => {
  // The package is fetched by apt where the network allows, and made on the spot where not.
  await s.ok(['run', '-d', '--name', 'box', 'debian:made', 'sleep', '1000']);
  const online = await s.scull(['exec', 'box', 'apt-get', 'update', '-q', '-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=10'], { timeout: 60_000 });
  if (online.status === 0 && !/^(W|E|Err)/m.test(online.stderr + online.stdout)) {
    const install = await s.scull(['exec', 'box', 'sh', '-c', 'DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends hello && hello'], { timeout: 90_000 });
    expect(install.status, install.stderr).toBe(0);
    expect(install.stdout).toMatch(/Hello, world!\s*$/);
  } else {
    const script = 'mkdir -p p/DEBIAN p/usr/bin && printf "Package: greet\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n" > p/DEBIAN/control && printf "#!/bin/sh\\necho Hello, world!\\n" > p/usr/bin/greet && chmod 755 p/usr/bin/greet && chown daemon p/usr/bin/greet && dpkg-deb -b p p.deb >/dev/null && dpkg -i p.deb >/dev/null && greet';
    expect(await s.ok(['exec', '-w', '/tmp', 'box', 'sh', '-c', script])).toBe('Hello, world!');
  }
}, 180_000);

test('files made in a bind mount belong to the caller, with --userns=keep-id too', async () => {
  const directory = s.directory('work');
  await s.ok(['run', '--rm', '-v', `${directory}:/work`, '-w', '/work', 'debian:made', 'touch', 'as-root']);
  await s.ok(['run', '--rm', '--userns=keep-id', '-v', `${directory}:/work`, '-w', '/work', 'debian:made', 'touch', 'as-me']);
  for (const name of ['as-root', 'as-me']) expect(lstatSync(`${directory}/${name}`).uid, name).toBe(process.getuid?.());
});

test('keep-id starts a real image at once', async () => {
  const begun = Date.now();
  await s.ok(['run', '--rm', '--userns=keep-id', 'debian:made', 'true']);
  expect(Date.now() - begun).toBeLessThan(5000);
});

test('the image survives save, another tool, and load', async () => {
  await s.ok(['save', '--format', 'oci-archive', '-o', `${s.base}/debian.tar`, 'debian:made'], { timeout: 90_000 });
  const config = JSON.parse(execFileSync('skopeo', ['inspect', '--config', `oci-archive:${s.base}/debian.tar`], { env: { ...s.env }, encoding: 'utf8' }));
  expect(config.config.Cmd).toEqual(['bash']);
}, 120_000);

/** Sends one datagram; undefined if nothing comes back within half a second. */
function askByDatagram(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (answer?: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(finish, 500);
    socket.once('error', () => finish());
    socket.once('message', (message) => finish(message.toString()));
    socket.send('datagram', port, host);
  });
}
