/**
 * Whether a value read from container.json is a container's record: everything that listings and starts rely on, so that a
 * damaged one is told by name and no command falls over it. Quick, since `ps` asks of a thousand.
 */

/** A type, a list or map of strings, a list of objects with these fields, or an object with these fields; what else it has is free. */
type Shape = 'string' | 'number' | 'boolean' | 'object' | 'strings' | 'map' | readonly [Fields] | Fields;
interface Fields {
  readonly [field: string]: Shape;
}

const MODE: Fields = { mode: 'string' };

const SPEC: Fields = {
  command: 'strings',
  groupAdd: 'strings',
  environment: { set: 'strings', unset: 'strings' },
  labels: 'map',
  annotations: 'map',
  tty: 'boolean',
  interactive: 'boolean',
  mounts: [{}],
  volumesFrom: 'strings',
  devices: [{}],
  capAdd: 'strings',
  capDrop: 'strings',
  security: { labels: 'strings', mask: 'strings', unmask: 'strings' },
  ulimits: [{}],
  sysctls: 'map',
  namespaces: { user: MODE, pid: MODE, ipc: MODE, uts: MODE, cgroup: MODE },
  network: { mode: MODE, ports: [{}], dns: 'strings', dnsSearch: 'strings', dnsOptions: 'strings' },
  log: { driver: 'string' },
  resources: 'object',
  autoRemove: 'boolean',
};

const RECORD: Fields = {
  name: 'string',
  created: 'string',
  spec: SPEC,
  config: {
    args: 'strings',
    entrypoint: 'strings',
    command: 'strings',
    env: 'strings',
    workdir: 'string',
    user: 'string',
    hostname: 'string',
    labels: 'map',
    annotations: 'map',
    stopSignal: 'string',
    stopTimeout: 'number',
    exposedPorts: 'strings',
    networkMode: MODE,
    ports: [{}],
    mounts: [{ type: 'string', target: 'string', options: 'strings' }],
  },
};

/** What a record has only if it was asked for. */
const HEALTH: Fields = { healthcheck: { Test: 'strings', Interval: 'number', Timeout: 'number', Retries: 'number' }, onFailure: 'string', logDestination: 'string', maxLogCount: 'number', maxLogSize: 'number' };
const SECRETS: Shape = [{ type: 'string', id: 'string', name: 'string', target: 'string' }];
const ID_RANGES: Shape = [{ container: 'number', host: 'number', size: 'number' }];
const IDS: Fields = { uids: ID_RANGES, gids: ID_RANGES };
const RESTART: Fields = { name: 'string' };
const POD: Fields = { id: 'string' };

const IMAGE: Fields = { id: 'string', manifestDigest: 'string', name: 'string', layers: 'strings' };

/** Of a wish alone, as a pod's record has that of its infra container. @returns what is wrong with it; undefined where it is sound */
export function specFault(value: unknown): string | undefined {
  return faultIn(value, SPEC, 'spec');
}

/** @returns what is wrong with it, e.g. `config.args is not a list of texts`; undefined where it is sound */
export function recordFault(value: object): string | undefined {
  const fault = faultOf(value, RECORD);
  if (fault !== undefined) return `${fault.place === '' ? 'it' : fault.place} is not ${fault.wanted}`;
  const { image, pod, spec, config } = value as { readonly image?: unknown; readonly pod?: unknown; readonly spec: { readonly restart?: unknown; readonly hostUsers?: unknown; readonly requires?: unknown; readonly cdiDevices?: unknown }; readonly config: { readonly health?: unknown; readonly secrets?: unknown; readonly ids?: unknown; readonly seccompProfile?: unknown; readonly networkMode: { readonly mode: string; readonly networks?: unknown } } };
  return faultIn(image, IMAGE, 'image') ?? faultIn(pod, POD, 'pod') ?? faultIn(spec.restart, RESTART, 'spec.restart') ?? faultIn(spec.hostUsers, 'strings', 'spec.hostUsers') ?? faultIn(spec.requires, 'strings', 'spec.requires') ?? faultIn(spec.cdiDevices, 'strings', 'spec.cdiDevices') ?? faultIn(config.health, HEALTH, 'config.health') ?? faultIn(config.secrets, SECRETS, 'config.secrets') ?? faultIn(config.ids, IDS, 'config.ids') ?? faultIn(config.seccompProfile, 'string', 'config.seccompProfile') ?? networksFault(config.networkMode);
}

function networksFault({ mode, networks }: { readonly mode: string; readonly networks?: unknown }): string | undefined {
  return mode === 'networks' ? faultIn(networks ?? null, [{ name: 'string', aliases: 'strings' }], 'config.networkMode.networks') : undefined;
}

/** Of what need not be there. */
function faultIn(value: unknown, shape: Shape, place: string): string | undefined {
  const fault = value === undefined ? undefined : faultOf(value, shape);
  return fault === undefined ? undefined : `${within(place, fault).place} is not ${fault.wanted}`;
}

/** Spelled out only where there is one: nearly every record is sound. */
interface Fault {
  /** `args`, `mounts[2].target`; '' where the value itself is wrong. */
  readonly place: string;
  readonly wanted: string;
}

function faultOf(value: unknown, shape: Shape): Fault | undefined {
  if (typeof shape === 'string') return isOf(value, shape) ? undefined : { place: '', wanted: WORDS[shape] };
  if (Array.isArray(shape)) return listFault(value, shape[0] as Fields);
  if (!isObject(value)) return { place: '', wanted: 'an object' };
  for (const field in shape) {
    const fault = faultOf(value[field], (shape as Fields)[field] as Shape);
    if (fault !== undefined) return within(field, fault);
  }
  return undefined;
}

function listFault(value: unknown, fields: Fields): Fault | undefined {
  if (!Array.isArray(value)) return { place: '', wanted: 'a list' };
  for (let index = 0; index < value.length; index += 1) {
    const fault = faultOf(value[index], fields);
    if (fault !== undefined) return within(`[${index}]`, fault);
  }
  return undefined;
}

function within(place: string, inner: Fault): Fault {
  return { ...inner, place: `${place}${inner.place === '' || inner.place.startsWith('[') ? '' : '.'}${inner.place}` };
}

const WORDS = { string: 'a text', number: 'a number', boolean: 'true or false', object: 'an object', strings: 'a list of texts', map: 'a map of texts' } as const;

function isOf(value: unknown, type: keyof typeof WORDS): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'strings':
      return Array.isArray(value) && value.every(isText);
    case 'map':
      return isObject(value) && Object.values(value).every(isText);
    default:
      return typeof value === type;
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
