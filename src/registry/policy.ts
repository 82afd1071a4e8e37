/**
 * containers-policy.json(5): from where images may come. Who limits it there (an administrator, often to a list of registries) means every
 * tool of this family. Signatures are not checked here, so what must be signed is refused.
 *
 * The user's own file replaces the system's. Without any, everything may be fetched. What is in files is not asked about.
 */
import { join } from 'node:path';
import { containersConfig, type ContainersConfig } from '../host/containers-config.ts';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { formatReference, repositoryName, type Reference } from '../oci/reference.ts';

/** Which kinds of requirements must all be met. */
type Requirements = readonly string[];

/**
 * @param reference by the name that it has here, wherever mirrors keep it
 * @throws ScullError REGISTRY where it may not be fetched; UNSUPPORTED where it must be signed; INVALID for a file that is none
 */
export function requirePermission(reference: Reference, config: ContainersConfig = containersConfig()): void {
  for (const folder of [config.userFolder, config.systemFolder]) {
    const file = join(folder, 'policy.json');
    const text = readPolicy(file);
    if (text === undefined) continue;
    return judge(reference, requirementsFor(reference, text, file), file);
  }
}

function readPolicy(file: string): string | undefined {
  try {
    return readTextIfPresent(file);
  } catch (cause) {
    throw new ScullError('PERMISSION', `cannot read ${file}, which says from where images may come: ${(cause as Error).message}`, { cause });
  }
}

function judge(reference: Reference, requirements: Requirements, file: string): void {
  const name = formatReference(reference);
  if (requirements.includes('reject')) throw new ScullError('REGISTRY', `cannot pull ${name}: ${file} forbids it`, { hint: 'see containers-policy.json(5), and ask whoever wrote it' });
  const signed = requirements.find((type) => type !== 'insecureAcceptAnything');
  if (signed === undefined) return;
  throw new ScullError('UNSUPPORTED', `cannot pull ${name}: ${file} wants its signature checked (${signed}), which is not supported`, { hint: 'fetch it with a tool that checks it, skopeo or podman, into a file, and load that; or except it in ~/.config/containers/policy.json' });
}

/** Those of the scope that fits best. @throws ScullError INVALID */
function requirementsFor(reference: Reference, text: string, file: string): Requirements {
  const policy = parse(text, file);
  const transports = policy['transports'] === undefined ? {} : object(policy['transports'], 'transports', file);
  const scopes = transports['docker'] === undefined ? {} : object(transports['docker'], 'transports.docker', file);
  const scope = scopesOf(reference).find((each) => Object.hasOwn(scopes, each));
  return scope === undefined ? types(policy['default'], 'default', file) : types(scopes[scope], `transports.docker.${JSON.stringify(scope)}`, file);
}

/** From the image itself to every image of every registry. */
function scopesOf(reference: Reference): readonly string[] {
  const repository = repositoryName(reference);
  const parts = repository.split('/');
  const parents = parts.map((_part, index) => parts.slice(0, parts.length - index).join('/'));
  const labels = reference.registry.replace(/:[0-9]+$/, '').split('.');
  const domains = labels.slice(1).map((_label, index) => `*.${labels.slice(index + 1).join('.')}`);
  return [formatReference(reference), ...parents, ...domains, ''];
}

function parse(text: string, file: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new ScullError('INVALID', `${file}, which says from where images may come, is not JSON`, { hint: 'see containers-policy.json(5)', cause });
  }
  return object(document, 'the whole', file);
}

function object(value: unknown, what: string, file: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw bad(file, `${what} is not an object`);
}

function types(value: unknown, what: string, file: string): Requirements {
  if (!Array.isArray(value) || value.length === 0) throw bad(file, `${what} is not a list of requirements`);
  return value.map((entry: unknown) => {
    const { type } = object(entry, `a requirement of ${what}`, file);
    if (typeof type === 'string') return type;
    throw bad(file, `a requirement of ${what} has no type`);
  });
}

function bad(file: string, why: string): ScullError {
  return new ScullError('INVALID', `${file}: ${why}`, { hint: 'see containers-policy.json(5)' });
}
