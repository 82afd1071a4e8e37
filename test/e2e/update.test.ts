/** Changing what a container may use, and what becomes of it when it ends or is not well. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('a restart policy given later holds at once, and one taken away does not', async () => {
  await s.ok(['run', '-d', '--name', 'later', 'busybox', 'sleep', '1000']);
  expect(await s.ok(['update', '--restart', 'always', 'later'])).toBe('later');
  expect((await s.inspect('later')).HostConfig.RestartPolicy).toEqual({ Name: 'always', MaximumRetryCount: 0 });
  process.kill((await s.inspect('later')).State.Pid, 'SIGKILL');
  await eventually('it to run again', async () => {
    const { State, RestartCount } = await s.inspect('later');
    return State.Running && RestartCount === 1;
  });
  await s.ok(['update', '--restart', 'no', 'later']);
  process.kill((await s.inspect('later')).State.Pid, 'SIGKILL');
  expect(await s.ok(['wait', 'later'])).toBe('137');
  expect((await s.inspect('later')).RestartCount).toBe(0);
  await s.ok(['rm', '-f', '-t', '0', 'later']);
});

test('a health check given later is run, and what is not given of it stays', async () => {
  await s.ok(['run', '-d', '--name', 'checked', 'busybox', 'sleep', '1000']);
  await s.ok(['update', '--health-cmd', 'true', '--health-interval', '100ms', '--health-retries', '7', 'checked']);
  await s.ok(['wait', '--condition', 'healthy', 'checked']);
  await s.ok(['update', '--health-cmd', 'false', 'checked']);
  expect((await s.inspect('checked')).Config.Healthcheck).toMatchObject({ Test: ['CMD-SHELL', 'false'], Interval: 1e8, Retries: 7 });
  await s.ok(['wait', '--condition', 'unhealthy', 'checked']);
  await s.ok(['update', '--no-healthcheck', 'checked']);
  expect((await s.inspect('checked')).State.Health).toBeUndefined();
  await s.ok(['rm', '-f', '-t', '0', 'checked']);
});

test('a limit that cannot be enforced is an error that says why, and changes nothing', async () => {
  await s.ok(['create', '--name', 'limited', 'busybox', 'true']);
  const { HostConfig } = await s.inspect('limited');
  const info = JSON.parse(await s.ok(['info', '--format', 'json']));
  const controllers: string[] = info.host?.cgroupControllers ?? [];
  if (controllers.includes('memory')) await s.ok(['update', '--memory', '64m', 'limited']);
  else {
    const failed = await s.fails(['update', '--memory', '64m', 'limited'], 125, /--memory needs the cgroup controller "memory", which is not delegated to you/);
    expect(failed.stderr).toMatch(/hint: .*(delegate\.conf|unified_cgroup_hierarchy)/);
    expect((await s.inspect('limited')).HostConfig).toEqual(HostConfig);
    const run = await s.fails(['run', '--rm', '--device-read-bps', '/dev/sda:1mb', 'busybox', 'true'], 125, /--device-read-bps needs the cgroup controller "io"/);
    expect(run.stderr).toMatch(/hint: /);
  }
  await s.fails(['update', 'limited'], 125, /nothing to change was given/);
  await s.fails(['update', '--cpus', 'many', 'limited'], 125, /invalid --cpus "many"/);
  await s.ok(['rm', 'limited']);
});

test('--cgroups=disabled runs without a cgroup, and excludes limits and a parent', async () => {
  expect(await s.ok(['run', '--rm', '--cgroups', 'disabled', 'busybox', 'echo', 'runs'])).toBe('runs');
  expect(await s.ok(['run', '--rm', '--cgroups', 'no-conmon', 'busybox', 'echo', 'runs'])).toBe('runs');
  await s.fails(['run', '--rm', '--cgroups', 'disabled', '--memory', '64m', 'busybox', 'true'], 125, /--memory and --cgroups=disabled exclude each other/);
  await s.fails(['run', '--rm', '--cgroups', 'disabled', '--cgroup-parent', 'x', 'busybox', 'true'], 125, /--cgroups=disabled and --cgroup-parent cannot be used together/);
});

test('what only an administrator could grant is said: a parent among the cgroups, and a low score for the kernel out of memory', async () => {
  const info = JSON.parse(await s.ok(['info', '--format', 'json']));
  if (info.host.cgroupManager === 'none') {
    const failed = await s.fails(['run', '--rm', '--cgroup-parent', 'x', 'busybox', 'true'], 125, /--cgroup-parent "x" is no place for a container: /);
    expect(failed.stderr).toMatch(/hint: /);
  }
  const raised = await s.scull(['run', '--rm', '--oom-score-adj=-900', 'busybox', 'cat', '/proc/self/oom_score_adj']);
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  expect(raised).toMatchObject({ status: 0, stdout: `${own}\n` });
  expect(raised.stderr).toContain(`--oom-score-adj -900 is below your own, which takes an administrator: the container gets ${own}`);
  expect((await s.scull(['run', '--rm', `--oom-score-adj=${own + 10}`, 'busybox', 'true'])).stderr).toBe('');
});

test('a namespace that belongs to somebody else cannot be joined, and the error says whose it is to be', async () => {
  const failed = await s.fails(['run', '--rm', '--network', 'ns:/proc/1/ns/net', 'busybox', 'true'], 125, /cannot join the namespace "\/proc\/1\/ns\/net": it belongs to another user/);
  expect(failed.stderr).toMatch(/hint: .*--network container:NAME/);
  await s.fails(['run', '--rm', '--network', 'ns:/etc/passwd', 'busybox', 'true'], 125, /"\/etc\/passwd" is no namespace/);
  await s.fails(['run', '--rm', '--pid', 'ns:/proc/4194999/ns/pid', 'busybox', 'true'], 125, /there is no namespace "\/proc\/4194999\/ns\/pid": no such file/);
});

test('inspect tells the size of /dev/shm that is mounted', async () => {
  await s.ok(['run', '-d', '--name', 'memory', 'busybox', 'sleep', '1000']);
  const kibibytes = await s.ok(['exec', 'memory', 'sh', '-c', 'df -k /dev/shm | tail -1 | awk "{print \\$2}"']);
  expect((await s.inspect('memory')).HostConfig.ShmSize).toBe(Number(kibibytes) * 1024);
  await s.ok(['rm', '-f', '-t', '0', 'memory']);
});

test('variables and ulimits count from the next start on, and in what is cloned from it', async () => {
  await s.ok(['create', '--name', 'changed', '-e', 'KEPT=1', '-e', 'GONE=2', '-e', 'NEW=old', '--ulimit', 'nofile=100', 'busybox', 'sh', '-c', 'echo $KEPT-$GONE-$NEW-$MORE; ulimit -n; ulimit -c']);
  await s.ok(['update', '-e', 'NEW=new', '--env', 'MORE=a b', '--unsetenv', 'GONE', '--ulimit', 'core=0', 'changed']);
  expect(await s.ok(['start', '-a', 'changed'])).toBe('1--new-a b\n100\n0');
  await s.ok(['container', 'clone', 'changed']);
  expect(await s.ok(['start', '-a', 'changed-clone'])).toBe('1--new-a b\n100\n0');
  await s.ok(['rm', 'changed', 'changed-clone']);
});
