/** Limits for the cgroup, config-linux.md "Control groups": handed on only where the controller is delegated to us. */
import { ScullError } from '../../host/errors.ts';
import type { Resources } from '../../oci/runtime-spec.ts';
import type { ResourceSpec } from '../../spec/container-spec.ts';
import type { HostFacts } from './input.ts';

const DEFAULT_PIDS = 2048;
const CPU_PERIOD = 100_000;

/** Option as typed → controller of cgroups(7) that it needs. */
const NEEDS: readonly (readonly [keyof ResourceSpec, option: string, controller: string])[] = [
  ['memory', '--memory', 'memory'],
  ['memorySwap', '--memory-swap', 'memory'],
  ['memoryReservation', '--memory-reservation', 'memory'],
  ['cpus', '--cpus', 'cpu'],
  ['cpuShares', '--cpu-shares', 'cpu'],
  ['cpuPeriod', '--cpu-period', 'cpu'],
  ['cpuQuota', '--cpu-quota', 'cpu'],
  ['cpusetCpus', '--cpuset-cpus', 'cpuset'],
  ['cpusetMems', '--cpuset-mems', 'cpuset'],
  ['pidsLimit', '--pids-limit', 'pids'],
];

/**
 * @returns undefined where there is nothing to limit
 * @throws ScullError UNSUPPORTED naming the controller that is missing: a limit asked for is never silently ignored
 */
export function cgroupResources(wish: ResourceSpec, cgroup: HostFacts['cgroup']): Resources | undefined {
  const controllers = cgroup.kind === 'none' || wish.cgroups === 'disabled' ? [] : cgroup.controllers;
  for (const [key, option, controller] of NEEDS) {
    if (wish[key] !== undefined && !isUnlimited(key, wish) && !controllers.includes(controller)) throw notDelegated(option, controller, wish);
  }
  if (wish.memorySwappiness !== undefined) {
    throw new ScullError('UNSUPPORTED', '--memory-swappiness needs cgroup v1, which no rootless engine can use', { hint: 'leave it out' });
  }
  const resources: Resources = { ...memory(wish), ...cpu(wish), ...pids(wish, controllers) };
  return Object.keys(resources).length === 0 ? undefined : resources;
}

function isUnlimited(key: keyof ResourceSpec, wish: ResourceSpec): boolean {
  return (key === 'pidsLimit' && wish.pidsLimit! <= 0) || (key === 'memorySwap' && wish.memorySwap === -1 && wish.memory === undefined);
}

function notDelegated(option: string, controller: string, wish: ResourceSpec): ScullError {
  if (wish.cgroups === 'disabled') return new ScullError('INVALID', `${option} and --cgroups=disabled exclude each other`);
  return new ScullError('UNSUPPORTED', `${option} needs the cgroup controller "${controller}", which is not delegated to you`, {
    hint: 'run `scull doctor` to see how to delegate it',
  });
}

function memory(wish: ResourceSpec): Pick<Resources, 'memory'> {
  const { memory: limit, memorySwap, memoryReservation } = wish;
  if (memorySwap !== undefined && memorySwap !== -1) {
    if (limit === undefined) throw new ScullError('INVALID', '--memory-swap needs --memory', { hint: 'it is the sum of memory and swap' });
    if (memorySwap < limit) throw new ScullError('INVALID', `--memory-swap ${memorySwap} is less than --memory ${limit}`, { hint: 'it is the sum of memory and swap' });
  }
  if (limit !== undefined && memoryReservation !== undefined && memoryReservation > limit) {
    throw new ScullError('INVALID', `--memory-reservation ${memoryReservation} is more than --memory ${limit}`);
  }
  const value = {
    ...(limit === undefined ? {} : { limit, swap: memorySwap ?? limit * 2 }),
    ...(memoryReservation === undefined ? {} : { reservation: memoryReservation }),
  };
  return Object.keys(value).length === 0 ? {} : { memory: value };
}

function cpu(wish: ResourceSpec): Pick<Resources, 'cpu'> {
  if (wish.cpus !== undefined && (wish.cpuQuota !== undefined || wish.cpuPeriod !== undefined)) {
    throw new ScullError('INVALID', '--cpus excludes --cpu-quota and --cpu-period', { hint: '--cpus sets both' });
  }
  const value = {
    ...(wish.cpuShares === undefined ? {} : { shares: wish.cpuShares }),
    ...(wish.cpus === undefined ? {} : { quota: Math.round(wish.cpus * CPU_PERIOD), period: CPU_PERIOD }),
    ...(wish.cpuQuota === undefined ? {} : { quota: wish.cpuQuota }),
    ...(wish.cpuPeriod === undefined ? {} : { period: wish.cpuPeriod }),
    ...(wish.cpusetCpus === undefined ? {} : { cpus: wish.cpusetCpus }),
    ...(wish.cpusetMems === undefined ? {} : { mems: wish.cpusetMems }),
  };
  return Object.keys(value).length === 0 ? {} : { cpu: value };
}

/** 0 and -1 mean no limit. The default applies where it can: it is protection, not a wish. */
function pids(wish: ResourceSpec, controllers: readonly string[]): Pick<Resources, 'pids'> {
  if (!controllers.includes('pids')) return {};
  const limit = wish.pidsLimit ?? DEFAULT_PIDS;
  return limit <= 0 ? {} : { pids: { limit } };
}
