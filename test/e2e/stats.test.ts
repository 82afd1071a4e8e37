/** What containers use, told in one look at all of them. */
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openTerminal } from '../support/terminal.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('processor, memory, processes and network of each, and which of it is from /proc', async () => {
  await s.ok(['run', '-d', '--name', 'busy', 'busybox', 'sh', '-c', 'while :; do :; done']);
  await s.ok(['run', '-d', '--name', 'idle', '--network', 'none', 'busybox', 'sh', '-c', 'sleep 1000 & sleep 1000']);
  await s.ok(['create', '--name', 'never', 'busybox']);
  await eventually('some work to be done', async () => Number(await s.ok(['stats', '--no-stream', '--format', '{{.CPU}}', 'busy'])) > 1);
  await eventually('both processes', async () => (await s.ok(['stats', '--no-stream', '--format', '{{.PIDs}}', 'idle'])) === '2');
  const shown = await s.scull(['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}} {{.NetIO}}']);
  expect(shown.stdout.split('\n').sort()).toEqual(['', expect.stringMatching(/^busy 1 \d.* \/ \d/), 'idle 2 0B / 0B']);
  const [one] = JSON.parse(await s.ok(['stats', '--no-stream', '--format', 'json', 'idle']));
  expect(one).toMatchObject({ name: 'idle', pids: '2', mem_usage: expect.stringMatching(/^\d.*B \/ \d.*GB$/), cpu_percent: expect.stringMatching(/^\d+\.\d\d%$/) });
  expect((await s.ok(['stats', '-a', '--no-stream'])).split('\n').length).toBe(4);
  expect(await s.ok(['stats', '--no-stream', '--format', '{{.PIDs}} {{.CPUPerc}}', 'never'])).toBe('-- --');
  await s.fails(['stats', '--no-stream', 'nobody'], 125, /no container with name or ID "nobody"/);
  await s.ok(['rm', '-f', '-t', '0', 'busy', 'idle', 'never']);
});

test('what exec has started counts, and what it used is not forgotten when it has ended', async () => {
  await s.ok(['run', '-d', '--name', 'counts', 'busybox', 'sleep', '1000']);
  await s.ok(['exec', '-d', 'counts', 'sleep', '1000']);
  await eventually('both', async () => (await s.ok(['stats', '--no-stream', '--format', '{{.PIDs}}', 'counts'])) === '2');
  await s.ok(['rm', '-f', '-t', '0', 'counts']);
});

test('a stream tells again and again; on a terminal with a graph', async () => {
  await s.ok(['run', '-d', '--name', 'seen', 'busybox', 'sleep', '1000']);
  const stream = s.start(['stats', '-i', '1', '--format', '{{.Name}}']);
  await eventually('two looks', () => stream.stdout().startsWith('seen\nseen\n'));
  stream.child.kill('SIGTERM');
  await stream.ended;
  const terminal = openTerminal(s, ['stats', '-i', '1']);
  await terminal.shows(/AVG CPU %\s+CPU\b[^]*seen[^]*▁/);
  terminal.type('\x03');
  await terminal.ended;
  await s.ok(['rm', '-f', '-t', '0', 'seen']);
});
