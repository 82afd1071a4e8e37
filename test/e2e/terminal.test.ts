import { chmodSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
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

test('attach to a stopped or unknown container is refused', async () => {
  await s.ok(['create', '--name', 'still', 'busybox', 'true']);
  await s.fails(['attach', 'still'], 125, /still|running/);
  await s.fails(['attach', 'nosuch'], 125, /nosuch/);
});

/** A script that runs scull and then something else, for {@link openTerminal}. */
function scriptRunning(args: readonly string[], after: string): string {
  const script = s.file('script.sh', `#!/bin/sh\n${[...productCommand(), ...args].map((word) => `'${word}'`).join(' ')}\n${after}\n`);
  chmodSync(script, 0o755);
  return script;
}
