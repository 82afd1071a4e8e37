/** Everything config.json is made of, as facts: nothing below this looks anything up. */
import type { DeviceNumber, HooksSpec, IdMapping, MountSpec } from '../../oci/runtime-spec.ts';
import type { ContainerSpec } from '../../spec/container-spec.ts';
import type { ContainerConfig, ResolvedMount } from '../container-record.ts';
import type { ResolvedUser } from '../user.ts';

/**
 * The runtime is started by us as root of a user and mount namespace that we made (container 0 = the caller), so paths
 * are seen from there, and "host" ids are the ids of that namespace.
 */
export interface RuntimeSpecInput {
  readonly spec: ContainerSpec;
  readonly config: ContainerConfig;
  /** Of the root file system, mounted already; absolute, or relative to the bundle. */
  readonly rootfs: string;
  readonly user: ResolvedUser;
  /** Sources are real and final: volumes exist, subpaths are opened, overlays mounted. Taken instead of config.mounts. */
  readonly mounts: readonly ResolvedMount[];
  /** resolv.conf, hosts, hostname, localtime …: bound unless the user mounts something there. */
  readonly files: readonly GeneratedFile[];
  /** `K=V` of secrets: in no record. */
  readonly secretEnvironment?: readonly string[];
  /** `K=V` by which a service manager's protocols reach the container's program. */
  readonly serviceEnvironment?: readonly string[];
  readonly network: NetworkFact;
  /** Undefined: the container runs in the user namespace that we made, as by default. */
  readonly userNamespace?: UserNamespaceFact;
  /** Namespace files of the containers named by `container:X`. */
  readonly sharedNamespaces?: { readonly pid?: string; readonly ipc?: string; readonly uts?: string; readonly cgroup?: string };
  /** A directory on a tmpfs to bind at /dev/shm, where it is shared between containers. */
  readonly sharedShm?: string;
  /** Numbers of the block devices that limits name, by path. */
  readonly blockDevices?: Readonly<Record<string, DeviceNumber>>;
  /** What --device asked for, directories expanded. */
  readonly devices: readonly ResolvedDevice[];
  /** What the vendors of devices asked for by CDI names want besides. */
  readonly cdi?: ResolvedCdi;
  /** Path of the host's init program (catatonit, tini), needed with --init. */
  readonly initProgram?: string;
  /** Text of the file that --security-opt seccomp=FILE names. */
  readonly seccompProfile?: string;
  readonly terminalSize?: { readonly height: number; readonly width: number };
  readonly cgroupsPath?: string;
  readonly host: HostFacts;
}

export interface GeneratedFile {
  readonly source: string;
  readonly target: string;
  readonly readOnly?: boolean;
}

export type NetworkFact =
  /** The namespace the runtime is started in was made for this container. */
  | { readonly kind: 'inherit' }
  /** The runtime makes it. */
  | { readonly kind: 'new' }
  /** Somebody else's: another container's, or a path the user gave. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'host' };

export type UserNamespaceFact =
  | { readonly kind: 'maps'; readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] }
  /** Somebody else's; the maps where they are known. */
  | { readonly kind: 'path'; readonly path: string; readonly uids?: readonly IdMapping[]; readonly gids?: readonly IdMapping[] };

export interface ResolvedDevice {
  readonly source: string;
  readonly target: string;
  /** Subset of `rwm`. */
  readonly permissions: string;
}

export interface ResolvedCdi {
  /** `K=V`, in place of others of that name. */
  readonly env: readonly string[];
  readonly devices: readonly ResolvedDevice[];
  /** In place of others there. */
  readonly mounts: readonly MountSpec[];
  readonly hooks: HooksSpec;
  readonly additionalGids: readonly number[];
}

export interface Limit {
  /** Infinity where there is none. */
  readonly soft: number;
  readonly hard: number;
}

export interface HostFacts {
  /** How many ids the namespace that the runtime starts in maps, from 0 on. 1 without subordinate ids. */
  readonly availableUids: number;
  readonly availableGids: number;
  readonly cgroup: ({ readonly kind: 'none' } | { readonly kind: 'v2-delegated'; readonly controllers: readonly string[] }) & {
    /** How more controllers would be had: a command or a sentence. */
    readonly remedy?: string;
  };
  readonly seccomp: boolean;
  readonly apparmor: boolean;
  /** Highest capability the kernel knows, /proc/sys/kernel/cap_last_cap. */
  readonly lastCapability: number;
  /** As Node's process.arch: x64, arm64 … */
  readonly architecture: string;
  /** Of the caller, by name as in ulimits: nofile, nproc … */
  readonly limits: Readonly<Record<string, Limit>>;
  /** Of the caller: an unprivileged user can't go below it. */
  readonly oomScoreAdjustment: number;
  /** The kernel has POSIX message queues. */
  readonly mqueue: boolean;
  /** The host has them at /dev/mqueue, for --ipc=host. */
  readonly mqueueMounted?: boolean;
  /** What of the host's /sys is masked because of timing side channels, where it exists. */
  readonly thermalThrottlePaths: readonly string[];
  /** Device nodes of the host that the caller can open, for --privileged. */
  readonly devices: readonly string[];
}
