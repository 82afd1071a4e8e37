/** The parts of the OCI runtime specification (config.md, config-linux.md) that scull writes. */

export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: ProcessSpec;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts: readonly MountSpec[];
  readonly hooks?: HooksSpec;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux: LinuxSpec;
}

export interface ProcessSpec {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: { readonly uid: number; readonly gid: number; readonly umask?: number; readonly additionalGids?: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: CapabilitySets;
  readonly rlimits?: readonly { readonly type: string; readonly hard: number; readonly soft: number }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
}

export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly permitted: readonly string[];
  readonly ambient: readonly string[];
}

export interface MountSpec {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Those that the runtime runs in `create`, and the container's init at its start; for the others the runtime is not there. */
export type HookStage = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer';
export type HooksSpec = { readonly [stage in HookStage]?: readonly HookSpec[] };

export interface HookSpec {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface LinuxSpec {
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string }[];
  readonly devices?: readonly DeviceSpec[];
  readonly cgroupsPath?: string;
  readonly resources?: Resources;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: SeccompSpec;
  readonly rootfsPropagation?: string;
  readonly personality?: { readonly domain: 'LINUX' | 'LINUX32' };
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

export interface DeviceSpec {
  readonly type: 'c' | 'b' | 'u' | 'p';
  readonly path: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Resources {
  readonly memory?: { readonly limit?: number; readonly reservation?: number; readonly swap?: number; readonly swappiness?: number };
  readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number; readonly cpus?: string; readonly mems?: string };
  readonly pids?: { readonly limit: number };
  readonly blockIO?: BlockIo;
  readonly unified?: Readonly<Record<string, string>>;
}

export interface BlockIo {
  readonly weight?: number;
  readonly weightDevice?: readonly (DeviceNumber & { readonly weight: number })[];
  readonly throttleReadBpsDevice?: readonly DeviceThrottle[];
  readonly throttleWriteBpsDevice?: readonly DeviceThrottle[];
  readonly throttleReadIOPSDevice?: readonly DeviceThrottle[];
  readonly throttleWriteIOPSDevice?: readonly DeviceThrottle[];
}

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

export type DeviceThrottle = DeviceNumber & { readonly rate: number };

export interface SeccompSpec {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[];
}
