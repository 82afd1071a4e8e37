/** Variables of a container: written out, from ConfigMaps and Secrets, from the pod itself. */
import { ScullError } from '../host/errors.ts';
import type { Fields } from './fields.ts';
import { parseQuantity } from './quantity.ts';

export type EnvironmentSource =
  | { readonly type: 'value'; readonly name: string; readonly value: string }
  | { readonly type: 'configMap' | 'secret'; readonly name: string; readonly source: string; readonly key: string; readonly optional: boolean }
  /** All keys. */
  | { readonly type: 'configMaps' | 'secrets'; readonly prefix: string; readonly source: string; readonly optional: boolean }
  | { readonly type: 'field'; readonly name: string; readonly path: string }
  | { readonly type: 'resource'; readonly name: string; readonly resource: keyof Resources; readonly divisor: number };

/** In bytes and processors. */
export interface Resources {
  readonly limitsMemory?: number;
  readonly limitsCpu?: number;
  readonly requestsMemory?: number;
  readonly requestsCpu?: number;
}

export interface EnvironmentContext {
  readonly pod: { readonly name: string; readonly id: string; readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> };
  readonly resources: Resources;
  /** What the machine has, for limits that were not set. */
  readonly machine: { readonly memory: number; readonly cpus: number };
  /** Undefined where there is none of that name. */
  readonly configMap: (name: string) => Readonly<Record<string, string>> | undefined;
  readonly secret: (name: string) => Readonly<Record<string, Buffer>> | undefined;
}

const RESOURCES: Readonly<Record<string, keyof Resources>> = { 'limits.memory': 'limitsMemory', 'limits.cpu': 'limitsCpu', 'requests.memory': 'requestsMemory', 'requests.cpu': 'requestsCpu' };

/** envFrom first: env goes before it. @throws ScullError INVALID */
export function readEnvironment(fields: Fields): EnvironmentSource[] {
  return [...fields.list('envFrom').flatMap(readAll), ...fields.list('env').map(readOne)];
}

function readAll(fields: Fields): EnvironmentSource[] {
  const prefix = fields.text('prefix') ?? '';
  return ([['configMapRef', 'configMaps'], ['secretRef', 'secrets']] as const).flatMap(([key, type]) => {
    const from = fields.fields(key);
    return from === undefined ? [] : [{ type, prefix, source: from.required('name'), optional: from.boolean('optional') ?? false }];
  });
}

function readOne(fields: Fields): EnvironmentSource {
  const name = fields.required('name');
  if (name.includes('=') || name.includes('\0')) throw fields.wrong('name', 'the name of a variable');
  const from = fields.fields('valueFrom');
  if (from === undefined) return { type: 'value', name, value: fields.text('value') ?? '' };
  for (const [key, type] of [['configMapKeyRef', 'configMap'], ['secretKeyRef', 'secret']] as const) {
    const reference = from.fields(key);
    if (reference !== undefined) return { type, name, source: reference.required('name'), key: reference.required('key'), optional: reference.boolean('optional') ?? false };
  }
  const field = from.fields('fieldRef');
  if (field !== undefined) {
    field.passOver('apiVersion');
    return { type: 'field', name, path: field.required('fieldPath') };
  }
  const quantity = from.fields('resourceFieldRef');
  if (quantity === undefined) throw fields.wrong('valueFrom', 'one of configMapKeyRef, secretKeyRef, fieldRef and resourceFieldRef');
  quantity.passOver('containerName');
  const wanted = quantity.required('resource');
  const resource = Object.hasOwn(RESOURCES, wanted) ? RESOURCES[wanted] : undefined;
  if (resource === undefined) throw quantity.wrong('resource', Object.keys(RESOURCES).join(', '));
  const divisor = parseQuantity(quantity.text('divisor') ?? '1', 'divisor');
  return { type: 'resource', name, resource, divisor: divisor === 0 ? 1 : divisor };
}

export interface Variable {
  readonly name: string;
  readonly value: string;
  /** Where it comes from, for what must not be written down. */
  readonly secret?: { readonly source: string; readonly key: string };
}

/**
 * In order, each name once. `$(NAME)` in what is written out stands for a variable before it, as in Kubernetes.
 * @param image the image's variables, `K=V`
 * @throws ScullError INVALID for what is not there and not optional
 */
export function resolveEnvironment(sources: readonly EnvironmentSource[], image: readonly string[], context: EnvironmentContext): Variable[] {
  const known = environmentMap(image);
  const set = new Map<string, Variable>();
  for (const source of sources) {
    for (const variable of valuesOf(source, context, known)) {
      set.set(variable.name, variable);
      known.set(variable.name, variable.value);
    }
  }
  return [...set.values()];
}

/** Of `K=V` lines. */
export function environmentMap(lines: readonly string[]): Map<string, string> {
  return new Map(lines.filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** `$(NAME)` → its value, `$$` → `$`; what has no value stays as it is. */
export function expandReferences(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()$\s]+)\)/g, (all: string, name?: string) => (name === undefined ? '$' : (values.get(name) ?? all)));
}

function valuesOf(source: EnvironmentSource, context: EnvironmentContext, known: ReadonlyMap<string, string>): Variable[] {
  const from = (type: 'configMap' | 'secret', key: string): Pick<Variable, 'secret'> => (type === 'secret' && 'source' in source ? { secret: { source: source.source, key } } : {});
  switch (source.type) {
    case 'value':
      return [{ name: source.name, value: expandReferences(source.value, known) }];
    case 'field':
      return [{ name: source.name, value: fieldOf(source, context) }];
    case 'resource':
      return [{ name: source.name, value: String(Math.ceil(resourceOf(source.resource, context) / source.divisor)) }];
    case 'configMap':
    case 'secret': {
      const contents = contentsOf(source.type, source.source, context);
      const value = contents === undefined || !Object.hasOwn(contents, source.key) ? undefined : contents[source.key];
      if (value !== undefined) return [{ name: source.name, value, ...from(source.type, source.key) }];
      if (source.optional) return [];
      throw new ScullError('INVALID', `cannot set ${source.name}: ${contents === undefined ? `there is no ${wordFor(source.type)} ${source.source}` : `the ${wordFor(source.type)} ${source.source} has no key ${JSON.stringify(source.key)}`}`);
    }
    default: {
      const type = source.type === 'configMaps' ? 'configMap' : 'secret';
      const contents = contentsOf(type, source.source, context);
      if (contents === undefined && !source.optional) throw new ScullError('INVALID', `there is no ${wordFor(type)} ${source.source}`);
      return Object.entries(contents ?? {}).map(([key, value]) => ({ name: source.prefix + key, value, ...from(type, key) }));
    }
  }
}

function wordFor(type: 'configMap' | 'secret'): string {
  return type === 'configMap' ? 'ConfigMap' : 'secret';
}

function contentsOf(type: 'configMap' | 'secret', name: string, context: EnvironmentContext): Readonly<Record<string, string>> | undefined {
  if (type === 'configMap') return context.configMap(name);
  const secret = context.secret(name);
  return secret === undefined ? undefined : Object.fromEntries(Object.entries(secret).map(([key, value]) => [key, value.toString()]));
}

function fieldOf({ name, path }: { readonly name: string; readonly path: string }, { pod }: EnvironmentContext): string {
  if (path === 'metadata.name') return pod.name;
  if (path === 'metadata.uid') return pod.id;
  const match = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (match === null) throw new ScullError('INVALID', `cannot set ${name}: the field ${JSON.stringify(path.slice(0, 100))} is not known here`, { hint: "known are metadata.name, metadata.uid, metadata.labels['…'] and metadata.annotations['…']" });
  const values = match[1] === 'labels' ? pod.labels : pod.annotations;
  return Object.hasOwn(values, match[2] as string) ? (values[match[2] as string] as string) : '';
}

/** What was not limited is what the machine has; what was not requested, the limit. */
function resourceOf(resource: keyof Resources, { resources, machine }: EnvironmentContext): number {
  const memory = resources.limitsMemory || machine.memory;
  const cpus = resources.limitsCpu || machine.cpus;
  switch (resource) {
    case 'limitsMemory':
      return memory;
    case 'limitsCpu':
      return cpus;
    case 'requestsMemory':
      return resources.requestsMemory || memory;
    case 'requestsCpu':
      return resources.requestsCpu || cpus;
  }
}
