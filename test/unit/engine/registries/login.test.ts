import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { loggedInUser, login, logout, tryKeptLogin } from '../../../../src/engine/registries/login.ts';
import type { ScullError } from '../../../../src/host/errors.ts';
import { startTestRegistry, type TestRegistry, type TestRegistryOptions } from '../../../support/registry-server.ts';

let folder: string;
let authFile: string;
let engine: Engine;
let registry: TestRegistry | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scull-login-'));
  authFile = join(folder, 'auth.json');
  engine = openEngine({ root: join(folder, 'root'), runRoot: join(folder, 'run') });
});
afterEach(async () => {
  await registry?.stop();
  registry = undefined;
  rmSync(folder, { recursive: true });
});

const failure = async (work: Promise<unknown>): Promise<ScullError> => (await work.then(() => undefined, (reason: unknown) => reason)) as ScullError;

describe.each<[string, TestRegistryOptions]>([
  ['Basic', { basic: 'ann:s3cret' }],
  ['tokens', { tokens: { login: 'ann:s3cret' } }],
])('at a registry with %s', (_kind, options) => {
  test('a right password is kept until logout', async () => {
    registry = await startTestRegistry(options);
    expect(await login(engine, `http://${registry.host}/v2/`, { username: 'ann', password: 's3cret', authFile })).toBe(authFile);
    expect(await loggedInUser(registry.host, { authFile })).toBe('ann');
    expect(await tryKeptLogin(engine, `http://${registry.host}/`, { authFile })).toEqual({ registry: registry.host, valid: true });
    expect(await logout(registry.host, { authFile })).toEqual([registry.host]);
    expect((await failure(loggedInUser(registry.host, { authFile }))).message).toContain('nobody is logged in');
    expect((await failure(logout(registry.host, { authFile }))).message).toContain('there is no login');
  });

  test('a wrong password is told and not kept', async () => {
    registry = await startTestRegistry(options);
    const error = await failure(login(engine, registry.host, { username: 'ann', password: 'wr0ng', authFile }));
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringMatching(/cannot log in to .*refuses/) });
    expect(`${error.message}${error.detail ?? ''}`).not.toContain('wr0ng');
    expect(existsSync(authFile)).toBe(false);
    expect(await tryKeptLogin(engine, registry.host, { authFile })).toBeUndefined();
    writeFileSync(authFile, JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from('ann:wr0ng').toString('base64') } } }));
    expect(await tryKeptLogin(engine, registry.host, { authFile })).toEqual({ registry: registry.host, valid: false });
  });
});

test.each(['no registry', '/', 'a/b/c', 'host:99999', '-x.example', 'r.example/UPPER'])('%j is not a registry', async (name) => {
  const error = await failure(login(engine, name === '/' ? '//' : name, { username: 'ann', password: 'x', authFile }));
  expect(error.code).toBe('INVALID');
});
