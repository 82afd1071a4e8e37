/** What systemd needs as the init of a container, podman-run(1) `--systemd`. Pure. */
import type { MountSpec } from '../oci/runtime-spec.ts';
import type { ContainerSpec } from '../spec/container-spec.ts';

const INITS = ['/sbin/init', '/usr/sbin/init', '/usr/local/sbin/init'];

/** Asked for, or the command is an init: one of the usual paths, or anything called systemd, also behind `/bin/sh -c`. */
export function wantsSystemd(wish: ContainerSpec['systemd'], args: readonly string[]): boolean {
  if (wish !== undefined) return wish === 'always';
  const behindShell = args.length > 2 && args[0] === '/bin/sh' && args[1] === '-c';
  const command = (behindShell ? args[2] : args[0]) ?? '';
  return INITS.includes(command) || /(?:^|\/)systemd$/.test(command);
}

/** The signal that makes systemd shut the container down in order, systemd(1) "SIGNALS". */
export const SYSTEMD_STOP_SIGNAL = 'SIGRTMIN+3';

/** The directories that systemd expects to be in memory. @param size bytes of each; undefined: half of the memory, tmpfs(5) */
export function systemdMounts(size: number | undefined): MountSpec[] {
  const options = ['rw', 'rprivate', 'nosuid', 'nodev', 'tmpcopyup', ...(size === undefined ? [] : [`size=${size}`])];
  return ['/run', '/run/lock', '/tmp', '/var/log/journal'].map((destination) => ({ destination, type: 'tmpfs', source: 'tmpfs', options: [...options, `mode=${destination === '/tmp' ? '1777' : '755'}`] }));
}
