/** A container as a service: what a manager is told and hands on. The manager is a socket of the test's; the real one is in test/vm. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { busyboxEntries, goArchitecture } from '../support/images.ts';
import { startTestRegistry } from '../support/registry-server.ts';
import { useScull } from '../support/scull.ts';
import { useServiceManagers } from '../support/service-manager.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
const manager = useServiceManagers(() => s.base);

test('--sdnotify conmon tells which process stands for the container, and that it runs', async () => {
  const { env, told } = await manager('conmon');
  await s.ok(['run', '-d', '--sdnotify', 'conmon', '--name', 'told', '--network', 'none', 'busybox', 'sleep', '1000'], { env });
  expect(told()).toMatch(/^MAINPID=(\d+)\nREADY=1\n/);
  expect(readFileSync(`/proc/${/MAINPID=(\d+)/.exec(told())?.[1]}/comm`, 'utf8')).toBe('conmon\n');
  expect(await s.ok(['exec', 'told', 'env'])).not.toContain('NOTIFY_SOCKET');
});

test('by default the container says itself when it is ready, through conmon', async () => {
  const { env, told } = await manager('container');
  await s.ok(['run', '-d', '--name', 'telling', '--network', 'none', 'busybox', 'sh', '-c', 'echo $NOTIFY_SOCKET > /tmp/where; sleep 1000'], { env });
  expect(told()).toMatch(/^MAINPID=\d+$/m);
  expect(told()).not.toContain('READY');
  await eventually('its socket', async () => (await s.scull(['exec', 'telling', 'cat', '/tmp/where'])).stdout === '/run/notify/notify.sock\n');
  // busybox has nothing that sends datagrams to a socket file: the host does, to where the container's socket is.
  const pid = (await s.inspect('telling')).State.Pid as number;
  const sender = spawn('socat', ['-u', '-', `UNIX-SENDTO:/proc/${pid}/root/run/notify/notify.sock`], { stdio: ['pipe', 'ignore', 'ignore'] });
  sender.stdin.end('READY=1\n');
  await eventually('the word of the container', () => told().includes('READY=1'));
});

test('--sdnotify healthy says so when the health check succeeds, and asks for patience until then', async () => {
  const { env, told } = await manager('healthy');
  const check = ['--health-cmd', 'test -e /tmp/well', '--health-interval', '200ms', '--health-retries', '1000'];
  const running = s.start(['run', '-d', '--sdnotify', 'healthy', ...check, '--name', 'awaited', '--network', 'none', 'busybox', 'sleep', '1000'], { env });
  await eventually('a word of patience', () => told().includes('EXTEND_TIMEOUT_USEC='));
  expect(told()).toMatch(/^MAINPID=\d+$/m);
  expect(told()).not.toContain('READY');
  await s.ok(['exec', 'awaited', 'touch', '/tmp/well']);
  expect((await running.ended).status).toBe(0);
  expect(told()).toContain('READY=1');
  await s.fails(['run', '-d', '--sdnotify', 'healthy', 'busybox', 'true'], 125, /waits for a health check, and there is none/);
});

test('while an image is fetched the manager is asked for patience, and told what goes on', async () => {
  const registry = await startTestRegistry();
  try {
    const busybox = writeTar(busyboxEntries());
    const image = registry.addImage('team/slow', 'latest', [busybox], { os: 'linux', architecture: goArchitecture() });
    const blob = image.layers[0]?.digest as string;
    let send: (() => void) | undefined;
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(blob)) return false;
      const bytes = registry.blobs.get(blob) as Uint8Array;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1000));
      send = () => response.end(bytes.subarray(1000));
      return true;
    };
    const { env, told } = await manager('fetching');
    const running = s.start(['run', '-d', '--sdnotify', 'conmon', '--name', 'fetched', '--network', 'none', `${registry.host}/team/slow`, 'sleep', '1000'], { env });
    await eventually('a word of patience', () => send !== undefined && /^EXTEND_TIMEOUT_USEC=\d+\nSTATUS=fetching /m.test(told()));
    expect(told()).not.toContain('READY');
    send?.();
    expect((await running.ended).status).toBe(0);
    expect(told()).toMatch(/^MAINPID=\d+\nREADY=1\nSTATUS=running$/m);
  } finally {
    await registry.stop();
  }
});

test('--sdnotify ignore, and a socket that nobody listens on, are no failure', async () => {
  const { env, told } = await manager('ignored');
  await s.ok(['run', '-d', '--sdnotify', 'ignore', '--name', 'silent', '--network', 'none', 'busybox', 'sleep', '1000'], { env });
  expect(told()).toBe('');
  await s.ok(['run', '--rm', '--sdnotify', 'conmon', '--network', 'none', 'busybox', 'true'], { env: { NOTIFY_SOCKET: join(s.base, 'nobody') } });
  await s.fails(['run', '--sdnotify', 'loud', 'busybox', 'true'], 125, /invalid --sdnotify "loud"/);
});

test('sockets that the manager listens on become the container’s, with their names', async () => {
  const content = s.file('handed', 'through descriptor three\n');
  const script = s.file('activate.sh', `#!/bin/sh\nexport LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$\nexec "$@" run --rm --network none busybox sh -c 'cat <&3; echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; ls /proc/self/fd' 3<${content}\n`);
  const child = spawn('sh', [script, ...s.command], { cwd: s.base, env: { ...s.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let shown = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  expect(shown).toBe('through descriptor three\n1 1 web\n0\n1\n2\n3\n4\n');
});

test('descriptors meant for another process stay away', async () => {
  expect(await s.ok(['run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'echo [$LISTEN_FDS]; ls /proc/self/fd'], { env: { LISTEN_FDS: '1', LISTEN_PID: '1' } })).toBe('[]\n0\n1\n2\n3');
});

test('the unit that starts a container is its label', async () => {
  await s.ok(['create', '--name', 'labelled', 'busybox'], { env: { PODMAN_SYSTEMD_UNIT: 'web.service' } });
  expect((await s.inspect('labelled')).Config.Labels).toEqual({ PODMAN_SYSTEMD_UNIT: 'web.service' });
});

test('generate systemd makes a unit for a container that is there, whose start tells what stands for it', async () => {
  await s.ok(['create', '--name', 'there', '--network', 'none', 'busybox', 'sleep', '1000']);
  const unit = await s.ok(['generate', 'systemd', '--name', 'there']);
  expect(unit).toMatch(/^ExecStart=\S+ .*start there$/m);
  expect(JSON.parse(await s.ok(['generate', 'systemd', '--name', '--format', 'json', 'there']))).toEqual({ 'container-there': expect.stringContaining('ExecStart=') });
  const { env, told } = await manager('generated');
  await s.ok(['start', 'there'], { env: { ...env, SCULL_SDNOTIFY: /^Environment=SCULL_SDNOTIFY=(.+)$/m.exec(unit)?.[1] ?? '' } });
  expect(told()).toMatch(/^MAINPID=\d+\nREADY=1\n/m);
  expect(await s.ok(['generate', 'systemd', '--new', '--name', 'there'])).toMatch(/^ExecStart=\S+ .*run .*--sdnotify conmon --replace -d .* busybox sleep 1000$/m);
});
