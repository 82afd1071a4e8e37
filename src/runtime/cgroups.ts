/** Where a container's cgroup can go on this host, worked out by looking; see cgroups(7) and systemd's CGROUP_DELEGATION. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { environmentVariable } from '../host/environment.ts';
import { readTextIfPresent } from '../host/files.ts';

const CGROUP2_MAGIC = 0x63677270;

export interface CgroupPlan {
  readonly manager: 'systemd' | 'cgroupfs' | 'none';
  /** /sys/fs/cgroup is not a pure cgroup v2: our own namespace mounts one, or crun refuses to start. */
  readonly mountOwn: boolean;
  /** Controllers delegated to the user: cpu, memory, pids, io, cpuset … */
  readonly controllers: readonly string[];
  /** Why nothing can be limited, as half a sentence. */
  readonly reason?: string;
}

let known: CgroupPlan | undefined;

export function cgroupPlan(): CgroupPlan {
  known ??= look();
  return known;
}

function look(): CgroupPlan {
  if (statfsSync('/sys/fs/cgroup').type !== CGROUP2_MAGIC) {
    return { manager: 'none', mountOwn: true, controllers: [], reason: 'this host does not run a pure cgroup v2 hierarchy' };
  }
  const uid = process.getuid?.() ?? 0;
  const own = ownCgroup();
  const userService = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`;
  const bus = join(environmentVariable('XDG_RUNTIME_DIR') ?? `/run/user/${uid}`, 'bus');
  if (exists(bus) && writable(userService)) return { manager: 'systemd', mountOwn: false, controllers: controllersOf(userService) };
  if (own !== undefined && writable(own)) return { manager: 'cgroupfs', mountOwn: false, controllers: controllersOf(own) };
  return { manager: 'none', mountOwn: false, controllers: [], reason: 'no cgroup is delegated to this user' };
}

function ownCgroup(): string | undefined {
  const line = /^0::(\/.*)$/m.exec(readTextIfPresent('/proc/self/cgroup') ?? '');
  return line === null ? undefined : join('/sys/fs/cgroup', line[1] ?? '/');
}

function controllersOf(directory: string): string[] {
  return (readTextIfPresent(join(directory, 'cgroup.controllers')) ?? '').trim().split(' ').filter((name) => name !== '');
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function writable(directory: string): boolean {
  try {
    accessSync(join(directory, 'cgroup.procs'), constants.W_OK);
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
