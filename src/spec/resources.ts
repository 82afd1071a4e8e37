/** Limits as typed: podman-run(1), `--memory` and the like. */
import { ScullError } from '../host/errors.ts';
import type { DeviceRate, ResourceSpec } from './container-spec.ts';
import { optional, withoutUndefined } from './defined.ts';
import { parseSize, parseSizeOrUnlimited } from './size.ts';

/** Values of the flags, by their names. */
export interface ResourceFlags {
  readonly memory?: string | undefined;
  readonly 'memory-swap'?: string | undefined;
  readonly 'memory-reservation'?: string | undefined;
  readonly 'memory-swappiness'?: number | undefined;
  readonly cpus?: string | undefined;
  readonly 'cpu-shares'?: number | undefined;
  readonly 'cpu-period'?: number | undefined;
  readonly 'cpu-quota'?: number | undefined;
  readonly 'cpuset-cpus'?: string | undefined;
  readonly 'cpuset-mems'?: string | undefined;
  readonly 'pids-limit'?: number | undefined;
  readonly 'blkio-weight'?: number | undefined;
  readonly 'blkio-weight-device'?: readonly string[] | undefined;
  readonly 'device-read-bps'?: readonly string[] | undefined;
  readonly 'device-write-bps'?: readonly string[] | undefined;
  readonly 'device-read-iops'?: readonly string[] | undefined;
  readonly 'device-write-iops'?: readonly string[] | undefined;
  readonly 'cgroup-conf'?: readonly string[] | undefined;
  readonly 'cgroup-parent'?: string | undefined;
  readonly cgroups?: string | undefined;
}

/** @throws ScullError USAGE, INVALID */
export function parseResources(flags: ResourceFlags): ResourceSpec {
  if (flags.cpus !== undefined && (flags['cpu-quota'] !== undefined || flags['cpu-period'] !== undefined)) {
    throw new ScullError('USAGE', '--cpus and --cpu-quota or --cpu-period cannot be used together');
  }
  const pids = flags['pids-limit'];
  return withoutUndefined({
    memory: optional(flags.memory, (text) => parseSize(text, '--memory')),
    memorySwap: optional(flags['memory-swap'], (text) => parseSizeOrUnlimited(text, '--memory-swap')),
    memoryReservation: optional(flags['memory-reservation'], (text) => parseSize(text, '--memory-reservation')),
    memorySwappiness: flags['memory-swappiness'] === -1 ? undefined : flags['memory-swappiness'],
    cpus: optional(flags.cpus, cpus),
    cpuShares: flags['cpu-shares'],
    cpuPeriod: flags['cpu-period'],
    cpuQuota: flags['cpu-quota'],
    cpusetCpus: optional(flags['cpuset-cpus'], (text) => cpuList(text, '--cpuset-cpus')),
    cpusetMems: optional(flags['cpuset-mems'], (text) => cpuList(text, '--cpuset-mems')),
    pidsLimit: pids === 0 ? -1 : pids,
    blkioWeight: flags['blkio-weight'] === 0 ? undefined : optional(flags['blkio-weight'], (number) => weight(number, '--blkio-weight', String(number))),
    blkioWeightDevices: flags['blkio-weight-device']?.map((text) => deviceRate(text, '--blkio-weight-device', (value) => weight(Number(value), '--blkio-weight-device', text))),
    readBps: flags['device-read-bps']?.map((text) => bytesPerSecond(text, '--device-read-bps')),
    writeBps: flags['device-write-bps']?.map((text) => bytesPerSecond(text, '--device-write-bps')),
    readIops: flags['device-read-iops']?.map((text) => operationsPerSecond(text, '--device-read-iops')),
    writeIops: flags['device-write-iops']?.map((text) => operationsPerSecond(text, '--device-write-iops')),
    cgroupConf: flags['cgroup-conf'] === undefined ? undefined : Object.fromEntries(flags['cgroup-conf'].map(cgroupConf)),
    cgroupParent: flags['cgroup-parent'],
    cgroups: cgroups(flags.cgroups),
  });
}

function cpus(text: string): number {
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number > 0) return number;
  throw new ScullError('INVALID', `invalid --cpus ${JSON.stringify(text)}: expected a number above 0, for example 1.5`);
}

/** cpuset(7), "List format". */
function cpuList(text: string, option: string): string {
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return text;
  throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: expected numbers and ranges, for example 0-2,4`);
}

function weight(value: number, option: string, text: string): number {
  if (Number.isInteger(value) && value >= 10 && value <= 1000) return value;
  throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: a weight is a number from 10 to 1000`);
}

/** `PATH:VALUE` */
function deviceRate(text: string, option: string, parse: (value: string) => number): DeviceRate {
  const colon = text.lastIndexOf(':');
  const path = text.slice(0, Math.max(colon, 0));
  if (!path.startsWith('/')) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: expected a device and a value, for example /dev/sda:1mb`);
  return { path, value: parse(text.slice(colon + 1)) };
}

function bytesPerSecond(text: string, option: string): DeviceRate {
  return deviceRate(text, option, (value) => parseSize(value, option));
}

function operationsPerSecond(text: string, option: string): DeviceRate {
  return deviceRate(text, option, (value) => {
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: expected a number of operations`);
  });
}

/** A file of cgroups(7), v2, and what is written to it: never a path. */
function cgroupConf(text: string): [string, string] {
  const match = /^([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)=([^\n]+)$/.exec(text);
  if (match !== null) return [match[1] as string, match[2] as string];
  throw new ScullError('INVALID', `invalid --cgroup-conf ${JSON.stringify(text)}: expected a file of the control group and a value, for example memory.high=1073741824`);
}

function cgroups(text: string | undefined): ResourceSpec['cgroups'] {
  if (text === undefined || text === 'enabled' || text === 'disabled' || text === 'no-conmon' || text === 'split') return text;
  throw new ScullError('INVALID', `invalid --cgroups ${JSON.stringify(text)}: it is one of enabled, disabled, no-conmon, split`);
}
