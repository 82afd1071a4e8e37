/** Health checks: by a timer that costs nothing in between, by hand, of options and of images. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { busyboxEntries } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const BUSY = ['busybox', 'sleep', '1000'];

async function health(name: string): Promise<any> {
  return (await s.inspect(name)).State.Health;
}

async function remove(...names: string[]): Promise<void> {
  await s.ok(['rm', '-f', '-t', '0', ...names]);
}

test('a check that succeeds makes it healthy, one that fails unhealthy; ps, inspect, events and wait know it', async () => {
  await s.ok(['run', '-d', '--name', 'web', '--health-cmd', 'test -f /ready', '--health-interval', '100ms', '--health-retries', '2', 'busybox', 'sh', '-c', 'touch /ready; sleep 1000']);
  expect(await s.ok(['wait', '--condition', 'healthy', 'web'])).toBe('-1');
  expect(await s.ok(['ps', '--filter', 'name=web', '--format', '{{.Status}}'])).toMatch(/^Up .* \(healthy\)$/);
  await s.ok(['exec', 'web', 'rm', '/ready']);
  await s.ok(['wait', '--condition', 'unhealthy', 'web']);
  expect(await s.ok(['ps', '-q', '--no-trunc', '--filter', 'health=unhealthy'])).toBe((await s.inspect('web')).Id);
  const state = await health('web');
  expect(state).toMatchObject({ Status: 'unhealthy' });
  expect(state.Log.at(-1)).toMatchObject({ ExitCode: 1, Output: '' });
  expect(state.Log.length).toBeLessThanOrEqual(5);
  // An event is noted after what it tells.
  await eventually('the events', async () => (await s.ok(['events', '--no-stream', '--filter', 'container=web', '--filter', 'event=health_status', '--format', '{{.HealthStatus}}'])) === 'healthy\nunhealthy');
  await remove('web');
});

test('it is starting at first, and a start period forgives failures', async () => {
  await s.ok(['run', '-d', '--name', 'slow', '--health-cmd', 'exit 1', '--health-interval', '100ms', '--health-retries', '1', '--health-start-period', '1h', ...BUSY]);
  await eventually('three checks', async () => (await health('slow')).Log.length >= 3);
  expect(await health('slow')).toMatchObject({ Status: 'starting', FailingStreak: 0 });
  expect(await s.ok(['ps', '--filter', 'name=slow', '--format', '{{.Status}}'])).toMatch(/\(starting\)$/);
  await remove('slow');
});

test('healthcheck run checks by hand and tells by its exit status', async () => {
  await s.ok(['run', '-d', '--name', 'hand', '--health-cmd', '["sh", "-c", "echo said; echo more >&2; exit $(cat /code)"]', '--health-interval', 'disable', '--health-retries', '1', ...BUSY]);
  await s.ok(['exec', 'hand', 'sh', '-c', 'echo 0 > /code']);
  expect(await s.scull(['healthcheck', 'run', 'hand'])).toMatchObject({ status: 0, stdout: '' });
  expect((await health('hand')).Log).toMatchObject([{ ExitCode: 0, Output: 'said\nmore\n' }]);
  await s.ok(['exec', 'hand', 'sh', '-c', 'echo 7 > /code']);
  expect(await s.scull(['healthcheck', 'run', 'hand'])).toMatchObject({ status: 1, stdout: 'unhealthy\n' });
  expect((await s.scull(['healthcheck', 'run', '--ignore-result', 'hand'])).status).toBe(0);
  await remove('hand');
});

test('a check that takes too long is killed and has failed', async () => {
  await s.ok(['run', '-d', '--name', 'stuck', '--health-cmd', 'exec sleep 500', '--health-interval', 'disable', '--health-timeout', '300ms', '--health-retries', '1', ...BUSY]);
  expect((await s.scull(['healthcheck', 'run', 'stuck'])).status).toBe(1);
  expect((await health('stuck')).Log).toMatchObject([{ ExitCode: -1, Output: expect.stringContaining('the check took longer than 0.3 s') }]);
  expect(await s.ok(['exec', 'stuck', 'ps', '-o', 'args'])).not.toContain('sleep 500');
  await remove('stuck');
});

test('a command that is not there is a failed check, and says so', async () => {
  await s.ok(['run', '-d', '--name', 'none', '--health-cmd', '["/no/such"]', '--health-interval', 'disable', ...BUSY]);
  expect((await s.scull(['healthcheck', 'run', 'none'])).status).toBe(1);
  expect((await health('none')).Log[0].Output).toMatch(/executable file "\/no\/such" not found/);
  await remove('none');
});

test("an image's HEALTHCHECK counts, unless --no-healthcheck or --health-cmd none says otherwise", async () => {
  await s.load({ tags: ['checked:latest'], layers: [busyboxEntries()], settings: { Cmd: ['sleep', '1000'], Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 100_000_000, Retries: 4 } } as any });
  await s.ok(['run', '-d', '--name', 'from-image', 'checked']);
  await s.ok(['wait', '--condition', 'healthy', 'from-image']);
  expect((await s.inspect('from-image')).Config.Healthcheck).toEqual({ Test: ['CMD-SHELL', 'true'], Interval: 1e8, Timeout: 3e10, StartPeriod: 0, Retries: 4 });
  await s.ok(['run', '-d', '--name', 'without', '--no-healthcheck', 'checked']);
  await s.ok(['run', '-d', '--name', 'without2', '--health-cmd', 'none', 'checked']);
  for (const name of ['without', 'without2']) expect((await s.inspect(name)).State.Health).toBeUndefined();
  await s.fails(['healthcheck', 'run', 'without'], 125, /container without has no health check/);
  await s.fails(['wait', '--condition', 'healthy', 'without'], 125, /has no health check to wait for/);
  await remove('from-image', 'without', 'without2');
});

test.each([
  ['kill', 137],
  ['stop', 3],
])('--health-on-failure=%s ends it', async (action, code) => {
  const name = `fails-${action}`;
  await s.ok(['run', '-d', '--name', name, '--health-cmd', 'exit 1', '--health-interval', '100ms', '--health-retries', '1', '--health-on-failure', action, 'busybox', 'sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.05; done']);
  expect(await s.ok(['wait', name])).toBe(String(code));
  await remove(name);
});

test('--health-on-failure=restart starts it anew, with its health, and counts it', async () => {
  await s.ok(['run', '-d', '--name', 'again', '--stop-timeout', '0', '--health-cmd', 'test ! -f /broken', '--health-interval', '100ms', '--health-retries', '1', '--health-on-failure', 'restart', 'busybox', 'sh', '-c', 'rm -f /broken; sleep 1000']);
  await s.ok(['wait', '--condition', 'healthy', 'again']);
  const { Pid } = (await s.inspect('again')).State;
  await s.ok(['exec', 'again', 'touch', '/broken']);
  await eventually('another process', async () => {
    const { State } = await s.inspect('again');
    return State.Running && State.Pid !== Pid && State.Health.Status === 'healthy';
  }, 20_000);
  expect((await s.inspect('again')).RestartCount).toBe(1);
  expect((await s.ok(['ps', '--filter', 'name=again', '--format', '{{.Restarts}}'])).trim()).toBe('1');
  await s.ok(['restart', '-t', '0', 'again']);
  expect((await s.inspect('again')).RestartCount).toBe(0);
  await remove('again');
});

test('a startup check gates the others', async () => {
  await s.ok(['run', '-d', '--name', 'gated', '--health-cmd', 'exit 1', '--health-interval', '100ms', '--health-retries', '1', '--health-startup-cmd', 'test -f /up', '--health-startup-interval', '100ms', ...BUSY]);
  await eventually('some checks', async () => (await health('gated')).Log.length >= 3);
  expect((await health('gated')).Status).toBe('starting');
  await s.ok(['exec', 'gated', 'touch', '/up']);
  await s.ok(['wait', '--condition', 'unhealthy', 'gated']);
  await remove('gated');
});

test('the log goes where it was told to', async () => {
  const place = s.directory('health-logs');
  await s.ok(['run', '-d', '--name', 'logs', '--health-cmd', 'echo 0123456789', '--health-interval', 'disable', '--health-log-destination', place, '--health-max-log-size', '4', '--health-max-log-count', '2', ...BUSY]);
  for (let n = 0; n < 3; n += 1) await s.ok(['healthcheck', 'run', 'logs']);
  const [file] = readdirSync(place);
  expect(file).toMatch(/^[0-9a-f]{64}-healthcheck\.log$/);
  const log = JSON.parse(readFileSync(join(place, file as string), 'utf8'));
  expect(log).toMatchObject({ Status: 'healthy', Log: [{ Output: '0123' }, { Output: '0123' }] });
  await s.fails(['run', '--health-cmd', 'true', '--health-log-destination', join(s.base, 'nowhere'), ...BUSY], 125, /is no directory/);
  await remove('logs');
});

test('between checks there is a process of less than a megabyte, and none when the container has ended', async () => {
  await s.ok(['run', '-d', '--name', 'cheap', '--health-cmd', 'true', '--health-interval', '1h', ...BUSY]);
  await s.ok(['wait', '--condition', 'healthy', 'cheap']);
  const { Id } = await s.inspect('cheap');
  const keepers = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && readOr(`/proc/${pid}/cmdline`).includes(`healthcheck\0run\0--timer\0${Id}`));
  await eventually('the check to be over', () => keepers().length === 1);
  const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${keepers()[0]}/smaps_rollup`, 'utf8'))?.[1]);
  expect(kilobytes).toBeGreaterThan(0);
  expect(kilobytes).toBeLessThanOrEqual(1024);
  await s.ok(['stop', '-t', '0', 'cheap']);
  await eventually('the keeper to end', () => keepers().length === 0);
  await remove('cheap');
});

test('a check that comes before the command is executed, on a busy machine, comes again', async () => {
  await s.ok(['create', '--name', 'early', '--health-cmd', 'true', ...BUSY]);
  expect(await s.ok(['healthcheck', 'run', '--timer', 'early'])).toBe('100');
  await s.ok(['start', 'early']);
  await s.ok(['stop', '-t', '0', 'early']);
  expect(await s.ok(['healthcheck', 'run', '--timer', 'early'])).toBe('stop');
  await remove('early');
});

test('rm -f ends one for good that a failed check is about to start again', async () => {
  // Every tenth of a second it is stopped and started anew.
  for (let round = 0; round < 3; round += 1) {
    await s.ok(['run', '-d', '--name', 'looping', '--stop-timeout', '0', '--health-cmd', 'exit 1', '--health-interval', '100ms', '--health-retries', '1', '--health-on-failure', 'restart', ...BUSY]);
    await eventually('a restart', async () => (await s.inspect('looping')).RestartCount > 0);
    await s.ok(['rm', '-f', '-t', '0', 'looping']);
    expect(await s.ok(['ps', '-aq', '--filter', 'name=looping'])).toBe('');
  }
});

test('wait tells when what it waits for will never be', async () => {
  await s.ok(['run', '-d', '--name', 'dies', '--health-cmd', 'false', '--health-interval', '1h', 'busybox', 'sh', '-c', 'sleep 0.5; exit 9']);
  await s.fails(['wait', '--condition', 'healthy', 'dies'], 125, /ended with exit code 9 before it was healthy/);
  await s.fails(['healthcheck', 'run', 'dies'], 125, /is not running but exited/);
  await remove('dies');
});

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
