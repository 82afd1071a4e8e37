/** What of /proc and /sys a container does not see (masked) or may not write (read-only), config-linux.md. */
import type { ContainerSpec } from '../../spec/container-spec.ts';

const MASKED: readonly string[] = [
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/fs/selinux',
];

const READ_ONLY: readonly string[] = ['/proc/asound', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export interface KernelPathFacts {
  readonly thermalThrottlePaths: readonly string[];
  /** /sys is the host's, so what else of it must be hidden? */
  readonly hostSys: boolean;
}

/** --security-opt mask= adds, unmask= takes away (`ALL`, or patterns with `*` and `?`); --privileged masks only what mask= names. */
export function kernelPaths(spec: ContainerSpec, facts: KernelPathFacts): { maskedPaths: string[]; readonlyPaths: string[] } {
  const { mask, unmask } = spec.security;
  if (spec.privileged) return { maskedPaths: [...mask], readonlyPaths: [] };
  const defaults = [...MASKED, ...facts.thermalThrottlePaths, ...(facts.hostSys ? ['/sys/kernel'] : [])];
  return {
    maskedPaths: [...new Set([...defaults.filter((path) => !isUnmasked(path, unmask)), ...mask])],
    readonlyPaths: READ_ONLY.filter((path) => !isUnmasked(path, unmask)),
  };
}

/** True where --security-opt unmask= names the path. */
export function isUnmasked(path: string, unmask: readonly string[]): boolean {
  return unmask.some((pattern) => pattern.toUpperCase() === 'ALL' || globMatches(pattern, path));
}

function globMatches(pattern: string, path: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern.replace(/(?<=.)\/+$/, '') === path;
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*').replaceAll('?', '[^/]');
  return new RegExp(`^${source}$`).test(path);
}
