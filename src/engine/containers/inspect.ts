/** inspect: one object in the shape of Docker's API (ContainerJSON), with Podman's additions where scripts ask for them. */
import { isScullError } from '../../host/errors.ts';
import { readNetworkState, type Attachment } from '../../network/state.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord, ContainerState, ResolvedMount } from '../../runtime/container-record.ts';
import { readRuntimeState } from '../../runtime/crun.ts';
import { readHealth } from '../../runtime/health-state.ts';
import { DEFAULT_SHM_SIZE } from '../../runtime/oci-spec/mounts.ts';
import type { UserNamespaceFact } from '../../runtime/oci-spec/input.ts';
import { isRestarting, isStoppedByUser, restartCount } from '../../runtime/restart-state.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { parseSignal } from '../../spec/signal.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import { ipVersion } from '../../spec/ip-address.ts';
import { readNetwork } from '../../storage/networks.ts';
import type { ContainerSpec, NetworkWish, PortRequest, SharedNamespaceSpec, UserNamespaceSpec } from '../../spec/container-spec.ts';
import { VERSION } from '../../host/version.ts';
import type { Engine } from '../engine.ts';
import { nestedNamespace } from './nested-namespace.ts';
import { networkTrouble } from '../networks/trouble.ts';
import { containerSize } from './size.ts';

const NEVER = '0001-01-01T00:00:00Z';

/** @throws ScullError NO_SUCH_CONTAINER, AMBIGUOUS, CORRUPT */
export async function inspectContainer(engine: Engine, nameOrId: string, options: { readonly size?: boolean } = {}): Promise<object> {
  const record = findContainer(engine.store.layout, nameOrId);
  const paths = engine.store.layout.container(record.id);
  const state = readContainerState(paths);
  const { config, spec } = record;
  const size = options.size === true ? await containerSize(engine, record) : undefined;
  return {
    Id: record.id,
    Created: record.created,
    Path: config.args[0] ?? '',
    Args: config.args.slice(1),
    State: stateOf(record, state, paths),
    Image: record.image === undefined ? '' : record.image.id,
    ImageDigest: record.image?.manifestDigest ?? '',
    ImageName: record.image?.name ?? '',
    Rootfs: spec.rootfs ?? '',
    ResolvConfPath: paths.resolvConf,
    HostnamePath: paths.hostname,
    HostsPath: paths.hosts,
    StaticDir: paths.directory,
    OCIConfigPath: paths.bundleConfig,
    OCIRuntime: 'crun',
    LogPath: spec.log.driver === 'k8s-file' ? (spec.log.path ?? paths.log) : '',
    PidFile: spec.pidFile ?? paths.pidFile,
    Name: `/${record.name}`,
    RestartCount: restartCount(record, paths),
    Driver: 'overlay',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: spec.security.apparmor ?? '',
    ExecIDs: [],
    HostConfig: hostConfigOf(record),
    GraphDriver: { Name: 'overlay', Data: { UpperDir: paths.upper, WorkDir: paths.work, LowerDir: [...(record.image?.layers ?? [])].reverse().map((id) => engine.store.layout.layer(id).diff).join(':') } },
    ...(size === undefined ? {} : { SizeRw: size.rw, SizeRootFs: size.rootFs }),
    Mounts: config.mounts.filter((mount) => mount.type !== 'tmpfs' && mount.type !== 'devpts').map(mountOf),
    Config: configOf(record),
    NetworkSettings: networkSettingsOf(engine, record, state),
    Namespace: '',
    Pod: record.pod?.id ?? '',
    IsInfra: record.pod?.infra === true,
    IsService: false,
    KubeExitCodePropagation: 'invalid',
    lockNumber: 0,
    Version: VERSION,
  };
}

function stateOf(record: ContainerRecord, state: ContainerState, paths: ContainerPaths): object {
  return {
    OciVersion: '1.0.2',
    Status: state.status,
    Running: state.status === 'running' || state.status === 'paused',
    Paused: state.status === 'paused',
    Restarting: record.spec.restart !== undefined && isRestarting(paths),
    OOMKilled: state.oomKilled,
    Dead: false,
    Pid: state.pid,
    ConmonPid: state.monitorPid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt === '' ? NEVER : state.startedAt,
    FinishedAt: state.finishedAt === '' ? NEVER : state.finishedAt,
    CgroupPath: readRuntimeState(paths.runtimeState)?.cgroupPath ?? '',
    StoppedByUser: isStoppedByUser(paths),
    ...healthOf(record, paths),
  };
}

/** Also of one that has ended: what its last check said. */
function healthOf({ config: { health } }: ContainerRecord, paths: ContainerPaths): object {
  if (health === undefined) return {};
  const { Status, FailingStreak, Log } = readHealth(paths, health);
  return { Health: { Status, FailingStreak, Log } };
}

function healthConfigOf({ health }: ContainerRecord['config']): object {
  if (health === undefined) return {};
  return {
    Healthcheck: health.healthcheck,
    ...(health.startup === undefined ? {} : { StartupHealthCheck: health.startup }),
    HealthcheckOnFailureAction: health.onFailure,
    HealthLogDestination: health.logDestination,
    HealthcheckMaxLogCount: health.maxLogCount,
    HealthcheckMaxLogSize: health.maxLogSize,
  };
}

function configOf({ config, spec, image, id, createCommand }: ContainerRecord): object {
  return {
    Hostname: config.hostname,
    Domainname: '',
    User: config.user,
    AttachStdin: spec.interactive,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: Object.fromEntries(config.exposedPorts.map((port) => [port, {}])),
    Tty: spec.tty,
    OpenStdin: spec.interactive,
    StdinOnce: false,
    Env: config.env,
    Cmd: config.command.length === 0 ? null : config.command,
    Image: image?.name ?? '',
    Volumes: null,
    WorkingDir: config.workdir,
    Entrypoint: config.entrypoint.length === 0 ? null : config.entrypoint,
    OnBuild: null,
    Labels: config.labels,
    Annotations: config.annotations,
    StopSignal: config.stopSignal,
    StopSignalNumber: parseSignal(config.stopSignal).number,
    StopTimeout: config.stopTimeout,
    Timeout: spec.timeout ?? 0,
    Umask: `0${(spec.umask ?? 0o022).toString(8).padStart(3, '0')}`,
    CreateCommand: createCommand ?? null,
    ...healthConfigOf(config),
    SystemdMode: config.systemd === true,
    ...(spec.timezone === undefined ? {} : { Timezone: spec.timezone }),
    ...(config.secrets === undefined ? {} : { Secrets: config.secrets.map((secret) => ({ Name: secret.name, ID: secret.id, ...(secret.type === 'mount' ? { UID: secret.uid, GID: secret.gid, Mode: secret.mode } : { UID: 0, GID: 0, Mode: 0 }) })) }),
    ContainerID: id,
  };
}

function hostConfigOf(record: ContainerRecord): object {
  const { spec, config } = record;
  return {
    Binds: config.mounts.filter((mount) => mount.type === 'bind' || mount.type === 'volume').map((mount) => `${mount.name ?? mount.source}:${mount.target}:${[mount.readOnly ? 'ro' : 'rw', ...mount.options].join(',')}`),
    ContainerIDFile: spec.cidFile ?? '',
    LogConfig: { Type: spec.log.driver, Config: { ...(spec.log.maxSize === undefined ? {} : { 'max-size': String(spec.log.maxSize) }), ...(spec.log.tag === undefined ? {} : { tag: spec.log.tag }) }, Path: spec.log.path ?? '', Tag: spec.log.tag ?? '', Size: '0B' },
    NetworkMode: networkModeText(record),
    PortBindings: portMap(config.ports),
    RestartPolicy: { Name: spec.restart?.name ?? 'no', MaximumRetryCount: spec.restart?.maxRetries ?? 0 },
    AutoRemove: spec.autoRemove,
    VolumeDriver: '',
    VolumesFrom: spec.volumesFrom.length === 0 ? null : spec.volumesFrom,
    CapAdd: spec.capAdd,
    CapDrop: spec.capDrop,
    CgroupnsMode: namespaceText(spec.namespaces.cgroup),
    Dns: spec.network.dns,
    DnsOptions: spec.network.dnsOptions,
    DnsSearch: spec.network.dnsSearch,
    ExtraHosts: spec.network.addHosts.map(({ name, ip }) => `${name}:${ip}`),
    GroupAdd: spec.groupAdd,
    IpcMode: spec.namespaces.ipc.mode === 'shareable' || spec.namespaces.ipc.mode === 'none' ? spec.namespaces.ipc.mode : namespaceText(spec.namespaces.ipc),
    Cgroup: '',
    Cgroups: spec.resources.cgroups ?? 'default',
    Links: null,
    OomScoreAdj: spec.oomScoreAdj ?? 0,
    PidMode: namespaceText(spec.namespaces.pid),
    Privileged: spec.privileged,
    PublishAllPorts: spec.network.publishAll,
    ReadonlyRootfs: spec.readOnly,
    SecurityOpt: securityOptions(spec),
    Tmpfs: Object.fromEntries(config.mounts.filter((mount) => mount.type === 'tmpfs').map((mount) => [mount.target, mount.options.join(',')])),
    UTSMode: namespaceText(spec.namespaces.uts),
    UsernsMode: userNamespaceText(spec.namespaces.user),
    ...idMappingsOf(record),
    ShmSize: spec.shmSize ?? DEFAULT_SHM_SIZE,
    Runtime: 'oci',
    Isolation: '',
    CpuShares: spec.resources.cpuShares ?? 0,
    Memory: spec.resources.memory ?? 0,
    NanoCpus: Math.round((spec.resources.cpus ?? 0) * 1e9),
    CgroupParent: spec.resources.cgroupParent ?? '',
    CgroupManager: cgroupPlan().manager,
    CpuPeriod: spec.resources.cpuPeriod ?? 0,
    CpuQuota: spec.resources.cpuQuota ?? 0,
    CpusetCpus: spec.resources.cpusetCpus ?? '',
    CpusetMems: spec.resources.cpusetMems ?? '',
    ...blockLimits(spec.resources),
    CgroupConf: spec.resources.cgroupConf ?? null,
    Devices: spec.devices.map((device) => ({ PathOnHost: device.source, PathInContainer: device.target, CgroupPermissions: device.permissions })),
    ...(spec.cdiDevices === undefined ? {} : { DeviceRequests: [{ Driver: 'cdi', Count: 0, DeviceIDs: spec.cdiDevices, Capabilities: null, Options: null }] }),
    MemoryReservation: spec.resources.memoryReservation ?? 0,
    MemorySwap: spec.resources.memorySwap ?? 0,
    MemorySwappiness: spec.resources.memorySwappiness ?? 0,
    PidsLimit: spec.resources.pidsLimit ?? 0,
    Ulimits: spec.ulimits.map((limit) => ({ Name: `RLIMIT_${limit.name.toUpperCase()}`, Soft: limit.soft, Hard: limit.hard })),
    Sysctls: spec.sysctls,
    Init: spec.init,
  };
}

function blockLimits(limits: ContainerSpec['resources']): object {
  const rates = (list: typeof limits.readBps): object[] => (list ?? []).map(({ path, value }) => ({ Path: path, Rate: value }));
  return {
    BlkioWeight: limits.blkioWeight ?? 0,
    BlkioWeightDevice: (limits.blkioWeightDevices ?? []).map(({ path, value }) => ({ Path: path, Weight: value })),
    BlkioDeviceReadBps: rates(limits.readBps),
    BlkioDeviceWriteBps: rates(limits.writeBps),
    BlkioDeviceReadIOps: rates(limits.readIops),
    BlkioDeviceWriteIOps: rates(limits.writeIops),
  };
}

function securityOptions({ security }: ContainerSpec): string[] {
  return [
    ...(security.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(security.seccomp === undefined ? [] : [`seccomp=${security.seccomp}`]),
    ...(security.apparmor === undefined ? [] : [`apparmor=${security.apparmor}`]),
    ...(security.seccompOfImage === true ? ['seccomp=image'] : []),
    ...security.labels.map((label) => `label=${label}`),
    ...(security.mask.length === 0 ? [] : [`mask=${security.mask.join(':')}`]),
    ...(security.unmask.length === 0 ? [] : [`unmask=${security.unmask.join(':')}`]),
  ];
}

/** As it is typed: private, host, container:NAME, ns:PATH. */
export function namespaceText(wish: SharedNamespaceSpec | { readonly mode: string }): string {
  if ('container' in wish) return `container:${wish.container}`;
  if ('path' in wish) return `ns:${wish.path}`;
  return wish.mode;
}

/** As in --uidmap: container, host (counted in the default map), how many. Nothing where the container is in the default map. */
function idMappingsOf({ spec, config }: ContainerRecord): object {
  let fact: UserNamespaceFact | undefined;
  try {
    fact = nestedNamespace(spec.namespaces.user, config.ids);
  } catch (error) {
    if (isScullError(error)) return {}; // a start will tell
    throw error;
  }
  if (fact?.kind !== 'maps') return {};
  const words = (maps: readonly IdMapping[]): string[] => maps.map((map) => `${map.containerID}:${map.hostID}:${map.size}`);
  return { IDMappings: { UidMap: words(fact.uids), GidMap: words(fact.gids) } };
}

export function userNamespaceText(wish: UserNamespaceSpec): string {
  switch (wish.mode) {
    case 'host':
      return '';
    case 'container':
      return `container:${wish.container}`;
    case 'path':
      return `ns:${wish.path}`;
    case 'explicit':
      return 'private';
    default:
      return wish.mode;
  }
}

function networkModeText({ config }: ContainerRecord): string {
  const mode = config.networkMode;
  switch (mode.mode) {
    case 'default':
      return 'pasta';
    case 'container':
      return `container:${mode.container}`;
    case 'path':
      return `ns:${mode.path}`;
    case 'networks':
      return mode.networks[0]?.name ?? 'none';
    default:
      return mode.mode;
  }
}

function mountOf(mount: ResolvedMount): object {
  return {
    Type: mount.type,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.type === 'image' ? (mount.name ?? '') : mount.source,
    Destination: mount.target,
    Driver: mount.type === 'volume' ? 'local' : '',
    Mode: '',
    Options: mount.options,
    RW: !mount.readOnly,
    Propagation: mount.propagation,
    ...(mount.subpath === undefined ? {} : { SubPath: mount.subpath }),
  };
}

/** `80/tcp` → bindings; both families are one binding on '' in our spec and 0.0.0.0 here, as Docker prints it. */
export function portMap(ports: readonly PortRequest[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const map: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    for (let offset = 0; offset < port.range; offset++) {
      const key = `${port.containerPort + offset}/${port.protocol}`;
      (map[key] ??= []).push({ HostIp: port.hostIp === '' ? '0.0.0.0' : port.hostIp, HostPort: port.hostPort === undefined ? '' : String(port.hostPort + offset) });
    }
  }
  return map;
}

/** Each with what it was given; addresses only while it runs. */
function namedNetworks(engine: Engine, record: ContainerRecord, wishes: readonly NetworkWish[], attachments: readonly Attachment[]): object {
  return Object.fromEntries(
    wishes.map((wish) => {
      const has = attachments.find((one) => one.network === wish.name);
      const definition = readNetwork(engine.store, wish.name);
      const gateway = (version: 4 | 6): string => definition?.subnets.find((subnet) => ipVersion(subnet.gateway) === version)?.gateway ?? '';
      return [
        wish.name,
        {
          EndpointID: '',
          NetworkID: definition?.id ?? '',
          Gateway: has?.ipv4 === undefined ? '' : gateway(4),
          IPAddress: has?.ipv4?.address ?? '',
          IPPrefixLen: has?.ipv4?.prefix ?? 0,
          IPv6Gateway: has?.ipv6 === undefined ? '' : gateway(6),
          GlobalIPv6Address: has?.ipv6?.address ?? '',
          GlobalIPv6PrefixLen: has?.ipv6?.prefix ?? 0,
          MacAddress: has?.mac ?? wish.mac ?? '',
          DriverOpts: null,
          IPAMConfig: wish.ipv4 === undefined && wish.ipv6 === undefined ? null : { ...(wish.ipv4 === undefined ? {} : { IPv4Address: wish.ipv4 }), ...(wish.ipv6 === undefined ? {} : { IPv6Address: wish.ipv6 }) },
          Links: null,
          Aliases: [...new Set([...wish.aliases, record.id.slice(0, 12)])],
          DNSNames: [...new Set([record.name, ...wish.aliases, record.id.slice(0, 12)])],
        },
      ];
    }),
  );
}

function networkSettingsOf(engine: Engine, record: ContainerRecord, state: ContainerState): object {
  const runs = state.status === 'running' || state.status === 'paused';
  const network = runs ? readNetworkState(engine.store.layout.container(record.id).networkState) : undefined;
  const ipv4 = network?.addresses.ipv4;
  const ipv6 = network?.addresses.ipv6;
  const exposed = Object.fromEntries(record.config.exposedPorts.map((port): [string, null] => [port, null]));
  const endpoint = {
    EndpointID: '',
    Gateway: ipv4?.gateway ?? '',
    IPAddress: ipv4?.address ?? '',
    IPPrefixLen: ipv4?.prefix ?? 0,
    IPv6Gateway: ipv6?.gateway ?? '',
    GlobalIPv6Address: ipv6?.address ?? '',
    GlobalIPv6PrefixLen: ipv6?.prefix ?? 0,
    MacAddress: network?.driver === 'switch' ? (network.attachments[0]?.mac ?? '') : '',
  };
  const name = networkModeText(record);
  const trouble = runs ? networkTrouble(engine)(record.id) : undefined;
  return {
    ...endpoint,
    Bridge: '',
    SandboxID: '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    Ports: { ...exposed, ...(runs || record.config.ports.length > 0 ? portMap(record.config.ports) : {}) },
    SandboxKey: runs ? `/proc/${state.pid}/ns/net` : '',
    Trouble: trouble === undefined ? '' : `${trouble}: run \`scull network reload ${record.name}\``,
    Networks: record.config.networkMode.mode === 'networks' ? namedNetworks(engine, record, record.config.networkMode.networks, network?.driver === 'switch' ? network.attachments : []) : name.startsWith('container:') || name.startsWith('ns:') ? {} : { [name]: { ...endpoint, NetworkID: name, DriverOpts: null, IPAMConfig: null, Links: null, Aliases: [record.id.slice(0, 12)] } },
  };
}

