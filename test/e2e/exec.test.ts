import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { productCommand } from '../support/product.ts';
import { useScull, type Result } from '../support/scull.ts';

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
  expect(await s.ok(['exec', '-u', 'app', 'c', 'id'])).toMatch(/^uid=1500\(app\) gid=1500\(app\)/);
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

test.each([[[]], [['-d']], [['-t']], [['-i']]])('exec %j says so itself, and nothing else', async (flags) => {
  await s.ok(['exec', '-i', 'c', 'sh', '-c', 'cat > /tmp/no-interpreter; chmod +x /tmp/no-interpreter; echo true > /tmp/no-hash-bang; chmod +x /tmp/no-hash-bang'], { input: '#!/no/such/interpreter\n' });
  const cases = [
    ['no-such-command', 127, /^Error: executable file "no-such-command" not found in the container's \$PATH\n$/],
    ['/no/such/command', 127, /^Error: executable file "\/no\/such\/command" not found in the container\n$/],
    ['/etc', 126, /^Error: "\/etc" can't be executed in the container: .*\n$/],
    ['/etc/not-a-program', 126, /^Error: "\/etc\/not-a-program" can't be executed in the container: Permission denied\n$/],
    ['/tmp/no-hash-bang', 126, /^Error: "\/tmp\/no-hash-bang" can't be executed in the container: Exec format error\nhint: .*\n$/],
    ['/tmp/no-interpreter', 127, /^Error: "\/tmp\/no-interpreter" can't be executed in the container: its interpreter.*\nhint: .*\n$/],
  ] as const;
  for (const [command, status, message] of cases) {
    expect(await s.scull(['exec', ...flags, 'c', command])).toEqual({ status, stdout: '', stderr: expect.stringMatching(message) });
  }
});

test('a command that says what the runtime would say is believed', async () => {
  const sentence = 'executable file `x` not found in $PATH: No such file or directory';
  expect(await s.scull(['exec', 'c', 'sh', '-c', `echo '${sentence}' >&2; exit 1`])).toEqual({ status: 1, stdout: '', stderr: `${sentence}\n` });
  for (const status of [117, 118, 119, 125, 126, 127, 255]) expect(await s.scull(['exec', 'c', 'sh', '-c', `exit ${status}`])).toEqual({ status, stdout: '', stderr: '' });
});

test('a missing working directory is named', async () => {
  await s.fails(['exec', '-w', '/no/such/folder', 'c', 'pwd'], 127, /working directory "\/no\/such\/folder"/);
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

test('a hundred megabytes of anything go in and come out as they are', async () => {
  const data = randomBytes(100_000_000);
  const digest = createHash('sha256').update(data).digest('hex');
  expect(await s.ok(['exec', '-i', 'c', 'sh', '-c', 'cat | sha256sum'], { input: data })).toBe(`${digest}  -`);
  const echoed = s.start(['exec', '-i', 'c', 'cat'], { input: data });
  const hash = createHash('sha256');
  echoed.child.stdout?.on('data', (chunk: Buffer) => hash.update(chunk));
  expect((await echoed.ended).status).toBe(0);
  expect(hash.digest('hex')).toBe(digest);
});

test('no descriptor of the caller’s enters the container: an input file cannot be written through it', async () => {
  const file = s.file('input', 'untouched\n');
  const script = s.file('redirect.sh', `${productCommand().join(' ')} exec -i c sh -c 'readlink /proc/self/fd/0; echo broken > /proc/self/fd/0' < ${file}`);
  const result = spawnSync('sh', [script], { env: { ...s.env }, encoding: 'utf8', timeout: 20_000 });
  expect(result.stdout).toMatch(/^pipe:/);
  expect(readFileSync(file, 'utf8')).toBe('untouched\n');
});

test('a reader that leaves ends a writer, as in any pipeline', async () => {
  const running = s.start(['exec', 'c', 'yes']);
  await eventually('output', () => running.stdout() !== '');
  running.child.stdout?.destroy();
  expect(await running.ended).toMatchObject({ status: 141, stderr: '' });
});

test('what the command leaves running in the background does not hold exec', async () => {
  const before = Date.now();
  expect(await s.ok(['exec', 'c', 'sh', '-c', 'sleep 60 & echo started'])).toBe('started');
  expect(Date.now() - before).toBeLessThan(20_000);
});

test('--preserve-fds passes descriptors on, and one that is not open is refused', async () => {
  const script = s.file('fds.sh', `exec 3<<EOF\nfrom three\nEOF\n${productCommand().join(' ')} exec --preserve-fds 1 c sh -c 'cat <&3'`);
  expect(spawnSync('sh', [script], { env: { ...s.env }, encoding: 'utf8', timeout: 20_000 })).toMatchObject({ status: 0, stdout: 'from three\n' });
  await s.fails(['exec', '--preserve-fds', '40', 'c', 'true'], 125, /descriptor \d+ on: it is not open/);
});

test('--preserve-fd passes those that are named, under their numbers', async () => {
  const script = s.file('fd.sh', `exec 5<<EOF\nfrom five\nEOF\nexec 4<<EOF\nfrom four\nEOF\n${productCommand().join(' ')} exec --preserve-fd 5 c sh -c 'cat <&5; { cat <&4; } 2>/dev/null; true'`);
  expect(spawnSync('sh', [script], { env: { ...s.env }, encoding: 'utf8', timeout: 20_000 })).toMatchObject({ status: 0, stdout: 'from five\n' });
  await s.fails(['exec', '--preserve-fd', '5,40', 'c', 'true'], 125, /descriptor \d+ on: it is not open/);
  await s.fails(['exec', '--preserve-fd', 'x', 'c', 'true'], 125, /invalid --preserve-fd "x"/);
});

test('-it with input from a pipe warns, works, and ends with the input', async () => {
  const result = await s.scull(['exec', '-it', 'c', 'cat'], { input: 'typed\n' });
  expect(result).toMatchObject({ status: 0, stdout: expect.stringMatching(/typed\r\n$/), stderr: expect.stringMatching(/^Warning: .*not a terminal/) });
  const shell = await s.scull(['exec', '-it', 'c', 'sh'], { input: 'echo 4$((1+1))\n' });
  expect(shell).toMatchObject({ status: 0, stdout: expect.stringContaining('42') });
});

test('-dt gives what runs on a terminal that stays', async () => {
  await s.ok(['exec', '-dt', 'c', 'sh', '-c', 'tty > /tmp/terminal; sleep 0.5; echo shown to nobody; echo on >> /tmp/terminal']);
  await eventually('it went on', async () => (await s.scull(['exec', 'c', 'cat', '/tmp/terminal'])).stdout === '/dev/pts/0\non\n');
});

test('another user of the image can open its standard streams by name', async () => {
  expect(await s.scull(['exec', '-i', '-u', 'app', 'c', 'sh', '-c', 'cat /dev/stdin > /dev/stdout; echo err > /dev/stderr'], { input: 'in\n' })).toEqual({ status: 0, stdout: 'in\n', stderr: 'err\n' });
});

test('the end of the container ends what was executed in it', async () => {
  await s.ok(['run', '-d', '--name', 'ending', 'busybox', 'sleep', '1000']);
  const sessions = [[], ['-t']].map((flags) => s.start(['exec', ...flags, 'ending', 'sh', '-c', 'echo up; sleep 1000']));
  for (const session of sessions) await eventually('it runs', () => session.stdout().includes('up'));
  await s.ok(['rm', '-f', '-t', '0', 'ending']);
  for (const session of sessions) expect((await session.ended).status).toBe(137);
});

test('what was executed in a container that is removed ends as it ended, also for a session that looks late', async () => {
  await s.ok(['run', '-d', '--name', 'quick', 'busybox', 'sleep', '1000']);
  const session = s.start(['exec', 'quick', 'sh', '-c', 'echo up; sleep 1000']);
  await eventually('it runs', () => session.stdout().includes('up'));
  session.child.kill('SIGSTOP');
  await s.ok(['rm', '-f', '-t', '0', 'quick']);
  session.child.kill('SIGCONT');
  expect(await session.ended).toMatchObject({ status: 137, stderr: '' });
});

test('a command before which, or with which, its container goes is told apart, though all that crun wrote is gone with it', async () => {
  const tools = s.directory('tools');
  const crun = (body: string): void => {
    writeFileSync(join(tools, 'crun'), `#!/bin/sh\ncase " $* " in *" exec "*) ;; *) exec /usr/bin/crun "$@" ;; esac\n${body}`, { mode: 0o755 });
  };
  const goes = `HOME=${s.home} XDG_RUNTIME_DIR=${s.runtimeDirectory} ${s.command.map((word) => `'${word}'`).join(' ')} rm -f -t 0 going > /dev/null`;
  const outcome = async (): Promise<Result> => {
    await s.ok(['run', '-d', '--name', 'going', 'busybox', 'sleep', '1000']);
    return s.scull(['exec', 'going', 'true'], { env: { PATH: `${tools}:${s.env['PATH']}` } });
  };
  for (const status of [1, 255]) { // 255: the child of crun 1.8 was killed before its execve(2)
    crun(`${goes}; exit ${status}\n`);
    expect(await outcome()).toEqual({ status: 125, stdout: '', stderr: expect.stringMatching(/^Error: container going ended while a command was being started in it\nhint: .*\n$/) });
  }
  for (const status of [3, 255]) {
    crun(`while [ "$1" != --pid-file ]; do shift; done; echo 1 > "$2"; ${goes}; exit ${status}\n`);
    expect(await outcome()).toMatchObject({ status, stdout: '' });
  }
});

test('a long runtime directory is no hindrance, where sockets’ addresses are short', async () => {
  const env = { XDG_RUNTIME_DIR: s.directory(`r/${'x'.repeat(100)}`) };
  chmodSync(env.XDG_RUNTIME_DIR, 0o700);
  await s.ok(['run', '-dit', '--name', 'far', 'busybox', 'sh', '-c', 'tty; cat'], { env });
  expect(await s.ok(['exec', '-t', 'far', 'tty'], { env })).toMatch(/^\/dev\/pts\/1/);
  expect(await s.ok(['exec', 'far', 'echo', 'near'], { env })).toBe('near');
  await s.ok(['rm', '-f', '-t', '0', 'far'], { env });
});

test('nothing is left of a session', async () => {
  const { Id } = await s.inspect('c');
  const bundle = join(s.runRoot, readdirSync(s.runRoot)[0] as string, 'c', Id as string);
  await eventually('no session lives', () => readdirSync(bundle).every((name) => !name.startsWith('exec-')));
});
