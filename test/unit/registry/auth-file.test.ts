import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContainersConfig } from '../../../src/host/containers-config.ts';
import type { ScullError } from '../../../src/host/errors.ts';
import { findCredentials, forgetLogin, storeLogin } from '../../../src/registry/auth-file.ts';

let folder: string;
let config: ContainersConfig;
const path = process.env['PATH'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scull-auth-'));
  config = {
    userFolder: join(folder, 'user'),
    systemFolder: join(folder, 'system'),
    dockerFolder: join(folder, 'docker'),
    authFile: undefined,
    runtimeAuthFile: join(folder, 'runtime', 'auth.json'),
    registriesConf: undefined,
  };
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

const encoded = (text: string): string => Buffer.from(text).toString('base64');
function write(name: string, document: unknown): void {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), typeof document === 'string' ? document : JSON.stringify(document));
}
const find = (repository: string) => findCredentials(repository, { config });
const user = (username: string, password = 'pw') => ({ kind: 'password', username, password });

describe('a login is found', () => {
  test('by the most particular key', async () => {
    write('user/auth.json', { auths: { 'r.example': { auth: encoded('all:pw') }, 'r.example/team': { auth: encoded('team:pw') }, 'r.example/team/app': { auth: encoded('app:p:w') } } });
    expect(await find('r.example/team/app')).toEqual(user('app', 'p:w'));
    expect(await find('r.example/team/other')).toEqual(user('team'));
    expect(await find('r.example/teamwork')).toEqual(user('all'));
    expect(await find('r.example')).toEqual(user('all'));
    expect(await find('other.example/team')).toBeUndefined();
  });

  test('in every place the other tools write to, in their order', async () => {
    write('docker/config.json', { auths: { 'https://index.docker.io/v1/': { auth: encoded('docker:pw') }, 'https://r.example': { auth: encoded('r:pw') } } });
    expect(await find('docker.io/library/debian')).toEqual(user('docker'));
    expect(await find('r.example/x')).toEqual(user('r'));
    write('user/auth.json', { auths: { 'docker.io': { auth: encoded('mine:pw') } } });
    expect(await find('docker.io/library/debian')).toEqual(user('mine'));
    write('runtime/auth.json', { auths: { 'docker.io': { auth: encoded('podman:pw') } } });
    expect(await find('docker.io/library/debian')).toEqual(user('podman'));
  });

  test('as a token', async () => {
    write('user/auth.json', { auths: { a: {}, 'b.example': { auth: encoded('x:'), identitytoken: 'idt' }, 'c.example': { registrytoken: 'rt' } } });
    expect(await find('a')).toBeUndefined();
    expect(await find('b.example/x')).toEqual({ kind: 'identity-token', token: 'idt' });
    expect(await find('c.example/x')).toEqual({ kind: 'registry-token', token: 'rt' });
  });

  test('nowhere, when an empty file is all there is', async () => {
    write('user/auth.json', '');
    expect(await find('r.example/x')).toBeUndefined();
  });
});

test('/dev/null as the file means no login', async () => {
  write('user/auth.json', { auths: { 'r.example': { auth: encoded('ann:pw') } } });
  expect(await findCredentials('r.example/x', { config, authFile: '/dev/null' })).toBeUndefined();
});

describe('a damaged file is an error that does not repeat it', () => {
  test.each(['{"auths": "s3cret"', '["s3cret"]', '{"auths": ["s3cret"]}', `{"auths": {"r.example": {"auth": "${encoded('s3cret')}"}}}`])('%j', async (text) => {
    write('user/auth.json', text);
    const error = (await find('r.example/x').catch((reason: unknown) => reason)) as ScullError;
    expect(error.code).toBe('INVALID');
    expect(`${error.message} ${error.hint ?? ''} ${error.detail ?? ''}`).not.toMatch(/s3cret/);
  });
});

describe('a login is kept', () => {
  test('for the user alone, beside what the file holds', async () => {
    write('user/auth.json', { auths: { 'other.example': { auth: encoded('o:o') } }, future: 1 });
    expect(await storeLogin('r.example', 'ann', 's3cret', { config })).toBe(join(folder, 'user', 'auth.json'));
    const stored = JSON.parse(readFileSync(join(folder, 'user', 'auth.json'), 'utf8')) as unknown;
    expect(stored).toEqual({ auths: { 'other.example': { auth: encoded('o:o') }, 'r.example': { auth: encoded('ann:s3cret') } }, future: 1 });
    expect(statSync(join(folder, 'user', 'auth.json')).mode & 0o777).toBe(0o600);
    expect(await find('r.example/x')).toEqual(user('ann', 's3cret'));
  });

  test('until it is forgotten', async () => {
    await storeLogin('r.example', 'ann', 'pw', { config });
    await storeLogin('s.example', 'ann', 'pw', { config });
    expect(await forgetLogin('r.example', { config })).toEqual(['r.example']);
    expect(await find('r.example/x')).toBeUndefined();
    expect(await forgetLogin(undefined, { config })).toEqual(['s.example']);
    expect(await forgetLogin('r.example', { config })).toEqual([]);
  });

  test('in the file that was named', async () => {
    const authFile = join(folder, 'elsewhere', 'a.json');
    expect(await storeLogin('r.example', 'ann', 'pw', { config, authFile })).toBe(authFile);
    expect(existsSync(join(folder, 'user'))).toBe(false);
    expect(await findCredentials('r.example', { config, authFile })).toEqual(user('ann'));
    expect(((await findCredentials('r.example', { config, authFile: join(folder, 'none') }).catch((reason: unknown) => reason)) as ScullError).code).toBe('NOT_FOUND');
  });
});

describe('a credential helper', () => {
  function helper(name: string, script: string): void {
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, `docker-credential-${name}`), 0o755);
    process.env['PATH'] = `${bin}:${path ?? ''}`;
  }

  test('is asked for the registry, before the file', async () => {
    helper('test', 'read -r server; echo "$1 $server" >> "$0.log"; echo "{\\"ServerURL\\":\\"x\\",\\"Username\\":\\"helped\\",\\"Secret\\":\\"pw\\"}"');
    write('docker/config.json', { credHelpers: { 'r.example': 'test' }, auths: { 'r.example': { auth: encoded('file:pw') } } });
    expect(await find('r.example/x')).toEqual(user('helped'));
    expect(readFileSync(join(folder, 'bin', 'docker-credential-test.log'), 'utf8')).toBe('get r.example\n');
    expect(await find('s.example/x')).toBeUndefined();
  });

  test('may hand out an identity token', async () => {
    helper('test', 'cat > /dev/null; echo \'{"Username":"<token>","Secret":"idt"}\'');
    write('docker/config.json', { credsStore: 'test' });
    expect(await find('docker.io/x')).toEqual({ kind: 'identity-token', token: 'idt' });
  });

  test('that knows nothing lets the search go on', async () => {
    helper('test', 'cat > /dev/null; echo "credentials not found in native keychain"; exit 1');
    write('docker/config.json', { credsStore: 'test', auths: { 'r.example': { auth: encoded('file:pw') } } });
    expect(await find('r.example/x')).toEqual(user('file'));
  });

  test.each([
    ['fails', 'echo boom >&2; exit 3', 'TOOL_FAILED'],
    ['answers nonsense', 'echo nonsense', 'TOOL_FAILED'],
  ])('that %s is an error, not a reason to try others (CVE-2021-41092)', async (_what, script, code) => {
    helper('test', `cat > /dev/null; ${script}`);
    write('user/auth.json', { credHelpers: { 'r.example': 'test' } });
    write('docker/config.json', { auths: { 'r.example': { auth: encoded('file:pw') } } });
    expect(((await find('r.example/x').catch((reason: unknown) => reason)) as ScullError).code).toBe(code);
  });

  test.each(['absent-helper', '../../bin/sh'])('that is called %s is an error', async (name) => {
    write('docker/config.json', { credsStore: name });
    expect(((await find('r.example/x').catch((reason: unknown) => reason)) as ScullError).code).toMatch(/MISSING_TOOL|INVALID/);
  });

  test('keeps what is logged in', async () => {
    helper('test', 'cat >> "$0.log"; exit 0');
    write('user/auth.json', { credsStore: 'test' });
    expect(await storeLogin('r.example', 'ann', 's3cret', { config })).toBe('docker-credential-test');
    expect(readFileSync(join(folder, 'bin', 'docker-credential-test.log'), 'utf8')).toContain('"Secret":"s3cret"');
    expect(readFileSync(join(folder, 'user', 'auth.json'), 'utf8')).not.toContain('auths');
  });
});
