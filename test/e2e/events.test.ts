/** What happens is told: as it happens, and afterwards. */
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

const STATUS = ['--format', '{{.Status}}'];

async function statuses(name: string, ...more: string[]): Promise<string[]> {
  return (await s.ok(['events', '--no-stream', '--filter', `container=${name}`, ...STATUS, ...more])).split('\n').filter((line) => line !== '');
}

test('a container tells its life in order, with the exit code of its end', async () => {
  await s.ok(['create', '--name', 'life', '--label', 'tier=front', 'busybox', 'sh', '-c', 'exit 3']);
  await s.ok(['start', 'life']);
  await s.ok(['wait', 'life']);
  expect(await statuses('life')).toEqual(['create', 'start', 'died']);
  await s.ok(['rename', 'life', 'past']);
  await s.ok(['rm', 'past']);
  const lines = (await s.ok(['events', '--stream=false', '--format', 'json', '--filter', 'label=tier=front'])).split('\n').map((line) => JSON.parse(line));
  expect(lines.map(({ Status }) => Status)).toEqual(['create', 'start', 'died', 'rename', 'remove']);
  expect(lines[2]).toMatchObject({ Type: 'container', Name: 'past', Image: 'docker.io/library/busybox:latest', ContainerExitCode: 3, Attributes: { tier: 'front' } });
});

test('the end of a detached container is told although no scull lives, and told once', async () => {
  await s.ok(['run', '-d', '--name', 'alone', 'busybox', 'sh', '-c', 'exit 7']);
  await eventually('its end', async () => (await statuses('alone')).includes('died'));
  await s.ok(['start', 'alone']);
  await s.ok(['wait', 'alone']);
  await s.ok(['rm', 'alone']);
  expect(await statuses('alone')).toEqual(['create', 'start', 'died', 'start', 'died', 'remove']);
  expect(await statuses('alone', '--filter', 'event=die')).toEqual(['died', 'died']);
});

test('one that is removed with its end tells both', async () => {
  await s.ok(['run', '-d', '--rm', '--name', 'brief', 'busybox', 'true']);
  await eventually('its removal', async () => (await statuses('brief')).includes('remove'));
  expect(await statuses('brief')).toEqual(['create', 'start', 'died', 'remove']);
  await s.ok(['run', '--rm', '--name', 'front', 'busybox', 'true']);
  expect(await statuses('front')).toEqual(['create', 'start', 'attach', 'died', 'remove']);
});

test('stop, kill, exec and restart are told', async () => {
  await s.ok(['run', '-d', '--name', 'busy', 'busybox', 'sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']);
  await s.scull(['exec', 'busy', 'sh', '-c', 'exit 4']);
  await s.ok(['restart', 'busy']);
  await s.ok(['kill', '-s', 'TERM', 'busy']);
  await s.ok(['wait', 'busy']);
  await s.ok(['start', 'busy']);
  await s.ok(['stop', '-t', '0', 'busy']);
  await s.ok(['rm', 'busy']);
  const told = await statuses('busy');
  expect(told).toEqual(['create', 'start', 'exec', 'exec_died', 'died', 'stop', 'start', 'restart', 'kill', 'died', 'start', 'died', 'stop', 'remove']);
  const exec = JSON.parse(await s.ok(['events', '--no-stream', '--filter', 'container=busy', '--filter', 'event=exec_died', '--format', 'json']));
  expect(exec.ContainerExitCode).toBe(4);
});

test('images, volumes and secrets are told, and can be asked for by type', async () => {
  await s.ok(['volume', 'create', 'data']);
  await s.ok(['volume', 'rm', 'data']);
  await s.ok(['tag', 'busybox', 'other']);
  await s.ok(['rmi', 'other']);
  await s.ok(['secret', 'create', 'token', '-'], { input: 'x' });
  await s.ok(['secret', 'rm', 'token']);
  const told = async (type: string, ...more: string[]) => (await s.ok(['events', '--no-stream', '--filter', `type=${type}`, ...more, '--format', '{{.Status}} {{.Name}}'])).split('\n');
  expect(await told('volume')).toEqual(['create data', 'remove data']);
  expect(await told('secret')).toEqual(['create token', 'remove token']);
  expect(await told('image', '--filter', 'image=localhost/other:latest')).toEqual(['tag localhost/other:latest', 'untag localhost/other:latest']);
  expect((await told('image'))[0]).toBe('loadFromArchive docker.io/library/busybox:latest');
});

test('a stream tells what comes, each once, and nothing of what was', async () => {
  await s.ok(['run', '--name', 'earlier', 'busybox', 'true']);
  const stream = s.start(['events', '--filter', 'type=container', '--format', '{{.Name}} {{.Status}}']);
  await eventually('the stream to begin', async () => {
    await s.ok(['run', '--rm', '--name', 'probe', 'busybox', 'true']);
    return stream.stdout().includes('probe');
  });
  await s.ok(['run', '-d', '--name', 'later', 'busybox', 'sh', '-c', 'sleep 0.3; exit 5']);
  await eventually('the end of it', () => stream.stdout().includes('later died'));
  await s.ok(['rm', 'later', 'earlier']);
  await eventually('the removal of it', () => stream.stdout().includes('later remove') && stream.stdout().includes('earlier remove'));
  stream.child.kill('SIGTERM');
  await stream.ended;
  const lines = stream.stdout().split('\n');
  expect(lines.filter((line) => line.startsWith('later'))).toEqual(['later create', 'later start', 'later died', 'later remove']);
  expect(lines.filter((line) => line.startsWith('earlier'))).toEqual(['earlier remove']);
});

test('--since and --until bound it, and a time that comes ends the stream', async () => {
  await s.ok(['volume', 'create', 'first']);
  await sleep(30);
  const between = new Date().toISOString();
  await s.ok(['volume', 'create', 'second']);
  const told = async (...more: string[]) => (await s.ok(['events', '--filter', 'type=volume', '--filter', 'event=create', '--format', '{{.Name}}', ...more])).split('\n');
  expect(await told('--since', between, '--until', '0s')).toEqual(['second']);
  expect(await told('--until', between)).toContain('first');
  expect(await told('--until', between)).not.toContain('second');
  expect(await told('--since', '10m', '--until', '-1s')).toEqual(expect.arrayContaining(['first', 'second']));
  await s.ok(['volume', 'rm', 'first', 'second']);
});

test("the shape of Docker's API, for programs", async () => {
  await s.ok(['run', '--rm', '--name', 'shape', '--label', 'a=b', 'busybox', 'true']);
  const lines = (await s.ok(['events', '--no-stream', '--filter', 'container=shape', '--format', '{{json .}}'])).split('\n').map((line) => JSON.parse(line));
  expect(lines.map(({ Action }) => Action)).toEqual(['create', 'start', 'attach', 'die', 'destroy']);
  expect(lines[3]).toMatchObject({ status: 'die', from: 'docker.io/library/busybox:latest', Type: 'container', scope: 'local', Actor: { Attributes: { exitCode: '0', name: 'shape', a: 'b' } } });
});

test('twenty commands at once lose no line, and a torn line spoils no other', async () => {
  const names = Array.from({ length: 20 }, (_, n) => `many${n}`);
  await Promise.all(names.map((name) => s.ok(['volume', 'create', name])));
  appendFileSync(join(s.storeRoot, 'events', 'log'), '{"time":"2026-01-01T00:00:00.000Z","type":"vol');
  await s.ok(['volume', 'rm', ...names]);
  const told = (await s.ok(['events', '--no-stream', '--filter', 'volume=many', '--format', '{{.Status}} {{.Name}}'])).split('\n');
  expect(told.toSorted()).toEqual([...names.map((name) => `create ${name}`), ...names.map((name) => `remove ${name}`)].toSorted());
});

test('a store without a log, and a log that cannot be written, stop nobody', async () => {
  rmSync(join(s.storeRoot, 'events'), { recursive: true });
  expect(await s.ok(['events', '--no-stream', '--filter', 'type=volume'])).toBe('');
  await s.ok(['volume', 'create', 'again']);
  expect(readFileSync(join(s.storeRoot, 'events', 'log'), 'utf8').split('\n').length).toBe(2);
  await s.ok(['volume', 'rm', 'again']);
  await s.fails(['events', '--filter', 'colour=red'], 125, /there is no filter "colour"/);
});

test('the stream ends when nobody reads it any more, whether or not something happens', async () => {
  const following = s.start(['events']);
  following.child.stdout?.destroy();
  expect(await following.ended).toMatchObject({ status: 0, stderr: '' });
});
