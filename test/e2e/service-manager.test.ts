/** A container as a service: what a manager is told and hands on. The manager is a socket of the test's; the real one is in test/vm. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const managers: { kill(): void }[] = [];
afterAll(() => managers.forEach((manager) => manager.kill()));

/** recv(2), unlike recvmsg(2), drops the descriptor that comes with a barrier: so the barrier is passed. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    word = s.recv(4096)
    if not word.startswith(b"BARRIER"):
        open(sys.argv[2], "ab").write(word + b"\\n")
`;

/** A socket, and what it was told so far. */
async function manager(name: string): Promise<{ env: { NOTIFY_SOCKET: string }; told: () => string }> {
  const [socket, log] = [join(s.base, `${name}.sock`), join(s.base, `${name}.log`)];
  const child = spawn('python3', ['-c', receiver, socket, log], { stdio: 'ignore' });
  managers.push({ kill: () => child.kill() });
  await eventually('the socket', () => existsSync(socket));
  return { env: { NOTIFY_SOCKET: socket }, told: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
}

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
  expect(await s.ok(['exec', 'telling', 'cat', '/tmp/where'])).toBe('/run/notify/notify.sock');
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
