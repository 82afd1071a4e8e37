/** One container of a pod: what can be said of it without its image, and without what it refers to. */
import { ScullError } from '../host/errors.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type PullPolicy, type ResourceSpec, type RestartSpec } from '../spec/container-spec.ts';
import { withoutUndefined } from '../spec/defined.ts';
import { parseDevices } from '../spec/device.ts';
import { parseResources } from '../spec/resources.ts';
import { parseSecurityOptions } from '../spec/security.ts';
import { parseSignal } from '../spec/signal.ts';
import { parseUlimit } from '../spec/ulimit.ts';
import { readEnvironment, type EnvironmentSource, type Resources } from './environment.ts';
import type { Fields } from './fields.ts';
import { readHealth, type NamedPort } from './probe.ts';
import { parseByteQuantity, parseQuantity } from './quantity.ts';
import { readSecurity, type PodSecurity } from './security.ts';

export interface KubeContainer {
  readonly name: string;
  readonly image: string;
  /** All but what {@link KubeContainer.environment} and {@link KubeContainer.mounts} become, and the words of its command as they stand. */
  readonly spec: ContainerSpec;
  readonly environment: readonly EnvironmentSource[];
  readonly resources: Resources;
  readonly ports: readonly NamedPort[];
  readonly mounts: readonly VolumeMountWish[];
  /** Of other containers of the pod, or of any: --volumes-from. */
  readonly volumesFrom: readonly string[];
}

export interface VolumeMountWish {
  readonly volume: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly subpath?: string;
  readonly options: readonly string[];
  readonly propagation?: 'private' | 'rslave' | 'rshared';
}

export interface PodContext {
  readonly annotations: Readonly<Record<string, string>>;
  readonly restart: RestartSpec;
  readonly security: PodSecurity;
  readonly stopTimeout: number | undefined;
  readonly init?: true;
}

const PODMAN = 'io.podman.annotations.';
const INIT_TYPE = `${PODMAN}init.container.type`;

/** @throws ScullError INVALID */
export function readContainer(fields: Fields, pod: PodContext): KubeContainer {
  const name = fields.required('name');
  const image = fields.required('image');
  fields.passOver('terminationMessagePath', 'terminationMessagePolicy', 'resizePolicy');
  if (pod.init === true) refuseOfInit(fields, pod);
  const ports = fields.list('ports').map(readPort);
  const resources = readResources(fields.fields('resources'));
  const command = fields.texts('command');
  const stopSignal = fields.fields('lifecycle')?.text('stopSignal');
  const spec: ContainerSpec = withoutUndefined({
    ...EMPTY_CONTAINER_SPEC,
    image,
    pull: pullPolicy(fields, image),
    entrypoint: command.length === 0 ? undefined : command,
    command: fields.texts('args'),
    workdir: fields.text('workingDir'),
    tty: fields.boolean('tty') ?? false,
    interactive: fields.boolean('stdin') ?? false,
    labels: labelsOf(pod.annotations, name),
    annotations: {},
    ...parseDevices(resources.devices),
    resources: resources.limits,
    health: readHealth(fields, ports, pod.restart.name !== 'no'),
    restart: pod.restart.name === 'no' ? undefined : pod.restart,
    stopTimeout: pod.stopTimeout,
    stopSignal: stopSignal === undefined ? undefined : parseSignal(stopSignal).name,
    ...readSecurity(fields.fields('securityContext'), pod.security),
    sdNotify: 'ignore' as const,
  });
  return {
    name,
    image,
    spec: withAnnotations(spec, name, pod.annotations),
    environment: readEnvironment(fields),
    resources: resources.quantities,
    ports,
    mounts: fields.list('volumeMounts').map(readMount),
    volumesFrom: (pod.annotations[`${PODMAN}volumes-from/${name}`] ?? '').split(';').filter((word) => word !== ''),
  };
}

/** A container that runs before the others, once and to its end. @throws ScullError INVALID, UNSUPPORTED */
function refuseOfInit(fields: Fields, pod: PodContext): void {
  for (const key of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']) if (fields.fields(key) !== undefined) throw fields.wrong(key, 'for containers that run before the others');
  const policy = fields.text('restartPolicy');
  if (policy !== undefined && policy !== '') {
    // To wait for its end would be to wait for ever.
    throw new ScullError('UNSUPPORTED', `the init container ${fields.required('name')} has restartPolicy: ${policy}: scull does not start containers that stay beside the others before them`, { hint: 'put it among the containers of the pod' });
  }
  const type = pod.annotations[INIT_TYPE];
  if (type !== undefined && type !== 'once') throw new ScullError(type === 'always' ? 'UNSUPPORTED' : 'INVALID', `the annotation ${INIT_TYPE} is ${JSON.stringify(type.slice(0, 40))}: init containers run once here`);
}

/** What Podman lets annotations say of one container. */
function withAnnotations(spec: ContainerSpec, name: string, annotations: Readonly<Record<string, string>>): ContainerSpec {
  const of = (key: string): string | undefined => annotations[`${PODMAN}${key}/${name}`];
  const numbers = of('pids-limit');
  if (numbers !== undefined && !/^-?\d{1,9}$/.test(numbers)) throw new ScullError('INVALID', `the annotation ${PODMAN}pids-limit/${name} is not a number`);
  const more: ResourceSpec = parseResources({ 'pids-limit': numbers === undefined ? undefined : Number(numbers), 'cpuset-cpus': of('cpuset'), 'cpuset-mems': of('memory-nodes') });
  const options = (['seccomp', 'apparmor', 'label'] as const).flatMap((key) => (of(key) === undefined ? [] : [`${key}=${of(key)}`]));
  const parsed = parseSecurityOptions(options, '/');
  const autoRemove = of('autoremove') === 'TRUE' || of('autoremove') === 'true';
  const init = of('init') === 'TRUE' || of('init') === 'true';
  const ulimits = annotations[`${PODMAN}ulimit`]?.split(',').map(parseUlimit) ?? [];
  return withoutUndefined({
    ...spec,
    ...(autoRemove ? { autoRemove, restart: undefined } : {}),
    init: spec.init || init,
    cidFile: of('cid-file'),
    ulimits,
    resources: { ...spec.resources, ...more },
    security: withoutUndefined({ ...spec.security, labels: [...spec.security.labels, ...parsed.labels], seccomp: parsed.seccomp ?? spec.security.seccomp, apparmor: parsed.apparmor }) as ContainerSpec['security'],
  }) as ContainerSpec;
}

/** Annotations that auto-update looks for as labels: for all containers, or for one. */
function labelsOf(annotations: Readonly<Record<string, string>>, name: string): Record<string, string> {
  const labels = ['io.containers.autoupdate', 'io.containers.autoupdate.authfile'].flatMap((key) => {
    const value = annotations[`${key}/${name}`] ?? annotations[key];
    return value === undefined ? [] : [[key, value]];
  });
  return Object.fromEntries(labels);
}

/** Podman's rule: a full name without a tag, or with latest, may have become newer. */
function pullPolicy(fields: Fields, image: string): PullPolicy {
  const text = fields.text('imagePullPolicy');
  switch (text?.toLowerCase()) {
    case 'always':
      return 'always';
    case 'never':
      return 'never';
    case 'newer':
      return 'newer';
    case 'ifnotpresent':
    case 'missing':
      return 'missing';
    case undefined:
    case '':
      return /^[^/]*[.:][^/]*\//.test(image) && /\/[^:@]*(?::latest)?$/.test(image) ? 'newer' : 'missing';
    default:
      throw fields.wrong('imagePullPolicy', 'Always, IfNotPresent or Never');
  }
}

function readPort(fields: Fields): NamedPort {
  const PORT = { min: 0, max: 65_535 };
  const name = fields.text('name');
  const host = fields.integer('hostPort', PORT) ?? 0;
  const containerPort = fields.integer('containerPort', PORT) || host;
  if (containerPort === 0) throw fields.wrong('containerPort', 'a port');
  const protocol = (fields.text('protocol') ?? 'TCP').toLowerCase();
  if (protocol !== 'tcp' && protocol !== 'udp') throw fields.wrong('protocol', 'TCP or UDP, which are all that can be published without root');
  return { hostIp: fields.text('hostIP') ?? '', ...(host === 0 ? {} : { hostPort: host }), containerPort, protocol, range: 1, ...(name === undefined ? {} : { name }) };
}

const DEVICE = 'podman.io/device=';

function readResources(fields: Fields | undefined): { readonly limits: ResourceSpec; readonly quantities: Resources; readonly devices: readonly string[] } {
  const limits = fields?.map('limits') ?? {};
  const requests = fields?.map('requests') ?? {};
  const bytes = (text: string | undefined, place: string): number | undefined => (text === undefined ? undefined : parseByteQuantity(text, place));
  const cpu = (text: string | undefined, place: string): number | undefined => (text === undefined ? undefined : parseQuantity(text, place));
  const quantities: Resources = withoutUndefined({
    limitsMemory: bytes(limits['memory'], 'limits.memory'),
    limitsCpu: cpu(limits['cpu'], 'limits.cpu'),
    requestsMemory: bytes(requests['memory'], 'requests.memory'),
    requestsCpu: cpu(requests['cpu'], 'requests.cpu'),
  });
  const devices = [...new Set([...Object.keys(requests), ...Object.keys(limits)])].filter((key) => key.startsWith(DEVICE)).map((key) => key.slice(DEVICE.length));
  const { limitsMemory: memory, requestsMemory: memoryReservation, limitsCpu: cpus } = quantities;
  return { limits: { ...(memory ? { memory } : {}), ...(memoryReservation ? { memoryReservation } : {}), ...(cpus ? { cpus } : {}) }, quantities, devices };
}

const PROPAGATION: Readonly<Record<string, VolumeMountWish['propagation']>> = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' };

/** Podman takes mount options behind the path: `/data:ro`. */
function readMount(fields: Fields): VolumeMountWish {
  const [target = '', words, ...rest] = fields.required('mountPath').split(':');
  const options = words === undefined || words === '' ? [] : words.split(',');
  if (!target.startsWith('/') || target === '/' || rest.length > 0 || target.includes('\0')) throw fields.wrong('mountPath', 'an absolute path of the container');
  const subpath = fields.text('subPath');
  const how = fields.text('mountPropagation');
  const propagation = how !== undefined && Object.hasOwn(PROPAGATION, how) ? PROPAGATION[how] : undefined;
  if (how !== undefined && propagation === undefined) throw fields.wrong('mountPropagation', Object.keys(PROPAGATION).join(', '));
  return {
    volume: fields.required('name'),
    target,
    readOnly: (fields.boolean('readOnly') ?? false) || options.includes('ro'),
    options: options.filter((option) => option !== 'ro' && option !== 'rw'),
    ...(subpath === undefined || subpath === '' ? {} : { subpath }),
    ...(propagation === undefined ? {} : { propagation }),
  };
}
