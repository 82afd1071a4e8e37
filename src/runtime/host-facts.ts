/** What config.json depends on of the host and the caller, looked up once per command. */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { readTextIfPresent } from '../host/files.ts';
import { mappedCount, type IdMaps } from '../userns/id-maps.ts';
import type { CgroupPlan } from './cgroups.ts';
import type { HostFacts, Limit } from './oci-spec/input.ts';

type LastingFacts = Omit<HostFacts, 'availableUids' | 'availableGids' | 'cgroup' | 'devices'>;

let lasting: LastingFacts | undefined;

/** @param wantDevices also list device nodes, for --privileged */
export function readHostFacts(maps: IdMaps, cgroup: CgroupPlan, wantDevices: boolean): HostFacts {
  lasting ??= readLastingFacts();
  return {
    ...lasting,
    availableUids: mappedCount(maps.uids),
    availableGids: mappedCount(maps.gids),
    cgroup: { ...(cgroup.manager === 'none' ? { kind: 'none' } : { kind: 'v2-delegated', controllers: cgroup.controllers }), remedy: cgroup.remedy },
    devices: wantDevices ? usableDevices('/dev') : [],
  };
}

/** Of the kernel and of this process. */
function readLastingFacts(): LastingFacts {
  return {
    seccomp: /^Seccomp:/m.test(readTextIfPresent('/proc/self/status') ?? ''),
    apparmor: (readTextIfPresent('/sys/module/apparmor/parameters/enabled') ?? '').startsWith('Y'),
    lastCapability: Number(readTextIfPresent('/proc/sys/kernel/cap_last_cap') ?? '40'),
    architecture: process.arch,
    limits: readLimits(readTextIfPresent('/proc/self/limits') ?? ''),
    oomScoreAdjustment: Number(readTextIfPresent('/proc/self/oom_score_adj') ?? '0'),
    mqueue: exists('/proc/sys/fs/mqueue'),
    mqueueMounted: exists('/dev/mqueue'),
    thermalThrottlePaths: thermalPaths(),
  };
}

const LIMIT_NAMES: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

/** The text of /proc/PID/limits, columns of fixed width. */
function readLimits(text: string): Record<string, Limit> {
  const limits: Record<string, Limit> = {};
  for (const line of text.split('\n').slice(1)) {
    const name = LIMIT_NAMES[line.slice(0, 26).trim()];
    const [soft, hard] = line.slice(26).trim().split(/\s+/);
    if (name === undefined || soft === undefined || hard === undefined) continue;
    const value = (word: string): number => (word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word));
    limits[name] = { soft: value(soft), hard: value(hard) };
  }
  return limits;
}

function thermalPaths(): string[] {
  if (!exists('/sys/devices/system/cpu/cpu0/thermal_throttle')) return [];
  return readdirSync('/sys/devices/system/cpu')
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `/sys/devices/system/cpu/${name}/thermal_throttle`);
}

/** Device nodes below `directory` that the caller can open for reading; terminals and what crun makes itself left out. */
function usableDevices(directory: string): string[] {
  const skipped = new Set(['pts', 'shm', 'mqueue', 'fd', 'console', 'ptmx', 'tty', 'null', 'zero', 'full', 'random', 'urandom', 'stdin', 'stdout', 'stderr']);
  const devices: string[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (directory === '/dev' && (skipped.has(entry.name) || /^tty/.test(entry.name))) continue;
    if (entry.isDirectory()) {
      try {
        devices.push(...usableDevices(path));
      } catch {
        continue; // not ours to enter, so nothing in it is ours to use
      }
    } else if ((entry.isCharacterDevice() || entry.isBlockDevice()) && canOpen(path)) devices.push(path);
  }
  return devices;
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}
