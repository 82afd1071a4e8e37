/** Limits for the cgroup, config-linux.md "Control groups": handed on only where the controller is delegated to us. */
import { ScullError } from '../../host/errors.ts';
import type { BlockIo, DeviceNumber, DeviceThrottle, Resources } from '../../oci/runtime-spec.ts';
import type { DeviceRate, ResourceSpec } from '../../spec/container-spec.ts';
import type { HostFacts } from './input.ts';

const DEFAULT_PIDS = 2048;
/** The kernel's own, where nobody says another one. */
export const CPU_PERIOD = 100_000;

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
  ['blkioWeight', '--blkio-weight', 'io'],
  ['blkioWeightDevices', '--blkio-weight-device', 'io'],
  ['readBps', '--device-read-bps', 'io'],
  ['writeBps', '--device-write-bps', 'io'],
  ['readIops', '--device-read-iops', 'io'],
  ['writeIops', '--device-write-iops', 'io'],
];

/**
 * @param devices numbers of the block devices that the wish names
 * @returns undefined where there is nothing to limit
 * @throws ScullError UNSUPPORTED naming the controller that is missing: a limit asked for is never silently ignored
 */
export function cgroupResources(wish: ResourceSpec, cgroup: HostFacts['cgroup'], devices: Readonly<Record<string, DeviceNumber>> = {}): Resources | undefined {
  const controllers = cgroup.kind === 'none' || wish.cgroups === 'disabled' ? [] : cgroup.controllers;
  for (const [key, option, controller] of NEEDS) {
    if (wish[key] !== undefined && !isUnlimited(key, wish) && !controllers.includes(controller)) throw notDelegated(option, controller, wish, cgroup.remedy);
  }
  for (const file of Object.keys(wish.cgroupConf ?? {})) {
    const controller = file.slice(0, file.indexOf('.'));
    const usable = controller === 'cgroup' ? cgroup.kind !== 'none' && wish.cgroups !== 'disabled' : controllers.includes(controller);
    if (!usable) throw notDelegated(`--cgroup-conf ${file}`, controller, wish, cgroup.remedy);
  }
  if (wish.memorySwappiness !== undefined) {
    throw new ScullError('UNSUPPORTED', '--memory-swappiness needs cgroup v1, which no rootless engine can use', { hint: 'leave it out' });
  }
  const resources: Resources = { ...memory(wish), ...cpu(wish), ...pids(wish, controllers), ...blockIo(wish, devices), ...(wish.cgroupConf === undefined ? {} : { unified: wish.cgroupConf }) };
  return Object.keys(resources).length === 0 ? undefined : resources;
}

function isUnlimited(key: keyof ResourceSpec, wish: ResourceSpec): boolean {
  return (key === 'pidsLimit' && wish.pidsLimit! <= 0) || (key === 'memorySwap' && wish.memorySwap === -1 && wish.memory === undefined);
}

function notDelegated(option: string, controller: string, wish: ResourceSpec, remedy: string | undefined): ScullError {
  if (wish.cgroups === 'disabled') return new ScullError('INVALID', `${option} and --cgroups=disabled exclude each other`);
  return new ScullError('UNSUPPORTED', `${option} needs the cgroup controller "${controller}", which is not delegated to you`, {
    hint: remedy ?? 'run `scull doctor` to see how to delegate it',
  });
}

function blockIo(wish: ResourceSpec, devices: Readonly<Record<string, DeviceNumber>>): Pick<Resources, 'blockIO'> {
  const number = (path: string): DeviceNumber => {
    const found = devices[path];
    if (found === undefined) throw new ScullError('NOT_FOUND', `${JSON.stringify(path)} is no block device of the host`);
    return found;
  };
  const throttled = (rates: readonly DeviceRate[] = []): readonly DeviceThrottle[] => rates.map(({ path, value }) => ({ ...number(path), rate: value }));
  const value: BlockIo = {
    ...(wish.blkioWeight === undefined ? {} : { weight: wish.blkioWeight }),
    ...(wish.blkioWeightDevices === undefined ? {} : { weightDevice: wish.blkioWeightDevices.map(({ path, value: weight }) => ({ ...number(path), weight })) }),
    ...(wish.readBps === undefined ? {} : { throttleReadBpsDevice: throttled(wish.readBps) }),
    ...(wish.writeBps === undefined ? {} : { throttleWriteBpsDevice: throttled(wish.writeBps) }),
    ...(wish.readIops === undefined ? {} : { throttleReadIOPSDevice: throttled(wish.readIops) }),
    ...(wish.writeIops === undefined ? {} : { throttleWriteIOPSDevice: throttled(wish.writeIops) }),
  };
  return Object.keys(value).length === 0 ? {} : { blockIO: value };
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

/** Microseconds of processor time in each period of microseconds: --cpus is both. */
export function cpuTime({ cpus, cpuQuota, cpuPeriod }: ResourceSpec): { readonly quota?: number; readonly period?: number } {
  if (cpus !== undefined) return { quota: Math.round(cpus * CPU_PERIOD), period: CPU_PERIOD };
  return { ...(cpuQuota === undefined ? {} : { quota: cpuQuota }), ...(cpuPeriod === undefined ? {} : { period: cpuPeriod }) };
}

function cpu(wish: ResourceSpec): Pick<Resources, 'cpu'> {
  if (wish.cpus !== undefined && (wish.cpuQuota !== undefined || wish.cpuPeriod !== undefined)) {
    throw new ScullError('INVALID', '--cpus excludes --cpu-quota and --cpu-period', { hint: '--cpus sets both' });
  }
  const value = {
    ...(wish.cpuShares === undefined ? {} : { shares: wish.cpuShares }),
    ...cpuTime(wish),
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
