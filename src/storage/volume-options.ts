/**
 * Options of the `local` volume driver, `--opt type=… --opt device=… --opt o=…`, as Docker and Podman have them, as far as
 * a user without rights can bring them about: a directory of our own, another directory of the host, or a tmpfs. Pure.
 */
import { ScullError } from '../host/errors.ts';

export type VolumeKind =
  /** Our own directory. */
  | { readonly kind: 'directory'; readonly mountOptions: readonly string[] }
  /** Another directory of the host, absolute. */
  | { readonly kind: 'bind'; readonly device: string; readonly mountOptions: readonly string[] }
  /** Memory. Every container has its own, which ends with it. */
  | { readonly kind: 'tmpfs'; readonly mountOptions: readonly string[] };

export interface VolumeBacking {
  readonly source: VolumeKind;
  /** Owner of the directory as the container sees it (`o=uid=…,gid=…`). */
  readonly uid?: number;
  readonly gid?: number;
  /** False with `o=nocopy` or `nocopy`. */
  readonly copy: boolean;
}

/** mount(8) options that make sense for a mount of ours, whatever backs it. */
const MOUNT_OPTIONS = new Set(['ro', 'rw', 'nodev', 'dev', 'noexec', 'exec', 'nosuid', 'suid', 'noatime', 'relatime', 'nodiratime', 'strictatime', 'sync', 'async']);
const TMPFS_VALUES = /^(?:size|mode|nr_inodes|nr_blocks|uid|gid)=/;

/** @throws ScullError INVALID for options that contradict themselves, UNSUPPORTED for what only root could mount */
export function parseVolumeOptions(options: Readonly<Record<string, string>>): VolumeBacking {
  for (const key of Object.keys(options)) {
    if (!['type', 'device', 'o', 'copy', 'nocopy'].includes(key)) {
      throw new ScullError('INVALID', `unknown volume option "${key}"`, { hint: 'options of the local driver are type, device, o, copy and nocopy' });
    }
  }
  const words = (options['o'] ?? '').split(',').filter((word) => word !== '');
  const type = options['type'] ?? '';
  const device = options['device'] ?? '';
  const binding = words.includes('bind') || words.includes('rbind');
  const copy = !words.includes('nocopy') && options['nocopy'] === undefined;
  const rest = words.filter((word) => !['bind', 'rbind', 'copy', 'nocopy'].includes(word));
  if (type === 'tmpfs') return { source: { kind: 'tmpfs', mountOptions: checked(rest, true) }, copy };
  const owner = { ...idOption(rest, 'uid'), ...idOption(rest, 'gid') };
  const mountOptions = checked(
    rest.filter((word) => !/^[ug]id=/.test(word)),
    false,
  );
  if (binding || (type === 'none' && device !== '')) {
    if (!device.startsWith('/')) throw new ScullError('INVALID', `a bind volume needs an absolute path as its device, not "${device}"`, { hint: 'for example --opt type=none --opt o=bind --opt device=/srv/data' });
    return { source: { kind: 'bind', device, mountOptions }, ...owner, copy };
  }
  if (type !== '' && type !== 'none') {
    throw new ScullError('UNSUPPORTED', `a volume of type "${type}" can't be mounted without root`, {
      hint: 'let the administrator mount it, then use --opt type=none --opt o=bind --opt device=THE_MOUNT_POINT',
    });
  }
  if (device !== '') throw new ScullError('INVALID', `the device "${device}" was given without --opt o=bind or --opt type=tmpfs`);
  return { source: { kind: 'directory', mountOptions }, ...owner, copy };
}

function checked(words: readonly string[], tmpfs: boolean): string[] {
  for (const word of words) {
    if (MOUNT_OPTIONS.has(word) || (tmpfs && TMPFS_VALUES.test(word))) continue;
    if (/^(?:size|inodes)=/.test(word)) throw new ScullError('UNSUPPORTED', `the volume option "${word}" needs a file system with quotas that only root may set`, { hint: 'use --opt type=tmpfs, or a file system of its own' });
    throw new ScullError('INVALID', `unknown volume option "${word}" in o=`);
  }
  return [...words];
}

function idOption(words: readonly string[], name: 'uid' | 'gid'): { uid?: number } | { gid?: number } {
  const word = words.find((candidate) => candidate.startsWith(`${name}=`));
  if (word === undefined) return {};
  const id = parseId(word.slice(4));
  if (id === undefined) throw new ScullError('INVALID', `"${word}" is not a valid ${name}: it must be a number from 0 to 4294967294`);
  return name === 'uid' ? { uid: id } : { gid: id };
}

/** A user or group number, or undefined. 4294967295 means "no change" to chown(2), so it is none. */
export function parseId(text: string): number | undefined {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return id <= 4294967294 ? id : undefined;
}
