/** Secrets of Kubernetes: each document is one secret of ours, which holds all of its keys. */
import { isScullError, ScullError } from '../../host/errors.ts';
import { readSecretValue, secretText, type KubeSecret } from '../../kube/secret.ts';
import type { KubePod } from '../../kube/pod.ts';
import { parseYaml } from '../../spec/yaml.ts';
import { readSecret } from '../../storage/secrets.ts';
import type { Engine } from '../engine.ts';
import { createSecret } from '../secrets/create.ts';
import { findSecret } from '../secrets/find.ts';

/** Kept under its own name; one of that name is replaced. @returns its id @throws ScullError IN_USE for one that is immutable, INVALID */
export async function keepSecret(engine: Engine, secret: KubeSecret): Promise<string> {
  const existing = readSecret(engine.store, secret.name);
  if (existing?.options['immutable'] === 'true') throw new ScullError('IN_USE', `the secret ${secret.name} is there already, and it is immutable`, { hint: `remove it first with \`scull secret rm ${secret.name}\`` });
  return createSecret(engine, { name: secret.name, data: Buffer.from(secretText(secret)), replace: true, ...(secret.immutable ? { options: { immutable: 'true' } } : {}) });
}

/** Those that the pod refers to, as far as they are there. @throws ScullError INVALID for one that `kube play` did not make */
export async function secretsOf(engine: Engine, pod: KubePod): Promise<Map<string, Readonly<Record<string, Buffer>>>> {
  const containers = [...pod.initContainers, ...pod.containers];
  const names = new Set([
    ...pod.volumes.flatMap((volume) => (volume.type === 'secret' ? [volume.source] : [])),
    ...containers.flatMap(({ environment }) => environment.flatMap((source) => (source.type === 'secret' || source.type === 'secrets' ? [source.source] : []))),
  ]);
  const found = new Map<string, Readonly<Record<string, Buffer>>>();
  for (const name of names) {
    const data = await contentOf(engine, name);
    if (data !== undefined) found.set(name, data);
  }
  return found;
}

async function contentOf(engine: Engine, name: string): Promise<Readonly<Record<string, Buffer>> | undefined> {
  let text: string;
  try {
    text = Buffer.from(findSecret(engine, name).data, 'base64').toString('utf8');
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_SECRET')) return undefined;
    throw error;
  }
  try {
    const [value] = await parseYaml(text, `secret ${name}`);
    return readSecretValue(value, name).data;
  } catch (cause) {
    // What is in it is nobody's to see.
    throw new ScullError('INVALID', `the secret ${name} is none of Kubernetes: it has no keys`, { hint: 'make it with `scull kube play` of a Secret document', cause });
  }
}
