import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { remainsOf, useScull } from '../support/scull.ts';

const s = useScull();

afterEach(async () => {
  await s.ok(['pod', 'rm', '-a', '-f']);
  await s.ok(['rm', '-a', '-f', '-t', '0']);
});

const sleep = ['busybox', 'sleep', '1000'];
const statusOf = (pod: string): Promise<string> => s.ok(['pod', 'inspect', '-f', '{{.State}}', pod]);
const pod = async (name: string): Promise<any> => JSON.parse(await s.ok(['pod', 'inspect', name]))[0];

/** A port that nobody listens on just now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const answers = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();

test('a pod on the host’s network has its containers there', async () => {
  await s.ok(['pod', 'create', '--name', 'ashore', '--network', 'host']);
  expect(await s.ok(['run', '--rm', '--pod', 'ashore', 'busybox', 'readlink', '/proc/self/ns/net'])).toBe(readlinkSync('/proc/self/ns/net'));
  await s.ok(['pod', 'rm', '-f', 'ashore']);
});

test('containers of a pod reach each other on localhost, and share host name and shared memory; others do not', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--hostname', 'ship', '--add-host', 'far:192.0.2.7']);
  await s.ok(['run', '-d', '--pod', 'p', '--name', 'server', 'busybox', 'sh', '-c', 'echo memo >/dev/shm/note; while true; do echo hello | nc -l -p 7000; done']);
  const inside = ['run', '--rm', '--pod', 'p', 'busybox', 'sh', '-c'];
  await eventually('the server answers', async () => (await s.scull([...inside, 'nc 127.0.0.1 7000 </dev/null'])).stdout === 'hello\n', 20_000);
  expect(await s.ok([...inside, 'hostname; cat /dev/shm/note; grep -c far /etc/hosts; nc server 7000 </dev/null'])).toBe('ship\nmemo\n1\nhello');
  expect(await s.ok(['run', '--rm', 'busybox', 'sh', '-c', 'cat /dev/shm/note 2>/dev/null || echo nothing'])).toBe('nothing');
  expect(await s.ok([...inside, 'echo $$'])).toBe('1');
});

test('with --share +pid they see the processes of each other, and orphans are reaped', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--share', '+pid', '--network', 'none']);
  await s.ok(['run', '-d', '--pod', 'p', ...sleep]);
  expect(await s.ok(['run', '--rm', '--pod', 'p', 'busybox', 'sh', '-c', '(true &) ; cat /proc/[0-9]*/cmdline | tr "\\0" " "'])).toMatch(/\/pause -P .*sleep 1000/);
  await eventually('no zombie is left', async () => !(await s.ok(['pod', 'top', 'p', 'state'])).includes('Z'));
  expect(await s.ok(['pod', 'top', 'p', 'args'])).toMatch(/^COMMAND\n\/pause -P\nsleep 1000$/);
});

test('a port published on the pod answers from any of its containers, also after a restart', async () => {
  const port = await freePort();
  await s.ok(['pod', 'create', '-p', `127.0.0.1:${port}:7000`, 'p']);
  await s.ok(['run', '-d', '--pod', 'p', '--name', 'web', 'busybox', 'sh', '-c', 'while true; do printf "HTTP/1.0 200 OK\\r\\n\\r\\nhere" | nc -l -p 7000; done']);
  await eventually('the port answers', async () => (await answers(port).catch(() => '')) === 'here', 10_000);
  expect(await s.ok(['ps', '--format', '{{.Names}} {{.Ports}} {{.PodName}}', '--filter', 'name=web'])).toBe(`web 127.0.0.1:${port}->7000/tcp p`);
  await s.ok(['pod', 'restart', '-t', '0', 'p']);
  await eventually('the port answers again', async () => (await answers(port).catch(() => '')) === 'here', 10_000);
  await s.fails(['run', '--rm', '--pod', 'p', '-p', '7001:7001', 'busybox', 'true'], 125, /published or exposed ports must be defined when the pod is created/);
});

test('start, stop, kill and rm go for all of them; the infra container comes first and goes last', async () => {
  const id = await s.ok(['pod', 'create', '--name', 'p', '--label', 'tier=test', '--network', 'none']);
  expect(await statusOf('p')).toBe('Created');
  await s.ok(['create', '--pod', 'p', '--name', 'a', ...sleep]);
  await s.ok(['create', '--pod', 'p', '--name', 'b', ...sleep]);
  expect(await s.ok(['pod', 'start', 'p'])).toBe('p');
  expect(await statusOf('p')).toBe('Running');
  await s.ok(['stop', '-t', '0', 'b']);
  expect(await statusOf('p')).toBe('Degraded');
  expect(await s.ok(['pod', 'ps', '--format', '{{.Id}} {{.Name}} {{.Status}} {{.NumberOfContainers}} {{.Labels}}'])).toBe(`${id.slice(0, 12)} p Degraded 3 tier=test`);
  expect(await s.ok(['pod', 'ps', '-q', '--no-trunc', '--filter', 'label=tier=test', '--filter', 'status=degraded', '--filter', 'ctr-names=b'])).toBe(id);
  expect(await s.ok(['pod', 'ps', '-q', '--filter', 'status=running'])).toBe('');
  await s.ok(['pod', 'start', id.slice(0, 8)]);
  expect(await statusOf('p')).toBe('Running');
  expect((await s.fails(['pod', 'rm', 'p'], 2, /cannot be removed while its containers run/)).stdout).toBe('');
  expect(await s.ok(['pod', 'kill', 'p'])).toBe('p');
  expect(await statusOf('p')).toBe('Exited');
  await s.ok(['pod', 'start', 'p']);
  expect(await s.ok(['pod', 'stop', '-t', '0', 'p'])).toBe('p');
  expect(await statusOf('p')).toBe('Exited');
  expect(await s.ok(['pod', 'rm', 'p'])).toBe('p');
  expect(await s.ok(['ps', '-a', '-q'])).toBe('');
  await s.fails(['pod', 'rm', 'p'], 1, /no such pod/);
  await s.ok(['pod', 'rm', '--ignore', '--force', 'p']);
  await s.ok(['pod', 'stop', '--ignore', '--time=10', 'p']);
  expect((await s.scull(['pod', 'exists', 'p'])).status).toBe(1);
});

test('starting one container starts the infra container; it goes with the pod only', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--infra-name', 'keeper', '--network', 'none', '--share', 'ipc,net']);
  await s.ok(['create', '--pod', 'p', '--name', 'a', ...sleep]);
  await s.ok(['start', 'a']);
  expect(await s.ok(['inspect', '-f', '{{.State.Status}} {{.IsInfra}}', 'keeper'])).toBe('running true');
  const record = await s.inspect('a');
  const { Id, InfraContainerID, SharedNamespaces, NumContainers } = await pod('p');
  expect(record).toMatchObject({ Pod: Id, IsInfra: false, HostConfig: { NetworkMode: `container:${InfraContainerID}`, IpcMode: `container:${InfraContainerID}`, UTSMode: 'private' } });
  expect({ SharedNamespaces, NumContainers }).toEqual({ SharedNamespaces: ['ipc', 'net'], NumContainers: 2 });
  await s.fails(['rm', '-f', 'keeper'], 2, /is the infra container of pod p and cannot be removed without it/);
  await s.ok(['stop', '-a', '-t', '0']);
  expect((await s.ok(['container', 'prune', '-f'])).split('\n').length).toBe(1);
  expect(await s.ok(['pod', 'inspect', '-f', '{{.NumContainers}}', 'p'])).toBe('1');
  await s.ok(['rm', '-a']);
  expect(await s.ok(['pod', 'ps', '-q'])).toBe('');
});

test('--exit-policy stop ends the pod with its last container, in the background and in the foreground', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--exit-policy', 'stop', '--network', 'none']);
  await s.ok(['run', '--pod', 'p', '--name', 'first', 'busybox', 'true']);
  expect(await statusOf('p')).toBe('Exited');
  await s.fails(['run', '--rm', '--pod', 'p', 'busybox', '/nothing'], 127, /\/nothing/);
  expect(await statusOf('p')).toBe('Exited');
  await s.ok(['run', '-d', '--pod', 'p', '--name', 'long', ...sleep]);
  await s.ok(['run', '--rm', '--pod', 'p', 'busybox', 'true']);
  expect(await s.ok(['ps', '--format', '{{.Names}}', '--filter', 'name=long'])).toBe('long');
  expect(await statusOf('p')).toBe('Degraded');
  await s.ok(['stop', '-t', '0', 'long']);
  await eventually('the pod has stopped', async () => (await statusOf('p')) === 'Exited', 10_000);
  await s.ok(['pod', 'create', '--name', 'q', '--network', 'none']);
  await s.ok(['run', '--pod', 'q', 'busybox', 'true']);
  expect(await statusOf('q')).toBe('Degraded');
});

test('--pod new:NAME makes a pod that has the network and the ports', async () => {
  const port = await freePort();
  await s.ok(['run', '-d', '--pod', 'new:fresh', '-p', `127.0.0.1:${port}:7000`, '--name', 'web', 'busybox', 'sh', '-c', 'while true; do printf "HTTP/1.0 200 OK\\r\\n\\r\\nnew" | nc -l -p 7000; done']);
  await eventually('the port answers', async () => (await answers(port).catch(() => '')) === 'new', 10_000);
  expect((await pod('fresh')).InfraConfig.PortBindings).toEqual({ '7000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] });
  await s.fails(['run', '--pod', 'new:fresh', 'busybox', 'true'], 125, /the pod name "fresh" is already in use/);
  await s.fails(['run', '--pod', 'new:lost', '--name', 'web', 'busybox', 'true'], 125, /the container name "web" is already in use/);
  expect(await s.ok(['pod', 'ps', '--format', '{{.Name}}'])).toBe('fresh');
});

test('what Quadlet writes for a .pod file works as it stands', async () => {
  const pidFile = join(s.base, 'p.pid');
  const create = ['pod', 'create', `--infra-conmon-pidfile=${pidFile}`, '--replace', '--exit-policy', 'stop', '--infra-name', 'p-infra', '--name', 'p'];
  for (let round = 0; round < 2; round++) {
    await s.ok(create);
    await s.ok(['pod', 'start', 'p']);
    const pid = readFileSync(pidFile, 'utf8');
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('conmon\n');
    await s.ok(['run', '-d', '--rm', '--replace', '--pod', 'p', '--name', 'member', ...sleep]);
    await s.ok(['pod', 'stop', '--ignore', '--time=0', 'p']);
    await eventually('the monitor has ended', () => !existsSync(`/proc/${pid}`));
  }
  await s.ok(['pod', 'rm', '--ignore', '--force', 'p']);
});

test('the ids of pods are kept in files, and taken from files', async () => {
  const file = join(s.base, 'pod.id');
  const id = await s.ok(['pod', 'create', '--pod-id-file', file, '--network', 'none']);
  expect(readFileSync(file, 'utf8')).toBe(id);
  await s.fails(['pod', 'create', '--pod-id-file', file], 125, /exists already/);
  await s.ok(['run', '-d', '--pod-id-file', file, ...sleep]);
  expect(await s.ok(['pod', 'stop', '-t', '0', '--pod-id-file', file])).toBe(id);
  expect(await s.ok(['pod', 'rm', '--pod-id-file', file])).toBe(id);
});

test('volumes, user namespace and restart policy of the pod are those of its containers', async () => {
  const directory = s.directory('shared');
  await s.ok(['pod', 'create', '--name', 'p', '-v', `${directory}:/shared`, '--userns', 'keep-id', '--restart', 'always', '--network', 'none']);
  await s.ok(['run', '--rm', '--pod', 'p', 'busybox', 'sh', '-c', 'cat /proc/self/uid_map | wc -l; echo x >/shared/file']);
  expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('x\n');
  await s.ok(['run', '-d', '--pod', 'p', '--name', 'a', ...sleep]);
  expect(await s.ok(['inspect', '-f', '{{.HostConfig.RestartPolicy.Name}}', 'a'])).toBe('always');
  await s.fails(['run', '--rm', '--pod', 'p', '--userns', 'nomap', 'busybox', 'true'], 125, /--userns and --pod cannot be used together/);
  await s.fails(['run', '--rm', '--pod', 'p', '--hostname', 'x', 'busybox', 'true'], 125, /host name is shared with the pod/);
});

test('logs and stats of a pod are those of its containers, by name', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--network', 'none']);
  await s.ok(['run', '--pod', 'p', '--name', 'one', 'busybox', 'echo', 'first']);
  await s.ok(['run', '--pod', 'p', '--name', 'two', 'busybox', 'echo', 'second']);
  expect((await s.ok(['pod', 'logs', 'p'])).split('\n').sort()).toEqual(['one first', 'two second']);
  expect(await s.ok(['pod', 'logs', '-c', 'two', 'p'])).toBe('second');
  await s.ok(['run', '-d', '--pod', 'p', '--name', 'three', ...sleep]);
  expect(await s.ok(['pod', 'stats', '--no-stream', '--format', '{{.Name}} {{.PIDS}}', 'p'])).toMatch(/-infra 1\nthree 1$/);
  expect(await s.ok(['ps', '-a', '--filter', 'pod=p', '--format', '{{.Names}}'])).toMatch(/-infra\none\ntwo\nthree$/);
  expect((await s.ok(['events', '--stream=false', '--filter', 'type=pod', '--format', '{{.Status}} {{.Name}}'])).split('\n')).toContain('create p');
});

test('ten containers that start at once in a pod that does not run start one infra container', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--exit-policy', 'stop', '--network', 'none']);
  const results = await Promise.all(Array.from({ length: 10 }, () => s.scull(['run', '--rm', '--pod', 'p', 'busybox', 'true'])));
  expect(results.map(({ status, stderr }) => ({ status, stderr }))).toEqual(results.map(() => ({ status: 0, stderr: '' })));
  await eventually('the pod has stopped', async () => (await statusOf('p')) === 'Exited', 10_000);
});

test('of commands that make a pod of one name at once one does; who joins while it is removed is in it or fails, and nothing is left', async () => {
  const made = await Promise.all(Array.from({ length: 5 }, () => s.scull(['pod', 'create', '--name', 'p', '--network', 'none'])));
  expect(made.map(({ status }) => status).sort()).toEqual([0, 125, 125, 125, 125]);
  const joins = Array.from({ length: 6 }, (_, index) => s.scull(['run', '-d', '--pod', 'p', '--name', `j${index}`, ...sleep]));
  const removal = s.scull(['pod', 'rm', '-f', 'p']);
  for (const { status, stderr } of await Promise.all(joins)) if (status !== 0) expect(stderr).toMatch(/^Error: .*(pod|no such|another command|not running|removed|its process has ended)/);
  expect((await removal).status).toBe(0);
  expect(await s.ok(['ps', '-a', '--format', '{{.Names}}', '--filter', 'pod=p'])).toBe('');
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await eventually('nothing is left', () => remainsOf(s).length === 0, 10_000);
});

test('pod clone makes a pod like another one, and its containers; with --destroy it takes its place', async () => {
  await s.ok(['pod', 'create', '--label', 'tier=front', '--share', '+pid', 'shop']);
  await s.ok(['run', '-d', '--pod', 'shop', '--name', 'web', '-e', 'COLOUR=blue', ...sleep]);
  await s.ok(['run', '-d', '--pod', 'shop', '--name', 'cache', ...sleep]);
  const id = await s.ok(['pod', 'clone', 'shop']);
  expect(await pod('shop-clone')).toMatchObject({ Id: id, State: 'Created', Hostname: 'shop-clone', Labels: { tier: 'front' } });
  expect((await pod('shop-clone')).Containers.map(({ Name }: { Name: string }) => Name).slice(1)).toEqual(['web-clone', 'cache-clone']);
  await s.ok(['pod', 'start', 'shop-clone']);
  expect(await s.ok(['exec', 'web-clone', 'sh', '-c', 'echo $COLOUR; hostname; ps | grep -c "[s]leep 1000"'])).toBe('blue\nshop-clone\n2');
  await s.ok(['pod', 'clone', '--start', '--destroy', 'shop', 'store']);
  expect(await s.ok(['pod', 'ps', '--format', '{{.Name}} {{.Status}}'])).toBe('shop-clone Running\nstore Running');
  expect(await s.ok(['exec', 'web-clone1', 'hostname'])).toBe('store');
  await s.fails(['pod', 'clone', 'nothing'], 125, /no such pod/);
  await s.fails(['pod', 'clone', 'store', 'store'], 125, /already in use/);
});

test('containers and pods share names: who comes second is refused, and of two at once not both have it', async () => {
  await s.ok(['pod', 'create', 'taken']);
  await s.fails(['create', '--name', 'taken', ...sleep], 125, /"taken" is already in use by a pod/);
  await s.ok(['create', '--name', 'mine', ...sleep]);
  await s.fails(['rename', 'mine', 'taken'], 125, /"taken" is already in use by a pod/);
  await s.fails(['pod', 'create', 'mine'], 125, /"mine" is already in use by container/);
  expect((await s.scull(['pod', 'exists', 'mine'])).status).toBe(1);
  for (let round = 0; round < 8; round++) {
    const name = `race${round}`;
    await Promise.all([s.scull(['create', '--name', name, ...sleep]), s.scull(['pod', 'create', name])]);
    const has = await Promise.all([s.scull(['container', 'exists', name]), s.scull(['pod', 'exists', name])]);
    expect(has.filter(({ status }) => status === 0).length).toBeLessThan(2);
    // Whatever became of it, the next one can have the name.
    if (has.every(({ status }) => status !== 0)) await s.ok(['create', '--name', name, ...sleep]);
  }
});

test('a command that is killed leaves a pod that the next command can use or remove', async () => {
  for (let delay = 20; delay < 320; delay += 60) {
    const [file, ...words] = s.command;
    const child = spawn(file, [...words, 'run', '-d', '--pod', 'new:p', '--network', 'none', ...sleep], { env: { ...s.env }, stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill('SIGKILL');
    if ((await s.scull(['pod', 'exists', 'p'])).status === 0) await s.ok(['run', '--rm', '--pod', 'p', 'busybox', 'true']);
    await s.ok(['pod', 'rm', '-f', 'p']);
    await s.ok(['rm', '-a', '-f', '-t', '0']);
    await eventually('nothing is left', () => remainsOf(s).length === 0, 10_000);
  }
});

/** Memory of its own: what is mapped from files is there once for all containers, and can be thrown away. */
test('limits of a pod where nothing is delegated are refused by the controller’s name with what would bring it, and nothing is left', async () => {
  const info = JSON.parse(await s.ok(['info', '--format', 'json'])) as { host: { cgroupControllers: string[] } };
  if (info.host.cgroupControllers.includes('memory')) return; // test/vm/live-limits.sh has the rest
  const { stderr } = await s.fails(['pod', 'create', '--memory', '64m', 'limited'], 125, /--memory needs the cgroup controller "memory", which is not delegated/);
  expect(stderr).toMatch(/^hint: .*(Delegate=|unified_cgroup_hierarchy)/m);
  await s.fails(['pod', 'create', '--infra=false', '--share', 'none', '--cpus', '1', 'limited'], 125, /without an infra container/);
  expect((await s.scull(['pod', 'exists', 'limited'])).status).toBe(1);
});

test('an infra container takes less than a megabyte', async () => {
  await s.ok(['pod', 'create', '--name', 'p', '--network', 'none']);
  await s.ok(['pod', 'start', 'p']);
  // What starts it may not have ended yet, or not be its program yet.
  await eventually('its own memory and its monitor’s is little', () => {
    const kilobytes = processesBelow(s.base).reduce((sum, pid) => sum + memory(pid, 'Private_Dirty'), 0);
    return kilobytes > 0 && kilobytes < 1000;
  });
  const { State } = await s.inspect((await pod('p')).InfraContainerID);
  await eventually('while it sleeps, it keeps few pages of its program’s file', () => {
    const resident = memory(State.Pid, 'Rss');
    return resident > 0 && resident < 600;
  });
});

/** Of a process, in KiB; 0 once it has ended. */
function memory(pid: string | number, what: 'Private_Dirty' | 'Rss'): number {
  return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(read(pid, 'smaps_rollup'))?.[1] ?? 0);
}

function read(pid: string | number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Of the monitor that names our directories, and what it started. */
function processesBelow(base: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const named = pids.filter((pid) => read(pid, 'cmdline').includes(base));
  return [...named, ...pids.filter((pid) => named.includes(/^PPid:\s+(\d+)/m.exec(read(pid, 'status'))?.[1] ?? '') && !named.includes(pid))];
}
