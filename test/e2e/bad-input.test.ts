import { describe, expect, test } from 'vitest';
import { expectCleanError, useScull } from '../support/scull.ts';

const s = useScull();

describe('what can be typed wrong gets one clear error and leaves nothing', () => {
  interface Case {
    readonly args: readonly string[];
    readonly message: RegExp;
    readonly status?: number;
  }
  const cases: readonly Case[] = [
    { args: ['run', '--rm', '--pull=never', 'nosuch:1', 'true'], message: /nosuch/ },
    { args: ['run', '--rm', 'busybox', 'no-such-command'], message: /no-such-command/, status: 127 },
    { args: ['run', '--rm', 'busybox', '/no/such/file'], message: /\/no\/such\/file/, status: 127 },
    { args: ['run', '--rm', 'busybox', '/etc/not-a-program'], message: /not-a-program/, status: 126 },
    { args: ['run', '--rm', 'busybox', '/etc'], message: /\/etc/, status: 126 },
    { args: ['run', '-d', 'busybox', 'no-such-command'], message: /no-such-command/, status: 127 },
    { args: ['run', '--rm', '-v', '/no/such/source:/m', 'busybox', 'true'], message: /\/no\/such\/source/ },
    { args: ['run', '--rm', 'Bad:Name:Here', 'true'], message: /Bad:Name:Here/ },
    { args: ['run', '--rm', 'UPPER', 'true'], message: /UPPER/ },
    { args: ['run', '--rm', '--no-such-flag', 'busybox', 'true'], message: /no-such-flag/ },
    { args: ['run', '--rm', '--memory', 'lots', 'busybox', 'true'], message: /lots/ },
    { args: ['run', '--rm', '-e', '=x', 'busybox', 'true'], message: /=x/ },
    { args: ['run', '--rm', '--env-file', '/no/such/file', 'busybox', 'true'], message: /\/no\/such\/file/ },
    { args: ['run', '--rm', '--ulimit', 'nofile=many', 'busybox', 'true'], message: /many/ },
    { args: ['run', '--rm', '--ulimit', 'nosuch=1', 'busybox', 'true'], message: /nosuch/ },
    { args: ['run', '--rm', '--sysctl', 'kernel.nosuch=1', 'busybox', 'true'], message: /kernel\.nosuch/ },
    { args: ['run', '--rm', '--add-host', 'x:not-an-address', 'busybox', 'true'], message: /not-an-address/ },
    { args: ['run', '--rm', '--stop-signal', 'NOSUCH', 'busybox', 'true'], message: /NOSUCH/ },
    { args: ['run', '--rm', '--pid', 'sideways', 'busybox', 'true'], message: /sideways/ },
    { args: ['run', '--rm', '--pull', 'sometimes', 'busybox', 'true'], message: /sometimes/ },
    { args: ['run', '--rm', '--platform', 'a/b/c/d', 'busybox', 'true'], message: /a\/b\/c\/d/ },
    { args: ['run', '--rm', '--rm=perhaps', 'busybox', 'true'], message: /perhaps/ },
    { args: ['run', '--rm', '--stop-timeout', 'soon', 'busybox', 'true'], message: /invalid argument "soon" for "--stop-timeout"/ },
    { args: ['ps', '-n', 'few'], message: /invalid argument "few" for "-n, --last"/ },
    { args: ['run', '--device', '/dev/nosuch', 'busybox', 'true'], message: /\/dev\/nosuch/ },
    { args: ['run', '--security-opt', 'seccomp=/no/such/file', 'busybox', 'true'], message: /\/no\/such\/file/ },
    { args: ['run', '-p', '8080:80', '-p', '8080:81', 'busybox', 'true'], message: /8080.* twice/ },
    { args: ['run', '--network', 'container:nosuch', 'busybox', 'true'], message: /nosuch/ },
    { args: ['run', '--pid', 'container:nosuch', 'busybox', 'true'], message: /nosuch/ },
    { args: ['run', '--rm', '--init', '--init-path', '/no/such/file', 'busybox', 'true'], message: /--init-path "\/no\/such\/file"/ },
    { args: ['run'], message: /image/i },
    { args: ['create'], message: /image/i },
    { args: ['start'], message: /container/i },
    { args: ['rm'], message: /container/i },
    { args: ['exec'], message: /container/i },
    { args: ['inspect', 'nosuch'], message: /nosuch/ },
    { args: ['stop', 'nosuch'], message: /nosuch/ },
    { args: ['kill', 'nosuch'], message: /nosuch/ },
    { args: ['wait', 'nosuch'], message: /nosuch/ },
    { args: ['port', 'nosuch'], message: /nosuch/ },
    { args: ['top', 'nosuch'], message: /nosuch/ },
    { args: ['pause', 'nosuch'], message: /nosuch/ },
    { args: ['rename', 'nosuch', 'x'], message: /nosuch/ },
    { args: ['attach', 'nosuch'], message: /nosuch/ },
    { args: ['tag', 'nosuch', 'x'], message: /nosuch/ },
    { args: ['tag', 'busybox', 'Bad Name'], message: /Bad Name/ },
    { args: ['import', '/etc/passwd'], message: /cannot import "\/etc\/passwd": this is not a tar archive/ },
    { args: ['create', '--cidfile', '/no/such/id', 'busybox', 'true'], message: /container ID file "\/no\/such\/id": no such file or directory$/m },
    { args: ['run', '--rm', '--link', 'x', 'busybox', 'true'], message: /--link is not supported[\s\S]*scull network create/ },
    { args: ['load', '-i', '/no/such/file'], message: /\/no\/such\/file/ },
    { args: ['ps', '--format', '{{.Nosuch'], message: /Nosuch|template|format/i },
    { args: ['ps', '--filter', 'nosuch=1'], message: /nosuch/ },
    { args: ['ps', '--sort', 'nosuch'], message: /nosuch/ },
    { args: ['nosuchcommand'], message: /nosuchcommand/ },
    { args: ['container', 'nosuchcommand'], message: /nosuchcommand/ },
  ];

  test.each(cases)('scull $args', async ({ args, message, status = 125 }) => {
    const before = await s.ok(['ps', '-a', '-q', '--no-trunc']);
    const result = await s.scull(args);
    expect(result).toMatchObject({ status });
    expectCleanError(result, message);
    expect(result.stdout).toMatch(/^(\[\]\n)?$/); // inspect of nothing is an empty list, as Podman's
    const after = await s.ok(['ps', '-a', '-q', '--no-trunc']);
    // `run -d` of a command that is not there keeps the container, as Podman does, for a look at it.
    if (args[1] !== '-d') expect(after).toBe(before);
  });
});

test('a mistyped command or flag is answered with the likely one', async () => {
  expect((await s.scull(['strat', 'x'])).stderr).toMatch(/start/);
  expect((await s.scull(['run', '--nmae', 'x', 'busybox'])).stderr).toMatch(/--name/);
});

test('control characters from outside never reach the terminal raw', async () => {
  const result = await s.scull(['run', '--rm', '--pull=never', 'x\u001b[31mred', 'true']);
  expect(result.stderr).not.toContain('\u001b');
  await s.ok(['create', '--name', 'esc', '--label', 'l=\u001b]0;title\u0007', 'busybox', 'true']);
  for (const args of [['ps', '-a'], ['ps', '-a', '--format', '{{.Labels}}'], ['ps', '-a', '--no-trunc']]) {
    expect(await s.ok(args)).not.toContain('\u001b');
  }
});

test('ctrl-c while a container is starting leaves no half-made one', async () => {
  for (const delay of [5, 20, 40, 60, 80, 120]) {
    const running = s.start(['run', '--rm', '--name', `ctrlc${delay}`, 'busybox', 'sleep', '2']);
    setTimeout(() => running.child.kill('SIGINT'), delay);
    setTimeout(() => running.child.kill('SIGINT'), delay + 300);
    setTimeout(() => running.child.kill('SIGTERM'), delay + 600);
    await running.ended;
  }
  await expect.poll(() => s.ok(['ps', '-a', '--filter', 'name=ctrlc', '--format', '{{.Names}} {{.Status}}']), { timeout: 10_000 }).toBe('');
});
