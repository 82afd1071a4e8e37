import { describe, expect, test } from 'vitest';
import { graph } from '../../../src/cli/present/stats.ts';
import { containerProcesses } from '../../../src/runtime/container-processes.ts';
import { machineMemory, parseTraffic, readUsage } from '../../../src/runtime/usage.ts';

describe('usage', () => {
  test('of a process is read from /proc where there is no cgroup', () => {
    const usage = readUsage({ firstPid: process.pid, processes: [process.pid, 2 ** 22 + 1], cgroup: '', ownNetwork: false }, machineMemory());
    expect(usage.cpu).toBeGreaterThan(0);
    expect(usage.memory).toBeGreaterThan(10_000_000);
    expect(usage.memoryLimit).toBe(machineMemory());
    expect(usage.pids).toBeGreaterThan(1);
    expect(usage.network).toBeUndefined();
    expect(usage.estimated).toEqual(['cpu', 'memory', 'pids', 'block']);
  });

  test('of the network leaves loopback out', () => {
    const text = 'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n    lo:  900 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0\n  eth0: 1000 2 0 0 0 0 0 0 50 3 0 0 0 0 0 0\nwlan0:7 2 0 0 0 0 0 0 8 3 0 0 0 0 0 0\n';
    expect(parseTraffic(text)).toEqual({ input: 1007, output: 58 });
  });

  test('processes are found by their namespaces', () => {
    expect(containerProcesses([process.pid], () => true).get(process.pid)).toContain(process.pid);
    expect(containerProcesses([2 ** 22 + 1], () => false).get(2 ** 22 + 1)).toEqual([]);
  });

  test('a graph is as high as the highest look, and flat when idle', () => {
    expect(graph([0, 50, 100])).toBe('▁▅█');
    expect(graph([0, 0.01])).toBe('▁▁');
    expect(graph([])).toBe('');
  });
});
