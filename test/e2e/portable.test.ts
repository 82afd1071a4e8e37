/** The core of it all once more, without the native helpers, as after a build without a C compiler. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { busyboxEntries } from '../support/images.ts';
import { processesOf } from '../support/leaks.ts';
import { dismantle, makeSandbox, useScull } from '../support/scull.ts';
import { openTerminal } from '../support/terminal.ts';

const s = useScull({ withoutHelpers: true });

test('no helper is used', async () => {
  const product = s.command.at(-1) as string;
  for (const folder of [dirname(product), join(dirname(product), '..', 'dist')]) expect(existsSync(join(folder, 'scull-helper')), folder).toBe(false);
  const { stdout } = await s.scull(['doctor']);
  expect(stdout).toMatch(/^warning +native helper +not built$/m);
  expect(stdout).toMatch(/^ok +overlay/m);
  expect(stdout).not.toMatch(/not tried/);
});

test('run --rm keeps stdout and stderr apart and passes the exit code on', async () => {
  const result = await s.scull(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
  expect(result).toEqual({ status: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('a large output and a large input arrive whole', async () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`).join('');
  expect((await s.scull(['run', '--rm', '-i', 'busybox', 'cat'], { input: lines })).stdout === lines).toBe(true);
});

test('output into a full disk is an error, of run and of exec', async () => {
  await s.ok(['run', '-d', '--name', 'full', '--replace', 'busybox', 'sleep', '1000']);
  // crun may end before it has copied what a terminal got in the very last moment: here the command ends a little later.
  for (const words of [['run', '--rm', 'busybox'], ['exec', 'full'], ['exec', '-t', 'full']]) {
    const result = spawnSync('sh', ['-c', '"$@" >/dev/full', 'sh', ...s.command, ...words, 'sh', '-c', 'echo lost; sleep 0.5'], { env: s.env, encoding: 'utf8' });
    expect({ words, status: result.status, stderr: result.stderr }).toEqual({ words, status: 125, stderr: expect.stringMatching(/^Error: .*cannot write.*: no space left on (the )?device\n$/i) });
  }
  await s.ok(['rm', '-f', '-t', '0', 'full']);
});

test('a program that does not exist is 127', async () => {
  await s.fails(['run', '--rm', 'busybox', 'no-such-program'], 127, /no-such-program/);
});

test('a container runs in the background, is looked at, talked to and stopped', async () => {
  await s.ok(['run', '-d', '--name', 'life', '-v', 'kept:/etc/data', 'busybox', 'sh', '-c', 'trap "echo bye; exit 3" TERM; echo hello; while :; do sleep 0.1; done']);
  expect(await s.ok(['ps', '--format', '{{.Names}} {{.State}}'])).toBe('life running');
  await eventually('its first words', async () => (await s.ok(['logs', 'life'])) === 'hello');
  const exec = await s.scull(['exec', '-i', 'life', 'sh', '-c', 'cat; echo err >&2; exit 5'], { input: 'in' });
  expect(exec).toEqual({ status: 5, stdout: 'in', stderr: 'err\n' });
  await s.fails(['exec', 'life', 'no-such-program'], 127, /no-such-program/);
  await s.ok(['stop', 'life']);
  expect((await s.inspect('life')).State).toMatchObject({ Status: 'exited', ExitCode: 3 });
  expect(await s.ok(['logs', 'life'])).toBe('hello\nbye');
  await s.ok(['rm', 'life']);
});

test('a new volume is filled from the image, keeps what is written, and its links lead nowhere else', async () => {
  expect(await s.ok(['run', '--rm', '-v', 'filled:/etc/data', 'busybox', 'sh', '-c', 'cat /etc/data/from-image; echo more > /etc/data/own; mkdir /etc/data/sub; ln -s /etc /etc/data/out'])).toBe('from the image');
  expect(await s.ok(['run', '--rm', '--mount', 'type=volume,source=filled,target=/mnt', 'busybox', 'cat', '/mnt/own'])).toBe('more');
  await s.ok(['run', '--rm', '--mount', 'type=volume,source=filled,target=/mnt,volume-subpath=sub', 'busybox', 'touch', '/mnt/x']);
  await s.fails(['run', '--rm', '--mount', 'type=volume,source=filled,target=/mnt,volume-subpath=out', 'busybox', 'ls', '/mnt'], 125, /subpath out/);
});

test('layers hide what lower ones have', async () => {
  await s.load({
    tags: ['layers:1'],
    layers: [
      [...busyboxEntries(), { path: 'd', type: 'directory' }, { path: 'd/gone', content: '1' }, { path: 'd/stays', content: '2' }, { path: 'o', type: 'directory' }, { path: 'o/hidden', content: '3' }],
      [{ path: 'd/.wh.gone', content: '' }, { path: 'o', type: 'directory' }, { path: 'o/.wh..wh..opq', content: '' }, { path: 'o/new', content: '4' }, { path: 'pipe', type: 'fifo' }],
    ],
  });
  expect(await s.ok(['run', '--rm', 'layers:1', 'sh', '-c', 'ls /d /o; test -p /pipe && echo pipe'])).toBe('/d:\nstays\n\n/o:\nnew\npipe');
});

test('the default network publishes ports, and ends with its container', async () => {
  const port = await freePort();
  await s.ok(['run', '-d', '--name', 'web', '-p', `127.0.0.1:${port}:80`, 'busybox', 'sh', '-c', 'while :; do echo answer | nc -l -p 80; done']);
  expect(await eventually('an answer', async () => (await readFrom(port)) || undefined)).toBe('answer\n');
  expect(networkProcesses()).not.toEqual([]);
  const monitor = processesOf(s.base).find((line) => line.includes('conmon')) as string;
  const { Pid } = (await s.inspect('web')).State;
  process.kill(Number(/\d+/.exec(monitor)?.[0]), 'SIGKILL');
  await eventually('the network has ended', () => networkProcesses().length === 0);
  process.kill(Pid, 'SIGKILL');
  await s.ok(['rm', '-f', 'web']);
});

test('another network namespace has a loopback that is up', async () => {
  expect(await s.ok(['run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'ls /sys/class/net; ip address show lo | grep -c 127.0.0.1'])).toBe('lo\n1');
});

test('--userns=keep-id shows the caller as themselves', async () => {
  expect(await s.ok(['run', '--rm', '--userns', 'keep-id', 'busybox', 'sh', '-c', 'id -u; stat -c %u /etc/passwd'])).toBe(`${process.getuid?.()}\n0`);
});

test('a container joins the network of another', async () => {
  await s.ok(['run', '-d', '--name', 'first', 'busybox', 'sh', '-c', 'while :; do echo joined | nc -l -p 8080; done']);
  expect(await s.ok(['run', '--rm', '--network', 'container:first', 'busybox', 'sh', '-c', 'until nc 127.0.0.1 8080; do sleep 0.1; done'])).toBe('joined');
  await s.ok(['rm', '-f', '-t', '0', 'first']);
});

test('health is checked now and then, and what ends is started again by its policy', async () => {
  await s.ok(['run', '-d', '--name', 'kept', '--restart', 'always', '--health-cmd', 'test -f /ready', '--health-interval', '200ms', '--health-retries', '1', 'busybox', 'sh', '-c', 'touch /ready; sleep 1000']);
  await s.ok(['wait', '--condition', 'healthy', 'kept']);
  await s.ok(['exec', 'kept', 'rm', '/ready']);
  await s.ok(['wait', '--condition', 'unhealthy', 'kept']);
  process.kill((await s.inspect('kept')).State.Pid, 'SIGKILL');
  await eventually('it to run again', async () => (await s.inspect('kept')).RestartCount === 1);
  await s.ok(['wait', '--condition', 'healthy', 'kept']);
  await s.ok(['rm', '-f', '-t', '0', 'kept']);
});

test('a terminal has its size, also a new one, can be left and come back to', async () => {
  const terminal = openTerminal(s, ['run', '-it', '--name', 'term', 'busybox', 'sh']);
  await terminal.shows('# ');
  expect(await terminal.isRaw()).toBe(true);
  await terminal.resize(50, 132);
  await eventually('the new size', async () => {
    terminal.type('stty size\r');
    return terminal.shows('50 132', 500);
  });
  terminal.type('\x10\x11');
  expect(await terminal.ended).toBe(0);
  const again = openTerminal(s, ['attach', 'term']);
  await eventually('the shell', async () => {
    again.type('echo 4$((1+1))\r');
    return again.shows(/\n42\r/, 500);
  });
  again.type('exit 9\r');
  expect(await again.ended).toBe(9);
  await s.ok(['rm', 'term']);
});

test('exec gets a terminal, whose size follows', async () => {
  await s.ok(['run', '-d', '--name', 'ex', 'busybox', 'sleep', '1000']);
  const terminal = openTerminal(s, ['exec', '-it', 'ex', 'sh']);
  await terminal.shows('# ');
  await terminal.resize(40, 100);
  await eventually('the new size', async () => {
    terminal.type('stty size\r');
    return terminal.shows('40 100', 500);
  });
  terminal.type('exit 4\r');
  expect(await terminal.ended).toBe(4);
  await s.ok(['rm', '-f', '-t', '0', 'ex']);
});

test('a single id does where there are no more', async () => {
  const lonely = makeSandbox({ withoutHelpers: true, prefix: ['setpriv', '--no-new-privs'] });
  try {
    await lonely.load({ tags: ['busybox:latest'], layers: [busyboxEntries()], settings: { Cmd: ['sh'] } });
    const map = await lonely.ok(['run', '--rm', 'busybox', 'sh', '-c', 'id -u; cat /proc/self/uid_map']);
    expect(map.split(/\s+/)).toEqual(['0', '0', String(process.getuid?.()), '1']);
  } finally {
    await dismantle(lonely);
  }
});

test('what starts a container leaves nothing when it is killed', async () => {
  for (const delay of [5, 15, 25, 40]) {
    const running = s.start(['run', '--rm', '--name', `killed-${delay}`, 'busybox', 'sleep', '1000']);
    await sleep(delay);
    running.child.kill('SIGKILL');
    await running.ended;
    await s.ok(['rm', '-f', '-t', '0', '--ignore', `killed-${delay}`]);
    await s.ok(['create', '--name', `killed-${delay}`, 'busybox', 'true']); // sweeps what it had begun
    await s.ok(['rm', `killed-${delay}`]);
  }
  await s.ok(['run', '--rm', 'busybox', 'true']);
  await eventually('no process of theirs', () => processesOf(s.base).length === 0).catch(() => expect(processesOf(s.base)).toEqual([]));
});

function networkProcesses(): string[] {
  return processesOf(s.base).filter((line) => /\bpasta\b/.test(line));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function readFrom(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = createConnection(port, '127.0.0.1');
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.end();
    socket.on('error', () => resolve(''));
    socket.on('close', () => resolve(text));
    setTimeout(() => socket.destroy(), 1000).unref();
  });
}
