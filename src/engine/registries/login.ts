/** `login` and `logout`: logins for registries, tried before they are kept. */
import { existsSync } from 'node:fs';
import { isScullError, ScullError } from '../../host/errors.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';
import type { Engine } from '../engine.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';

export interface LoginOptions extends Pick<RegistryChoices, 'tlsVerify' | 'authFile' | 'certificateDirectory'> {
  readonly username: string;
  readonly password: string;
  /** Keep it as Docker would: by its own names for Docker Hub, and for registries as a whole only. */
  readonly dockerKeys?: boolean;
}

/**
 * Tries the login at the registry and keeps it.
 * @param registry `host[:port][/path]`, `docker.io` when empty; a path limits the login to repositories below it
 * @returns where it is kept: a file, or the name of a helper program
 * @throws ScullError UNAUTHORIZED when the registry refuses it, then nothing is kept; NETWORK, REGISTRY, INVALID; what storeLogin throws
 */
export async function login(engine: Engine, registry: string, options: LoginOptions): Promise<string> {
  const key = loginKey(registry);
  if (options.dockerKeys === true && key.includes('/')) throw new ScullError('INVALID', `Docker keeps logins for registries only, not for ${JSON.stringify(key)}`, { hint: 'leave --compat-auth-file out, or name the registry alone' });
  if (options.username === '') throw new ScullError('USAGE', 'a user name is missing');
  if (options.username.includes(':')) throw new ScullError('INVALID', 'a user name cannot hold a colon');
  await tryLogin(engine, key, { ...options, credentials: { kind: 'password', username: options.username, password: options.password } });
  const { storeLogin } = await import('../../registry/auth-file.ts');
  return storeLogin(key, options.username, options.password, { authFile: options.authFile, dockerKeys: options.dockerKeys });
}

/**
 * Tries the login that is kept, before anybody is asked for another one.
 * @returns the registry as it was understood, and whether the registry takes that login; undefined where none with a password is kept
 * @throws ScullError NETWORK, REGISTRY, INVALID
 */
export async function tryKeptLogin(engine: Engine, registry: string, options: Pick<RegistryChoices, 'tlsVerify' | 'authFile' | 'certificateDirectory'>): Promise<{ readonly registry: string; readonly valid: boolean } | undefined> {
  const { findCredentials } = await import('../../registry/auth-file.ts');
  const key = loginKey(registry);
  const authFile = options.authFile !== undefined && existsSync(options.authFile) ? options.authFile : undefined;
  // A file that was named and is not there yet keeps none.
  const credentials = authFile === options.authFile ? await findCredentials(key, { authFile }) : undefined;
  if (credentials?.kind !== 'password') return undefined;
  try {
    await tryLogin(engine, key, { ...options, credentials });
    return { registry: key, valid: true };
  } catch (error) {
    if (isScullError(error, 'UNAUTHORIZED')) return { registry: key, valid: false };
    throw error;
  }
}

/** @throws ScullError UNAUTHORIZED when the registry refuses it; NETWORK, REGISTRY */
async function tryLogin(engine: Engine, key: string, choices: RegistryChoices): Promise<void> {
  const [{ connectToRegistry }, { checkLogin }] = await Promise.all([import('../images/registry-connection.ts'), import('../../registry/login.ts')]);
  const session = connectToRegistry(referenceOf(key), { to: `log in to ${key}`, choices, progress: engine.progress });
  try {
    await checkLogin(session);
  } finally {
    session.close();
  }
}

/**
 * Forgets the login for a registry, or all of them without one.
 * @returns the registries whose login is gone
 * @throws ScullError INVALID when there is none for `registry`
 */
export async function logout(registry: string | undefined, options: Pick<RegistryChoices, 'authFile'> = {}): Promise<readonly string[]> {
  const { findCredentials, forgetLogin } = await import('../../registry/auth-file.ts');
  if (registry === undefined) return forgetLogin(undefined, options);
  const key = loginKey(registry);
  const forgotten = await forgetLogin(key, options);
  if (forgotten.length > 0) return forgotten;
  if ((await findCredentials(key, options)) === undefined) throw new ScullError('INVALID', `there is no login for ${key}`);
  throw new ScullError('INVALID', `the login for ${key} is in a file of another program`, { hint: `use that program's own logout, e.g. \`docker logout ${key}\`` });
}

/** The user who is logged in. @throws ScullError INVALID when nobody is */
export async function loggedInUser(registry: string, options: Pick<RegistryChoices, 'authFile'> = {}): Promise<string> {
  const { findCredentials } = await import('../../registry/auth-file.ts');
  const key = loginKey(registry);
  const found = await findCredentials(key, options);
  if (found === undefined) throw new ScullError('INVALID', `nobody is logged in to ${key}`, { hint: `log in with \`scull login ${key}\`` });
  return found.kind === 'password' ? found.username : '<token>';
}

/** What people write for a registry, among it whole addresses, as the key of a login. */
function loginKey(registry: string): string {
  const bare = registry.trim().replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  if (bare === '' || bare === 'index.docker.io' || bare === 'registry-1.docker.io') return 'docker.io';
  referenceOf(bare);
  return bare;
}

/** A reference below the key, for everything that is decided by reference. @throws ScullError INVALID */
function referenceOf(key: string): Reference {
  const slash = key.indexOf('/');
  const text = slash < 0 ? `${key}/x` : key;
  try {
    const reference = parseReference(text);
    const registry = slash < 0 ? key : key.slice(0, slash);
    if (reference.registry === registry && reference.tag === 'latest' && !text.endsWith(':latest')) return reference;
  } catch {
    // Said below, in terms of what was asked for.
  }
  throw new ScullError('INVALID', `${JSON.stringify(key.slice(0, 200))} is not a registry: expected host[:port], for example quay.io`);
}
