import { createHash, randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';
import { openTerminal } from '../support/terminal.ts';

const s = useScull();

test('run -it gives the command a terminal of the caller’s size', async () => {
  const terminal = openTerminal(s, ['run', '--rm', '-it', 'busybox', 'sh', '-c', 'test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; echo $TERM']);
  await terminal.shows('terminal');
  await terminal.shows('24 80');
  await terminal.shows('xterm');
  expect(await terminal.ended).toBe(0);
});

test('keys reach the shell, it edits and echoes them itself, and its exit code comes back', async () => {
  const terminal = openTerminal(s, ['run', '--rm', '-it', 'busybox', 'sh']);
  await terminal.shows('# ');
  expect(await terminal.isRaw()).toBe(true);
  terminal.type('echo 4$((1+1))\r');
  await terminal.shows(/\n42\r/);
  terminal.type('exit 13\r');
  expect(await terminal.ended).toBe(13);
});

test('the terminal is as it was after the command', async () => {
  const terminal = openTerminal(s, [], { file: scriptRunning(['run', '--rm', '-it', 'busybox', 'true'], 'stty -a') });
  await terminal.ended;
  expect(terminal.screen()).toMatch(/[^-]icanon/);
  expect(terminal.screen()).toMatch(/[^-]isig/);
});

test('a new size of the caller’s terminal reaches the container', async () => {
  const terminal = openTerminal(s, ['run', '--rm', '-it', 'busybox', 'sh']);
  await terminal.shows('# ');
  await terminal.resize(50, 132);
  await eventually('the new size', async () => {
    terminal.type('stty size\r');
    return terminal.shows('50 132', 500);
  });
  terminal.type('exit\r');
  expect(await terminal.ended).toBe(0);
});

test('ctrl-c goes to the program inside, not to scull', async () => {
  const terminal = openTerminal(s, ['run', '--rm', '-it', 'busybox', 'sh', '-c', 'trap "echo caught; exit 21" INT; echo ready; while :; do sleep 0.1; done']);
  await terminal.shows('ready');
  terminal.type('\x03');
  await terminal.shows('caught');
  expect(await terminal.ended).toBe(21);
});

test('ctrl-p ctrl-q detaches: the container goes on, and attach comes back to it', async () => {
  const terminal = openTerminal(s, ['run', '-it', '--name', 'det', 'busybox', 'sh']);
  await terminal.shows('# ');
  terminal.type('\x10\x11');
  await terminal.ended;
  expect((await s.inspect('det')).State.Status).toBe('running');
  const again = openTerminal(s, ['attach', 'det']);
  await eventually('the shell answers', async () => {
    again.type('echo 6$((6+1))\r');
    return again.shows('67', 500);
  });
  again.type('exit 3\r');
  expect(await again.ended).toBe(3);
});

test('--detach-keys chooses other keys, and empty ones none', async () => {
  const terminal = openTerminal(s, ['run', '-it', '--name', 'keys', '--detach-keys', 'ctrl-a,x', 'busybox', 'sh']);
  await terminal.shows('# ');
  terminal.type('\x01x');
  await terminal.ended;
  expect((await s.inspect('keys')).State.Status).toBe('running');
  await s.fails(['attach', '--detach-keys', 'ctrl-nonsense', 'keys'], 125, /detach/);
});

test('exec -it is a terminal as well, with size, keys and exit code', async () => {
  await s.ok(['run', '-d', '--name', 'ex', 'busybox', 'sleep', '1000']);
  const terminal = openTerminal(s, ['exec', '-it', 'ex', 'sh']);
  await terminal.shows('# ');
  terminal.type('stty size; tty\r');
  await terminal.shows('24 80');
  await terminal.shows('/dev/pts/');
  await terminal.resize(30, 100);
  await eventually('the new size', async () => {
    terminal.type('stty size\r');
    return terminal.shows('30 100', 500);
  });
  terminal.type('exit 9\r');
  expect(await terminal.ended).toBe(9);
});

test('exec without -t keeps the caller’s terminal from the process', async () => {
  await s.ok(['run', '-d', '--name', 'kept', 'busybox', 'sleep', '1000']);
  const terminal = openTerminal(s, ['exec', '-i', 'kept', 'sh', '-c', 'for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done; echo end']);
  await terminal.shows('end');
  expect(terminal.screen()).toMatch(/pipe:.*\s+pipe:.*\s+pipe:/);
  expect(terminal.screen()).not.toMatch(/\/dev\/pts/);
  expect(await terminal.ended).toBe(0);
});

test('ctrl-c at exec without -t reaches the process, once', async () => {
  await s.ok(['run', '-d', '--name', 'cooked', 'busybox', 'sleep', '1000']);
  const script = scriptRunning(['exec', 'cooked', 'sh', '-c', 'n=0; trap "n=\\$((n+1)); echo caught" INT; sleep 1.5 & echo up; wait; wait; wait; echo "$n times"'], 'echo "status $?"', 'trap : INT');
  const terminal = openTerminal(s, [], { file: script }); // the shell around it gets ctrl-c, too, and is to live on
  await terminal.shows('up');
  await sleep(300); // busybox forgets a trap that comes while it forks
  terminal.type('\x03');
  await terminal.shows('caught');
  await terminal.shows('1 times');
  await terminal.shows('status 0');
  await terminal.ended;
});

test('ctrl-p ctrl-q leaves exec -it: status 0, the process goes on, the terminal is as it was', async () => {
  await s.ok(['run', '-d', '--name', 'left', 'busybox', 'sleep', '1000']);
  const script = scriptRunning(['exec', '-it', 'left', 'sh', '-c', 'echo up; sleep 1; echo unseen; echo on > /tmp/on; sleep 1000'], 'echo "left with $?"; stty -a');
  const terminal = openTerminal(s, [], { file: script });
  await terminal.shows('up');
  terminal.type('\x10\x11');
  await terminal.shows('left with 0');
  await terminal.ended;
  expect(terminal.screen()).toMatch(/[^-]icanon/);
  await eventually('it went on', async () => (await s.scull(['exec', 'left', 'cat', '/tmp/on'])).stdout === 'on\n');
  await s.ok(['rm', '-f', '-t', '0', 'left']);
});

test('exec -it --detach-keys chooses other keys; those that come to nothing are passed on', async () => {
  await s.ok(['run', '-d', '--name', 'leavable', 'busybox', 'sleep', '1000']);
  const terminal = openTerminal(s, ['exec', '-it', '--detach-keys', 'a,b', 'leavable', 'cat']);
  await eventually('keys arrive', async () => {
    terminal.type('xac\r');
    return terminal.shows(/xac\r\n/, 500);
  });
  terminal.type('ab');
  expect(await terminal.ended).toBe(0);
});

test.each(['TERM', 'KILL', 'HUP'])('exec -it that is ended by SIG%s gives the terminal back and hangs up inside', async (signal) => {
  const name = `ended-${signal.toLowerCase()}`;
  await s.ok(['run', '-d', '--name', name, 'busybox', 'sleep', '1000']);
  const pidFile = join(s.base, `${name}.pid`);
  const product = productCommand().map((word) => `'${word}'`).join(' ');
  const script = s.file(`${name}.sh`, `#!/bin/sh\n(while ! test -s ${pidFile}.go; do sleep 0.05; done; kill -${signal} $(cat ${pidFile})) &\nsh -c 'echo $$ > ${pidFile}; exec "$@"' sh ${product} exec -it ${name} sh -c 'trap "echo hung up > /tmp/hup; exit" HUP; echo up; while :; do sleep 0.05; done'\nsleep 0.3; stty -a; echo over\n`);
  chmodSync(script, 0o755);
  const terminal = openTerminal(s, [], { file: script });
  await terminal.shows('up');
  expect(await terminal.isRaw()).toBe(true);
  s.file(`${name}.pid.go`, 'go');
  await terminal.shows('over');
  expect(terminal.screen()).toMatch(/[^-]icanon/);
  expect(terminal.screen()).toMatch(/[^-]echo /);
  await eventually('it was hung up', async () => (await s.scull(['exec', name, 'cat', '/tmp/hup'])).stdout === 'hung up\n');
});

test('run -it that is killed gives the terminal back', async () => {
  const pidFile = join(s.base, 'killed.pid');
  const product = productCommand().map((word) => `'${word}'`).join(' ');
  const script = s.file('killed.sh', `#!/bin/sh\n(while ! test -s ${pidFile}.go; do sleep 0.05; done; kill -KILL $(cat ${pidFile})) &\nsh -c 'echo $$ > ${pidFile}; exec "$@"' sh ${product} run -it --name killed busybox sh -c 'echo up; sleep 1000'\nsleep 0.3; stty -a; echo over\n`);
  chmodSync(script, 0o755);
  const terminal = openTerminal(s, [], { file: script });
  await terminal.shows('up');
  s.file('killed.pid.go', 'go');
  await terminal.shows('over');
  expect(terminal.screen()).toMatch(/[^-]icanon/);
  await s.ok(['rm', '-f', '-t', '0', 'killed']);
});

test('exec -t without -i shows, takes nothing, and leaves the terminal alone', async () => {
  await s.ok(['run', '-d', '--name', 'shown', 'busybox', 'sleep', '1000']);
  // crun gives the terminal its size while the process already goes: it has none for its very first moment.
  const terminal = openTerminal(s, ['exec', '-t', 'shown', 'sh', '-c', 'until stty size | grep -v "^0 0"; do sleep 0.05; done; until test -e /tmp/seen; do sleep 0.05; done; tty']);
  await terminal.shows('24 80');
  expect(await terminal.isRaw()).toBe(false);
  await s.ok(['exec', 'shown', 'touch', '/tmp/seen']);
  await terminal.shows('/dev/pts/0');
  expect(await terminal.ended).toBe(0);
});

test('job control works inside: ctrl-z stops a program, fg brings it back', async () => {
  const terminal = openTerminal(s, ['run', '--rm', '-it', 'busybox', 'sh']);
  await terminal.shows('# ');
  // A key typed while the shell still edits its line would be one of the line: wait for the program's own words.
  terminal.type("sh -c 'echo read''y; exec cat'\r");
  await terminal.shows('ready');
  terminal.type('\x1a');
  await terminal.shows('Stopped');
  terminal.type('fg\r');
  await terminal.shows(/fg\r\n/);
  await terminal.shows(/exec cat/);
  terminal.type('back\r');
  await terminal.shows(/back\r\nback/);
  terminal.type('\x04');
  terminal.type('exit 0\r');
  expect(await terminal.ended).toBe(0);
});

test('run -it logs what was shown', async () => {
  const terminal = openTerminal(s, ['run', '-it', '--name', 'logged', 'busybox', 'echo', 'shown']);
  expect(await terminal.ended).toBe(0);
  expect(await s.ok(['logs', 'logged'])).toMatch(/shown/);
});

test('start -ai brings a terminal container back', async () => {
  await s.ok(['create', '-it', '--name', 'restarted', 'busybox', 'sh']);
  const terminal = openTerminal(s, ['start', '-ai', 'restarted']);
  await terminal.shows('# ');
  terminal.type('exit 2\r');
  expect(await terminal.ended).toBe(2);
});

test('-t without a terminal still gives the container one', async () => {
  expect(await s.ok(['run', '--rm', '-t', 'busybox', 'sh', '-c', 'test -t 1 && echo yes'])).toBe('yes\r');
});

test('closing the window ends run -it without hanging, and the container is not half made', async () => {
  const terminal = openTerminal(s, ['run', '-it', '--name', 'closed', 'busybox', 'sh']);
  await terminal.shows('# ');
  terminal.hangUp();
  await terminal.ended;
  await s.ok(['rm', '-f', '-t', '0', 'closed']);
});

test('attach without a terminal shows output from now on', async () => {
  await s.ok(['run', '-d', '--name', 'speaks', 'busybox', 'sh', '-c', 'while :; do echo tick; sleep 0.1; done']);
  const attached = s.start(['attach', 'speaks']);
  await eventually('output', () => attached.stdout().includes('tick\ntick'));
  await s.ok(['kill', 'speaks']);
  expect((await attached.ended).status).toBe(137);
});

test('several attach at once, and all learn the exit code; also of a container that is removed with its end', async () => {
  await s.ok(['run', '-d', '--rm', '--name', 'watched', 'busybox', 'sh', '-c', 'while ! test -e /tmp/end; do echo tick; sleep 0.1; done; exit 9']);
  const attached = [1, 2, 3].map(() => s.start(['attach', 'watched']));
  for (const each of attached) await eventually('output', () => each.stdout().includes('tick'));
  const waiting = s.start(['wait', 'watched']);
  await sleep(300);
  await s.scull(['exec', 'watched', 'touch', '/tmp/end']); // which the end of the container may well kill
  for (const each of attached) expect((await each.ended).status).toBe(9);
  expect((await waiting.ended).stdout).toBe('9\n');
});

test('who attaches to a container in the foreground of another command learns its exit code, too', async () => {
  const foreground = s.start(['run', '--rm', '--name', 'fore', 'busybox', 'sh', '-c', 'while ! test -e /tmp/end; do echo tick; sleep 0.1; done; exit 9']);
  await eventually('output', () => foreground.stdout().includes('tick'));
  const attached = s.start(['attach', 'fore']);
  await eventually('output', () => attached.stdout().includes('tick'));
  await s.scull(['exec', 'fore', 'touch', '/tmp/end']);
  expect((await foreground.ended).status).toBe(9);
  expect((await attached.ended).status).toBe(9);
});

test('run --rm whose reader leaves ends quietly; the container goes on and is removed at its end', async () => {
  const running = s.start(['run', '--rm', '--name', 'unread', 'busybox', 'sh', '-c', 'while ! test -e /tmp/end; do echo tick; sleep 0.05; done']);
  await eventually('output', () => running.stdout().includes('tick'));
  running.child.stdout?.destroy();
  expect(await running.ended).toMatchObject({ status: 141, stderr: '' });
  expect((await s.inspect('unread')).State.Status).toBe('running');
  await s.scull(['exec', 'unread', 'touch', '/tmp/end']);
  await eventually('it is removed', async () => (await s.ok(['ps', '-a', '-q', '--filter', 'name=unread'])) === '');
});

test('run -it with input from a pipe ends with the input', async () => {
  const result = await s.scull(['run', '--rm', '-it', 'busybox', 'sh'], { input: 'echo 4$((1+1))\n' });
  expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining('42'), stderr: expect.stringMatching(/^Warning: .*not a terminal/) });
});

test('run -i passes a hundred megabytes through as they are', async () => {
  const data = randomBytes(100_000_000);
  const running = s.start(['run', '--rm', '-i', 'busybox', 'cat'], { input: data });
  const hash = createHash('sha256');
  running.child.stdout?.on('data', (chunk: Buffer) => hash.update(chunk));
  expect((await running.ended).status).toBe(0);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'));
});

test('what can’t be executed is named: 126 for what is there, 127 for what is not', async () => {
  const folder = s.directory('programs');
  const programs = { 'no-hash-bang': 'true\n', 'no-interpreter': '#!/no/such/interpreter\n', foreign: `\x7fELF\x02\x01\x01${'\0'.repeat(9)}\x02\0\xff\x7f${'\0'.repeat(44)}` };
  for (const [name, content] of Object.entries(programs)) {
    s.file(`programs/${name}`, Buffer.from(content, 'latin1'));
    chmodSync(join(folder, name), 0o755);
  }
  const run = ['run', '--rm', '-v', `${folder}:/p`, 'busybox'];
  await s.fails([...run, '/etc'], 126, /"\/etc" can't be executed/);
  await s.fails([...run, '/etc/not-a-program'], 126, /"\/etc\/not-a-program" can't be executed.*Permission denied/);
  await s.fails([...run, '/p/no-hash-bang'], 126, /"\/p\/no-hash-bang" can't be executed.*Exec format error/);
  await s.fails([...run, '/p/foreign'], 126, /"\/p\/foreign" can't be executed.*Exec format error/);
  await s.fails([...run, '/p/no-interpreter'], 127, /"\/p\/no-interpreter" can't be executed.*interpreter/);
  await s.fails([...run, 'no-such-command'], 127, /"no-such-command" not found/);
});

test('attach to a stopped or unknown container is refused', async () => {
  await s.ok(['create', '--name', 'still', 'busybox', 'true']);
  await s.fails(['attach', 'still'], 125, /still|running/);
  await s.fails(['attach', 'nosuch'], 125, /nosuch/);
});

/** A script that runs scull and, around it, something else, for {@link openTerminal}. */
function scriptRunning(args: readonly string[], after: string, before = ':'): string {
  const script = s.file('script.sh', `#!/bin/sh\n${before}\n${[...productCommand(), ...args].map((word) => `'${word}'`).join(' ')}\n${after}\n`);
  chmodSync(script, 0o755);
  return script;
}
