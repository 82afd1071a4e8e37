/** The mounts of config.md: what every container has, our files, devices, and the user's, which take precedence. */
import { ScullError } from '../../host/errors.ts';
import type { MountSpec } from '../../oci/runtime-spec.ts';
import type { ResolvedMount } from '../container-record.ts';
import { systemdMounts } from '../systemd-mode.ts';
import { deviceMounts } from './devices.ts';
import type { RuntimeSpecInput } from './input.ts';
import { isUnmasked } from './kernel-paths.ts';
import { isMapped } from './namespaces.ts';

/** Where the init program of --init is seen in the container. */
export const INIT_PATH = '/run/scull-init';

/** Bytes: podman-run(1) and docker-run(1) say 64m. */
export const DEFAULT_SHM_SIZE = 65_536 * 1024;
const TTY_GROUP = 5;

/** Sorted so that no mount covers one made before it: by depth, otherwise in the order given. */
export function mounts(input: RuntimeSpecInput): MountSpec[] {
  const vendors = input.cdi?.mounts ?? [];
  const user = [...input.mounts.map(userMount).filter(({ destination }) => !vendors.some((mount) => mount.destination === destination)), ...vendors];
  const ours = [...kernelMounts(input), ...deviceMounts(input), ...fileMounts(input), ...initMount(input)];
  return [...ours.filter((mount) => !isSuperseded(mount.destination, user)), ...user]
    .map((mount, index) => ({ mount, index, depth: depthOf(mount.destination) }))
    .sort((a, b) => a.depth - b.depth || a.index - b.index)
    .map(({ mount }) => mount);
}

function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length;
}

/** A mount of the user replaces ours in the same place; one on /dev, /sys or /proc brings what lies below as well. */
function isSuperseded(destination: string, user: readonly MountSpec[]): boolean {
  return user.some(
    (mount) => mount.destination === destination || (/^\/(?:dev|sys|proc)$/.test(mount.destination) && destination.startsWith(`${mount.destination}/`)),
  );
}

function kernelMounts(input: RuntimeSpecInput): MountSpec[] {
  return [procMount(input), devMount(input), devptsMount(input), ...mqueueMount(input), ...shmMount(input), ...sysMounts(input), ...(input.config.systemd === true ? systemdMounts(input.spec.systemdShmSize) : [])];
}

function procMount({ spec }: RuntimeSpecInput): MountSpec {
  // A new proc can't be mounted for a pid namespace that is not ours.
  if (spec.namespaces.pid.mode === 'host') return { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', 'nosuid', 'noexec', 'nodev'] };
  return { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev', ...spec.security.procOptions] };
}

function devMount({ spec }: RuntimeSpecInput): MountSpec {
  const options = ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k'];
  return { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: spec.readOnly && !spec.readOnlyTmpfs ? [...options, 'ro'] : options };
}

/** Terminals belong to group tty where the container has that group; without, the option would fail. */
function devptsMount(input: RuntimeSpecInput): MountSpec {
  const options = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'];
  return {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: isMapped('gids', TTY_GROUP, input) === true ? [...options, `gid=${TTY_GROUP}`] : options,
  };
}

function mqueueMount({ spec, host }: RuntimeSpecInput): MountSpec[] {
  if (!host.mqueue) return [];
  if (spec.namespaces.ipc.mode === 'host') return host.mqueueMounted !== true ? [] : [{ destination: '/dev/mqueue', type: 'bind', source: '/dev/mqueue', options: ['rbind', 'nosuid', 'noexec', 'nodev'] }];
  return [{ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] }];
}

function shmMount({ spec, sharedShm }: RuntimeSpecInput): MountSpec[] {
  const hardened = ['nosuid', 'noexec', 'nodev'];
  const destination = '/dev/shm';
  const { mode } = spec.namespaces.ipc;
  if (mode === 'none') return [];
  if (mode === 'host') return [{ destination, type: 'bind', source: '/dev/shm', options: ['rbind', 'rprivate', ...hardened] }];
  if (sharedShm !== undefined) return [{ destination, type: 'bind', source: sharedShm, options: ['bind', 'rprivate', ...hardened] }];
  const access = spec.readOnly && !spec.readOnlyTmpfs ? ['ro'] : [];
  return [{ destination, type: 'tmpfs', source: 'shm', options: [...hardened, 'mode=1777', `size=${spec.shmSize ?? DEFAULT_SHM_SIZE}`, ...access] }];
}

/** A new sysfs shows the devices of one network namespace, and the kernel wants that to be the container's own. */
export function hasHostSys({ network, userNamespace }: RuntimeSpecInput): boolean {
  return network.kind === 'host' || (userNamespace !== undefined && network.kind !== 'new');
}

function sysMounts(input: RuntimeSpecInput): MountSpec[] {
  const { privileged, security } = input.spec;
  const hardened = ['nosuid', 'noexec', 'nodev'];
  const sysAccess = privileged ? 'rw' : 'ro';
  const cgroupAccess = privileged || input.config.systemd === true || isUnmasked('/sys/fs/cgroup', security.unmask) ? 'rw' : 'ro';
  return [
    hasHostSys(input)
      ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'rprivate', ...hardened, sysAccess] }
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...hardened, sysAccess] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['rprivate', ...hardened, 'relatime', cgroupAccess] },
  ];
}

function fileMounts({ files, spec }: RuntimeSpecInput): MountSpec[] {
  const access = (readOnly: boolean): string[] => (spec.readOnly || readOnly ? ['ro', 'nosuid', 'noexec', 'nodev'] : ['rw']);
  return files.map(({ source, target, readOnly = false }) => ({ destination: target, type: 'bind', source, options: ['bind', 'rprivate', ...access(readOnly)] }));
}

function initMount({ spec, initProgram }: RuntimeSpecInput): MountSpec[] {
  if (!spec.init) return [];
  if (initProgram === undefined) {
    throw new ScullError('MISSING_TOOL', '--init needs an init program, and none was found', { hint: 'install catatonit or tini, or name one with --init-path' });
  }
  return [{ destination: INIT_PATH, type: 'bind', source: initProgram, options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev'] }];
}

function userMount(mount: ResolvedMount): MountSpec {
  const access = mount.readOnly ? 'ro' : 'rw';
  const propagation = mount.propagation === '' ? [] : [mount.propagation];
  switch (mount.type) {
    case 'tmpfs':
    case 'ramfs':
      return {
        destination: mount.target,
        type: mount.type,
        source: mount.type,
        options: [...propagation, access, ...mount.options, ...(mount.copyUp === true ? ['tmpcopyup'] : [])],
      };
    case 'devpts':
      return { destination: mount.target, type: 'devpts', source: 'devpts', options: [...mount.options] };
    default:
      return { destination: mount.target, type: 'bind', source: mount.source, options: [...bindKind(mount), ...propagation, access, ...bindOptions(mount)] };
  }
}

function bindKind(mount: ResolvedMount): string[] {
  return mount.options.includes('bind') || mount.options.includes('rbind') ? [] : ['rbind'];
}

/** Named volumes bring no set-user-ID programs and no devices unless asked to (`suid`, `dev`). */
function bindOptions(mount: ResolvedMount): string[] {
  const options = [...mount.options];
  if (mount.type !== 'volume') return options;
  if (!options.includes('suid') && !options.includes('nosuid')) options.push('nosuid');
  if (!options.includes('dev') && !options.includes('nodev')) options.push('nodev');
  return options;
}

/** Propagation of the root file system that the user's mounts need: theirs can't exceed it. */
export function rootPropagation(user: readonly ResolvedMount[]): string | undefined {
  const wanted = new Set(user.map((mount) => mount.propagation));
  if (wanted.has('shared') || wanted.has('rshared')) return 'shared';
  if (wanted.has('slave') || wanted.has('rslave')) return 'rslave';
  return undefined;
}
