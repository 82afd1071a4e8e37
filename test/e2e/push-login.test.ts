import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';
import { TEST_CERTIFICATE } from '../support/test-certificate.ts';
import { openTerminal } from '../support/terminal.ts';

/** bcrypt of PASSWORD, for this test's registry alone. */
const USERS = 'ann:$2b$04$.FRMmxfTxsJXW5C/iOhuUuBdQqw7WtpUO/J6PR5mkpTZKTz5HczBO\n';
const PASSWORD = 'right:horse';

const s = useScull();
let registry: DockerRegistry;
let authFile: string;

beforeAll(async () => {
  registry = await startDockerRegistry(s.base, { users: USERS });
  authFile = join(s.home, '.config', 'containers', 'auth.json');
});
beforeEach(() => rmSync(authFile, { force: true }));
afterAll(() => registry.stop());

const logIn = () => s.ok(['login', '-u', 'ann', '--password-stdin', registry.host], { input: `${PASSWORD}\n` });
const name = (tag: string) => `${registry.host}/team/app:${tag}`;

describe('login', () => {
  test('a wrong password is one clear error that does not repeat it, and is not kept', async () => {
    const result = await s.fails(['login', '-u', 'ann', '-p', 'wr0ng', registry.host], 125, /cannot log in to 127\.0\.0\.1:\d+: it refuses this user name or password/);
    expect(result.stderr + result.stdout).not.toContain('wr0ng');
    expect(existsSync(authFile)).toBe(false);
  });

  test('the right one is kept for this user alone, told by --get-login, gone after logout', async () => {
    expect(await logIn()).toBe('Login Succeeded!');
    expect(statSync(authFile).mode & 0o777).toBe(0o600);
    expect(Object.keys(JSON.parse(readFileSync(authFile, 'utf8')).auths)).toEqual([registry.host]);
    expect(await s.ok(['login', '--get-login', registry.host])).toBe('ann');
    expect(await s.ok(['logout', registry.host])).toBe(`Removed login credentials for ${registry.host}`);
    await s.fails(['login', '--get-login', registry.host], 125, /nobody is logged in/);
    await s.fails(['logout', registry.host], 125, /there is no login/);
  });

  test('--authfile keeps it elsewhere, and logout --all empties that', async () => {
    const elsewhere = join(s.base, 'elsewhere', 'auth.json');
    await s.ok(['login', '--authfile', elsewhere, '-v', '-u', 'ann', '-p', PASSWORD, registry.host]);
    expect([existsSync(authFile), statSync(elsewhere).mode & 0o777]).toEqual([false, 0o600]);
    await s.fails(['pull', '-q', name('nosuch')], 125, /wants a login/);
    for (const args of [['pull', name('nosuch')], ['push', 'busybox', name('nosuch')]]) await s.fails([...args, '--authfile', `${elsewhere}.not`], 125, /there is no file "[^"]*auth\.json\.not" to take a login from/);
    await s.fails(['pull', '-q', '--authfile', elsewhere, name('nosuch')], 125, /has no such/);
    expect(await s.ok(['logout', '--all', '--authfile', elsewhere])).toContain(registry.host);
    expect(JSON.parse(readFileSync(elsewhere, 'utf8')).auths).toEqual({});
  });

  test('the password may come from a secret, and the file be one for Docker', async () => {
    await s.ok(['secret', 'create', 'ann', '-'], { input: `${PASSWORD}\n` });
    const file = join(s.base, 'docker.json');
    await s.ok(['login', '--secret', 'ann', '--compat-auth-file', file, registry.host]);
    expect(JSON.parse(readFileSync(file, 'utf8')).auths).toEqual({ [registry.host]: { auth: Buffer.from(`ann:${PASSWORD}`).toString('base64') } });
    expect(existsSync(authFile)).toBe(false);
    await s.ok(['logout', '--compat-auth-file', file, registry.host]);
    await s.ok(['secret', 'rm', 'ann']);
    await s.fails(['login', '--compat-auth-file', file, '-u', 'ann', '-p', 'x', `${registry.host}/team`], 125, /registries only/);
  });

  test('on a terminal it asks, and shows the user name but not the password', async () => {
    const terminal = openTerminal(s, ['login', registry.host]);
    await terminal.shows('Username: ');
    terminal.type('ann\r');
    await terminal.shows('Password: ');
    terminal.type(`${PASSWORD}\r`);
    await terminal.shows('Login Succeeded!');
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).toContain('ann');
    expect(terminal.screen()).not.toContain(PASSWORD);
  });

  test('a login that still works is not asked for again; one that the registry has forgotten is', async () => {
    await logIn();
    expect(await s.ok(['login', registry.host])).toBe(`Existing credentials are valid. Already logged in to ${registry.host}`);
    writeFileSync(authFile, JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from('ann:0ld').toString('base64') } } }));
    const result = await s.fails(['login', registry.host], 125, /does not take the login that is kept.*\n.*cannot ask for the username/);
    expect(result.stderr + result.stdout).not.toContain('0ld');
  });

  test('Ctrl-C at the password leaves a terminal that shows again what is typed', async () => {
    const script = s.file('interrupted.sh', `#!/bin/sh\ntrap : INT\n${productCommand().join(' ')} login -u ann ${registry.host}\necho "ended with $?"\nstty -a\n`);
    chmodSync(script, 0o755);
    const terminal = openTerminal(s, [], { file: script });
    await terminal.shows('Password: ');
    terminal.type('\u0003');
    await terminal.shows('ended with 130');
    await terminal.ended;
    expect(terminal.screen()).toMatch(/[^-]echo /);
  });

  test.each<[string[], RegExp]>([
    [['login', 'r.example'], /cannot ask for the username: standard input is not a terminal/],
    [['login', '-u', 'ann', 'r.example'], /cannot ask for the password: standard input is not a terminal/],
    [['login', '--password-stdin', 'r.example'], /needs --username/],
    [['login', '-u', 'ann', '-p', 'x', '--password-stdin', 'r.example'], /cannot be used together/],
    [['login', '-u', 'ann', '-p', '', 'r.example'], /the password is empty/],
    [['login', '-u', 'ann', '-p', 'x', 'not a registry'], /is not a registry/],
    [['logout', '-a', 'r.example'], /cannot be used together/],
  ])('%j is refused', async (args, message) => {
    await s.fails(args, 125, message);
  });
});

describe('push', () => {
  test('what is pushed comes back with the same digest, and skopeo reads it by the same login', async () => {
    await logIn();
    const digestFile = join(s.base, 'digest');
    const pushed = await s.ok(['push', '--digestfile', digestFile, 'busybox', name('1')]);
    const digest = readFileSync(digestFile, 'utf8');
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(pushed).toBe(`${registry.host}/team/app@${digest}`);

    const inspected = JSON.parse(execFileSync('skopeo', ['inspect', '--tls-verify=false', `docker://${name('1')}`], { encoding: 'utf8', env: { ...s.env } }));
    expect(inspected.Digest).toBe(digest);

    await s.ok(['tag', 'busybox', 'kept:1']);
    await s.ok(['rmi', '-f', 'busybox', 'kept:1']);
    await s.fails(['run', '--rm', '--pull=never', name('1'), 'true'], 125, /no such image|--pull=never/);
    expect(await s.ok(['run', '--rm', '--retry', '1', '--retry-delay', '10ms', name('1'), 'echo', 'back again'])).toBe('back again');
    expect((await s.inspect(name('1'))).RepoDigests).toContain(`${registry.host}/team/app@${digest}`);
    await s.ok(['tag', name('1'), 'busybox']);
  });

  test('after logout pull, push and run are refused with the way to log in; --creds is a login for once', async () => {
    await logIn();
    await s.ok(['push', '-q', 'busybox', name('2')]);
    await s.ok(['logout', registry.host]);
    for (const args of [['pull', name('2')], ['push', 'busybox', name('3')], ['run', '--pull=always', '--rm', name('2'), 'true'], ['create', '--pull=always', name('2')]]) {
      const result = await s.fails(args, 125, /wants a login/);
      expect(result.stderr).toContain(`scull login ${registry.host}`);
    }
    const creds = ['--creds', `ann:${PASSWORD}`];
    await s.ok(['pull', ...creds, name('2')]);
    await s.ok(['run', '--pull=always', '--rm', ...creds, name('2'), 'true']);
    await s.ok(['create', '--pull=always', ...creds, name('2')]);
    expect(await s.ok(['push', '-q', ...creds, 'busybox', name('3')])).toContain('@sha256:');
    expect(existsSync(authFile) && readFileSync(authFile, 'utf8').includes(registry.host)).toBe(false);
    const wrong = await s.fails(['pull', '--creds', 'ann:wr0ng', name('2')], 125, /refuses this user name or password/);
    expect(wrong.stderr).not.toContain('wr0ng');
  });

  test('a layer goes once: the second push says that it is there', async () => {
    await logIn();
    await s.ok(['push', '-q', 'busybox', name('4')]);
    const again = await s.scull(['push', 'busybox', name('5')]);
    expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('already here') });
    expect((await s.scull(['push', '-q', 'busybox', name('6')])).stderr).toBe('');
  });

  test('a layer that another image has there is mounted from where that is', async () => {
    await logIn();
    await s.ok(['push', '-q', 'busybox', name('base')]);
    await s.ok(['create', '--name', 'mounting', name('base'), 'true']);
    await s.ok(['commit', '-q', 'mounting', 'localhost/mounting']);
    const [base] = (await s.inspect(name('base'))).RootFS.Layers as string[];
    expect((await s.inspect('localhost/mounting')).RootFS.Layers).toContain(base);
    const pushed = await s.scull(['push', 'localhost/mounting', `${registry.host}/elsewhere/mounting`]);
    expect(pushed).toMatchObject({ status: 0, stderr: expect.stringContaining('already here') });
    await s.ok(['rm', 'mounting']);
    await s.ok(['rmi', 'localhost/mounting']);
  });

  test('-a sends every tag of the repository that is here, in order', async () => {
    await logIn();
    const repository = `${registry.host}/all/app`;
    for (const tag of ['b', 'a']) await s.ok(['tag', 'busybox', `${repository}:${tag}`]);
    expect((await s.ok(['push', '-q', '-a', repository])).split('\n')).toHaveLength(2);
    expect(await s.ok(['search', '--list-tags', '--format', '{{.Tag}}', repository])).toBe('a\nb');
    await s.fails(['push', '-a', `${repository}:a`], 125, /names one image/);
    await s.fails(['push', '-a', `${registry.host}/none/app`], 125, /no image here has a name/);
  });

  test('a digest file that cannot be written is an error, told apart from the push', async () => {
    await logIn();
    await s.fails(['push', '-q', '--digestfile', join(s.base, 'no', 'such', 'folder'), 'busybox', name('7')], 125, /cannot write the --digestfile/);
  });

  test.each<[string[], RegExp]>([
    [['push', 'nosuch'], /nosuch/],
    [['push', 'localhost/made-here'], /does not say where to push to/],
  ])('%j is refused', async (args, message) => {
    await s.ok(['tag', 'busybox', 'localhost/made-here']);
    await s.fails(args, 125, message);
  });
});

describe('a registry whose certificate a private authority signed', () => {
  let secure: DockerRegistry;
  let trust: readonly string[];
  beforeAll(async () => {
    const folder = s.directory('tls');
    secure = await startDockerRegistry(folder, { users: USERS, tls: true });
    s.directory('tls/authority');
    s.file('tls/authority/ca.crt', TEST_CERTIFICATE);
    trust = ['--cert-dir', join(folder, 'authority')];
  });
  afterAll(() => secure.stop());

  test('is not trusted as it is, and then gets no password to see', async () => {
    const args = ['-u', 'ann', '-p', PASSWORD, secure.host];
    const result = await s.fails(['login', ...args], 125, /certificate/);
    expect(result.stderr).not.toContain(PASSWORD);
    expect(existsSync(authFile)).toBe(false);
  });

  test('is trusted by login, push, pull, run and create with --cert-dir, and unchecked with --tls-verify=false', async () => {
    await s.ok(['login', ...trust, '-u', 'ann', '-p', PASSWORD, secure.host]);
    const image = `${secure.host}/app:1`;
    await s.fails(['push', '-q', 'busybox', image], 125, /certificate/);
    await s.ok(['push', '-q', ...trust, 'busybox', image]);
    await s.fails(['pull', '-q', image], 125, /certificate/);
    await s.ok(['pull', '-q', ...trust, image]);
    await s.fails(['run', '--rm', '--pull=always', image, 'true'], 125, /certificate/);
    expect(await s.ok(['run', '--rm', '--pull=always', ...trust, image, 'echo', 'trusted'])).toBe('trusted');
    await s.ok(['create', '--pull=always', ...trust, image]);
    expect(await s.ok(['run', '--rm', '--pull=always', '--tls-verify=false', image, 'echo', 'unchecked'])).toBe('unchecked');
  });
});
