/**
 * Where logins are kept: containers-auth.json(5), and Docker's config.json, which has the same shape. scull writes the
 * user's own auth.json below ~/.config/containers (it outlives a reboot) and reads every place the other tools write to.
 *
 * An entry is for a registry (`quay.io`) or for a part of it (`quay.io/team`); the most particular one counts. Secrets
 * are either in the file, in base64, or with a helper program (`docker-credential-NAME`). A helper that fails is an error, never
 * a reason to go on with another login (CVE-2021-41092).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { containersConfig, type ContainersConfig } from '../host/containers-config.ts';
import { callerEnvironment } from '../host/environment.ts';
import { isScullError, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, readTextIfPresent, writeJsonAtomic } from '../host/files.ts';
import type { RunResult } from '../host/process.ts';
import { DOCKER_HUB } from '../oci/reference.ts';
import type { Credentials } from './auth.ts';

export interface AuthFileOptions {
  /** --authfile; instead of all other places. */
  readonly authFile?: string | undefined;
  /** Where a login is stored: by Docker's own name for Docker Hub. */
  readonly dockerKeys?: boolean | undefined;
  /** For tests. */
  readonly config?: ContainersConfig | undefined;
}

/** As Docker calls itself in its own file. */
const DOCKER_HUB_KEYS = ['https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io'];

interface AuthFile {
  readonly path: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/**
 * The login for a repository, looked for in all places; undefined where there is none.
 * @param repository registry and path, `quay.io/team/app`, or a registry alone
 * @throws ScullError INVALID naming a malformed file; TOOL_FAILED, MISSING_TOOL for a helper; PERMISSION
 */
export async function findCredentials(repository: string, options: AuthFileOptions = {}): Promise<Credentials | undefined> {
  for (const file of readAuthFiles(options)) {
    const found = await credentialsIn(file, repository);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The file that a login is written to. */
function loginFile(options: AuthFileOptions = {}): string {
  const config = options.config ?? containersConfig();
  return options.authFile ?? config.authFile ?? join(config.userFolder, 'auth.json');
}

/**
 * Keeps a login: with the helper the file names, else in the file itself, 0600.
 * @param key `registry` or `registry/path`
 * @returns where it is kept now, for the user
 * @throws ScullError INVALID, NO_SPACE, PERMISSION, TOOL_FAILED, MISSING_TOOL
 */
export async function storeLogin(key: string, username: string, password: string, options: AuthFileOptions = {}): Promise<string> {
  const path = loginFile(options);
  const document = readAuthFile(path)?.document ?? {};
  const helper = helperFor(document, key);
  if (helper !== undefined) {
    await askHelper(helper, 'store', JSON.stringify({ ServerURL: serverName(key), Username: username, Secret: password }));
    return `docker-credential-${helper}`;
  }
  const auths = { ...objectAt(document, 'auths', path), [options.dockerKeys === true ? serverName(key) : key]: { auth: Buffer.from(`${username}:${password}`).toString('base64') } };
  writeAuthFile(path, { ...document, auths });
  return path;
}

/**
 * Forgets a login (of all registries without `key`) in the file that {@link loginFile} names and in the other places of scull's own
 * family. Docker's file is Docker's.
 * @returns the keys that were forgotten
 */
export async function forgetLogin(key: string | undefined, options: AuthFileOptions = {}): Promise<readonly string[]> {
  const config = options.config ?? containersConfig();
  const own = options.authFile !== undefined ? [options.authFile] : [loginFile(options), ...(config.runtimeAuthFile === undefined ? [] : [config.runtimeAuthFile])];
  const forgotten: string[] = [];
  for (const path of new Set(own)) {
    const file = readAuthFile(path);
    if (file === undefined) continue;
    const auths = objectAt(file.document, 'auths', path);
    const gone = Object.keys(auths).filter((name) => key === undefined || name === key || (isDockerHub(key) && isDockerHub(name)));
    if (gone.length > 0) writeAuthFile(path, { ...file.document, auths: Object.fromEntries(Object.entries(auths).filter(([name]) => !gone.includes(name))) });
    forgotten.push(...gone);
    const helper = key === undefined ? undefined : helperFor(file.document, key);
    if (key !== undefined && helper !== undefined && (await askHelper(helper, 'erase', serverName(key))) !== undefined) forgotten.push(key);
  }
  return [...new Set(forgotten)].sort();
}

function readAuthFiles(options: AuthFileOptions): readonly AuthFile[] {
  const config = options.config ?? containersConfig();
  const given = options.authFile ?? config.authFile;
  const paths = given !== undefined ? [given] : [...(config.runtimeAuthFile === undefined ? [] : [config.runtimeAuthFile]), join(config.userFolder, 'auth.json'), join(config.dockerFolder, 'config.json')];
  const files = paths.flatMap((path) => readAuthFile(path) ?? []);
  // A file that is there and empty (/dev/null) says: no login.
  if (options.authFile !== undefined && files.length === 0 && !existsSync(options.authFile)) throw new ScullError('NOT_FOUND', `there is no file ${options.authFile} to take a login from`);
  return files;
}

function readAuthFile(path: string): AuthFile | undefined {
  let text: string | undefined;
  try {
    text = readTextIfPresent(path);
  } catch (cause) {
    throw new ScullError('PERMISSION', `cannot read the logins in ${path}: ${(cause as Error).message}`, { cause });
  }
  // `podman login` and others make an empty file first.
  if (text === undefined || text.trim() === '') return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's message would quote what stands there, which may be a password.
    throw new ScullError('INVALID', `${path}, where logins are kept, is not JSON`, { hint: 'correct it, or remove it and log in again' });
  }
  if (!isObject(document)) throw new ScullError('INVALID', `${path}, where logins are kept, does not hold a JSON object`);
  return { path, document };
}

function writeAuthFile(path: string, document: object): void {
  const folder = path.slice(0, path.lastIndexOf('/'));
  if (folder !== '') ensurePrivateDirectory(folder);
  writeJsonAtomic(path, document, { mode: 0o600 });
}

async function credentialsIn(file: AuthFile, repository: string): Promise<Credentials | undefined> {
  const keys = keysFor(repository);
  const registry = keys.at(-1) ?? repository;
  const helper = helperFor(file.document, registry);
  if (helper !== undefined) {
    for (const name of isDockerHub(registry) ? DOCKER_HUB_KEYS.slice(0, 1) : [registry]) {
      const found = await fromHelper(helper, name);
      if (found !== undefined) return found;
    }
  }
  const auths = objectAt(file.document, 'auths', file.path);
  for (const key of [...keys, ...(isDockerHub(registry) ? DOCKER_HUB_KEYS : [])]) {
    const entry = auths[key] ?? auths[`https://${key}`] ?? auths[`https://${key}/v1/`] ?? auths[`https://${key}/v2/`];
    const found = isObject(entry) ? fromEntry(entry, key, file.path) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `quay.io/a/b` → itself, `quay.io/a`, `quay.io`. */
function keysFor(repository: string): readonly string[] {
  const parts = repository.split('/');
  return parts.map((_part, index) => parts.slice(0, parts.length - index).join('/'));
}

function fromEntry(entry: Readonly<Record<string, unknown>>, key: string, path: string): Credentials | undefined {
  const identity = entry['identitytoken'];
  if (typeof identity === 'string' && identity !== '') return { kind: 'identity-token', token: identity };
  const token = entry['registrytoken'];
  if (typeof token === 'string' && token !== '') return { kind: 'registry-token', token };
  if (typeof entry['auth'] === 'string' && entry['auth'] !== '') {
    // Some tools pad with zero bytes.
    const decoded = Buffer.from(entry['auth'], 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = decoded.indexOf(':');
    if (colon < 0) throw new ScullError('INVALID', `the login for ${key} in ${path} is damaged`, { hint: `log in again with \`scull login ${key}\`` });
    return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  const { username, password } = entry;
  // An entry without anything says that a helper has the secret, or that there was a logout.
  return typeof username === 'string' && typeof password === 'string' && username !== '' ? { kind: 'password', username, password } : undefined;
}

/** Name of the helper program for a registry; `credHelpers` is for one, `credsStore` for all. */
function helperFor(document: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const registry = key.split('/', 1)[0] ?? key;
  const particular = isObject(document['credHelpers']) ? document['credHelpers'] : {};
  const name = [registry, ...(isDockerHub(registry) ? DOCKER_HUB_KEYS : [])].map((each) => particular[each]).find((value) => value !== undefined) ?? document['credsStore'];
  if (name === undefined || name === '') return undefined;
  if (typeof name !== 'string' || !/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) throw new ScullError('INVALID', 'the credential helper in the login file does not have a name that a program can have');
  return name;
}

function serverName(key: string): string {
  return isDockerHub(key) ? (DOCKER_HUB_KEYS[0] as string) : key;
}

async function fromHelper(helper: string, server: string): Promise<Credentials | undefined> {
  const answer = await askHelper(helper, 'get', server);
  if (answer === undefined) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(answer);
  } catch {
    fields = undefined;
  }
  const { Username: username, Secret: secret } = isObject(fields) ? fields : {};
  if (typeof username !== 'string' || typeof secret !== 'string') throw new ScullError('TOOL_FAILED', `docker-credential-${helper} did not answer as a credential helper does`);
  // docker-credential-helpers: this user name says that the secret is an identity token.
  return username === '<token>' ? { kind: 'identity-token', token: secret } : { kind: 'password', username, password: secret };
}

/** The protocol of docker-credential-helpers: a verb as argument, the rest on standard input. Undefined: it has none for this. */
async function askHelper(helper: string, verb: 'get' | 'store' | 'erase', input: string): Promise<string | undefined> {
  const { run } = await import('../host/process.ts');
  let result: RunResult;
  try {
    // Helpers ask keyrings and agents of the desktop, so they need the caller's environment.
    result = await run(`docker-credential-${helper}`, [verb], { input, env: callerEnvironment(), timeout: 60_000 });
  } catch (cause) {
    if (!isScullError(cause, 'MISSING_TOOL')) throw cause;
    throw new ScullError('MISSING_TOOL', `the login file says that docker-credential-${helper} keeps the logins, which is not installed`, {
      hint: 'install it, or take "credsStore" and "credHelpers" out of ~/.docker/config.json or ~/.config/containers/auth.json',
      cause,
    });
  }
  if (result.status === 0) return result.stdout;
  const said = `${result.stdout}${result.stderr}`;
  if (verb !== 'store' && /credentials not found|no credentials|not found in native keychain/i.test(said)) return undefined;
  throw new ScullError('TOOL_FAILED', `docker-credential-${helper} failed with exit status ${result.status}`, {
    hint: `the login file names it for this registry; repair it, or log in again with \`scull login\` and --authfile`,
    detail: JSON.stringify(said.trim().slice(0, 300)),
  });
}

function objectAt(document: Readonly<Record<string, unknown>>, key: string, path: string): Readonly<Record<string, unknown>> {
  const value = document[key] ?? {};
  if (isObject(value)) return value;
  throw new ScullError('INVALID', `${path}, where logins are kept, is malformed: ${key} is not an object`);
}

function isDockerHub(key: string): boolean {
  return key === DOCKER_HUB || DOCKER_HUB_KEYS.includes(key);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
