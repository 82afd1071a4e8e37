import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

async function state(name: string): Promise<string> {
  return (await s.inspect(name)).State.Status;
}

test('create, start, stop, start again: the same container, the same files', async () => {
  await s.ok(['create', '--name', 'c', 'busybox', 'sh', '-c', 'echo run >> /count; trap "exit 0" TERM; while :; do sleep 0.05; done']);
  expect(await state('c')).toBe('created');
  expect(await s.ok(['start', 'c'])).toBe('c');
  expect(await state('c')).toBe('running');
  expect(await s.ok(['stop', 'c'])).toBe('c');
  expect(await state('c')).toBe('exited');
  await s.ok(['start', 'c']);
  expect(await s.ok(['exec', 'c', 'cat', '/count'])).toBe('run\nrun');
  await s.ok(['rm', '-f', 'c']);
});

test('start of a running container is no error, of an unknown one is', async () => {
  await s.ok(['run', '-d', '--name', 'again', 'busybox', 'sleep', '1000']);
  await s.ok(['start', 'again']);
  await s.fails(['start', 'nosuch'], 125, /nosuch/);
});

test('start -a shows the output and passes the exit code; -i passes input', async () => {
  await s.ok(['create', '--name', 'att', 'busybox', 'sh', '-c', 'echo shown; exit 4']);
  expect(await s.scull(['start', '-a', 'att'])).toMatchObject({ status: 4, stdout: 'shown\n' });
  await s.ok(['create', '-i', '--name', 'inp', 'busybox', 'cat']);
  expect(await s.scull(['start', '-a', '-i', 'inp'], { input: 'typed' })).toMatchObject({ status: 0, stdout: 'typed' });
});

test('what a container requires is started before it, each time; rm --depend takes both', async () => {
  await s.ok(['create', '--name', 'required', '--stop-signal', 'KILL', 'busybox', 'sleep', '1000']);
  await s.ok(['run', '-d', '--name', 'requiring', '--requires', 'required', '--stop-signal', 'KILL', 'busybox', 'sleep', '1000']);
  expect(await state('required')).toBe('running');
  await s.ok(['stop', 'required', 'requiring']);
  await s.ok(['start', 'requiring']);
  expect(await state('required')).toBe('running');
  await s.ok(['rm', '-f', '--depend', 'required']);
  expect(await s.scull(['container', 'exists', 'requiring'])).toMatchObject({ status: 1 });
  await s.fails(['run', '--name', 'requiring', '--requires', 'nosuch', 'busybox', 'true'], 125, /nosuch/);
  expect(await s.scull(['container', 'exists', 'requiring'])).toMatchObject({ status: 1 });
});

test('stop asks first and kills after its time', async () => {
  await s.ok(['run', '-d', '--name', 'deaf', 'busybox', 'sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done']);
  const begun = Date.now();
  await s.ok(['stop', '-t', '1', 'deaf']);
  expect(Date.now() - begun).toBeGreaterThan(900);
  expect((await s.inspect('deaf')).State.ExitCode).toBe(137);
});

test('stop sends the image’s or the container’s own signal', async () => {
  await s.ok(['run', '-d', '--name', 'usr1', '--stop-signal', 'SIGUSR1', 'busybox', 'sh', '-c', 'trap "exit 33" USR1; while :; do sleep 0.05; done']);
  await s.ok(['stop', 'usr1']);
  expect((await s.inspect('usr1')).State.ExitCode).toBe(33);
});

test('stop of a stopped container is quiet, of an unknown one an error unless --ignore', async () => {
  await s.ok(['run', '--name', 'done', 'busybox', 'true']);
  await s.ok(['stop', 'done']);
  await s.fails(['stop', 'nosuch'], 125, /nosuch/);
  await s.ok(['stop', '--ignore', 'nosuch']);
});

test('kill sends any signal by name or number', async () => {
  await s.ok(['run', '-d', '--name', 'k', 'busybox', 'sh', '-c', 'trap "echo hup" HUP; while :; do sleep 0.05; done']);
  await s.ok(['kill', '-s', 'HUP', 'k']);
  await s.ok(['kill', '--signal', '1', 'k']);
  await expect.poll(() => s.ok(['logs', 'k'])).toMatch(/hup/);
  await s.ok(['kill', 'k']);
  expect(await s.ok(['wait', 'k'])).toBe('137');
  await s.fails(['kill', 'k'], 125, /k/);
  await s.fails(['kill', '-s', 'NOSUCH', 'k'], 125, /NOSUCH/);
});

test('restart stops and starts, a stopped container too', async () => {
  await s.ok(['run', '-d', '--name', 'r', '--stop-signal', 'KILL', 'busybox', 'sleep', '1000']);
  const first = (await s.inspect('r')).State.Pid;
  await s.ok(['restart', 'r']);
  const second = (await s.inspect('r')).State.Pid;
  expect(second).not.toBe(first);
  await s.ok(['stop', 'r']);
  await s.ok(['restart', 'r']);
  expect(await state('r')).toBe('running');
});

test('pause --all and unpause --all are about those that it can be done to', async () => {
  const id = await s.ok(['create', '--name', 'resting', 'busybox', 'true']);
  const paused = await s.scull(['pause', '--all']); // others of this suite may run, and may not be pausable here
  expect(paused.stdout + paused.stderr).not.toMatch(new RegExp(`${id}|resting`));
  expect(await s.ok(['unpause', '--all'])).toBe(paused.stdout.trimEnd());
  await s.ok(['rm', 'resting']);
});

test('pause freezes, unpause thaws, and the state says so', async () => {
  await s.ok(['run', '-d', '--name', 'p', 'busybox', 'sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i > /n; sleep 0.02; done']);
  const pausing = await s.scull(['pause', 'p']);
  if (pausing.status !== 0) {
    // Without a cgroup of one's own nothing can be frozen; then the user is told why, and nothing changed.
    expect(pausing.stderr).toMatch(/^Error: .*(cgroup|freez)/i);
    expect(await state('p')).toBe('running');
    return;
  }
  expect(await state('p')).toBe('paused');
  await s.ok(['unpause', 'p']);
  expect(await state('p')).toBe('running');
});

test('rm refuses a running container, -f does not, --ignore forgives a missing one', async () => {
  await s.ok(['run', '-d', '--name', 'busy', 'busybox', 'sleep', '1000']);
  await s.fails(['rm', 'busy'], 2, /running/); // podman-rm(1): 2 for a running one, 1 for a missing one
  await s.ok(['rm', '-f', '-t', '0', 'busy']);
  await s.fails(['rm', 'busy'], 1, /busy/);
  await s.ok(['rm', '--ignore', 'busy']);
});

test('rm takes several, does what it can, and reports the rest', async () => {
  await s.ok(['create', '--name', 'm1', 'busybox', 'true']);
  await s.ok(['create', '--name', 'm2', 'busybox', 'true']);
  const result = await s.scull(['rm', 'm1', 'nosuch', 'm2']);
  expect(result.status).toBe(1);
  expect(result.stderr).toMatch(/nosuch/);
  for (const name of ['m1', 'm2']) expect((await s.scull(['container', 'exists', name])).status).toBe(1);
});

test('rm --cidfile and rm --filter choose', async () => {
  const file = `${s.base}/cid-${Date.now()}`;
  await s.ok(['create', '--cidfile', file, 'busybox', 'true']);
  await s.ok(['rm', '--cidfile', file]);
  await s.ok(['create', '--name', 'unwanted', '--label', 'kind=temporary', 'busybox', 'true']);
  await s.ok(['create', '--name', 'wanted', 'busybox', 'true']);
  await s.ok(['rm', '--filter', 'label=kind=temporary']);
  expect((await s.scull(['container', 'exists', 'unwanted'])).status).toBe(1);
  expect((await s.scull(['container', 'exists', 'wanted'])).status).toBe(0);
});

test('wait gives the exit codes in the order asked for, at once for those that ended', async () => {
  await s.ok(['run', '-d', '--name', 'w1', 'busybox', 'sh', '-c', 'sleep 0.3; exit 11']);
  await s.ok(['run', '-d', '--name', 'w2', 'busybox', 'sh', '-c', 'exit 12']);
  expect(await s.ok(['wait', 'w1', 'w2'])).toBe('11\n12');
  await s.fails(['wait', 'nosuch'], 125, /nosuch/);
});

test('container exists answers by exit code alone', async () => {
  await s.ok(['create', '--name', 'here', 'busybox', 'true']);
  expect(await s.scull(['container', 'exists', 'here'])).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await s.scull(['container', 'exists', 'absent'])).toEqual({ status: 1, stdout: '', stderr: '' });
});

test('top lists the processes of a container as the container’s', async () => {
  await s.ok(['run', '-d', '--name', 't', 'busybox', 'sh', '-c', 'sleep 1000 & sleep 2000']);
  const output = await s.ok(['top', 't']);
  expect(output).toMatch(/sleep 1000/);
  expect(output).toMatch(/sleep 2000/);
  expect(await s.ok(['top', 't', 'pid', 'comm'])).toMatch(/^PID\s+COMMAND/);
});

test('the dead do not stay: a container killed from outside is seen as exited', async () => {
  await s.ok(['run', '-d', '--name', 'shot', 'busybox', 'sleep', '1000']);
  process.kill((await s.inspect('shot')).State.Pid, 'SIGKILL');
  await expect.poll(() => state('shot')).toBe('exited');
  expect((await s.inspect('shot')).State.ExitCode).toBe(137);
});

test('a monitor that was killed does not confuse: the container is seen as ended or stops on demand', async () => {
  await s.ok(['run', '-d', '--name', 'orphan', 'busybox', 'sleep', '1000']);
  const pid = (await s.inspect('orphan')).State.Pid as number;
  const { readFileSync } = await import('node:fs');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  process.kill(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), 'SIGKILL');
  await s.ok(['stop', '-t', '1', 'orphan']);
  await s.ok(['rm', 'orphan']);
});

test('--latest stands for the container that was created last', async () => {
  await s.ok(['create', '--name', 'older', 'busybox', 'sleep', '1000']);
  await s.ok(['create', '--name', 'newest', 'busybox', 'sleep', '1000']);
  const id = (await s.inspect('newest')).Id as string;
  expect(await s.ok(['start', '-l'])).toBe(id);
  expect(await s.ok(['exec', '-l', 'echo', '-l'])).toBe('-l');
  expect(await s.ok(['inspect', '--latest', '--format', '{{.Name}}'])).toBe('/newest');
  await s.fails(['stop', '-l', 'older'], 125, /--latest takes no names/);
  await s.fails(['rm', '-l', '--all'], 125, /--latest and --all cannot be used together/);
  expect(await s.ok(['rm', '-f', '-t', '0', '-l'])).toBe(id);
  expect((await s.inspect('older')).Name).toBe('/older');
});
