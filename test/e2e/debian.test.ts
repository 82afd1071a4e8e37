import { execFileSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { debianRoot } from '../support/debian.ts';
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
