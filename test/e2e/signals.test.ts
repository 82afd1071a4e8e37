import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const loop = 'while :; do sleep 0.05; done';

test.each(['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGINT'] as const)('run passes %s on to the container', async (signal) => {
  const name = `p-${signal.toLowerCase()}`;
  const running = s.start(['run', '--name', name, 'busybox', 'sh', '-c', `trap "echo got; exit 5" ${signal.slice(3)}; echo ready; ${loop}`]);
  await eventually('ready', () => running.stdout().includes('ready'));
  running.child.kill(signal);
  expect(await running.ended).toMatchObject({ status: 5, stdout: 'ready\ngot\n' });
});

test('--sig-proxy=false keeps signals from the container, which lives on', async () => {
  const running = s.start(['run', '--name', 'unproxied', '--sig-proxy=false', 'busybox', 'sh', '-c', `trap "exit 5" TERM; echo ready; ${loop}`]);
  await eventually('ready', () => running.stdout().includes('ready'));
  // Only its own end: the container may well keep the output open.
  const ended = new Promise((resolve) => running.child.once('exit', resolve));
  running.child.kill('SIGTERM');
  await ended;
  expect((await s.inspect('unproxied')).State.Status).toBe('running');
});

test('attach passes signals on, too', async () => {
  await s.ok(['run', '-d', '--name', 'att', 'busybox', 'sh', '-c', 'trap "exit 6" TERM; while :; do echo ready; sleep 0.05; done']);
  const attached = s.start(['attach', 'att']);
  await eventually('it is attached', () => attached.stdout().includes('ready'));
  attached.child.kill('SIGTERM');
  expect((await attached.ended).status).toBe(6);
});

test('attach --sig-proxy=false ends alone', async () => {
  await s.ok(['run', '-d', '--name', 'attached-only', 'busybox', 'sh', '-c', 'while :; do echo ready; sleep 0.05; done']);
  const attached = s.start(['attach', '--sig-proxy=false', 'attached-only']);
  await eventually('it is attached', () => attached.stdout().includes('ready'));
  attached.child.kill('SIGTERM');
  expect((await attached.ended).status).toBe(143);
  expect((await s.inspect('attached-only')).State.Status).toBe('running');
});

test('a signal to the whole group, as timeout sends it, reaches the container once and cuts nothing short', async () => {
  const script = s.file('group.sh', `trap '' TERM\n${productCommand().join(' ')} run --rm busybox sh -c 'n=0; trap "n=\\$((n+1)); echo got" TERM; echo ready; i=0; while [ $i -lt 12 ]; do i=$((i+1)); sleep 0.05; done; echo "$n signals"' & sleep 0.4; kill -TERM 0; wait`);
  const child = spawn('setsid', ['--wait', 'sh', script], { env: { ...s.env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  expect(output).toBe('ready\ngot\n1 signals\n');
});

test.each(['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGINT'] as const)('exec passes %s on to its process', async (signal) => {
  const name = `x-${signal.toLowerCase()}`;
  await s.ok(['run', '-d', '--name', name, 'busybox', 'sleep', '1000']);
  const running = s.start(['exec', name, 'sh', '-c', `trap "echo got; exit 5" ${signal.slice(3)}; echo ready; ${loop}`]);
  await eventually('ready', () => running.stdout().includes('ready'));
  running.child.kill(signal);
  expect(await running.ended).toMatchObject({ status: 5, stdout: 'ready\ngot\n' });
});

test('start -a passes signals on, too', async () => {
  await s.ok(['create', '--name', 'sta', 'busybox', 'sh', '-c', `trap "exit 8" TERM; echo ready; ${loop}`]);
  const running = s.start(['start', '-a', 'sta']);
  await eventually('ready', () => running.stdout().includes('ready'));
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(8);
});

test('signals that end a process end the container with 128 plus their number', async () => {
  const running = s.start(['run', '--init', '--name', 'plain', 'busybox', 'sh', '-c', 'echo ready; exec sleep 1000']);
  await eventually('ready', () => running.stdout().includes('ready'));
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(143);
});

test('a signal at any moment of a start leaves either nothing or a container that got it', async () => {
  for (let delay = 0; delay <= 60; delay += 3) {
    const running = s.start(['run', '--rm', '--name', `moment${delay}`, 'busybox', 'sh', '-c', 'trap "exit 7" TERM; sleep 1 & wait']);
    await sleep(delay);
    running.child.kill('SIGTERM');
    const { status } = await running.ended;
    // 143: before there was anything to tidy up. 0: the shell had not set its trap yet, and the first process of a container ignores the rest.
    expect([0, 7, 130, 143]).toContain(status);
  }
  await eventually('nothing is left', async () => (await s.ok(['ps', '-a', '-q', '--filter', 'name=moment'])) === '');
});
