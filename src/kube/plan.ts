/** A pod's documents → what is asked of the engine: pure, so that it can be tried before anything is made. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { ContainerSpec, DeviceRequest, LogSpec, MountRequest, NetworkMode, PortRequest, SecretRequest } from '../spec/container-spec.ts';
import { MountOptions } from '../spec/mount-options.ts';
import type { PodNamespace } from '../spec/pod.ts';
import { parseUserNamespace } from '../spec/user-namespace.ts';
import type { KubeContainer, VolumeMountWish } from './container.ts';
import { environmentMap, expandReferences, resolveEnvironment, type EnvironmentContext } from './environment.ts';
import type { KubePod } from './pod.ts';
import type { KubeVolume } from './volume.ts';

/** What the command line adds to every pod. */
export interface PodWishes {
  /** Undefined: the network of all played pods, unless the pod has the host's. */
  readonly network: NetworkMode | undefined;
  readonly publish: readonly PortRequest[];
  readonly publishAll: boolean;
  readonly noHosts: boolean;
  readonly noHostname: boolean;
  readonly userns?: string;
  /** Containers are called POD-NAME unless set. */
  readonly noPodPrefix: boolean;
  readonly log: LogSpec;
}

/** Podman's: pods that are played reach each other by name. */
export const DEFAULT_NETWORK = 'podman-default-kube-network';

/** What the infra container is to have. @throws ScullError INVALID */
export function podWish(pod: KubePod, wishes: PodWishes): ContainerSpec {
  const { network } = pod.spec;
  const mode: NetworkMode = wishes.network ?? (network.mode.mode === 'host' ? network.mode : { mode: 'networks', networks: [{ name: DEFAULT_NETWORK, aliases: [] }] });
  if (wishes.noHosts && network.addHosts.length > 0) throw new ScullError('INVALID', `Pod ${pod.name}: --no-hosts and hostAliases cannot be used together`);
  return {
    ...pod.spec,
    labels: pod.labels,
    network: {
      ...network,
      mode: mode.mode === 'networks' ? { ...mode, networks: mode.networks.map((one) => ({ ...one, aliases: [...new Set([...one.aliases, ...pod.containers.map(({ name }) => name)])] })) } : mode,
      ports: mode.mode === 'host' ? [] : portsOf(pod, wishes),
      noHosts: wishes.noHosts,
      noHostname: wishes.noHostname,
    },
    namespaces: { ...pod.spec.namespaces, user: parseUserNamespace(usernsOf(pod, wishes)) },
  };
}

/** What the infra container keeps for the others. */
export function sharedNamespaces(pod: KubePod, wishes: PodWishes): readonly PodNamespace[] {
  const own = hostNamespaces(pod);
  const net = onHostNetwork(pod, wishes) ? [] : (['net'] as const);
  return (['ipc', ...net, ...(pod.sharesProcesses ? ['pid' as const] : []), 'uts'] as const).filter((name) => !own.includes(name));
}

function onHostNetwork(pod: KubePod, wishes: PodWishes): boolean {
  return (wishes.network ?? pod.spec.network.mode).mode === 'host';
}

function hostNamespaces({ spec: { namespaces } }: KubePod): readonly PodNamespace[] {
  return (['ipc', 'pid', 'uts'] as const).filter((name) => namespaces[name].mode === 'host');
}

/** --publish goes before hostPort, and that before --publish-all; it is the container's port that counts. */
function portsOf(pod: KubePod, { publish, publishAll }: PodWishes): PortRequest[] {
  const own = [...pod.spec.network.ports, ...(publishAll ? pod.unpublished.map((port) => ({ ...port, hostPort: port.containerPort })) : [])];
  const isPublished = ({ containerPort, protocol }: PortRequest): boolean => publish.some((port) => port.protocol === protocol && containerPort >= port.containerPort && containerPort < port.containerPort + port.range);
  return [...publish, ...own.filter((port) => !isPublished(port)).map(({ hostIp, hostPort, containerPort, protocol, range }) => ({ hostIp, ...(hostPort === undefined ? {} : { hostPort }), containerPort, protocol, range }))];
}

function usernsOf({ name, annotations, hostUsers }: KubePod, { userns }: PodWishes): string {
  const key = 'io.podman.annotations.userns';
  return userns ?? annotations[key] ?? annotations[`${key}/${name}`] ?? (hostUsers ? 'host' : 'auto');
}

export interface ContainerContext extends EnvironmentContext {
  readonly wishes: PodWishes;
  /** The image's variables, `K=V`. */
  readonly imageEnvironment: readonly string[];
  /** Of every container that this makes. */
  readonly labels: Readonly<Record<string, string>>;
  /** Absolute; relative host paths are taken from there. */
  readonly cwd: string;
}

/** The wish for one container of the pod. @throws ScullError INVALID for what it refers to and is not there */
export function containerWish(pod: KubePod, container: KubeContainer, context: ContainerContext): ContainerSpec {
  const variables = resolveEnvironment(container.environment, context.imageEnvironment, context);
  const known = new Map([...environmentMap(context.imageEnvironment), ...variables.map(({ name, value }) => [name, value] as const)]);
  const secrets = variables.flatMap(({ name, secret }): SecretRequest[] => (secret === undefined ? [] : [{ type: 'env', source: secret.source, key: secret.key, target: name }]));
  const { entrypoint, command } = container.spec;
  const mounted = container.mounts.map((wish) => mountOf(pod, container, wish, context));
  const ours = [...pod.initContainers, ...pod.containers].map(({ name }) => name);
  return {
    ...container.spec,
    name: containerName(pod, container.name, context.wishes),
    pod: pod.name,
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint.map((word) => expandReferences(word, known)) }),
    command: command.map((word) => expandReferences(word, known)),
    environment: { ...container.spec.environment, set: variables.filter(({ secret }) => secret === undefined).map(({ name, value }) => `${name}=${value}`) },
    ...(secrets.length === 0 ? {} : { secrets }),
    labels: { ...pod.labels, ...container.spec.labels, ...context.labels },
    mounts: mounted.flatMap(({ mount }) => mount ?? []),
    devices: [...container.spec.devices, ...mounted.flatMap(({ device }) => device ?? [])],
    volumesFrom: container.volumesFrom.map((text) => {
      const [from = '', ...rest] = text.split(':');
      return [ours.includes(from) ? containerName(pod, from, context.wishes) : from, ...rest].join(':');
    }),
    // The host's it has itself; the others it gets of the infra container.
    namespaces: { ...container.spec.namespaces, ...Object.fromEntries(hostNamespaces(pod).map((name) => [name, { mode: 'host' }])) },
    network: { ...container.spec.network, ...(onHostNetwork(pod, context.wishes) ? { mode: { mode: 'host' } } : {}), noHosts: context.wishes.noHosts, noHostname: context.wishes.noHostname },
    log: context.wishes.log,
  };
}

export function containerName(pod: KubePod, name: string, { noPodPrefix }: PodWishes): string {
  return noPodPrefix ? name : `${pod.name}-${name}`;
}

/** A volume that lives as long as the pod. */
export function podVolumeName(pod: KubePod, volume: KubeVolume): string {
  return `${pod.name}-${volume.name}`;
}

function mountOf(pod: KubePod, container: KubeContainer, wish: VolumeMountWish, context: ContainerContext): { readonly mount?: MountRequest; readonly device?: DeviceRequest } {
  const volume = pod.volumes.find(({ name }) => name === wish.volume);
  if (volume === undefined) throw new ScullError('INVALID', `Pod ${pod.name}: container ${container.name} mounts the volume ${JSON.stringify(wish.volume)}, which the pod does not have`);
  const options = new MountOptions((why) => new ScullError('INVALID', `Pod ${pod.name}: the mount of ${wish.volume}: ${why}`));
  for (const option of wish.options) options.take(option);
  const common = { target: posix.normalize(wish.target).replace(/\/$/, ''), readOnly: wish.readOnly, options: options.plain };
  const subpath = wish.subpath === undefined ? {} : { subpath: wish.subpath };
  const named = (name: string, copy: boolean, readOnly = wish.readOnly): MountRequest => ({ ...common, ...subpath, readOnly, type: 'volume', name, copy, chown: options.chown });
  switch (volume.type) {
    case 'hostPath': {
      const source = posix.resolve(context.cwd, volume.path);
      if (volume.kind === 'CharDevice' || volume.kind === 'BlockDevice') return { device: { source, target: common.target, permissions: wish.readOnly ? 'r' : 'rwm' } };
      // Podman's: without a slash it is a volume's name.
      if (!volume.path.includes('/')) return { mount: named(volume.path, true) };
      const propagation = wish.propagation ?? options.propagation;
      return { mount: { ...common, ...subpath, type: 'bind', source, recursive: true, chown: options.chown, overlay: options.overlay, createSource: false, ...(propagation === undefined ? {} : { propagation }), ...(options.relabel === undefined ? {} : { relabel: options.relabel }) } };
    }
    case 'claim':
      return { mount: named(volume.claim, true, wish.readOnly || volume.readOnly) };
    case 'emptyDir':
      return { mount: named(podVolumeName(pod, volume), true) };
    case 'memory':
      return { mount: { ...common, type: 'tmpfs', mode: 0o1777, copyUp: false, ...(volume.size === undefined ? {} : { size: volume.size }) } };
    case 'image':
      return { mount: { ...common, ...subpath, readOnly: true, type: 'image', image: volume.image } };
    case 'configMap':
    case 'secret':
      return isThere(volume, context) ? { mount: named(podVolumeName(pod, volume), false) } : {};
  }
}

/** @throws ScullError INVALID where it is neither there nor optional */
function isThere(volume: KubeVolume & { readonly type: 'configMap' | 'secret'; readonly source: string; readonly optional: boolean }, context: EnvironmentContext): boolean {
  const found = volume.type === 'configMap' ? context.configMap(volume.source) : context.secret(volume.source);
  if (found === undefined && !volume.optional) throw new ScullError('INVALID', `the volume ${volume.name} wants the ${volume.type === 'configMap' ? 'ConfigMap' : 'secret'} ${volume.source}, which is not there`);
  return found !== undefined;
}
