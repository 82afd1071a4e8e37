/** Secrets of one container: copied when it is made, shown to it when it starts. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord, ResolvedSecret } from '../../runtime/container-record.ts';
import type { GeneratedFile } from '../../runtime/oci-spec/input.ts';
import { readSecretValue } from '../../kube/secret.ts';
import type { SecretRequest } from '../../spec/container-spec.ts';
import { secretPath } from '../../spec/secret.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { Engine } from '../engine.ts';
import { findSecret } from './find.ts';

export interface SecretCopies {
  readonly resolved: readonly ResolvedSecret[];
  /** Writes the data of each, 0600, into the container's directory while that is being made. */
  write(directory: string): void;
}

/** @throws ScullError NO_SUCH_SECRET, AMBIGUOUS, INVALID for a variable that would hold a NUL */
export function takeSecrets(engine: Engine, requests: readonly SecretRequest[]): SecretCopies {
  const taken = requests.map((request) => {
    const { id, name, data } = findSecret(engine, request.source);
    const whole = Buffer.from(data, 'base64');
    const bytes = request.type === 'env' && request.key !== undefined ? keyOf(whole, name, request.key) : whole;
    if (request.type === 'env' && bytes.includes(0)) throw new ScullError('INVALID', `the secret ${JSON.stringify(name)} can't be a variable: it has a zero byte`, { hint: 'mount it as a file instead' });
    const target = request.target ?? (request.type === 'env' ? name : secretPath(name));
    return { bytes, resolved: { ...request, id, name, target } };
  });
  return {
    resolved: taken.map(({ resolved }) => resolved),
    write: (directory) => {
      mkdirSync(join(directory, 'secrets'), { mode: 0o700 });
      for (const [index, { bytes }] of taken.entries()) writeFileSync(join(directory, 'secrets', String(index)), bytes, { mode: 0o600 });
    },
  };
}

/** Of a secret that `kube play` keeps. */
function keyOf(data: Buffer, name: string, key: string): Buffer {
  let keys: Readonly<Record<string, Buffer>>;
  try {
    keys = readSecretValue(JSON.parse(data.toString('utf8')), name).data;
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    throw new ScullError('INVALID', `the secret ${JSON.stringify(name)} has no keys`, { hint: 'make it with `scull kube play` of a Secret document' });
  }
  const value = Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (value === undefined) throw new ScullError('INVALID', `the secret ${JSON.stringify(name)} has no key ${JSON.stringify(key)}`);
  return value;
}

export interface StartSecrets {
  readonly files: readonly GeneratedFile[];
  readonly steps: readonly LaunchStep[];
  /** `K=V` */
  readonly environment: readonly string[];
}

/**
 * What a start needs: files with their final mode in the bundle, which goes with the container's end, and variables.
 * @param outside the id of who inside the container has this one, where the launcher does its steps
 */
export function startSecrets(record: ContainerRecord, paths: ContainerPaths, outside: (uid: number, gid: number) => { readonly uid: number; readonly gid: number }): StartSecrets {
  const files: GeneratedFile[] = [];
  const steps: LaunchStep[] = [];
  const environment: string[] = [];
  for (const [index, secret] of (record.config.secrets ?? []).entries()) {
    const data = readCopy(join(paths.secrets, String(index)), secret);
    if (secret.type === 'env') {
      environment.push(`${secret.target}=${data.toString()}`);
      continue;
    }
    const folder = join(paths.bundle, 'secrets');
    const source = join(folder, String(index));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(source, data, { mode: 0o600 });
    chmodSync(source, secret.mode); // whatever the umask is
    files.push({ source, target: secret.target, readOnly: true });
    const { uid, gid } = outside(secret.uid, secret.gid);
    if (uid !== 0 || gid !== 0) steps.push({ kind: 'chown', owner: `${uid}:${gid}`, path: source });
  }
  return { files, steps, environment };
}

function readCopy(path: string, secret: ResolvedSecret): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ScullError('CORRUPT', `the container's copy ${path} of secret ${JSON.stringify(secret.name)} cannot be read`, { hint: 'make the container anew', cause });
  }
}
