import { execFileSync, spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const scull = productCommand().map((word) => `'${word}'`).join(' ');

beforeAll(async () => {
  await s.ok(['run', '-d', '--name', 'up', '--label', 'role=server', 'busybox', 'sleep', '1000']);
  await s.ok(['run', '--name', 'down', '--label', 'role=job', 'busybox', 'sh', '-c', 'exit 3']).catch(() => undefined);
  await s.ok(['create', '--name', 'fresh', 'busybox', 'true']);
});

function shell(command: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('bash', ['-c', command], { env: s.env, cwd: s.base, encoding: 'utf8' });
}

describe('a closed standard output ends quietly', () => {
  test.each(['ps -a', 'images', 'inspect up', 'logs up', '--help', 'run --rm busybox seq 1 100000'])('scull %s | head -1', (words) => {
    const result = shell(`${scull} ${words} | head -n 1 >/dev/null`);
    expect(result).toMatchObject({ status: 0, stderr: '' });
  });

  // A list was read as far as it was wanted; the beginning of an archive is worth nothing, and `set -o pipefail` must hear of it.
  test.each(['export up', 'save busybox', 'save --format oci-archive busybox', 'cp up:/bin -', 'cp fresh:/bin -', 'volume export big'])('scull %s | head -c 1 ends quietly too, with 141', async (words) => {
    if (words.startsWith('volume')) await s.ok(['run', '--rm', '-v', 'big:/v', 'busybox', 'cp', '/bin/busybox', '/v/']);
    const result = shell(`${scull} ${words} | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`);
    expect(result).toMatchObject({ stdout: '141\n', stderr: '' });
    if (words.startsWith('volume')) await s.ok(['volume', 'rm', 'big']);
  });

  test('a full disk is said', () => {
    const result = shell(`${scull} ps -a > /dev/full`);
    expect(result.status).not.toBe(0);
    expect(result.stderr).toMatch(/^Error: .*(no space|full)/i);
  });
});

describe('ps', () => {
  test('shows running ones, -a all, in a table', async () => {
    const running = (await s.ok(['ps'])).split('\n');
    expect(running[0]).toMatch(/^CONTAINER ID\s+IMAGE\s+COMMAND\s+CREATED\s+STATUS\s+PORTS\s+NAMES$/);
    expect(running.length).toBe(2);
    expect(running[1]).toMatch(/^[0-9a-f]{12}\s+\S*busybox:latest\s+sleep 1000\s+.*ago\s+Up .*\s+up$/);
    const all = await s.ok(['ps', '-a']);
    expect(all.split('\n').length).toBe(4);
    expect(all).toMatch(/Exited \(3\) .* ago\s+down/);
    expect(all).toMatch(/Created\s+fresh/);
  });

  test.each([
    [['-q'], /^[0-9a-f]{12}$/],
    [['-q', '--no-trunc'], /^[0-9a-f]{64}$/],
    [['-a', '--filter', 'status=exited', '--format', '{{.Names}}'], /^down$/],
    [['-a', '--filter', 'label=role=server', '--format', '{{.Names}}'], /^up$/],
    [['-a', '--filter', 'label=role', '--sort', 'names', '--format', '{{.Names}}'], /^down\nup$/],
    [['-a', '--filter', 'exited=3', '--format', '{{.Names}}'], /^down$/],
    [['-a', '--filter', 'name=fre', '--format', '{{.Names}}'], /^fresh$/],
    [['-a', '--filter', 'ancestor=busybox', '-q'], /^(\w{12}\n){2}\w{12}$/],
    [['-l', '--format', '{{.Names}}'], /^fresh$/],
    [['-n', '2', '--format', '{{.Names}}'], /^(fresh\ndown|down\nfresh)$/],
    [['--noheading'], /^[0-9a-f]{12}/],
    [['-a', '--sort', 'names', '--format', '{{.Names}} {{.State}}'], /^down exited\nfresh created\nup running$/],
    [['--format', '{{.ID}} {{.Image}} {{.Command}} {{.Status}}'], /^\w{12} \S+busybox:latest sleep 1000 Up /],
    [['--format', 'table {{.Names}}\t{{.State}}'], /^NAMES\s+STATE\nup\s+running$/],
    [['--format', '{{json .Names}}'], /^(\["up"\]|"up")$/],
  ] as const)('ps %j', async (args, expected) => {
    expect(await s.ok(['ps', ...args])).toMatch(expected);
  });

  test('--format json is a list a program can read', async () => {
    const list = JSON.parse(await s.ok(['ps', '-a', '--format', 'json']));
    expect(list.length).toBe(3);
    expect(list.find((one: any) => JSON.stringify(one.Names).includes('down'))).toMatchObject({ State: 'exited', ExitCode: 3 });
  });

  test('-s shows sizes', async () => {
    expect(await s.ok(['ps', '-a', '-s'])).toMatch(/SIZE\n.*\d+(\.\d+)?\s?k?B/);
  });
});

describe('inspect', () => {
  test('is shaped as Docker’s', async () => {
    const container = await s.inspect('up');
    expect(container).toMatchObject({
      Id: expect.stringMatching(/^[0-9a-f]{64}$/),
      Name: expect.stringMatching(/^\/?up$/),
      State: { Status: 'running', Running: true, Paused: false, ExitCode: 0, Pid: expect.any(Number) },
      Config: { Image: expect.stringMatching(/busybox/), Cmd: ['sleep', '1000'], Labels: { role: 'server' }, Tty: false, OpenStdin: false },
      HostConfig: expect.any(Object),
      Mounts: [],
      NetworkSettings: expect.any(Object),
    });
    expect(new Date(container.Created).getTime()).toBeGreaterThan(Date.now() - 600_000);
    expect(container.State.Pid).toBeGreaterThan(1);
  });

  test('--format walks the same tree', async () => {
    expect(await s.ok(['inspect', '--format', '{{.State.Status}} {{.Config.Labels.role}} {{len .Mounts}}', 'up'])).toBe('running server 0');
    expect(await s.ok(['inspect', '-f', '{{json .State.Running}}', 'up', 'down'])).toBe('true\nfalse');
    expect(await s.ok(['inspect', '-f', '{{range .Config.Cmd}}[{{.}}]{{end}}', 'up'])).toBe('[sleep][1000]');
    expect(await s.ok(['inspect', '-f', '{{if .State.Running}}yes{{else}}no{{end}}', 'down'])).toBe('no');
  });

  test('of several, what is there is shown and what is not is an error', async () => {
    const result = await s.scull(['inspect', 'up', 'nosuch']);
    expect(result.status).toBe(125);
    expect(JSON.parse(result.stdout).length).toBe(1);
    expect(result.stderr).toMatch(/nosuch/);
  });
});

test('each command under its noun is the same command', async () => {
  expect(await s.ok(['container', 'ls', '-q'])).toBe(await s.ok(['ps', '-q']));
  expect(await s.ok(['container', 'list', '-q'])).toBe(await s.ok(['ps', '-q']));
  expect(await s.ok(['image', 'ls', '-q'])).toBe(await s.ok(['images', '-q']));
  expect(await s.ok(['container', 'run', '--rm', 'busybox', 'echo', 'x'])).toBe('x');
  expect(await s.ok(['container', 'inspect', '-f', '{{.Name}}', 'up'])).toMatch(/up/);
});

test('version and info say what they run on', async () => {
  expect(await s.ok(['version'])).toMatch(/\d+\.\d+\.\d+/);
  expect(await s.ok(['--version'])).toMatch(/\d+\.\d+\.\d+/);
  const info = JSON.parse(await s.ok(['info', '--format', 'json']));
  expect(JSON.stringify(info)).toContain(s.storeRoot);
  expect(await s.ok(['info'])).toMatch(/overlay|vfs/);
});

test('unshare runs a program as root of the user namespace', async () => {
  expect(await s.ok(['unshare', 'id', '-u'])).toBe('0');
  expect(await s.scull(['unshare', 'sh', '-c', 'exit 6'])).toMatchObject({ status: 6 });
});

describe('help', () => {
  const commands = ['run', 'create', 'start', 'stop', 'kill', 'restart', 'rm', 'wait', 'pause', 'unpause', 'rename', 'ps', 'inspect', 'logs', 'top', 'port', 'exec', 'attach', 'container exists', 'images', 'image inspect', 'image exists', 'rmi', 'tag', 'untag', 'load', 'save', 'import', 'pull', 'volume create', 'volume ls', 'volume inspect', 'volume rm', 'volume prune', 'volume exists', 'version', 'info', 'unshare', 'doctor'];

  test.each(commands)('scull %s --help tells what it does, with an example', async (words) => {
    const help = await s.ok([...words.split(' '), '--help']);
    expect(help).toMatch(/usage/i);
    expect(help).toMatch(/example/i);
    expect(help).toContain('scull');
    expect(help).not.toMatch(/undefined|\[object/);
  });

  test('scull --help lists the commands', async () => {
    const help = await s.ok(['--help']);
    for (const command of commands.filter((one) => !one.includes(' '))) expect(help, command).toMatch(new RegExp(`^\\s+.*\\b${command}\\b`, 'm'));
  });
});

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('%s accepts the script', async (name) => {
    const script = s.file(`completion.${name}`, await s.ok(['completion', name]));
    execFileSync(name, ['-n', script], { env: s.env });
  });

  test('bash completes commands, flags, containers and images', async () => {
    s.file('completion.bash', await s.ok(['completion', 'bash']));
    // The shell looks scull up on its PATH.
    s.directory('bin');
    s.file('bin/scull', `#!/bin/sh\nexec ${scull} "$@"\n`);
    execFileSync('chmod', ['+x', `${s.base}/bin/scull`]);
    const complete = (line: string) => {
      const program = `source /usr/share/bash-completion/bash_completion 2>/dev/null; source ${s.base}/completion.bash
        COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; read -ra COMP_WORDS <<< "$COMP_LINE"; [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); cur=\${COMP_WORDS[COMP_CWORD]}; prev=\${COMP_WORDS[COMP_CWORD-1]}
        function=$(complete -p scull | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p'); $function scull "$cur" "$prev"; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', program], { env: { ...s.env, PATH: `${s.base}/bin:${s.env['PATH']}` }, cwd: s.base, encoding: 'utf8' }).split('\n').map((word) => word.trim());
    };
    expect(complete('scull sto')).toContain('stop');
    expect(complete('scull run --na')).toContain('--name');
    expect(complete('scull stop u')).toContain('up');
    expect(complete('scull run busy').join(' ')).toContain('busybox');
    expect(complete('scull volume ')).toEqual(expect.arrayContaining(['create', 'ls', 'rm']));
  });
});
