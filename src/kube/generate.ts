/** The way back: containers and pods that are there → documents that `kube play`, and a cluster, make them of again. Pure. */
import type { ContainerRecord, ResolvedMount } from '../runtime/container-record.ts';
import type { ContainerSpec, HealthSpec, PortRequest } from '../spec/container-spec.ts';
import type { PodRecord } from '../storage/pods.ts';
import type { VolumeRecord } from '../storage/volumes.ts';

export type KubeKind = 'pod' | 'deployment' | 'daemonset' | 'job';

export interface GenerateRequest {
  /** Of the pod. */
  readonly name: string;
  /** What the pod's network is made from; the container's own spec where it is in none. */
  readonly shared: ContainerSpec;
  readonly pod?: PodRecord;
  readonly containers: readonly ContainerRecord[];
  readonly kind: KubeKind;
  /** Of a Deployment. */
  readonly replicas?: number | undefined;
  /** A Service for its published ports, too. */
  readonly service: boolean;
  /** What a path of the host is now. */
  readonly hostPathKind: (path: string) => 'Directory' | 'File' | 'DirectoryOrCreate';
}

type Document = Readonly<Record<string, unknown>>;

/** @returns the documents, in the order in which they can be made */
export function generateDocuments(request: GenerateRequest): Document[] {
  const { name, pod, kind } = request;
  const labels = { app: name, ...pod?.labels };
  const metadata = { name, labels, creationTimestamp: (pod?.created ?? request.containers[0]?.created ?? '').replace(/\.\d+Z$/, 'Z') };
  const spec = podSpec(request);
  const service = request.service ? serviceOf(name, request.shared) : [];
  if (kind === 'pod') return [...service, { apiVersion: 'v1', kind: 'Pod', metadata, spec }];
  const template = { metadata: { ...metadata }, spec };
  const selector = { matchLabels: { app: name } };
  const own = { name: `${name}-${kind}`, labels, creationTimestamp: metadata.creationTimestamp };
  if (kind === 'job') return [...service, { apiVersion: 'batch/v1', kind: 'Job', metadata: own, spec: { template: { ...template, spec: { ...spec, restartPolicy: spec['restartPolicy'] === 'OnFailure' ? 'OnFailure' : 'Never' } } } }];
  const always = { ...template, spec: { ...spec, restartPolicy: 'Always' } };
  if (kind === 'daemonset') return [...service, { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: own, spec: { selector, template: always } }];
  return [...service, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: own, spec: { ...(request.replicas === undefined ? {} : { replicas: request.replicas }), selector, template: always } }];
}

/** A volume as a claim; its options are annotations that only Podman and scull read. */
export function generateClaim({ name, options, labels, uid, gid }: VolumeRecord): Document {
  const annotations = Object.fromEntries([
    ...([['device', 'device'], ['type', 'type'], ['o', 'mount-options']] as const).flatMap(([option, key]) => (options[option] === undefined ? [] : [[`volume.podman.io/${key}`, options[option]]])),
    ...(uid === undefined ? [] : [['volume.podman.io/uid', String(uid)]]),
    ...(gid === undefined ? [] : [['volume.podman.io/gid', String(gid)]]),
  ]) as Record<string, string>;
  return {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim',
    metadata: { name, ...unlessEmpty('labels', labels), ...unlessEmpty('annotations', annotations) },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
}

function podSpec(request: GenerateRequest): Document {
  const { shared, containers, pod } = request;
  const { network } = shared;
  const volumes = new Map<string, Document>();
  // A cluster has ports with a container; which one it is makes no difference.
  const own = containers.map((record, index) => containerOf(record, request, index === 0 ? network.ports : [], volumes));
  const dns = { ...(network.dns.length === 0 ? {} : { nameservers: network.dns }), ...(network.dnsSearch.length === 0 ? {} : { searches: network.dnsSearch }), ...(network.dnsOptions.length === 0 ? {} : { options: network.dnsOptions.map((text) => ({ name: text.split(':')[0], ...(text.includes(':') ? { value: text.slice(text.indexOf(':') + 1) } : {}) })) }) };
  const { namespaces } = containers[0]?.spec ?? shared;
  return {
    containers: own,
    ...unlessEmpty('dnsConfig', dns),
    ...(network.addHosts.length === 0 ? {} : { hostAliases: network.addHosts.filter(({ ip }) => ip !== 'host-gateway').map(({ name, ip }) => ({ ip, hostnames: [name] })) }),
    ...(network.mode.mode === 'host' ? { hostNetwork: true } : {}),
    ...(namespaces.pid.mode === 'host' ? { hostPID: true } : {}),
    ...(namespaces.ipc.mode === 'host' ? { hostIPC: true } : {}),
    ...(pod?.share.includes('pid') === true ? { shareProcessNamespace: true } : {}),
    ...(shared.hostname === undefined || shared.hostname === request.name ? {} : { hostname: shared.hostname }),
    restartPolicy: restartPolicy(containers[0]?.spec),
    ...unlessEmpty('securityContext', unlessEmpty('sysctls', Object.entries(shared.sysctls).map(([name, value]) => ({ name, value })))),
    ...(volumes.size === 0 ? {} : { volumes: [...volumes].map(([name, source]) => ({ name, ...source })) }),
  };
}

function restartPolicy(spec: ContainerSpec | undefined): string {
  const policy = spec?.restart?.name;
  return policy === undefined || policy === 'no' ? 'Never' : policy === 'on-failure' ? 'OnFailure' : 'Always';
}

function containerOf(record: ContainerRecord, request: GenerateRequest, ports: readonly PortRequest[], volumes: Map<string, Document>): Document {
  const { spec, config } = record;
  const prefix = `${request.name}-`;
  const mounts = config.mounts.flatMap((mount) => mountOf(mount, request, volumes));
  const environment = spec.environment.set.map((line) => ({ name: line.slice(0, line.indexOf('=')), value: line.slice(line.indexOf('=') + 1) }));
  const { memory, memoryReservation, cpus } = spec.resources;
  return {
    name: record.name.startsWith(prefix) ? record.name.slice(prefix.length) : record.name,
    image: record.image?.name ?? spec.image ?? '',
    ...(spec.entrypoint === undefined ? {} : { command: spec.entrypoint }),
    ...unlessEmpty('args', spec.command),
    ...unlessEmpty('env', environment),
    ...(spec.workdir === undefined ? {} : { workingDir: spec.workdir }),
    ...(spec.tty ? { tty: true } : {}),
    ...(spec.interactive ? { stdin: true } : {}),
    ...unlessEmpty('ports', ports.flatMap(eachPort)),
    ...unlessEmpty('resources', {
      ...unlessEmpty('limits', { ...(memory === undefined ? {} : { memory: String(memory) }), ...(cpus === undefined ? {} : { cpu: `${Math.round(cpus * 1000)}m` }) }),
      ...unlessEmpty('requests', memoryReservation === undefined ? {} : { memory: String(memoryReservation) }),
    }),
    ...probeOf(spec.health),
    ...unlessEmpty('securityContext', securityOf(spec)),
    ...unlessEmpty('volumeMounts', mounts),
  };
}

function eachPort({ hostIp, hostPort, containerPort, protocol, range }: PortRequest): Document[] {
  return Array.from({ length: range }, (_each, offset) => ({
    containerPort: containerPort + offset,
    ...(hostPort === undefined ? {} : { hostPort: hostPort + offset }),
    ...(hostIp === '' ? {} : { hostIP: hostIp }),
    ...(protocol === 'tcp' ? {} : { protocol: protocol.toUpperCase() }),
  }));
}

function probeOf(health: HealthSpec | undefined): Document {
  const test = health?.test ?? [];
  const command = test[0] === 'CMD' ? test.slice(1) : test[0] === 'CMD-SHELL' ? ['sh', '-c', ...test.slice(1)] : [];
  if (health === undefined || command.length === 0) return {};
  const whole = (seconds: number | undefined): number | undefined => (seconds === undefined || seconds <= 0 ? undefined : Math.max(1, Math.round(seconds)));
  const times = { periodSeconds: whole(health.interval), timeoutSeconds: whole(health.timeout), failureThreshold: health.retries, initialDelaySeconds: whole(health.startPeriod) };
  return { livenessProbe: { exec: { command }, ...Object.fromEntries(Object.entries(times).filter(([, value]) => value !== undefined)) } };
}

function securityOf(spec: ContainerSpec): Document {
  const [user = '', group = ''] = (spec.user ?? '').split(':');
  const names = (list: readonly string[]): string[] => list.map((name) => name.replace(/^CAP_/, ''));
  return {
    ...(/^\d+$/.test(user) ? { runAsUser: Number(user) } : {}),
    ...(/^\d+$/.test(group) ? { runAsGroup: Number(group) } : {}),
    ...(spec.privileged ? { privileged: true } : {}),
    ...(spec.readOnly ? { readOnlyRootFilesystem: true } : {}),
    ...(spec.security.noNewPrivileges ? { allowPrivilegeEscalation: false } : {}),
    ...(spec.security.unmask.includes('ALL') ? { procMount: 'Unmasked' } : {}),
    ...unlessEmpty('capabilities', { ...unlessEmpty('add', names(spec.capAdd)), ...unlessEmpty('drop', names(spec.capDrop)) }),
    ...(spec.security.seccomp === 'unconfined' ? { seccompProfile: { type: 'Unconfined' } } : {}),
  };
}

/** Podman's names: what two containers mount of one place is one volume. */
function mountOf(mount: ResolvedMount, request: GenerateRequest, volumes: Map<string, Document>): Document[] {
  const common = { mountPath: mount.target, ...(mount.readOnly ? { readOnly: true } : {}), ...(mount.subpath === undefined ? {} : { subPath: mount.subpath }) };
  const named = (name: string, source: Document): Document[] => {
    volumes.set(name, source);
    return [{ name, ...common }];
  };
  switch (mount.type) {
    case 'bind': {
      const words = mount.source.replace(/^\/+|\/+$/g, '').replaceAll('/', '-').toLowerCase();
      return named(`${words === '' ? 'root' : words}-host`, { hostPath: { path: mount.source, type: request.hostPathKind(mount.source) } });
    }
    case 'volume':
      // Nobody gave it a name, so nobody wants it to stay.
      if (mount.anonymous === true) return named(mount.name ?? '', { emptyDir: {} });
      return named(`${mount.name ?? ''}-pvc`, { persistentVolumeClaim: { claimName: mount.name } });
    case 'tmpfs':
      return named(`${mount.target.replace(/^\/+/, '').replaceAll('/', '-').toLowerCase()}-tmp`, { emptyDir: { medium: 'Memory' } });
    case 'image':
      return named(`${mount.target.replace(/^\/+/, '').replaceAll('/', '-').toLowerCase()}-image`, { image: { reference: mount.name } });
    default:
      return [];
  }
}

function serviceOf(name: string, shared: ContainerSpec): Document[] {
  const ports = shared.network.ports.flatMap(eachPort).map((port) => ({ name: String(port['containerPort']), port: port['containerPort'], targetPort: port['containerPort'], ...(port['protocol'] === undefined ? {} : { protocol: port['protocol'] }) }));
  return ports.length === 0 ? [] : [{ apiVersion: 'v1', kind: 'Service', metadata: { name, labels: { app: name } }, spec: { type: 'NodePort', ports, selector: { app: name } } }];
}

/** The property, where it holds anything. */
function unlessEmpty(key: string, value: readonly unknown[] | Readonly<Record<string, unknown>>): Document {
  return (Array.isArray(value) ? value.length : Object.keys(value).length) === 0 ? {} : { [key]: value };
}
