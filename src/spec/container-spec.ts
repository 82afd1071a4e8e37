/**
 * What the user asked for: serialisable, unresolved, kept for inspect, restart and clone. API bodies, Quadlet files and
 * kube YAML make the same value. Nothing here was looked up in an image or on the host; only syntax was checked.
 */
import type { Platform } from '../oci/platform.ts';

export type PullPolicy = 'always' | 'missing' | 'never' | 'newer';

export interface ContainerSpec {
  /** Asked for by --name; the record holds the final one. */
  readonly name?: string;
  /** As typed; exactly one of image and rootfs is set. */
  readonly image?: string;
  readonly rootfs?: string;
  /** `--rootfs DIRECTORY:O`: the directory is a lower layer and stays as it is. */
  readonly rootfsOverlay?: true;
  /** The words after the image, unchanged. */
  readonly command: readonly string[];
  /** undefined: the image's; []: cleared by `--entrypoint ""`. */
  readonly entrypoint?: readonly string[];
  readonly workdir?: string;
  /** `user[:group]`, names or numbers, resolved in the image. */
  readonly user?: string;
  /** Names or numbers; 'keep-groups' keeps the caller's. */
  readonly groupAdd: readonly string[];
  /** --passwd=false: nobody whom the image does not know is entered in its /etc/passwd and /etc/group. */
  readonly passwd?: false;
  /** What is entered then, with $USERNAME, $UID, $GID, $NAME, $HOME and $GROUPNAME, $GID, $USERLIST replaced. */
  readonly passwdEntry?: string;
  readonly groupEntry?: string;
  /** Names or numbers of the host's users who are to be known in the container. */
  readonly hostUsers?: readonly string[];
  /** Octal value, e.g. 0o22. */
  readonly umask?: number;
  readonly environment: EnvironmentSpec;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly tty: boolean;
  /** -i: keep standard input open. */
  readonly interactive: boolean;
  readonly init: boolean;
  /** --systemd; undefined: prepared for systemd where the command is an init. */
  readonly systemd?: 'always' | 'never';
  readonly initPath?: string;
  readonly mounts: readonly MountRequest[];
  /** Container names or ids with optional :ro/:rw, as typed. */
  readonly volumesFrom: readonly string[];
  readonly readOnly: boolean;
  /** With readOnly: tmpfs on /run, /tmp, /var/tmp and /dev/shm stays writable. */
  readonly readOnlyTmpfs: boolean;
  readonly imageVolume: 'anonymous' | 'tmpfs' | 'ignore';
  readonly devices: readonly DeviceRequest[];
  /** Names of the Container Device Interface; without a vendor, as `gpu=all`, of any that has such. */
  readonly cdiDevices?: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly security: SecuritySpec;
  readonly privileged: boolean;
  readonly ulimits: readonly UlimitSpec[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** Bytes. */
  readonly shmSize?: number;
  /** Bytes, of each file system in memory that systemd wants. */
  readonly systemdShmSize?: number;
  readonly namespaces: NamespaceSpec;
  readonly network: NetworkSpec;
  readonly stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL. */
  readonly stopTimeout?: number;
  /** Seconds of life, --timeout. */
  readonly timeout?: number;
  readonly log: LogSpec;
  readonly resources: ResourceSpec;
  readonly oomScoreAdj?: number;
  /** personality(2) */
  readonly personality?: Personality;
  readonly platform?: Platform;
  readonly pull: PullPolicy;
  /** --rm */
  readonly autoRemove: boolean;
  /** `host` keeps the image's; `Etc/UTC`, `local`. */
  readonly timezone?: string;
  /** Pass the host's proxy variables on, as podman does unless --http-proxy=false. */
  readonly httpProxy: boolean;
  readonly secrets?: readonly SecretRequest[];
  /** What becomes of NOTIFY_SOCKET, podman-run(1); `container` where nothing was asked. */
  readonly sdNotify?: SdNotify;
  readonly health?: HealthSpec;
  readonly restart?: RestartSpec;
  /** Name or id of the pod to live in; `new:NAME` makes one. The record holds what came of it. */
  readonly pod?: string;
  /** Containers that are started before it where they do not run: names or ids, in the record ids. */
  readonly requires?: readonly string[];
  readonly cidFile?: string;
  readonly pidFile?: string;
  /** --conmon-pidfile */
  readonly monitorPidFile?: string;
}

/** Execution domains that the OCI runtime specification has: with LINUX32 the kernel calls itself i686. */
export const PERSONALITIES = ['LINUX', 'LINUX32'] as const;
export type Personality = (typeof PERSONALITIES)[number];

/**
 * - `container`: the container's program says when it is ready
 * - `conmon`: it is ready once it runs
 * - `healthy`: it is ready once its health check succeeds
 * - `ignore`: the service manager is told nothing
 */
export type SdNotify = 'container' | 'conmon' | 'healthy' | 'ignore';

export interface EnvironmentSpec {
  /** In order: `K=V` sets, `K` alone was resolved from the caller by the command line (dropped where unset there). */
  readonly set: readonly string[];
  /** --env-merge: `K=V` whose `${NAME}` are the image's values. */
  readonly merge?: readonly string[];
  readonly host: boolean;
  readonly unset: readonly string[];
  readonly unsetAll: boolean;
}

/** --health-*: what is not given is the image's, or the default. Times in seconds. */
export interface HealthSpec {
  /** ['NONE'], or CMD or CMD-SHELL and words, as in Docker's records. */
  readonly test?: readonly string[];
  /** 0: no timer. */
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly retries?: number;
  readonly startup?: {
    readonly test: readonly string[];
    readonly interval?: number;
    readonly timeout?: number;
    /** Failures after which the container is started anew; 0: never. */
    readonly retries?: number;
    /** Successes in a row that end it. */
    readonly success?: number;
  };
  readonly onFailure?: 'none' | 'kill' | 'restart' | 'stop';
  /** local, events_logger, or a directory. */
  readonly logDestination?: string;
  readonly maxLogCount?: number;
  readonly maxLogSize?: number;
}

/** --restart */
export interface RestartSpec {
  readonly name: 'no' | 'on-failure' | 'always' | 'unless-stopped';
  /** Of on-failure; 0 or nothing: as often as it takes. */
  readonly maxRetries?: number;
}

/** --secret */
export type SecretRequest =
  | {
      readonly type: 'mount';
      /** Name or id, as typed. */
      readonly source: string;
      /** Absolute path in the container; /run/secrets/NAME unless given. */
      readonly target?: string;
      /** As the container counts. */
      readonly uid: number;
      readonly gid: number;
      readonly mode: number;
    }
  /** With a key: of a secret that has several, as those of Kubernetes. */
  | { readonly type: 'env'; readonly source: string; readonly target?: string; readonly key?: string };

export type MountRequest = BindMount | VolumeMount | TmpfsMount | ImageMount | ArtifactMount | DevptsMount;

interface MountCommon {
  /** Absolute, normalised path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  /** Further mount(8) options: nosuid, noexec, nodev, relatime … */
  readonly options: readonly string[];
}

export interface BindMount extends MountCommon {
  readonly type: 'bind';
  /** Absolute path on the host. */
  readonly source: string;
  readonly subpath?: string;
  readonly recursive: boolean;
  readonly propagation?: 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared' | 'unbindable' | 'runbindable';
  /** z, Z: SELinux relabelling; accepted, without effect where SELinux is off. */
  readonly relabel?: 'shared' | 'private';
  /** U: chown the source to the container's user. */
  readonly chown: boolean;
  /** O: the source is a lower layer, writes are thrown away. */
  readonly overlay: boolean;
  /** Make a missing source directory (`--mount bind-create-src`; `-v` does not, as with podman). */
  readonly createSource: boolean;
}

export interface VolumeMount extends MountCommon {
  readonly type: 'volume';
  /** undefined: anonymous. */
  readonly name?: string;
  readonly subpath?: string;
  /** Fill an empty new volume from the image (nocopy clears it). */
  readonly copy: boolean;
  readonly chown: boolean;
  /** What is written goes with the run. */
  readonly overlay?: true;
  /** nocreate: the volume must be there already. */
  readonly mustExist?: boolean;
}

export interface TmpfsMount extends MountCommon {
  readonly type: 'tmpfs';
  /** Bytes. */
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Copy what the image has there into the tmpfs (podman's tmpcopyup). */
  readonly copyUp: boolean;
  /** U: it belongs to the container's user. */
  readonly chown?: boolean;
  /** A ramfs instead: never swapped out, and without a limit. */
  readonly ramfs?: boolean;
}

export interface ImageMount extends MountCommon {
  readonly type: 'image';
  readonly image: string;
  readonly subpath?: string;
}

/** The contents of an artifact (a chart, a model …) as files, podman-run(1) `--mount type=artifact`. */
export interface ArtifactMount extends MountCommon {
  readonly type: 'artifact';
  readonly artifact: string;
  /** Only the content with this digest, or with this title. */
  readonly digest?: string;
  readonly title?: string;
  /** Name of the file in the target directory; of several contents NAME-0, NAME-1 … */
  readonly name?: string;
}

export interface DevptsMount extends MountCommon {
  readonly type: 'devpts';
}

export interface DeviceRequest {
  /** Path on the host: a device, or a directory of devices. */
  readonly source: string;
  readonly target: string;
  /** Subset of `rwm`. */
  readonly permissions: string;
}

export interface SecuritySpec {
  readonly noNewPrivileges: boolean;
  /** Path of a profile, 'unconfined', or undefined for the built-in one. */
  readonly seccomp?: string;
  /** --seccomp-policy=image: the image brings the profile. */
  readonly seccompOfImage?: true;
  readonly apparmor?: string;
  /** SELinux `label=` options as typed. */
  readonly labels: readonly string[];
  readonly mask: readonly string[];
  /** Paths, or ['ALL']. */
  readonly unmask: readonly string[];
  readonly procOptions: readonly string[];
}

export interface UlimitSpec {
  /** Lower case without RLIMIT_: nofile, nproc …; or `host`: every limit stays as the caller has it. */
  readonly name: string;
  /** -1 is unlimited. */
  readonly soft: number;
  readonly hard: number;
}

export interface NamespaceSpec {
  readonly user: UserNamespaceSpec;
  readonly pid: SharedNamespaceSpec;
  readonly ipc: SharedNamespaceSpec | { readonly mode: 'shareable' } | { readonly mode: 'none' };
  readonly uts: SharedNamespaceSpec;
  readonly cgroup: SharedNamespaceSpec;
}

export type SharedNamespaceSpec =
  | { readonly mode: 'private' }
  | { readonly mode: 'host' }
  | { readonly mode: 'container'; readonly container: string }
  | { readonly mode: 'path'; readonly path: string };

export interface IdRange {
  readonly container: number;
  /** As the caller's default user namespace counts: 0 is the caller, 1 the first subordinate id. */
  readonly host: number;
  readonly size: number;
}

export type UserNamespaceSpec =
  | { readonly mode: 'host' } //   the default: container 0 = the caller
  | { readonly mode: 'keep-id'; readonly uid?: number; readonly gid?: number; readonly size?: number }
  | { readonly mode: 'nomap' }
  /** Ids that no other container has; those of `uids` and `gids` besides, whoever has them. */
  | { readonly mode: 'auto'; readonly size?: number; readonly uids?: readonly IdRange[]; readonly gids?: readonly IdRange[] }
  | { readonly mode: 'explicit'; readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] }
  | { readonly mode: 'container'; readonly container: string }
  | { readonly mode: 'path'; readonly path: string };

export interface NetworkSpec {
  readonly mode: NetworkMode;
  readonly ports: readonly PortRequest[];
  readonly publishAll: boolean;
  /** `80/tcp`, from --expose. */
  readonly expose: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `name:ip` pairs, ip may be host-gateway. */
  readonly addHosts: readonly { readonly name: string; readonly ip: string }[];
  readonly noHosts: boolean;
  /** What /etc/hosts begins from instead of the host's own: an absolute path of the host, `none` or `image`. */
  readonly hostsFile?: string;
  readonly noHostname: boolean;
  /** --publish-low=auto: a host port that only root may take is published 8000 higher. */
  readonly raiseLowPorts?: boolean;
}

export type NetworkMode =
  | { readonly mode: 'default' }
  | { readonly mode: 'none' }
  | { readonly mode: 'host' }
  | { readonly mode: 'pasta'; readonly options: readonly string[] }
  | { readonly mode: 'networks'; readonly networks: readonly NetworkWish[] }
  | { readonly mode: 'container'; readonly container: string }
  | { readonly mode: 'path'; readonly path: string };

/** One of the named networks that a container is to be on. */
export interface NetworkWish {
  /** As typed: a name or the beginning of an id. */
  readonly name: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
  readonly aliases: readonly string[];
  /** `eth0`, `eth1` … in order unless given. */
  readonly interface?: string;
}

export interface PortRequest {
  /** '' means every address, IPv4 and IPv6. */
  readonly hostIp: string;
  /** undefined: a free one is chosen by the kernel. */
  readonly hostPort?: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
  /** How many consecutive ports, 1 for a single one. */
  readonly range: number;
}

export interface LogSpec {
  readonly driver: 'k8s-file' | 'journald' | 'none' | 'passthrough';
  /** Bytes per file; undefined means the default cap. */
  readonly maxSize?: number;
  readonly path?: string;
  readonly tag?: string;
  readonly labels: readonly string[];
}

export interface ResourceSpec {
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of memory + swap, -1 for no limit. */
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  readonly memorySwappiness?: number;
  /** Number of CPUs, e.g. 1.5. */
  readonly cpus?: number;
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  /** 10 to 1000. */
  readonly blkioWeight?: number;
  readonly blkioWeightDevices?: readonly DeviceRate[];
  /** Bytes, or operations, a second. */
  readonly readBps?: readonly DeviceRate[];
  readonly writeBps?: readonly DeviceRate[];
  readonly readIops?: readonly DeviceRate[];
  readonly writeIops?: readonly DeviceRate[];
  /** File of the control group → what is written to it. */
  readonly cgroupConf?: Readonly<Record<string, string>>;
  readonly cgroupParent?: string;
  readonly cgroups?: 'enabled' | 'disabled' | 'no-conmon' | 'split';
}

/** Of a block device of the host. */
export interface DeviceRate {
  readonly path: string;
  readonly value: number;
}

/** The value of a spec nobody asked anything of. */
export const EMPTY_CONTAINER_SPEC: ContainerSpec = {
  command: [],
  groupAdd: [],
  environment: { set: [], host: false, unset: [], unsetAll: false },
  labels: {},
  annotations: {},
  tty: false,
  interactive: false,
  init: false,
  mounts: [],
  volumesFrom: [],
  readOnly: false,
  readOnlyTmpfs: true,
  imageVolume: 'anonymous',
  devices: [],
  capAdd: [],
  capDrop: [],
  security: { noNewPrivileges: false, labels: [], mask: [], unmask: [], procOptions: [] },
  privileged: false,
  ulimits: [],
  sysctls: {},
  namespaces: {
    user: { mode: 'host' },
    pid: { mode: 'private' },
    ipc: { mode: 'private' },
    uts: { mode: 'private' },
    cgroup: { mode: 'private' },
  },
  network: {
    mode: { mode: 'default' },
    ports: [],
    publishAll: false,
    expose: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    addHosts: [],
    noHosts: false,
    noHostname: false,
  },
  log: { driver: 'k8s-file', labels: [] },
  resources: {},
  pull: 'missing',
  autoRemove: false,
  httpProxy: true,
};
