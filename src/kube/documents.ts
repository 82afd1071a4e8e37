/** What `kube play` knows of Kubernetes: pods and what makes one pod (Deployment, DaemonSet, Job), and what pods refer to. */
import { ScullError } from '../host/errors.ts';
import { Fields } from './fields.ts';
import { metadataOf } from './metadata.ts';
import { readPod, type KubePod } from './pod.ts';
import { decoded, readSecretDocument, type KubeSecret } from './secret.ts';

export interface ConfigMap {
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  readonly binaryData: Readonly<Record<string, Buffer>>;
}

/** A volume by another name. */
export interface Claim {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of `volume create --opt`. */
  readonly options: Readonly<Record<string, string>>;
  readonly driver?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Path of a tar to be unpacked into it. */
  readonly importFrom?: string;
}

export interface KubeDocuments {
  readonly pods: readonly KubePod[];
  readonly configMaps: readonly ConfigMap[];
  readonly secrets: readonly KubeSecret[];
  readonly claims: readonly Claim[];
  /** What was read and will not be done. */
  readonly warnings: readonly string[];
}

/** Kinds whose template makes a pod, called after them. */
const WORKLOADS = ['Deployment', 'DaemonSet', 'Job'];

/**
 * @param values the documents of a file
 * @param annotations --annotation, for every pod and claim
 * @throws ScullError INVALID naming document and field
 */
export function readDocuments(values: readonly unknown[], annotations: Readonly<Record<string, string>> = {}): KubeDocuments {
  const pods: KubePod[] = [];
  const configMaps: ConfigMap[] = [];
  const secrets: KubeSecret[] = [];
  const claims: Claim[] = [];
  const warnings: string[] = [];
  for (const value of values.flatMap(itemsOf)) {
    const { kind, name } = headOf(value);
    const fields = new Fields(value, `${kind}${name === '' ? '' : ` ${name}`}:`);
    fields.passOver('apiVersion', 'kind', 'status');
    if (kind === 'Pod') pods.push(readPod(fields, annotations));
    else if (WORKLOADS.includes(kind)) pods.push(readWorkload(fields, kind, annotations, warnings));
    else if (kind === 'ConfigMap') configMaps.push(readConfigMap(fields));
    else if (kind === 'Secret') secrets.push(readSecretDocument(fields));
    else if (kind === 'PersistentVolumeClaim') claims.push(readClaim(fields, annotations));
    else {
      warnings.push(`${kind}${name === '' ? '' : ` ${name}`} is passed over: pods, Deployments, DaemonSets, Jobs, ConfigMaps, Secrets and PersistentVolumeClaims are what can be played`);
      continue;
    }
    for (const path of fields.unread()) warnings.push(`${path} has no effect here`);
  }
  return { pods, configMaps, secrets, claims, warnings };
}

/** --configmap. @throws ScullError INVALID for anything else than ConfigMaps */
export function readConfigMaps(values: readonly unknown[], file: string): ConfigMap[] {
  return values.flatMap(itemsOf).map((value) => {
    const { kind, name } = headOf(value);
    if (kind !== 'ConfigMap') throw new ScullError('INVALID', `${file} holds a ${kind}: only ConfigMaps can be given by --configmap`);
    return readConfigMap(new Fields(value, `ConfigMap ${name}:`));
  });
}

function itemsOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null || (value as { kind?: unknown }).kind !== 'List') return [value];
  const { items } = value as { items?: unknown };
  return Array.isArray(items) ? items : [];
}

function headOf(value: unknown): { readonly kind: string; readonly name: string } {
  const fields = new Fields(value, 'the document');
  const kind = fields.required('kind');
  const name = fields.fields('metadata')?.text('name') ?? '';
  return { kind: kind.slice(0, 100), name: name.slice(0, 300) };
}

function readWorkload(fields: Fields, kind: string, annotations: Readonly<Record<string, string>>, warnings: string[]): KubePod {
  const { name, annotations: own } = metadataOf(fields, {});
  const spec = fields.fields('spec');
  const template = spec?.fields('template');
  if (spec === undefined || template === undefined) throw fields.wrong('spec.template', 'there: it says what the pod is');
  spec.passOver('selector', 'strategy', 'updateStrategy', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds', 'completions', 'parallelism', 'backoffLimit', 'completionMode', 'manualSelector', 'ttlSecondsAfterFinished');
  if ((spec.integer('replicas') ?? 1) > 1) warnings.push(`${kind} ${name}: one replica is made, more than one is not supported`);
  return readPod(template, annotations, { name: `${name}-pod`, annotations: own });
}

function readConfigMap(fields: Fields): ConfigMap {
  fields.passOver('apiVersion', 'kind', 'immutable');
  const { name } = metadataOf(fields);
  const data = fields.map('data');
  const binaryData = decoded(fields.map('binaryData'), `ConfigMap ${name}: binaryData`);
  const twice = Object.keys(data).find((key) => Object.hasOwn(binaryData, key));
  if (twice !== undefined) throw new ScullError('INVALID', `ConfigMap ${name}: the key ${JSON.stringify(twice)} is both in data and in binaryData`);
  return { name, data, binaryData };
}

const VOLUME = 'volume.podman.io/';

function readClaim(fields: Fields, given: Readonly<Record<string, string>>): Claim {
  const { name, labels, annotations } = metadataOf(fields, given);
  // How large, how fast and where is the cluster's business.
  fields.passOver('spec');
  const of = (key: string): string | undefined => annotations[VOLUME + key];
  const id = (key: 'uid' | 'gid'): { [K in typeof key]?: number } => {
    const text = of(key);
    if (text === undefined) return {};
    if (!/^\d{1,10}$/.test(text)) throw new ScullError('INVALID', `PersistentVolumeClaim ${name}: ${VOLUME}${key} is not a number`);
    return { [key]: Number(text) };
  };
  const options = ([['device', 'device'], ['type', 'type'], ['mount-options', 'o'], ['image', 'image']] as const).flatMap(([key, option]) => (of(key) === undefined ? [] : [[option, of(key) as string]]));
  const [driver, importFrom] = [of('driver'), of('import-source')];
  return { name, labels, options: Object.fromEntries(options), ...(driver === undefined ? {} : { driver }), ...id('uid'), ...id('gid'), ...(importFrom === undefined ? {} : { importFrom }) };
}
