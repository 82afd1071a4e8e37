/** `stats`: Podman's columns, and on a terminal a small graph of the processor time of the last looks. */
import type { ContainerStats } from '../../engine/containers/stats.ts';
import type { Traffic } from '../../runtime/usage.ts';
import { binarySize, humanSize, shortId } from './humanize.ts';
import { renderTable } from './table.ts';

export interface StatsOptions {
  readonly format?: string | undefined;
  readonly noTrunc: boolean;
  /** Of each id, the processor's percentages of the last looks, the newest last; drawn where it is given. */
  readonly history?: ReadonlyMap<string, readonly number[]>;
}

const NOTHING = '--';
const BARS = '▁▂▃▄▅▆▇█';

/** Text for standard output. @throws ScullError INVALID for a bad template */
export async function presentStats(stats: readonly ContainerStats[], options: StatsOptions): Promise<string> {
  if (options.format === undefined) return table(stats, options);
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(stats.map(jsonStats), 1);
  return renderRows(stats.map((one) => fields(one, options.noTrunc)), options.format, { headings: HEADINGS });
}

const HEADINGS: Readonly<Record<string, string>> = { CPUPerc: 'CPU %', MemUsage: 'MEM USAGE / LIMIT', MemPerc: 'MEM %', NetIO: 'NET IO', BlockIO: 'BLOCK IO', PIDs: 'PIDS', AVGCPU: 'AVG CPU %', UpTime: 'CPU TIME', Up: 'CPU TIME' };

function table(stats: readonly ContainerStats[], { noTrunc, history }: StatsOptions): string {
  const rows = stats.map((one) => {
    const row = fields(one, noTrunc);
    const cells = [row.ID, row.Name, row.CPUPerc, row.MemUsage, row.MemPerc, row.NetIO, row.BlockIO, row.PIDs, row.UpTime, row.AVGCPU];
    return history === undefined ? cells : [...cells, graph(history.get(one.id) ?? [])];
  });
  const head = ['ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET IO', 'BLOCK IO', 'PIDS', 'CPU TIME', 'AVG CPU %'];
  return renderTable([history === undefined ? head : [...head, 'CPU'], ...rows]);
}

/** `pod stats`, as Podman has it. @param pods the pod of each container */
export async function presentPodStats(stats: readonly ContainerStats[], pods: ReadonlyMap<string, { readonly id: string }>, format: string | undefined): Promise<string> {
  const rows = stats.map((one) => {
    const row = fields(one, false);
    return { Pod: shortId(pods.get(one.id)?.id ?? ''), CID: row.ID, ID: row.ID, Name: row.Name, CPU: row.CPUPerc, MemUsage: row.MemUsage, MemUsageBytes: row.MemUsageBytes, Mem: row.MemPerc, NetIO: row.NetIO, BlockIO: row.BlockIO, PIDS: row.PIDS };
  });
  if (format === undefined) {
    const head = ['POD', 'CID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET IO', 'BLOCK IO', 'PIDS'];
    return renderTable([head, ...rows.map((row) => [row.Pod, row.CID, row.Name, row.CPU, row.MemUsage, row.Mem, row.NetIO, row.BlockIO, row.PIDS])]);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(format)) return renderJson(rows, 4);
  return renderRows(rows, format, { headings: { ...HEADINGS, CPU: 'CPU %', Mem: 'MEM %' } });
}

/** One character a look, as high as its share of the highest (at least of one percent, so that idle looks idle). */
export function graph(values: readonly number[]): string {
  const top = Math.max(1, ...values);
  return values.map((value) => BARS[Math.min(BARS.length - 1, Math.floor((Math.max(0, value) / top) * (BARS.length - 1) + 0.5))] as string).join('');
}

function fields(one: ContainerStats, noTrunc: boolean) {
  const { usage } = one;
  return {
    ID: shortId(one.id, noTrunc),
    ContainerID: one.id,
    Container: shortId(one.id, noTrunc),
    Name: one.name,
    CPU: usage?.cpuPercent ?? 0,
    CPUPerc: percent(usage?.cpuPercent),
    AvgCPU: usage?.averagePercent ?? 0,
    AVGCPU: percent(usage?.averagePercent),
    CPUNano: usage?.cpu ?? 0,
    Duration: usage?.cpu ?? 0,
    CPUSystemNano: usage?.cpuSystem ?? 0,
    Up: usage === undefined ? NOTHING : seconds(usage.cpu),
    UpTime: usage === undefined ? NOTHING : seconds(usage.cpu),
    MemUsage: usage === undefined ? `${NOTHING} / ${NOTHING}` : `${humanSize(usage.memory, 4)} / ${humanSize(usage.memoryLimit, 4)}`,
    MemUsageBytes: usage === undefined ? `${NOTHING} / ${NOTHING}` : `${binarySize(usage.memory)} / ${binarySize(usage.memoryLimit)}`,
    MemLimit: usage?.memoryLimit ?? 0,
    MemPerc: percent(usage?.memoryPercent),
    NetIO: traffic(usage?.network),
    BlockIO: traffic(usage?.block),
    BlockInput: usage?.block?.input ?? 0,
    BlockOutput: usage?.block?.output ?? 0,
    PIDs: usage === undefined ? NOTHING : String(usage.pids),
    PIDS: usage === undefined ? NOTHING : String(usage.pids),
    SystemNano: one.time * 1_000_000,
  };
}

/** As Podman's. */
function jsonStats(one: ContainerStats): object {
  const row = fields(one, false);
  return {
    id: row.ID,
    name: row.Name,
    cpu_time: row.UpTime,
    cpu_percent: row.CPUPerc,
    avg_cpu: row.AVGCPU,
    mem_usage: row.MemUsage,
    mem_percent: row.MemPerc,
    net_io: row.NetIO,
    block_io: row.BlockIO,
    pids: row.PIDs,
  };
}

function percent(value: number | undefined): string {
  return value === undefined ? NOTHING : `${value.toFixed(2)}%`;
}

function traffic(value: Traffic | undefined): string {
  return value === undefined ? `${NOTHING} / ${NOTHING}` : `${humanSize(value.input)} / ${humanSize(value.output)}`;
}

/** `1.234567s`, as Podman prints processor time. */
function seconds(nanoseconds: number): string {
  const total = nanoseconds / 1e9;
  const minutes = Math.floor(total / 60);
  return minutes === 0 ? `${Number(total.toFixed(6))}s` : `${minutes}m${Number((total % 60).toFixed(6))}s`;
}
