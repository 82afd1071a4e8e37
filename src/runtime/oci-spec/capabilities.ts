/** The capability sets of a process, capabilities(7), with Podman's defaults. */
import { ScullError } from '../../host/errors.ts';
import type { CapabilitySets } from '../../oci/runtime-spec.ts';
import { CAPABILITIES } from '../../spec/capability.ts';

/** What root in a container has, unless --cap-add or --cap-drop say otherwise. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETFCAP', 'CAP_SETGID',
  'CAP_SETPCAP', 'CAP_SETUID', 'CAP_SYS_CHROOT',
];

export interface CapabilityWish {
  /** `ALL` or `CAP_…`, as parseCapabilities() returns them. */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly privileged: boolean;
  readonly uid: number;
  /** Of the kernel; names above it are not given to the runtime. */
  readonly lastCapability: number;
}

/**
 * Root has its whole bounding set effective. Another user has only what --cap-add named, then as ambient ones so that
 * they survive the exec; inheritable stays empty otherwise (CVE-2022-24769).
 * @throws ScullError INVALID when one is both added and dropped
 */
export function capabilitySets(wish: CapabilityWish): CapabilitySets {
  const known = CAPABILITIES.slice(0, wish.lastCapability + 1);
  const bounding = sorted(wish.privileged ? known : merge(DEFAULT_CAPABILITIES, wish.add, wish.drop, known));
  if (wish.uid === 0) return { bounding, effective: bounding, inheritable: [], permitted: bounding, ambient: [] };
  const added = wish.add.includes('ALL') ? bounding : sorted(wish.add.filter((name) => bounding.includes(name)));
  return { bounding, effective: added, inheritable: added, permitted: added, ambient: added };
}

function merge(base: readonly string[], add: readonly string[], drop: readonly string[], known: readonly string[]): readonly string[] {
  const conflict = add.find((name) => drop.includes(name));
  if (conflict !== undefined) {
    throw new ScullError('INVALID', conflict === 'ALL' ? 'all capabilities are both added and dropped' : `capability ${conflict} is both added and dropped`, {
      hint: 'leave it out of --cap-add or of --cap-drop',
    });
  }
  const missing = add.find((name) => name !== 'ALL' && !known.includes(name));
  if (missing !== undefined) throw new ScullError('UNSUPPORTED', `this kernel does not know the capability ${missing}`);
  const from = add.includes('ALL') ? known : drop.includes('ALL') ? [] : base;
  return [...from.filter((name) => !drop.includes(name)), ...add.filter((name) => name !== 'ALL')];
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
