import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../../src/host/version.ts';

const top = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'scull-main-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The sources as they are, on a store of their own. */
function scull(...words: string[]) {
  return raw('--root', join(folder, 'root'), '--runroot', join(folder, 'run'), ...words);
}

function raw(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(`${top}node_modules/.bin/bun`, [`${top}bin/dev.ts`, ...words], { encoding: 'utf8', cwd: folder });
  return { status, stdout, stderr };
}

describe('before any command', () => {
  test.each([['--version'], ['-v']])('%s prints the version', (word) => {
    expect(raw(word)).toEqual({ status: 0, stdout: `scull version ${VERSION}\n`, stderr: '' });
  });

  test('nothing, help and --help show the overview', () => {
    const overview = raw();
    expect(overview).toMatchObject({ status: 0, stderr: '' });
    expect(overview.stdout).toMatch(/CONTAINERS\n {2}run +Run a command in a new container\n[^]*IMAGES\n[^]*VOLUMES\n[^]*SYSTEM\n/);
    expect(raw('--help')).toEqual(overview);
    expect(raw('help')).toEqual(overview);
  });

  test('a flag that no command has is refused', () => {
    expect(raw('--nope', 'run')).toEqual({ status: 125, stdout: '', stderr: "Error: unknown flag: --nope\nSee 'scull --help'.\n" });
  });
});

describe('help of a command', () => {
  test('is the same by every way to it, and names the spelling that was asked for', () => {
    const { stdout, status } = raw('run', '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Run a command in a new container\n\nUSAGE\n {2}\$ scull run \[FLAGS\] IMAGE \[COMMAND\.\.\.\]\n/);
    expect(raw('help', 'run').stdout).toBe(stdout);
    expect(raw('--help', 'run').stdout).toBe(stdout);
    expect(raw('container', 'run', '--help').stdout).toContain('$ scull container run [FLAGS]');
    expect(raw('create', '-h', 'x').stdout).toBe('');
  });

  test('shows flags in groups, the global ones last, and none that would be refused', () => {
    const { stdout } = raw('run', '--help');
    expect(stdout).toMatch(/PROCESS FLAGS\n[^]*NETWORK FLAGS\n[^]*SECURITY FLAGS\n[^]*GLOBAL FLAGS\n[^]*DESCRIPTION\n[^]*EXAMPLES\n/);
    expect(stdout).not.toContain('--rdt-class');
  });

  test('of a noun lists its commands', () => {
    for (const words of [['container'], ['container', '--help'], ['help', 'container']]) {
      expect(raw(...words)).toMatchObject({ status: 0, stdout: expect.stringMatching(/COMMANDS\n[^]* {2}container run +Run a command/) });
    }
  });

  test('of what does not exist is an error', () => {
    expect(raw('help', 'frobnicate')).toMatchObject({ status: 125, stdout: '', stderr: expect.stringContaining('unknown command "frobnicate"') });
  });
});

describe('words that are no command', () => {
  test('name the nearest one', () => {
    expect(scull('image', 'scp', 'a', 'b')).toMatchObject({ status: 125, stdout: '', stderr: expect.stringContaining('hint: send an image from machine to machine with `scull save') });
    expect(scull('rnu')).toMatchObject({ status: 125, stderr: "Error: unknown command \"rnu\"\nhint: did you mean `scull run`? `scull --help` lists all commands\nSee 'scull --help'.\n" });
    expect(scull('container', 'strat').stderr).toContain('did you mean `scull container start`?');
  });

  test('do not steer the terminal', () => {
    expect(scull('x\u001b[2J').stderr).not.toContain('\u001b');
  });

  test('cannot start a worker that does not exist', () => {
    expect(raw('__worker', 'constructor')).toMatchObject({ status: 125, stderr: expect.stringContaining('there is no worker "constructor"') });
  });
});

describe('a command', () => {
  test('fails with a pointer to its own help, in the spelling that was typed', () => {
    expect(scull('exec')).toEqual({ status: 125, stdout: '', stderr: "Error: CONTAINER is missing\nSee 'scull exec --help'.\n" });
    expect(scull('container', 'exec', '--nope').stderr).toContain("See 'scull container exec --help'.");
  });

  test('takes global flags before it and after it, the latter win', () => {
    const elsewhere = join(folder, 'elsewhere');
    expect(scull('volume', 'create', '--root', elsewhere, 'data').status).toBe(0);
    expect(scull('volume', 'exists', 'data').status).toBe(1);
    expect(raw('--root', elsewhere, 'volume', 'exists', 'data').status).toBe(0);
  });

  test('says which option it does not have yet', () => {
    expect(scull('run', '--runtime=runc', 'x')).toEqual({
      status: 125,
      stdout: '',
      stderr: 'Error: --runtime is not supported by this version of scull\nhint: leave it out, or use --runtime=crun\n',
    });
  });

  test('knows the global options of Podman: those it has, and why it has not the others', () => {
    expect(raw('--log-level', 'warning', '--cgroup-manager', 'cgroupfs', '--tmpdir', join(folder, 'tmp'), '--runtime', '/usr/bin/crun', '--events-backend=file', 'volume', 'ls', '-q')).toMatchObject({ status: 0, stderr: '' });
    expect(raw('--remote', 'ps')).toEqual({ status: 125, stdout: '', stderr: 'Error: --remote: scull has no remote client: it works for the user who runs it, on this machine\nhint: run it over ssh: ssh HOST scull …\n' });
    expect(raw('--url=unix:///x', 'ps').stderr).toMatch(/^Error: --url: scull has no remote client/);
    expect(raw('--volumepath', '/x', 'ps').stderr).toMatch(/^Error: --volumepath: images, containers and volumes stay together.*\nhint: .*--root/);
    expect(raw('--runtime', 'runc', 'ps').stderr).toMatch(/^Error: --runtime: containers are run by crun\n/);
  });

  test('ends quietly when nobody reads what it prints', () => {
    const result = spawnSync('bash', ['-c', `'${top}node_modules/.bin/bun' '${top}bin/dev.ts' run --help | head -1; echo "\${PIPESTATUS[0]}"`], { encoding: 'utf8' });
    expect(result).toMatchObject({ stdout: 'Run a command in a new container\n0\n', stderr: '' });
  });

  test('shows stack and causes with --log-level debug', () => {
    expect(scull('start', 'nosuch').stderr).not.toMatch(/\n +at /);
    expect(raw('--log-level', 'debug', 'run', '--label-file', '/nonexistent', 'x').stderr).toMatch(/caused by: .*ENOENT/);
  });
});
