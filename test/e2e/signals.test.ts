import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const loop = 'while :; do sleep 0.05; done';

async function ready(name: string): Promise<void> {
  await eventually(`${name} is ready`, async () => (await s.scull(['logs', name])).stdout.includes('ready'));
}

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
  await s.ok(['run', '-d', '--name', 'att', 'busybox', 'sh', '-c', `trap "exit 6" TERM; echo ready; ${loop}`]);
  await ready('att');
  const attached = s.start(['attach', 'att']);
  // It is attached once a signal can end the container: there is nothing else to see.
  await eventually('the container ended', async () => {
    attached.child.kill('SIGTERM');
    return (await s.inspect('att')).State.Status === 'exited';
  });
  expect((await attached.ended).status).toBe(6);
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
