/** Limits that cannot be enforced are refused, each by its own name. */
import { expect, test } from 'vitest';
import { isScullError } from '../../../../src/host/errors.ts';
import { remedyFor } from '../../../../src/host/remedies.ts';
import { cgroupResources, cpuTime } from '../../../../src/runtime/oci-spec/resources.ts';
import { parseResources, type ResourceFlags } from '../../../../src/spec/resources.ts';

const ALL = ['cpu', 'cpuset', 'io', 'memory', 'pids'];

const limits: readonly (readonly [option: string, controller: string, flags: ResourceFlags])[] = [
  ['--memory', 'memory', { memory: '64m' }],
  ['--memory-swap', 'memory', { 'memory-swap': '64m' }],
  ['--memory-reservation', 'memory', { 'memory-reservation': '64m' }],
  ['--cpus', 'cpu', { cpus: '1.5' }],
  ['--cpu-shares', 'cpu', { 'cpu-shares': 512 }],
  ['--cpu-period', 'cpu', { 'cpu-period': 50_000 }],
  ['--cpu-quota', 'cpu', { 'cpu-quota': 20_000 }],
  ['--cpuset-cpus', 'cpuset', { 'cpuset-cpus': '0' }],
  ['--cpuset-mems', 'cpuset', { 'cpuset-mems': '0' }],
  ['--pids-limit', 'pids', { 'pids-limit': 10 }],
  ['--blkio-weight', 'io', { 'blkio-weight': 100 }],
  ['--blkio-weight-device', 'io', { 'blkio-weight-device': ['/dev/x:100'] }],
  ['--device-read-bps', 'io', { 'device-read-bps': ['/dev/x:1mb'] }],
  ['--device-write-bps', 'io', { 'device-write-bps': ['/dev/x:1mb'] }],
  ['--device-read-iops', 'io', { 'device-read-iops': ['/dev/x:10'] }],
  ['--device-write-iops', 'io', { 'device-write-iops': ['/dev/x:10'] }],
  ['--cgroup-conf memory.high', 'memory', { 'cgroup-conf': ['memory.high=1'] }],
];

test.each(limits)('%s without the controller %s is refused by both names, with the file that delegates it', (option, controller, flags) => {
  const remedy = remedyFor({ kind: 'no-delegation' });
  const refusal = (controllers: readonly string[]): unknown => {
    try {
      return cgroupResources(parseResources(flags), { kind: 'v2-delegated', controllers, remedy });
    } catch (error) {
      return error;
    }
  };
  const error = refusal(ALL.filter((name) => name !== controller));
  expect(error).toMatchObject({ code: 'UNSUPPORTED', message: `${option} needs the cgroup controller "${controller}", which is not delegated to you`, hint: expect.stringContaining('/etc/systemd/system/user@.service.d/delegate.conf') });
  expect(isScullError(refusal(ALL), 'UNSUPPORTED')).toBe(false);
});

test('--cpus is a quota of the usual period', () => {
  expect(cpuTime(parseResources({ cpus: '1.5' }))).toEqual({ quota: 150_000, period: 100_000 });
  expect(cpuTime(parseResources({ 'cpu-quota': 20_000 }))).toEqual({ quota: 20_000 });
  expect(cpuTime({})).toEqual({});
});
