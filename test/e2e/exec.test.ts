import { beforeAll, expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

beforeAll(async () => {
  await s.ok(['run', '-d', '--name', 'c', '-e', 'OF_CONTAINER=1', '-w', '/etc', 'busybox', 'sleep', '1000']);
});

test('exec shows output, keeps the streams apart, and passes the exit code', async () => {
  expect(await s.scull(['exec', 'c', 'sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({ status: 3, stdout: 'out\n', stderr: 'err\n' });
});

test('options after the container belong to the command', async () => {
  expect(await s.ok(['exec', 'c', 'echo', '-it', '--help', '--', 'x', 'x'])).toBe('-it --help -- x x');
});

test('variables and directory are the container’s, and can be overridden', async () => {
  expect(await s.ok(['exec', 'c', 'sh', '-c', 'echo $OF_CONTAINER $PWD'])).toBe('1 /etc');
  expect(await s.ok(['exec', '-e', 'A=b', '-w', '/tmp', 'c', 'sh', '-c', 'echo $A $PWD'])).toBe('b /tmp');
  const file = s.file('env', 'X=file\n');
  expect(await s.ok(['exec', '--env-file', file, 'c', 'sh', '-c', 'echo $X'])).toBe('file');
});

test('-u takes names and numbers of the image', async () => {
  expect(await s.ok(['exec', '-u', 'app', 'c', 'id'])).toMatch(/^uid=1000\(app\) gid=1000\(app\)/);
  expect(await s.ok(['exec', '-u', '1234:10', 'c', 'id'])).toMatch(/^uid=1234 gid=10\(wheel\)/);
  await s.fails(['exec', '-u', 'nosuch', 'c', 'id'], 125, /nosuch/);
});

test('-i passes standard input, its absence does not', async () => {
  expect(await s.ok(['exec', '-i', 'c', 'cat'], { input: 'through' })).toBe('through');
  expect(await s.ok(['exec', 'c', 'cat'], { input: 'lost' })).toBe('');
});

test('-d returns at once and the command goes on', async () => {
  await s.ok(['exec', '-d', 'c', 'sh', '-c', 'sleep 0.3; echo done > /tmp/detached']);
  await expect.poll(async () => (await s.scull(['exec', 'c', 'cat', '/tmp/detached'])).stdout, { timeout: 10_000 }).toBe('done\n');
});

test('--privileged gives all capabilities, its absence does not', async () => {
  const bits = async (args: string[]) => BigInt(`0x${/CapEff:\s+(\w+)/.exec(await s.ok(['exec', ...args, 'c', 'cat', '/proc/self/status']))?.[1]}`);
  expect(await bits([])).toBeLessThan(await bits(['--privileged']));
});

test('a command that is not there is 127, one that can’t be run is 126', async () => {
  await s.fails(['exec', 'c', 'no-such-command'], 127, /no-such-command/);
  await s.fails(['exec', 'c', '/etc/not-a-program'], 126, /not-a-program/);
});

test('a container that is not running is refused, as is an unknown one', async () => {
  await s.ok(['create', '--name', 'idle', 'busybox', 'true']);
  await s.fails(['exec', 'idle', 'true'], 125, /idle|not running/);
  await s.fails(['exec', 'nosuch', 'true'], 125, /nosuch/);
  await s.fails(['exec', 'c'], 125, /command/);
});

test('death by a signal is 128 plus its number', async () => {
  expect(await s.scull(['exec', 'c', 'sh', '-c', 'kill -9 $$'])).toMatchObject({ status: 137 });
});

test('twenty at a time all work', async () => {
  const outputs = await Promise.all(Array.from({ length: 20 }, (_, i) => s.ok(['exec', 'c', 'echo', String(i)])));
  expect(outputs).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
});

test('ten megabytes arrive whole', async () => {
  const result = await s.scull(['exec', 'c', 'sh', '-c', 'yes 0123456789012345678 | head -c 10000000']);
  expect(result.status).toBe(0);
  expect(result.stdout.length).toBe(10_000_000);
});
