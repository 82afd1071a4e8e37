/** Limits of several containers together, as properties of a slice that holds them: systemd.resource-control(5). Pure. */
import { ScullError } from '../host/errors.ts';
import { CPU_PERIOD, cpuTime } from '../runtime/oci-spec/resources.ts';
import type { DeviceRate, ResourceSpec } from '../spec/container-spec.ts';

/**
 * A pod's slice. Dashes in a slice's name are its place in the tree: systemd.slice(5).
 * @param parent --cgroup-parent: a slice @throws ScullError INVALID where that is none
 */
export function podSlice(podId: string, parent = 'user.slice'): string {
  if (!/^[A-Za-z0-9:_.\\]+(-[A-Za-z0-9:_.\\]+)*\.slice$/.test(parent)) {
    throw new ScullError('INVALID', `invalid --cgroup-parent ${JSON.stringify(parent.slice(0, 100))}: for a pod it is a slice of systemd`, { hint: 'for example --cgroup-parent mine.slice' });
  }
  return `${parent.slice(0, -'.slice'.length)}-scull_pod_${podId.slice(0, 12)}.slice`;
}

/** `MemoryMax=67108864` and the like, as systemctl set-property takes them. */
export function sliceProperties(wish: ResourceSpec): string[] {
  const { quota, period = CPU_PERIOD } = cpuTime(wish);
  return [
    ...one('MemoryMax', wish.memory),
    ...one('MemorySwapMax', swapOf(wish)),
    ...one('MemoryLow', wish.memoryReservation),
    ...one('CPUQuota', quota === undefined ? undefined : `${Math.max(1, Math.round((quota / period) * 100))}%`),
    ...one('CPUWeight', wish.cpuShares === undefined ? undefined : weightOfShares(wish.cpuShares)),
    ...one('AllowedCPUs', wish.cpusetCpus),
    ...one('AllowedMemoryNodes', wish.cpusetMems),
    ...one('TasksMax', wish.pidsLimit === undefined || wish.pidsLimit > 0 ? wish.pidsLimit : 'infinity'),
    ...one('IOWeight', wish.blkioWeight === undefined ? undefined : weightOfBlocks(wish.blkioWeight)),
    ...each('IODeviceWeight', wish.blkioWeightDevices?.map(({ path, value }) => ({ path, value: weightOfBlocks(value) }))),
    ...each('IOReadBandwidthMax', wish.readBps),
    ...each('IOWriteBandwidthMax', wish.writeBps),
    ...each('IOReadIOPSMax', wish.readIops),
    ...each('IOWriteIOPSMax', wish.writeIops),
  ];
}

/** --memory-swap is the sum of both; twice the memory unless given. */
function swapOf({ memory, memorySwap }: ResourceSpec): number | string | undefined {
  if (memorySwap === -1) return 'infinity';
  return memory === undefined ? undefined : (memorySwap ?? 2 * memory) - memory;
}

/** From v1's 2 to 262144 to v2's 1 to 10000, as runtimes do it for a container. */
function weightOfShares(shares: number): number {
  return Math.trunc(1 + ((Math.min(Math.max(shares, 2), 262_144) - 2) * 9999) / 262_142);
}

/** From v1's 10 to 1000 to v2's 1 to 10000, likewise. */
function weightOfBlocks(weight: number): number {
  return Math.trunc(1 + ((weight - 10) * 9999) / 990);
}

function one(property: string, value: number | string | undefined): string[] {
  return value === undefined ? [] : [`${property}=${value}`];
}

function each(property: string, rates: readonly DeviceRate[] = []): string[] {
  return rates.map(({ path, value }) => `${property}=${path} ${value}`);
}
