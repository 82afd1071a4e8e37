/** What `scull info` tells, in the shape of `podman info`. */
import { statfsSync } from 'node:fs';
import { cpus, freemem, hostname, release, totalmem, uptime } from 'node:os';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { namesIn, readTextIfPresent } from '../../host/files.ts';
import type { ToolName } from '../../host/remedies.ts';
import { findTool, toolVersion } from '../../host/tools.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { containerIds } from '../../runtime/container-store.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import type { Store } from '../../storage/store.ts';
import { defaultIdMaps, type IdRange } from '../../userns/id-maps.ts';
import { helperPath } from '../../userns/launch.ts';
import type { Engine } from '../engine.ts';
import { listImages } from '../images/list.ts';
import { goArchitecture, versionInfo } from './version.ts';

export interface ToolInfo {
  readonly name: string;
  readonly path: string;
  readonly version: string;
}

export interface SystemInfo {
  readonly host: HostInfo;
  readonly store: StoreInfo;
  readonly version: { readonly Version: string; readonly Runtime: string; readonly Os: string; readonly OsArch: string };
}

export interface HostInfo {
  readonly arch: string;
  readonly cgroupControllers: readonly string[];
  readonly cgroupManager: string;
  readonly cgroupVersion: string;
  readonly conmon: ToolInfo | null;
  readonly cpus: number;
  readonly distribution: { readonly distribution: string; readonly version: string; readonly codename: string };
  readonly hostname: string;
  readonly idMappings: { readonly gidmap: readonly MapEntry[]; readonly uidmap: readonly MapEntry[] };
  readonly kernel: string;
  readonly logDriver: string;
  readonly memFree: number;
  readonly memTotal: number;
  readonly nativeHelper: string;
  readonly networkBackend: string;
  readonly ociRuntime: ToolInfo | null;
  readonly os: string;
  readonly pasta: ToolInfo | null;
  readonly rootlessNetworkCmd: string;
  readonly security: {
    readonly apparmorEnabled: boolean;
    readonly rootless: boolean;
    readonly seccompEnabled: boolean;
    readonly selinuxEnabled: boolean;
  };
  readonly swapFree: number;
  readonly swapTotal: number;
  /** Seconds. */
  readonly uptime: number;
}

interface MapEntry {
  readonly container_id: number;
  readonly host_id: number;
  readonly size: number;
}

export interface StoreInfo {
  readonly containerStore: { readonly number: number; readonly paused: number; readonly running: number; readonly stopped: number };
  readonly graphDriverName: string;
  readonly graphRoot: string;
  /** Bytes of the file system, and how many of them are in use. */
  readonly graphRootAllocated: number;
  readonly graphRootUsed: number;
  readonly imageStore: { readonly number: number };
  readonly runRoot: string;
  readonly volumePath: string;
}

/** @throws ScullError where the store can't be read */
export async function systemInfo(engine: Engine): Promise<SystemInfo> {
  const [host, store] = await Promise.all([hostInfo(), storeInfo(engine)]);
  const { Version, Runtime, Os, OsArch } = versionInfo().Client;
  return { host, store, version: { Version, Runtime, Os, OsArch } };
}

async function hostInfo(): Promise<HostInfo> {
  const [conmon, ociRuntime, pasta] = await Promise.all([toolInfo('conmon'), toolInfo('crun'), toolInfo('pasta')]);
  const cgroup = cgroupPlan();
  const maps = defaultIdMaps();
  const memory = readTextIfPresent('/proc/meminfo') ?? '';
  const os = parseOsRelease(readTextIfPresent('/etc/os-release') ?? readTextIfPresent('/usr/lib/os-release') ?? '');
  return {
    arch: goArchitecture(),
    cgroupControllers: cgroup.controllers,
    cgroupManager: cgroup.manager,
    cgroupVersion: cgroup.mountOwn ? 'v1' : 'v2',
    conmon,
    cpus: cpus().length,
    distribution: { distribution: os['ID'] ?? 'unknown', version: os['VERSION_ID'] ?? 'unknown', codename: os['VERSION_CODENAME'] ?? '' },
    hostname: hostname(),
    idMappings: { gidmap: maps.gids.map(mapEntry), uidmap: maps.uids.map(mapEntry) },
    kernel: release(),
    logDriver: 'k8s-file',
    memFree: freemem(),
    memTotal: totalmem(),
    nativeHelper: helperPath() ?? '',
    networkBackend: findTool('nft') === undefined || helperPath() === undefined ? 'pasta' : 'bridge',
    ociRuntime,
    os: 'linux',
    pasta,
    rootlessNetworkCmd: 'pasta',
    security: {
      apparmorEnabled: /^Y/.test(readTextIfPresent('/sys/module/apparmor/parameters/enabled') ?? ''),
      rootless: (process.getuid?.() ?? 0) !== 0,
      seccompEnabled: readTextIfPresent('/proc/sys/kernel/seccomp/actions_avail') !== undefined,
      selinuxEnabled: readTextIfPresent('/sys/fs/selinux/enforce') !== undefined,
    },
    swapFree: memoryField(memory, 'SwapFree'),
    swapTotal: memoryField(memory, 'SwapTotal'),
    uptime: Math.floor(uptime()),
  };
}

async function storeInfo(engine: Engine): Promise<StoreInfo> {
  const { layout } = engine.store;
  const counts = { number: 0, paused: 0, running: 0, stopped: 0 };
  for (const id of containerIds(layout)) {
    const { status } = readContainerState(layout.container(id));
    counts.number++;
    if (status === 'running') counts.running++;
    else if (status === 'paused') counts.paused++;
    else counts.stopped++;
  }
  const space = spaceOf(layout.root);
  return {
    containerStore: counts,
    graphDriverName: await driverName(engine.store),
    graphRoot: layout.root,
    graphRootAllocated: space.total,
    graphRootUsed: space.used,
    imageStore: { number: listImages(engine).length },
    runRoot: layout.runRoot,
    volumePath: layout.volumes,
  };
}

/** The driver in use; asking must not make anything, so a store nobody has used yet says `auto`. */
async function driverName(store: Store): Promise<string> {
  if (store.driver !== 'auto' || namesIn(store.layout.root).length === 0) return store.driver;
  const { resolveDriver } = await import('../../storage/drivers/resolve.ts');
  try {
    return await resolveDriver(store);
  } catch (error) {
    // Information is wanted most where something is wrong; `scull doctor` says what.
    if (error instanceof ScullError) return 'none works';
    throw error;
  }
}

function spaceOf(path: string): { total: number; used: number } {
  try {
    const fs = statfsSync(path);
    return { total: fs.blocks * fs.bsize, used: (fs.blocks - fs.bfree) * fs.bsize };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { total: 0, used: 0 };
    throw error;
  }
}

async function toolInfo(name: ToolName): Promise<ToolInfo | null> {
  const tool = findTool(name);
  if (tool === undefined) return null;
  const { text } = await toolVersion(tool);
  return { name, path: tool.path, version: text };
}

function mapEntry(range: IdRange): MapEntry {
  return { container_id: range.inside, host_id: range.outside, size: range.size };
}

/** os-release(5): KEY=value, the value perhaps quoted. */
export function parseOsRelease(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z_][A-Z0-9_]*)=(.*)$/.exec(line.trim());
    if (match !== null) values[match[1] as string] = (match[2] as string).replace(/^(["'])(.*)\1$/, '$2');
  }
  return values;
}

/** A field of /proc/meminfo in bytes. */
function memoryField(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}
