/** ps: every container with its state, in one pass over the records. */
import { readlinkSync } from 'node:fs';
import { isScullError } from '../../host/errors.ts';
import type { ContainerRecord, ContainerState, ResolvedMount } from '../../runtime/container-record.ts';
import type { HealthStatus } from '../../runtime/health-state.ts';
import { containerIds, readContainer } from '../../runtime/container-store.ts';
import { isRunning, knownToRuntime, readContainerState } from '../../runtime/lifecycle.ts';
import { Listing, type Listed, type ListedRecord } from '../../runtime/listing.ts';
import { countsRestarts, isRestarting, readRestarts } from '../../runtime/restart-state.ts';
import type { PortRequest } from '../../spec/container-spec.ts';
import { otherHosts } from '../../storage/hosts.ts';
import type { Engine } from '../engine.ts';
import { healthOf } from './health-of.ts';
import { matchesFilters, readContainerOrTell, type Filters } from './selection.ts';
import { containerSize, type ContainerSize } from './size.ts';

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  /** '' with --rootfs. */
  readonly image: string;
  readonly imageId: string;
  readonly command: readonly string[];
  /** RFC 3339. */
  readonly created: string;
  readonly state: ContainerState;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly PortRequest[];
  /** `80/tcp` */
  readonly exposedPorts: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  readonly networks: readonly string[];
  /** What is wrong with its network while it runs: `names lost`. */
  readonly networkTrouble?: string;
  readonly autoRemove: boolean;
  /** Of one that runs and has a check. */
  readonly health?: HealthStatus;
  /** How often its policy has started it again. */
  readonly restarts: number;
  /** It waits for the time of its next start. */
  readonly restarting: boolean;
  readonly cidFile?: string;
  /** The pod that it is in; the name is '' where the pod is gone. */
  readonly pod?: { readonly id: string; readonly name: string; readonly infra: boolean };
  /** Bytes, where asked for. */
  readonly size?: ContainerSize;
  /** Numbers of its namespaces while it runs, where asked for: as in /proc/PID/ns. */
  readonly namespaces?: Readonly<Record<NamespaceKind, string>>;
}

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;
export type NamespaceKind = (typeof NAMESPACES)[number];

export interface ListOptions {
  /** Also those that do not run. */
  readonly all?: boolean;
  /** The newest n, running or not. */
  readonly last?: number;
  readonly filters?: Filters;
  readonly size?: boolean;
  readonly namespaces?: boolean;
}

export async function listContainers(engine: Engine, options: ListOptions = {}): Promise<ContainerSummary[]> {
  const filters = options.filters ?? {};
  // A filter on the state means it, also without --all.
  const everything = options.all === true || options.last !== undefined || 'status' in filters || 'exited' in filters;
  let found: Listed[] = [];
  for (const { record, state } of readAll(engine, everything)) {
    if (!everything && state.status !== 'running' && state.status !== 'paused') continue;
    if (matchesFilters(engine, record, filters, state)) found.push({ record, state });
  }
  if (options.last !== undefined && options.last >= 0) {
    found = found.sort((a, b) => (a.record.created < b.record.created ? 1 : -1)).slice(0, options.last);
  }
  const trouble = found.some(({ state }) => isRunning(state)) ? (await import('../networks/trouble.ts')).networkTrouble(engine) : () => undefined;
  const pods = found.some(({ record }) => record.pod !== undefined) ? await podFacts(engine) : undefined;
  const summaries = found.map(({ record, state }) => withTrouble(summarize(engine, record, state, options, pods), trouble));
  return options.size === true ? Promise.all(summaries.map(async (one) => ({ ...one, size: await sizeOf(engine, one.id) }))) : summaries;
}

/** @param everything false where only those that run are wanted: with a thousand containers, reading is what takes its time */
function readAll(engine: Engine, everything: boolean): Listed[] {
  const { layout } = engine.store;
  const known = knownToRuntime(layout);
  // What runs is known to crun, unless it runs on another machine.
  const others = otherHosts(layout).length > 0;
  const all = everything || others;
  const ids = containerIds(layout).filter((id) => all || known.has(id));
  // What another machine writes, its kernel knows first: nothing is taken from a copy.
  const listing = new Listing(layout, others ? 0 : ids.length);
  const found = ids.flatMap((id): Listed | [] => {
    if (!known.has(id)) return listing.find(id, () => readContainerOrTell(engine, id)) ?? [];
    const record = readContainerOrTell(engine, id);
    return record === undefined ? [] : { record, state: readContainerState(layout.container(id)) };
  });
  listing.save();
  return found;
}

/** A damaged record of a network is `inspect`'s to tell. */
function withTrouble(summary: ContainerSummary, trouble: (id: string) => string | undefined): ContainerSummary {
  if (!isRunning(summary.state)) return summary;
  try {
    const networkTrouble = trouble(summary.id);
    return networkTrouble === undefined ? summary : { ...summary, networkTrouble };
  } catch (error) {
    if (!isScullError(error, 'CORRUPT')) throw error;
    return summary;
  }
}

/** What a listing shows of a container that is its pod's. */
interface PodFacts {
  readonly names: ReadonlyMap<string, string>;
  /** Infra containers by their pods. */
  readonly infras: ReadonlyMap<string, ContainerRecord | undefined>;
}

async function podFacts(engine: Engine): Promise<PodFacts> {
  const { readPods } = await import('../pods/find.ts');
  const pods = readPods(engine);
  return {
    names: new Map(pods.map(({ id, name }) => [id, name])),
    infras: new Map(pods.flatMap(({ id, infra }) => (infra === undefined ? [] : [[id, readableRecord(engine, infra.id)] as const]))),
  };
}

/** A damaged one is told where containers are read. */
function readableRecord(engine: Engine, id: string): ContainerRecord | undefined {
  try {
    return readContainer(engine.store.layout, id);
  } catch (error) {
    if (!isScullError(error)) throw error;
    return undefined;
  }
}

/** The container whose network it has: itself, or the infra container of its pod. */
function networkOwner(record: ListedRecord, pods: PodFacts | undefined): ListedRecord {
  const infra = record.pod === undefined ? undefined : pods?.infras.get(record.pod.id);
  const { mode } = record.spec.network;
  return infra !== undefined && mode.mode === 'container' && mode.container === infra.id ? infra : record;
}

function summarize(engine: Engine, record: ListedRecord, state: ContainerState, { namespaces }: ListOptions, pods: PodFacts | undefined): ContainerSummary {
  const { spec, config } = record;
  // Made only for those that may be started again: a thousand of them are felt.
  const paths = countsRestarts(record) ? engine.store.layout.container(record.id) : undefined;
  const health = healthOf(engine, record, isRunning(state));
  const network = networkOwner(record, pods);
  return {
    id: record.id,
    name: record.name,
    image: record.image?.name ?? '',
    imageId: record.image?.id ?? '',
    command: config.args,
    created: record.created,
    state,
    labels: config.labels,
    ports: network.config.ports,
    exposedPorts: config.exposedPorts,
    mounts: config.mounts,
    networks: networkNames(network),
    autoRemove: spec.autoRemove,
    ...(health === undefined ? {} : { health }),
    restarts: paths === undefined ? 0 : readRestarts(paths).count,
    restarting: paths !== undefined && spec.restart !== undefined && state.status === 'exited' && isRestarting(paths),
    ...(record.pod === undefined ? {} : { pod: { id: record.pod.id, name: pods?.names.get(record.pod.id) ?? '', infra: record.pod.infra === true } }),
    ...(spec.cidFile === undefined ? {} : { cidFile: spec.cidFile }),
    ...(namespaces === true && state.pid > 0 ? { namespaces: namespacesOf(state.pid) } : {}),
  };
}

/** Nothing where it was removed, or damaged, meanwhile. */
async function sizeOf(engine: Engine, id: string): Promise<ContainerSize> {
  const record = readableRecord(engine, id);
  return record === undefined ? { rw: 0, rootFs: 0 } : containerSize(engine, record);
}

/** '' where it has ended meanwhile. */
function namespacesOf(pid: number): Record<NamespaceKind, string> {
  const number = (kind: string): string => {
    try {
      return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[0] ?? '';
    } catch {
      return '';
    }
  };
  return Object.fromEntries(NAMESPACES.map((kind) => [kind, number(kind)])) as Record<NamespaceKind, string>;
}

/** As Docker names them in a listing. */
export function networkNames(record: Pick<ListedRecord, 'config'>): string[] {
  const { mode } = record.config.networkMode;
  if (record.config.networkMode.mode === 'networks') return record.config.networkMode.networks.map(({ name }) => name);
  return mode === 'default' ? ['pasta'] : mode === 'container' || mode === 'path' ? [] : [mode];
}
