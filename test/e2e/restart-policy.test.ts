/** --restart: right after the end, later and later, not against the user's will; and `scull boot`. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

// What a failed test leaves would be started and listed in the next.
afterEach(() => s.ok(['rm', '-f', '-a', '-t', '0']));

async function remove(...names: string[]): Promise<void> {
  await s.ok(['rm', '-f', '-t', '0', ...names]);
}

async function state(name: string): Promise<any> {
  const { State, RestartCount } = await s.inspect(name);
  return { ...State, RestartCount };
}

const LOYAL = ['busybox', 'sleep', '1000'];

test('what is killed inside is started again at once, and counted', async () => {
  await s.ok(['run', '-d', '--name', 'loyal', '--restart', 'always', ...LOYAL]);
  const { Pid } = await state('loyal');
  process.kill(Pid, 'SIGKILL');
  const after = await eventually('another process', async () => {
    const now = await state('loyal');
    return now.Running && now.Pid !== Pid && now;
  });
  expect(after).toMatchObject({ RestartCount: 1, Restarting: false });
  expect((await s.inspect('loyal')).HostConfig.RestartPolicy).toEqual({ Name: 'always', MaximumRetryCount: 0 });
  // An event is noted after what it tells.
  await eventually('the events', async () => (await s.ok(['events', '--no-stream', '--filter', 'container=loyal', '--format', '{{.Status}}'])) === 'create\nstart\ndied\nstart');
  await remove('loyal');
});

test('a start by the policy that is killed midway is done once more', async () => {
  await s.ok(['run', '-d', '--name', 'killed', '--restart', 'always', ...LOYAL]);
  const { Id } = await s.inspect('killed');
  /** The command that starts it again, not the keeper before it or the shell beside it. */
  const starter = (): number | undefined => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).find((pid) => {
    const words = commandLine(pid);
    return words[0] !== 'sh' && !words.includes('keep') && words.includes('cleanup') && words.includes(Id);
  });
  let shots = 0;
  for (let round = 0; round < 10 && shots < 2; round += 1) {
    const running = await eventually('it runs', async () => {
      const now = await state('killed');
      return now.Running && now.Pid > 1 && (now.Pid as number);
    }, 30_000);
    process.kill(running as number, 'SIGKILL');
    for (const end = Date.now() + 3000; Date.now() < end;) {
      const pid = starter();
      if (pid === undefined) continue;
      // The first time at once, then when it has come further.
      if (shots === 1) await sleep(10);
      try {
        process.kill(pid, 'SIGKILL');
        shots += 1;
      } catch {
        // It was quicker.
      }
      break;
    }
  }
  expect(shots).toBe(2);
  const { Pid } = await eventually('it runs again', async () => {
    const now = await state('killed');
    return now.Running && now;
  }, 30_000);
  expect(Pid).toBeGreaterThan(0);
  expect(await s.ok(['exec', 'killed', 'echo', 'well'])).toBe('well');
  await remove('killed');
});

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}

test('on-failure starts what failed, as often as it may, and not what succeeded', async () => {
  await s.ok(['run', '-d', '--name', 'tries', '--restart', 'on-failure:2', 'busybox', 'sh', '-c', 'echo x; exit 5']);
  await eventually('the end of the third run', async () => (await s.ok(['logs', 'tries'])) === 'x\nx\nx' && (await state('tries')).Status === 'exited');
  await sleep(300);
  expect(await state('tries')).toMatchObject({ RestartCount: 2, ExitCode: 5, Status: 'exited' });
  await s.ok(['run', '-d', '--name', 'done', '--restart', 'on-failure', 'busybox', 'true']);
  await eventually('its end', async () => (await state('done')).Status === 'exited');
  await sleep(300);
  expect(await state('done')).toMatchObject({ RestartCount: 0, Status: 'exited' });
  await remove('tries', 'done');
});

test('one that fails again and again waits longer and longer; ps says so, and stop ends it', async () => {
  await s.ok(['run', '-d', '--name', 'loop', '--restart', 'always', 'busybox', 'sh', '-c', 'exit 1']);
  await eventually('a wait', async () => {
    const now = await state('loop');
    return now.RestartCount >= 4 && now.Restarting;
  }, 20_000);
  await eventually('ps to say so', async () => (await s.ok(['ps', '-a', '--filter', 'name=loop', '--format', '{{.Status}}'])).startsWith('Restarting (1)'));
  await eventually('prune to leave it alone', async () => (await s.ok(['ps', '-a', '--filter', 'status=restarting', '--format', '{{.Names}}'])) === 'loop');
  await s.ok(['stop', 'loop']);
  const { RestartCount } = await state('loop');
  await sleep(2500);
  expect(await state('loop')).toMatchObject({ RestartCount, Status: 'exited', Restarting: false, StoppedByUser: true });
  await remove('loop');
});

test.each([['stop'], ['kill']])('%s is the wish that it stays so', async (verb) => {
  const name = `obeys-${verb}`;
  await s.ok(['run', '-d', '--name', name, '--restart', 'always', '--stop-timeout', '0', ...LOYAL]);
  await s.ok([verb, name]);
  await sleep(500);
  expect(await state(name)).toMatchObject({ Status: 'exited', RestartCount: 0 });
  await s.ok(['start', name]);
  process.kill((await state(name)).Pid, 'SIGKILL');
  await eventually('the policy to hold again', async () => (await state(name)).RestartCount === 1);
  await remove(name);
});

test('rm -f removes it for good, also while it waits', async () => {
  await s.ok(['run', '-d', '--name', 'gone', '--restart', 'always', 'busybox', 'false']);
  await eventually('a wait', async () => (await state('gone')).Restarting, 20_000);
  await remove('gone');
  await sleep(600);
  expect((await s.scull(['container', 'exists', 'gone'])).status).toBe(1);
});

test('a restart by the user is none of the policy', async () => {
  await s.ok(['run', '-d', '--name', 'user', '--restart', 'always', '--stop-timeout', '0', ...LOYAL]);
  await s.ok(['restart', 'user']);
  await sleep(300);
  expect(await state('user')).toMatchObject({ Status: 'running', RestartCount: 0 });
  await remove('user');
});

test('the keeper of a foreground container starts it again when the command has ended', async () => {
  const run = await s.scull(['run', '--name', 'front', '--restart', 'on-failure:1', 'busybox', 'sh', '-c', 'echo once; exit 6']);
  expect(run).toMatchObject({ status: 6, stdout: 'once\n' });
  await eventually('the second run', async () => {
    const now = await state('front');
    return now.RestartCount === 1 && now.Status === 'exited' && (await s.ok(['logs', 'front'])) === 'once\nonce';
  }, 20_000);
  await remove('front');
});

test('--rm and a policy exclude each other, and nonsense is refused', async () => {
  await s.fails(['run', '--rm', '--restart', 'always', 'busybox', 'true'], 125, /--restart and --rm cannot be used together/);
  await s.fails(['run', '--restart', 'often', 'busybox', 'true'], 125, /invalid --restart "often"/);
  expect(await s.ok(['run', '--rm', '--restart', 'no', 'busybox', 'echo', 'x'])).toBe('x');
});

/** The pid that a state file names, or none where its owner has just taken it away. */
function pidIn(...path: string[]): number[] {
  try {
    return [JSON.parse(readFileSync(join(...path), 'utf8')).pid];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Every process of this suite's store: what watches containers, and for each its monitor and its first process. */
function everyProcess(): number[] {
  const watching = readdirSync('/proc').map(Number).filter((pid) => {
    if (!pid || pid === process.pid) return false;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return command.includes(s.base) && /scull-helper|scull-keep|scull-restart/.test(command);
    } catch {
      return false; // it has ended
    }
  });
  const contained = readdirSync(s.runRoot).flatMap((boot) =>
    readdirSync(join(s.runRoot, boot, 'c')).flatMap((id) => [
      ...pidIn(s.runRoot, boot, 'c', id, 'monitor.json'),
      ...pidIn(s.runRoot, boot, 'crun', id, 'status'),
    ]));
  return [...watching, ...contained];
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // dead already, as it is to be
  }
}

/** As after a reboot: everything that ran is dead, none had time to notice the death of another, and the runtime folder is a new one. */
function powerCut(): void {
  const running = everyProcess();
  for (const name of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of running) signal(pid, name);
  for (const boot of readdirSync(s.runRoot)) rmSync(join(s.runRoot, boot), { recursive: true });
}

test('boot starts what should run, those first that others live in', async () => {
  await s.ok(['run', '-d', '--name', 'b-always', '--restart', 'always', ...LOYAL]);
  await s.ok(['run', '-d', '--name', 'b-guest', '--restart', 'always', '--network', 'container:b-always', ...LOYAL]);
  await s.ok(['run', '-d', '--name', 'b-unless', '--restart', 'unless-stopped', ...LOYAL]);
  await s.ok(['run', '-d', '--name', 'b-stopped', '--restart', 'unless-stopped', '--stop-timeout', '0', ...LOYAL]);
  await s.ok(['run', '-d', '--name', 'b-plain', ...LOYAL]);
  await s.ok(['create', '--name', 'b-new', '--restart', 'always', ...LOYAL]);
  await s.ok(['stop', 'b-stopped']);
  expect(await s.ok(['ps', '-a', '--filter', 'should-start-on-boot=true', '--format', '{{.Names}}'])).toBe('b-always\nb-guest\nb-unless');
  powerCut();
  expect((await s.ok(['boot'])).split('\n').sort()).toEqual(['b-always', 'b-guest', 'b-unless']);
  expect((await s.ok(['ps', '--format', '{{.Names}}'])).split('\n').sort()).toEqual(['b-always', 'b-guest', 'b-unless']);
  expect(await s.ok(['boot'])).toBe('');
  await remove('b-guest', 'b-always', 'b-unless', 'b-stopped', 'b-plain', 'b-new');
});

test('each that boot starts has a user namespace of its own with the usual ids, made in one that is around all of them', async () => {
  /** What the kernel knows of a container's user namespace, from outside and from inside. */
  const look = async (name: string): Promise<{ namespace: string; around: string; inside: string; setgroups: string }> => {
    const { Pid } = await state(name);
    const [namespace = '', around = ''] = execFileSync('lsns', ['--noheadings', '--type', 'user', '--output', 'NS,PNS', '--task', String(Pid)], { encoding: 'utf8' }).trim().split(/\s+/);
    return { namespace, around, inside: await s.ok(['exec', name, 'cat', '/proc/self/uid_map', '/proc/self/gid_map']), setgroups: await s.ok(['exec', name, 'cat', '/proc/self/setgroups']) };
  };
  for (const name of ['n-one', 'n-two']) await s.ok(['run', '-d', '--name', name, '--restart', 'always', ...LOYAL]);
  const before = await look('n-one');
  powerCut();
  await s.ok(['boot']);
  const [one, two] = [await look('n-one'), await look('n-two')];
  for (const after of [one, two]) expect(after).toMatchObject({ inside: before.inside, setgroups: before.setgroups });
  expect(one.namespace).not.toBe(two.namespace);
  expect(one.around).toBe(two.around);
  expect(one.around).not.toBe(before.around);
  await remove('n-one', 'n-two');
});

test('boot stop ends them for now, and the next boot has them again', async () => {
  await s.ok(['run', '-d', '--name', 'shut', '--restart', 'unless-stopped', '--stop-timeout', '0', ...LOYAL]);
  expect(await s.ok(['boot', 'stop'])).toBe('shut');
  await sleep(400);
  expect(await state('shut')).toMatchObject({ Status: 'exited', StoppedByUser: false });
  expect(await s.ok(['boot'])).toBe('shut');
  await remove('shut');
});

test('one that cannot start is told, keeps no other from starting, and is started by the next boot when it can', async () => {
  const data = s.directory('data');
  await s.ok(['run', '-d', '--name', 'bad', '--restart', 'always', '-v', `${data}:/data`, ...LOYAL]);
  await s.ok(['run', '-d', '--name', 'good', '--restart', 'always', ...LOYAL]);
  powerCut();
  renameSync(data, `${data}.away`);
  const boot = await s.scull(['boot']);
  expect(boot.status).toBe(125);
  expect(boot.stdout).toBe('good\n');
  expect(boot.stderr).toMatch(/^Error: .*data/m);
  renameSync(`${data}.away`, data);
  expect(await s.ok(['boot'])).toBe('bad');
  await remove('bad', 'good');
});

test('boot install writes a line for cron where no systemd runs, once, and takes it away again', async () => {
  const bin = s.directory('bin');
  const tab = s.file('crontab', '# mine\n0 * * * * true\n');
  writeFileSync(join(bin, 'crontab'), `#!/bin/sh\ncase $1 in -l) cat '${tab}';; -) cat > '${tab}.new'; mv '${tab}.new' '${tab}';; esac\n`, { mode: 0o755 });
  const env = { PATH: `${bin}:${s.env['PATH']}` };
  const line = await s.ok(['boot', 'install', '--means', 'cron'], { env });
  expect(line).toMatch(/^@reboot .* --root .* boot # scull boot$/);
  await s.ok(['boot', 'install', '--means', 'cron'], { env });
  expect(readFileSync(tab, 'utf8')).toBe(`# mine\n0 * * * * true\n${line}\n`);
  // What cron would run works.
  execFileSync('sh', ['-c', line.slice('@reboot '.length)], { env: { ...s.env, PATH: '/usr/bin:/bin' } });
});

test('boot install has the first login after a boot start them where there is neither systemd nor cron', async () => {
  const home = s.directory('login-home');
  const env = { HOME: home, SHELL: '/bin/bash', XDG_DATA_HOME: s.directory('login-data') };
  writeFileSync(join(home, '.bash_profile'), 'mine=1');
  const { status, stdout, stderr } = await s.scull(['boot', 'install', '--means', 'login'], { env });
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: `${join(home, '.bash_profile')}\n`, stderr: expect.stringContaining('first login after a boot') });
  await s.ok(['boot', 'install', '--means', 'login'], { env });
  const text = readFileSync(join(home, '.bash_profile'), 'utf8');
  expect(text).toMatch(/^mine=1\n\(.* boot --once < \/dev\/null > \/dev\/null 2>&1 &\) # scull boot\n$/);
  // What the shell would run works: it notes that it has.
  const runtime = s.directory('login-runtime');
  execFileSync('sh', ['-ec', text], { env: { ...s.env, ...env, XDG_RUNTIME_DIR: runtime, PATH: '/usr/bin:/bin' } });
  await eventually('a note of it', () => readdirSync(runtime, { recursive: true }).some((path) => basename(String(path)) === 'booted'));
  expect(await s.ok(['boot', 'uninstall'], { env })).toContain('.bash_profile');
  expect(readFileSync(join(home, '.bash_profile'), 'utf8')).toBe('mine=1\n');
});

test('boot --once starts them the first time since the machine has started, not again', async () => {
  await s.ok(['run', '-d', '--name', 'first', '--restart', 'always', '--stop-timeout', '0', 'busybox', 'sleep', '1000']);
  for (const boot of readdirSync(s.runRoot)) rmSync(join(s.runRoot, boot, 'booted'), { force: true });
  await s.ok(['boot', 'stop']);
  expect(await s.ok(['boot', '--once'])).toBe('first');
  await s.ok(['boot', 'stop']);
  expect(await s.ok(['boot', '--once'])).toBe('');
  await remove('first');
});
