import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { busyboxEntries } from '../support/images.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

interface Case {
  readonly name: string;
  /** Words after `run --rm`. */
  readonly args: readonly string[];
  readonly status?: number;
  readonly stdout?: string | RegExp;
  readonly input?: string;
  readonly env?: Record<string, string>;
}

const cases: readonly Case[] = [
  { name: 'the output of the command is the output of run', args: ['busybox', 'echo', 'hello'], stdout: 'hello\n' },
  { name: 'without a command the image’s own runs, here a shell that finds no input', args: ['busybox'], stdout: '' },
  { name: 'the exit code of the command is the exit code of run', args: ['busybox', 'sh', '-c', 'exit 42'], status: 42 },
  { name: 'an exit code above 128 passes too', args: ['busybox', 'sh', '-c', 'exit 200'], status: 200 },
  { name: 'death by a signal is 128 plus its number', args: ['--init', 'busybox', 'sh', '-c', 'kill -9 $$'], status: 137 },
  { name: 'options after the image belong to the command', args: ['busybox', 'echo', '--help', '-it', '--rm', '--', 'a', 'a', 'b', 'a'], stdout: '--help -it --rm -- a a b a\n' },
  { name: 'empty words and spaces survive', args: ['busybox', 'sh', '-c', 'for a; do echo "[$a]"; done', 'x', '', 'a  b', '*'], stdout: '[]\n[a  b]\n[*]\n' },
  { name: 'a word that is a number stays as typed', args: ['busybox', 'echo', '007', '1e3'], stdout: '007 1e3\n' },
  { name: '--rm=true is --rm', args: ['--rm=true', 'busybox', 'true'] },
  { name: 'the working directory is the root by default', args: ['busybox', 'pwd'], stdout: '/\n' },
  { name: '-w sets the working directory', args: ['-w', '/etc', 'busybox', 'pwd'], stdout: '/etc\n' },
  { name: '--workdir is made where it is missing', args: ['--workdir=/made/up', 'busybox', 'pwd'], stdout: '/made/up\n' },
  { name: '-e sets a variable', args: ['-e', 'A=1', '--env', 'B=2=3', 'busybox', 'sh', '-c', 'echo $A $B'], stdout: '1 2=3\n' },
  { name: '-e NAME takes the caller’s value', args: ['-e', 'FROM_CALLER', 'busybox', 'sh', '-c', 'echo $FROM_CALLER'], stdout: 'mine\n', env: { FROM_CALLER: 'mine' } },
  { name: 'the caller’s variables stay outside', args: ['busybox', 'env'], stdout: /^(?!.*SECRET_OF_CALLER)/s, env: { SECRET_OF_CALLER: 'x' } },
  { name: '--env-host lets them in', args: ['--env-host', 'busybox', 'sh', '-c', 'echo $FROM_CALLER'], stdout: 'mine\n', env: { FROM_CALLER: 'mine' } },
  { name: '--unsetenv removes a default one', args: ['--unsetenv', 'container', 'busybox', 'sh', '-c', 'echo [$container]'], stdout: '[]\n' },
  { name: 'HOME is that of the user in the image', args: ['busybox', 'sh', '-c', 'echo $HOME'], stdout: '/root\n' },
  { name: 'container= says that this is one', args: ['busybox', 'sh', '-c', 'test -n "$container" && echo yes'], stdout: 'yes\n' },
  { name: '--entrypoint replaces the image’s', args: ['--entrypoint', 'echo', 'busybox', 'a', 'b'], stdout: 'a b\n' },
  { name: '--entrypoint takes a JSON list', args: ['--entrypoint', '["echo","one"]', 'busybox', 'two'], stdout: 'one two\n' },
  { name: 'standard input is closed without -i', args: ['busybox', 'cat'], input: 'lost', stdout: '' },
  { name: '-i passes standard input', args: ['-i', 'busybox', 'cat'], input: 'kept', stdout: 'kept' },
  { name: '--hostname names the machine inside', args: ['--hostname', 'boat', 'busybox', 'hostname'], stdout: 'boat\n' },
  { name: 'the host name is the short id by default', args: ['busybox', 'hostname'], stdout: /^[0-9a-f]{12}\n$/ },
  { name: '--add-host adds a name', args: ['--add-host', 'landing:192.0.2.7', 'busybox', 'grep', 'landing', '/etc/hosts'], stdout: /^192\.0\.2\.7\s+landing\n$/ },
  { name: '--dns sets the name server', args: ['--dns', '192.0.2.53', 'busybox', 'cat', '/etc/resolv.conf'], stdout: /^nameserver 192\.0\.2\.53$/m },
  { name: '--dns-search and --dns-option too', args: ['--dns=192.0.2.53', '--dns-search', 'example.org', '--dns-option', 'ndots:3', 'busybox', 'cat', '/etc/resolv.conf'], stdout: /search example\.org[^]*options ndots:3|options ndots:3[^]*search example\.org/ },
  { name: '--shm-size sizes /dev/shm', args: ['--shm-size', '32m', 'busybox', 'sh', '-c', 'df -k /dev/shm | tail -1 | awk "{print \\$2}"'], stdout: '32768\n' },
  { name: '/dev/shm is 64 MB by default', args: ['busybox', 'sh', '-c', 'df -k /dev/shm | tail -1 | awk "{print \\$2}"'], stdout: '65536\n' },
  { name: '--ulimit limits', args: ['--ulimit', 'nofile=123:456', 'busybox', 'sh', '-c', 'ulimit -n; ulimit -Hn'], stdout: '123\n456\n' },
  { name: '--sysctl sets', args: ['--sysctl', 'net.ipv4.ip_default_ttl=77', 'busybox', 'cat', '/proc/sys/net/ipv4/ip_default_ttl'], stdout: '77\n' },
  { name: '--umask sets', args: ['--umask', '0077', 'busybox', 'sh', '-c', 'umask'], stdout: '0077\n' },
  { name: '--init runs an init as the first process', args: ['--init', 'busybox', 'sh', '-c', 'cat /proc/1/comm; echo $$'], stdout: /^(catatonit|tini|dumb-init|init|podman-init|scull-init)\n(?!1\n)\d+\n$/ },
  { name: 'the command is process 1 otherwise', args: ['busybox', 'sh', '-c', 'echo $$'], stdout: '1\n' },
  { name: '--pid host shows the host’s processes', args: ['--pid', 'host', 'busybox', 'sh', '-c', 'test -d /proc/$$ && echo $$'], stdout: /^\d{2,}\n$/ },
  { name: '--uts host keeps the host’s name', args: ['--uts', 'host', 'busybox', 'hostname'], stdout: readFileSync('/proc/sys/kernel/hostname', 'utf8') },
  { name: '--timeout ends the container', args: ['--timeout', '1', 'busybox', 'sleep', '30'], status: 137 },
  { name: '--read-only protects the root', args: ['--read-only', 'busybox', 'sh', '-c', 'touch /x 2>/dev/null; echo $?; touch /tmp/x && echo tmp'], stdout: '1\ntmp\n' },
  { name: '--read-only-tmpfs=false protects /tmp as well', args: ['--read-only', '--read-only-tmpfs=false', 'busybox', 'sh', '-c', 'touch /tmp/x 2>/dev/null; echo $?'], stdout: '1\n' },
  { name: '--tmpfs mounts memory', args: ['--tmpfs', '/scratch:size=1m,mode=0700', 'busybox', 'sh', '-c', 'stat -c %a /scratch; df -k /scratch | tail -1 | awk "{print \\$2}"'], stdout: '700\n1024\n' },
  { name: '--tz sets the time zone', args: ['--tz', 'Etc/GMT-5', 'busybox', 'sh', '-c', 'date +%z; head -c 4 /etc/localtime; echo $TZ'], stdout: '+0500\nTZif\n' },
  { name: '--tz local takes the host’s', args: ['--tz', 'local', 'busybox', 'date', '+%z'], stdout: execFileSync('date', ['+%z'], { encoding: 'utf8', env: {} }) },
  { name: '--tz of a zone that does not exist is an error', args: ['--tz', 'Europe/Atlantis', 'busybox', 'true'], status: 125 },
  { name: '/run/.containerenv is there, and empty', args: ['busybox', 'sh', '-c', 'test -f /run/.containerenv && wc -c < /run/.containerenv'], stdout: '0\n' },
  { name: '/run/.containerenv is there with a memory /run too', args: ['--read-only', 'busybox', 'sh', '-c', 'test -f /run/.containerenv && touch /run/x && echo yes'], stdout: 'yes\n' },
  { name: '--annotation and --label are accepted', args: ['--annotation', 'a=b', '--label', 'c=d', '-l', 'e', 'busybox', 'true'] },
  { name: '--network none has only the loopback', args: ['--network', 'none', 'busybox', 'ls', '/sys/class/net'], stdout: 'lo\n' },
  { name: '--log-driver none keeps the output on the terminal', args: ['--log-driver', 'none', 'busybox', 'echo', 'x'], stdout: 'x\n' },
  { name: '--log-driver passthrough too', args: ['--log-driver', 'passthrough', 'busybox', 'echo', 'x'], stdout: 'x\n' },
  { name: '--pull never uses what is there', args: ['--pull', 'never', 'busybox', 'true'] },
  { name: '--platform of this machine is fine', args: ['--platform', `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`, 'busybox', 'true'] },
  { name: 'a large output arrives whole', args: ['busybox', 'sh', '-c', 'yes 0123456789 | head -n 200000 | md5sum; yes 0123456789 | head -n 200000 | wc -c'], stdout: /2200000\n$/ },
];

describe('run --rm', () => {
  test.each(cases)('$name', async ({ args, status = 0, stdout, input, env }) => {
    const result = await s.scull(['run', '--rm', ...args], { input, env });
    expect(result.status, result.stderr).toBe(status);
    if (typeof stdout === 'string') expect(result).toMatchObject({ stdout });
    else if (stdout !== undefined) expect(result.stdout).toMatch(stdout);
  });
});

test('--preserve-fds and --preserve-fd pass descriptors on, and none that the caller did not open', async () => {
  const run = `${productCommand().join(' ')} run --rm`;
  const script = s.file('fds.sh', `exec 3<<EOF\nthree\nEOF\nexec 5<<EOF\nfive\nEOF\n${run} --preserve-fds 1 busybox sh -c 'cat <&3; { cat <&5; } 2>/dev/null; true'\n${run} --preserve-fd 5 busybox sh -c 'cat <&5; { cat <&3; } 2>/dev/null; true'`);
  expect(spawnSync('sh', [script], { env: { ...s.env }, encoding: 'utf8', timeout: 20_000 })).toMatchObject({ status: 0, stdout: 'three\nfive\n' });
  await s.fails(['run', '--rm', '--preserve-fds', '30', 'busybox', 'true'], 125, /descriptor \d+ on: it is not open/);
});

describe('container:NAME of one that has the host’s own namespace means the host’s', () => {
  test.each(['pid', 'ipc', 'uts'])('--%s', async (kind) => {
    const name = `hosts-${kind}`;
    await s.ok(['run', '-d', '--name', name, `--${kind}`, 'host', 'busybox', 'sleep', '1000']);
    expect(await s.ok(['run', '--rm', `--${kind}`, `container:${name}`, 'busybox', 'readlink', `/proc/self/ns/${kind}`])).toBe(readlinkSync(`/proc/self/ns/${kind}`));
    await s.ok(['rm', '-f', '-t', '0', name]);
  });
});

test('standard output and standard error stay apart', async () => {
  const result = await s.scull(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2']);
  expect(result).toEqual({ status: 0, stdout: 'out\n', stderr: 'err\n' });
});

test('two megabytes through standard input and back come out as they went in', async () => {
  const bytes = Buffer.alloc(2 << 20, 'abcdefghijklmnopqrstuvwxyz\n');
  const result = await s.scull(['run', '--rm', '-i', 'busybox', 'cat'], { input: bytes });
  expect(result.status).toBe(0);
  expect(result.stdout.length).toBe(bytes.length);
  expect(result.stdout === bytes.toString()).toBe(true);
});

test('output comes as it is made, not at the end', async () => {
  const running = s.start(['run', '--rm', '-i', 'busybox', 'sh', '-c', 'echo first; read answer; echo "got $answer"'], { openInput: true });
  await expect.poll(() => running.stdout(), { timeout: 10_000 }).toBe('first\n');
  running.child.stdin?.end('reply\n');
  expect(await running.ended).toMatchObject({ status: 0, stdout: 'first\ngot reply\n' });
});

test('--env-file reads names and values', async () => {
  const file = s.file('env', '# comment\nA=one two\n\nB="quoted"\nFROM_CALLER\n');
  const result = await s.ok(['run', '--rm', '--env-file', file, 'busybox', 'sh', '-c', 'echo "$A|$B|$FROM_CALLER"'], { env: { FROM_CALLER: 'mine' } });
  expect(result).toBe('one two|"quoted"|mine');
});

test('run -d prints the id and leaves the container running; its end is recorded', async () => {
  const id = await s.ok(['run', '-d', '--name', 'bg', 'busybox', 'sh', '-c', 'sleep 0.3; exit 7']);
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(await s.ok(['wait', 'bg'])).toBe('7');
  expect((await s.inspect('bg')).State).toMatchObject({ Status: 'exited', ExitCode: 7, Running: false });
  await s.ok(['rm', 'bg']);
});

test('without --rm the container stays and can be looked at', async () => {
  await s.ok(['run', '--name', 'stays', 'busybox', 'true']);
  expect(await s.ok(['ps', '-a', '--filter', 'name=stays', '--format', '{{.Names}} {{.State}}'])).toBe('stays exited');
  await s.ok(['rm', 'stays']);
  expect(await s.ok(['ps', '-a', '-q', '--filter', 'name=stays'])).toBe('');
});

test('--rm -d removes the container when it ends', async () => {
  await s.ok(['run', '-d', '--rm', '--name', 'short', 'busybox', 'sleep', '0.2']);
  await expect.poll(async () => (await s.scull(['container', 'exists', 'short'])).status, { timeout: 10_000 }).toBe(1);
});

test('--cidfile holds the id, and an existing file is not overwritten', async () => {
  const file = `${s.base}/cid`;
  await s.ok(['run', '--rm', '--cidfile', file, 'busybox', 'true']);
  expect(readFileSync(file, 'utf8').trim()).toMatch(/^[0-9a-f]{64}$/);
  await s.fails(['run', '--rm', '--cidfile', file, 'busybox', 'true'], 125, /cid/);
});

test('the image’s entrypoint, command, variables, user and directory hold', async () => {
  await s.load({
    tags: ['settings:1'],
    layers: [busyboxEntries()],
    settings: { Entrypoint: ['sh', '-c', 'echo "$0:$*:$GREETING:$(id -un):$(pwd)"'], Cmd: ['zero', 'one'], Env: ['PATH=/bin', 'GREETING=ahoy'], User: 'app', WorkingDir: '/home/app' },
  });
  expect(await s.ok(['run', '--rm', 'settings:1'])).toBe('zero:one:ahoy:app:/home/app');
  expect(await s.ok(['run', '--rm', 'settings:1', 'a', 'b'])).toBe('a:b:ahoy:app:/home/app');
  expect(await s.ok(['run', '--rm', '--entrypoint', '', 'settings:1', 'echo', 'plain'])).toBe('plain');
});

test.each(['run', 'run -t', 'exec', 'start -a', 'logs'])('%s into a full disk is an error, not a shorter output', async (command) => {
  const words = command.split(' ');
  const name = `full-${words.join('')}`;
  if (words[0] === 'exec') await s.ok(['run', '-d', '--name', name, 'busybox', 'sleep', '1000']);
  if (words[0] === 'start') await s.ok(['create', '--name', name, 'busybox', 'echo', 'lost']);
  if (words[0] === 'logs') await s.ok(['run', '--name', name, 'busybox', 'echo', 'lost']);
  const rest = words[0] === 'run' ? ['--rm', '--name', name, 'busybox', 'echo', 'lost'] : words[0] === 'exec' ? [name, 'echo', 'lost'] : [name];
  const result = spawnSync('sh', ['-c', '"$@" >/dev/full', 'sh', ...s.command, ...words, ...rest], { env: s.env, encoding: 'utf8' });
  expect(result.status).toBe(125);
  expect(result.stderr).toMatch(/^Error: .*cannot write.*: no space left on (the )?device\n$/i);
  expect((await s.scull(['container', 'exists', name])).status).toBe(words[0] === 'run' ? 1 : 0);
  await s.ok(['rm', '-f', '-i', '-t', '0', name]);
});

test('--pidfile names the process on the host, and is written anew by each start', async () => {
  const file = join(s.base, 'pid');
  await s.ok(['run', '-d', '--name', 'pidded', '--pidfile', file, 'busybox', 'sleep', '1000']);
  for (const round of [1, 2]) {
    const { State, PidFile } = await s.inspect('pidded');
    expect([readFileSync(file, 'utf8'), PidFile], `start ${round}`).toEqual([String(State.Pid), file]);
    await s.ok(['restart', '-t', '0', 'pidded']);
  }
  await s.ok(['rm', '-f', '-t', '0', 'pidded']);
  await s.fails(['run', '--name', 'unwritten', '--pidfile', join(s.base, 'no/such/pid'), 'busybox', 'true'], 125, /cannot write the --pidfile/);
  await s.ok(['rm', '-i', 'unwritten']);
});

test('--hosts-file chooses what /etc/hosts begins from', async () => {
  const file = s.file('hosts', '192.0.2.9 from-a-file\n192.0.2.10 busybox-host\n');
  const hosts = (from: string) => s.ok(['run', '--rm', '--hosts-file', from, '--add-host', 'busybox-host:192.0.2.11', 'hosts:1', 'cat', '/etc/hosts']);
  await s.load({ tags: ['hosts:1'], layers: [[...busyboxEntries(), { path: 'etc/hosts', content: '192.0.2.8 from-the-image\n' }]] });
  expect(await hosts(file)).toMatch(/^192\.0\.2\.11\tbusybox-host\n[^]*192\.0\.2\.9\tfrom-a-file$/);
  expect(await hosts('image')).toMatch(/192\.0\.2\.8\tfrom-the-image$/);
  expect(await hosts('none')).not.toMatch(/from-/);
  await s.fails(['run', '--rm', '--hosts-file', '/no/such/hosts', 'busybox', 'true'], 125, /cannot read the --hosts-file/);
  await s.fails(['run', '--rm', '--hosts-file', 'bogus', 'busybox', 'true'], 125, /an absolute path of the host, none or image/);
});

test('--log-driver=journald is refused where no journal would keep it', async () => {
  if (existsSync('/run/systemd/journal/socket')) {
    await s.ok(['run', '--rm', '--log-driver', 'journald', 'busybox', 'true']);
    return;
  }
  await s.fails(['run', '--log-driver', 'journald', '--name', 'unlogged', 'busybox', 'true'], 125, /there is no journal on this machine/);
  expect((await s.scull(['container', 'exists', 'unlogged'])).status).toBe(1);
});

test('--rootfs DIRECTORY:O leaves the directory as it is', async () => {
  const root = s.directory('covered-rootfs/bin');
  copyFileSync('/bin/busybox', join(root, 'busybox'));
  chmodSync(join(root, 'busybox'), 0o755);
  const run = ['run', '--name', 'covered', '--rootfs', `${s.base}/covered-rootfs:O`, '/bin/busybox', 'sh', '-c', '/bin/busybox test -e /new && echo again; echo x > /new; /bin/busybox ls /'];
  expect(await s.ok(run)).toMatch(/\bnew\b/);
  expect(await s.ok(['start', '-a', 'covered'])).toMatch(/^again/);
  expect(readdirSync(`${s.base}/covered-rootfs`)).toEqual(['bin']);
  await s.ok(['rm', 'covered']);
  await s.fails(['run', '--rootfs', `${s.base}/covered-rootfs:idmap`, '/bin/busybox'], 125, /"idmap" is for root/);
});

test('--rootfs runs a plain directory', async () => {
  const root = s.directory('rootfs/bin');
  const busybox = readFileSync('/bin/busybox');
  s.file('rootfs/bin/sh', busybox);
  chmodSync(`${root}/sh`, 0o755);
  const result = await s.scull(['run', '--rm', '--rootfs', `${s.base}/rootfs`, '/bin/sh', '-c', 'echo inside']);
  expect(result).toMatchObject({ status: 0, stdout: 'inside\n' });
});

test('--rootfs: a user is made known without a change of the directory, and the directory is reachable for whoever is root', async () => {
  const root = s.directory('mine/bin');
  s.directory('mine/etc');
  const passwd = s.file('mine/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  s.file('mine/bin/sh', readFileSync('/bin/busybox'));
  chmodSync(`${root}/sh`, 0o755);
  chmodSync(`${s.base}/mine`, 0o755);
  const inside = (...options: string[]): Promise<string> => s.ok(['run', '--rm', ...options, '--rootfs', `${s.base}/mine`, '/bin/sh', '-c', 'while IFS=: read -r name _ id _; do echo $name $id; done </etc/passwd']);
  expect(await inside('-u', '4321')).toBe('root 0\n4321 4321');
  expect(await inside('--userns=nomap')).toBe('root 0');
  expect(readFileSync(passwd, 'utf8')).toBe('root:x:0:0:root:/root:/bin/sh\n');
});

test('it works when the caller has closed its standard streams', () => {
  const [file, ...words] = productCommand();
  const quoted = [file, ...words, 'run', '--rm', 'busybox', 'sh', '-c', 'exit 9'].map((word) => `'${word}'`).join(' ');
  expect(spawnSync('sh', ['-c', `exec ${quoted} <&- >&- 2>&-`], { env: s.env, cwd: s.base }).status).toBe(9);
});
