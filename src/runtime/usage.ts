/**
 * What a container uses of the machine: from its cgroup where it has one with the controller (cgroups(7), v2), else from its
 * processes in /proc (proc(5)), which tells less exactly: memory that processes share is counted for each.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Usage {
  /** Nanoseconds of processor time since its start. */
  readonly cpu: number;
  readonly cpuSystem: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes; that of the machine where there is none. */
  readonly memoryLimit: number;
  /** Threads, as the limit counts. */
  readonly pids: number;
  /** Bytes through published ports, and interfaces other than loopback; undefined where the network is not its own. */
  readonly network: Traffic | undefined;
  /** Bytes; undefined where that is not told. */
  readonly block: Traffic | undefined;
  /** What of it is from /proc, e.g. `memory`. */
  readonly estimated: readonly ('cpu' | 'memory' | 'pids' | 'block')[];
}

export interface Traffic {
  readonly input: number;
  readonly output: number;
}

export interface UsageRequest {
  readonly firstPid: number;
  readonly processes: readonly number[];
  /** Below /sys/fs/cgroup; '' for none. */
  readonly cgroup: string;
  readonly ownNetwork: boolean;
  /** Where what came and went through published ports is counted, which no interface sees. */
  readonly portCounts?: string;
}

const TICKS = 100; // USER_HZ
const PAGE = 4096;

export function readUsage(request: UsageRequest, machineMemory: number): Usage {
  const group = request.cgroup === '' ? undefined : join('/sys/fs/cgroup', request.cgroup);
  const file = (name: string): string | undefined => (group === undefined ? undefined : read(join(group, name)));
  let sum: ProcessSum | undefined;
  const processes = (): ProcessSum => (sum ??= sumOf(request.processes));
  const estimated: Usage['estimated'][number][] = [];
  const orElse = <T>(what: (typeof estimated)[number], value: T | undefined, other: () => T): T => {
    if (value !== undefined) return value;
    estimated.push(what);
    return other();
  };
  const cpu = orElse('cpu', cpuOf(file('cpu.stat')), () => ({ total: processes().cpu, system: processes().cpuSystem }));
  const memory = orElse('memory', memoryOf(file('memory.current'), file('memory.stat')), () => processes().memory);
  const limit = Number(file('memory.max')?.trim());
  return {
    cpu: cpu.total,
    cpuSystem: cpu.system,
    memory,
    memoryLimit: Number.isFinite(limit) && limit > 0 ? Math.min(limit, machineMemory) : machineMemory,
    pids: orElse('pids', numberIn(file('pids.current')), () => processes().threads),
    network: request.ownNetwork ? sumOfTraffic(parseTraffic(read(`/proc/${request.firstPid}/net/dev`) ?? ''), portTraffic(request.portCounts)) : undefined,
    block: orElse('block', blockOf(file('io.stat')), () => processes().block),
    estimated,
  };
}

/** Bytes of memory of the machine. */
export function machineMemory(): number {
  return Number(/^MemTotal:\s+(\d+)/m.exec(read('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024;
}

interface ProcessSum {
  readonly cpu: number;
  readonly cpuSystem: number;
  readonly memory: number;
  readonly threads: number;
  readonly block: Traffic | undefined;
}

function sumOf(pids: readonly number[]): ProcessSum {
  let [user, system, pages, threads, input, output, readable] = [0, 0, 0, 0, 0, 0, 0];
  for (const pid of pids) {
    const fields = statFields(read(`/proc/${pid}/stat`));
    if (fields === undefined) continue;
    // With the time of children that were waited for: theirs is gone from /proc.
    user += Number(fields[11]) + Number(fields[13]);
    system += Number(fields[12]) + Number(fields[14]);
    threads += Number(fields[17]);
    pages += Number(fields[21]);
    const io = read(`/proc/${pid}/io`);
    if (io === undefined) continue;
    readable += 1;
    input += Number(/^read_bytes: (\d+)/m.exec(io)?.[1] ?? 0);
    output += Number(/^write_bytes: (\d+)/m.exec(io)?.[1] ?? 0);
  }
  return { cpu: ((user + system) * 1e9) / TICKS, cpuSystem: (system * 1e9) / TICKS, memory: pages * PAGE, threads, block: readable === 0 ? undefined : { input, output } };
}

/** From the state on: a name may hold spaces and parentheses. */
function statFields(text: string | undefined): string[] | undefined {
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function cpuOf(text: string | undefined): { total: number; system: number } | undefined {
  const total = /^usage_usec (\d+)/m.exec(text ?? '')?.[1];
  return total === undefined ? undefined : { total: Number(total) * 1000, system: Number(/^system_usec (\d+)/m.exec(text ?? '')?.[1] ?? 0) * 1000 };
}

/** As Docker: without what the kernel keeps of files and gives away when it is needed. */
function memoryOf(current: string | undefined, stat: string | undefined): number | undefined {
  const used = numberIn(current);
  return used === undefined ? undefined : Math.max(0, used - Number(/^inactive_file (\d+)/m.exec(stat ?? '')?.[1] ?? 0));
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+\s*$/.test(text) ? undefined : Number(text);
}

function blockOf(text: string | undefined): Traffic | undefined {
  if (text === undefined) return undefined;
  const sum = (name: string): number => [...text.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))].reduce((total, match) => total + Number(match[1]), 0);
  return { input: sum('rbytes'), output: sum('wbytes') };
}

/** /proc/PID/net/dev: the sum over all interfaces but loopback. */
export function parseTraffic(text: string): Traffic {
  let [input, output] = [0, 0];
  for (const line of text.split('\n')) {
    const match = /^\s*([^\s:]+):\s*(.*)$/.exec(line);
    if (match === null || match[1] === 'lo') continue;
    const fields = (match[2] as string).trim().split(/\s+/);
    input += Number(fields[0]);
    output += Number(fields[8]);
  }
  return { input, output };
}

/** Two numbers of 64 bits (native/scull-port.c). */
function portTraffic(file: string | undefined): Traffic {
  let bytes: Buffer | undefined;
  try {
    bytes = file === undefined ? undefined : readFileSync(file);
  } catch {
    // No port is published.
  }
  if (bytes === undefined || bytes.length < 16) return { input: 0, output: 0 };
  const [input, output] = new BigUint64Array(Uint8Array.from(bytes).buffer, 0, 2);
  return { input: Number(input), output: Number(output) };
}

function sumOfTraffic(a: Traffic, b: Traffic): Traffic {
  return { input: a.input + b.input, output: a.output + b.output };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // no such controller, ended meanwhile, or not ours to read
  }
}
