/** stats: what containers use of the machine, all of them in one look. */
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { forwarderFiles } from '../../network/state.ts';
import { containerProcesses } from '../../runtime/container-processes.ts';
import { readRuntimeState } from '../../runtime/crun.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { machineMemory, readUsage, type Usage } from '../../runtime/usage.ts';
import type { Engine } from '../engine.ts';
import { selectContainers, type Selection } from './selection.ts';

export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Undefined for one that does not run. */
  readonly usage: (Usage & Percentages) | undefined;
}

export interface Percentages {
  /** Of one processor, since the last look; at the first one since its start. */
  readonly cpuPercent: number;
  /** Of one processor, since its start. */
  readonly averagePercent: number;
  readonly memoryPercent: number;
}

/** Looks again and again; processor time is counted from one look to the next. */
export class StatsReader {
  readonly #engine: Engine;
  readonly #before = new Map<string, { readonly cpu: number; readonly time: number }>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws ScullError NO_SUCH_CONTAINER for a name without a container; all that run where nothing is selected */
  read(selection: Selection & { readonly stopped?: boolean }): ContainerStats[] {
    const named = (selection.names ?? []).length > 0;
    const { selected, failed } = selectContainers(this.#engine, named ? { names: selection.names ?? [] } : { all: true });
    if (failed[0]?.error !== undefined) throw failed[0].error;
    const { layout } = this.#engine.store;
    const found = selected.map(({ record }) => ({ record, state: readContainerState(layout.container(record.id)) })).filter(({ state }) => named || selection.stopped === true || isRunning(state));
    const sharing = new Set(found.filter(({ record }) => record.spec.namespaces.pid.mode !== 'private').map(({ state }) => state.pid));
    const processes = containerProcesses(found.flatMap(({ state }) => (state.pid > 0 ? [state.pid] : [])), (first) => sharing.has(first));
    const memory = machineMemory();
    return found.map(({ record, state }): ContainerStats => {
      const time = Date.now();
      const base = { id: record.id, name: record.name, time };
      if (!isRunning(state)) return { ...base, usage: undefined };
      const cgroup = readRuntimeState(layout.container(record.id).runtimeState)?.cgroupPath ?? '';
      const usage = readUsage({ firstPid: state.pid, processes: processes.get(state.pid) ?? [], cgroup, ownNetwork: hasOwnNetwork(record), portCounts: forwarderFiles(layout.container(record.id).networkState).counts }, memory);
      return { ...base, usage: { ...usage, ...this.#percentages(record.id, usage, time, Date.parse(state.startedAt)) } };
    });
  }

  #percentages(id: string, usage: Usage, time: number, startedAt: number): Percentages {
    const before = this.#before.get(id);
    this.#before.set(id, { cpu: usage.cpu, time });
    // Started anew in between: less than before.
    const since = before === undefined || before.cpu > usage.cpu ? { cpu: 0, time: startedAt } : before;
    const percent = (cpu: number, milliseconds: number): number => (milliseconds <= 0 ? 0 : (cpu / (milliseconds * 1e6)) * 100);
    return {
      cpuPercent: percent(usage.cpu - since.cpu, time - since.time),
      averagePercent: percent(usage.cpu, time - startedAt),
      memoryPercent: usage.memoryLimit === 0 ? 0 : (usage.memory / usage.memoryLimit) * 100,
    };
  }
}

function hasOwnNetwork({ spec }: ContainerRecord): boolean {
  return spec.network.mode.mode !== 'host';
}
