import { describe, expect, it } from 'vitest';
import { parseResources } from '../../../src/spec/resources.ts';
import { podSlice, sliceProperties } from '../../../src/systemd/slice.ts';

const ID = 'abcdef012345'.padEnd(64, '6');

describe('the slice of a pod', () => {
  it('is below that of the user, or another', () => {
    expect(podSlice(ID)).toBe('user-scull_pod_abcdef012345.slice');
    expect(podSlice(ID, 'a-b.slice')).toBe('a-b-scull_pod_abcdef012345.slice');
  });
  it.each(['mine', '/mine.slice', '.slice', 'a--b.slice', '-.slice', 'a b.slice', 'x.slice\n'])('is not below %j', (parent) => {
    expect(() => podSlice(ID, parent)).toThrow(/--cgroup-parent/);
  });
});

describe('properties', () => {
  const properties = (flags: Parameters<typeof parseResources>[0]) => sliceProperties(parseResources(flags));
  it('say what the options say', () => {
    expect(properties({ memory: '64m', cpus: '1.5', 'cpu-shares': 1024, 'cpuset-cpus': '0-1', 'blkio-weight': 10, 'device-read-bps': ['/dev/sda:1mb'] })).toEqual([
      'MemoryMax=67108864',
      'MemorySwapMax=67108864',
      'CPUQuota=150%',
      'CPUWeight=39',
      'AllowedCPUs=0-1',
      'IOWeight=1',
      'IOReadBandwidthMax=/dev/sda 1048576',
    ]);
  });
  it('keep memory and swap apart', () => {
    expect(properties({ memory: '64m', 'memory-swap': '96m' })).toEqual(['MemoryMax=67108864', 'MemorySwapMax=33554432']);
    expect(properties({ memory: '64m', 'memory-swap': '-1' })).toContain('MemorySwapMax=infinity');
  });
  it('are none for a parent alone', () => expect(properties({ 'cgroup-parent': 'mine.slice' })).toEqual([]));
});
