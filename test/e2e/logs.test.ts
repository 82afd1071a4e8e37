import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('logs shows both streams where they belong, while the container runs and after', async () => {
  await s.ok(['run', '-d', '--name', 'two', 'busybox', 'sh', '-c', 'echo out; echo err >&2; sleep 1000']);
  await expect.poll(() => s.scull(['logs', 'two'])).toEqual({ status: 0, stdout: 'out\n', stderr: 'err\n' });
  await s.ok(['kill', 'two']);
  await s.ok(['wait', 'two']);
  expect(await s.scull(['logs', 'two'])).toEqual({ status: 0, stdout: 'out\n', stderr: 'err\n' });
});

test('a foreground run is logged too', async () => {
  await s.ok(['run', '--name', 'fore', 'busybox', 'sh', '-c', 'echo one; echo two']);
  expect(await s.ok(['logs', 'fore'])).toBe('one\ntwo');
});

test('--tail counts lines from the end', async () => {
  await s.ok(['run', '--name', 'ten', 'busybox', 'seq', '1', '10']);
  expect(await s.ok(['logs', '--tail', '3', 'ten'])).toBe('8\n9\n10');
  expect(await s.ok(['logs', '--tail', '0', 'ten'])).toBe('');
  expect(await s.ok(['logs', '--tail=-1', 'ten'])).toBe('1\n2\n3\n4\n5\n6\n7\n8\n9\n10');
  await s.fails(['logs', '--tail', 'x', 'ten'], 125, /tail/);
});

test('-t shows times, --since and --until cut by them', async () => {
  await s.ok(['run', '--name', 'timed', 'busybox', 'sh', '-c', 'echo early; sleep 2; echo late']);
  const lines = (await s.ok(['logs', '-t', 'timed'])).split('\n');
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* early$/);
  const late = (lines[1] as string).split(' ')[0] as string;
  expect(await s.ok(['logs', '--since', late, 'timed'])).toBe('late');
  expect(await s.ok(['logs', '--until', late, 'timed'])).toMatch(/^early/);
  expect(await s.ok(['logs', '--since', '1h', 'timed'])).toBe('early\nlate');
  expect(await s.ok(['logs', '--until', '1h', 'timed'])).toBe('');
});

test('-f follows until the container ends', async () => {
  await s.ok(['run', '-d', '--name', 'talks', 'busybox', 'sh', '-c', 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done']);
  expect(await s.scull(['logs', '-f', 'talks'])).toMatchObject({ status: 0, stdout: '1\n2\n3\n4\n5\n' });
});

test('-f on a container that ended ends at once', async () => {
  await s.ok(['run', '--name', 'over', 'busybox', 'echo', 'x']);
  expect(await s.scull(['logs', '-f', 'over'], { timeout: 10_000 })).toMatchObject({ status: 0, stdout: 'x\n' });
});

test('-f shows a line as soon as it is written', async () => {
  await s.ok(['run', '-d', '--name', 'slow', 'busybox', 'sh', '-c', 'echo now; sleep 1000']);
  const following = s.start(['logs', '-f', 'slow']);
  await eventually('the line', () => following.stdout() === 'now\n');
  await s.ok(['rm', '-f', '-t', '0', 'slow']);
  expect((await following.ended).status).toBe(0);
});

test('-f ends when nobody reads it any more, whether or not there is more to say', async () => {
  await s.ok(['run', '-d', '--name', 'silent', 'busybox', 'sleep', '1000']);
  const following = s.start(['logs', '-f', 'silent']);
  following.child.stdout?.destroy();
  expect(await following.ended).toMatchObject({ status: 0, stderr: '' });
  await s.ok(['rm', '-f', '-t', '0', 'silent']);
});

test('a line of 100,000 characters and one without an end come out as they were', async () => {
  await s.ok(['run', '--name', 'long', 'busybox', 'sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" x; echo; printf unfinished']);
  const result = await s.scull(['logs', 'long']);
  expect(result.stdout.length).toBe(100_000 + 1 + 'unfinished'.length);
  expect(result.stdout.endsWith('x\nunfinished')).toBe(true);
});

test('several containers can be asked for at once, with their names', async () => {
  await s.ok(['run', '--name', 'la', 'busybox', 'echo', 'of a']);
  await s.ok(['run', '--name', 'lb', 'busybox', 'echo', 'of b']);
  const output = await s.ok(['logs', '--names', 'la', 'lb']);
  expect(output).toMatch(/la.*of a/);
  expect(output).toMatch(/lb.*of b/);
});

test('--log-driver none keeps nothing and logs says so', async () => {
  await s.ok(['run', '--name', 'quiet', '--log-driver', 'none', 'busybox', 'echo', 'x']);
  await s.fails(['logs', 'quiet'], 125, /none|log/);
});

test('json-file is accepted and readable', async () => {
  await s.ok(['run', '--name', 'json', '--log-driver', 'json-file', 'busybox', 'echo', 'x']);
  expect(await s.ok(['logs', 'json'])).toBe('x');
});

test('--log-opt max-size bounds what is kept', async () => {
  await s.ok(['run', '--name', 'bounded', '--log-opt', 'max-size=20k', 'busybox', 'sh', '-c', 'seq 1 20000']);
  const kept = await s.ok(['logs', 'bounded']);
  expect(kept.length).toBeLessThan(60_000);
  expect(kept.endsWith('20000')).toBe(true);
});

test('an unknown container is an error', async () => {
  await s.fails(['logs', 'nosuch'], 125, /nosuch/);
});
