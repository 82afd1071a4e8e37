/** Which containers a command is about: names, --all, --filter; and what became of each. */
import { machineFailure } from '../../host/errno.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { containerIds, findContainer, readContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { ListedRecord } from '../../runtime/listing.ts';
import { readPod } from '../../storage/pods.ts';
import { isRestarting, isStoppedByUser, startsOnBoot } from '../../runtime/restart-state.ts';
import { readNetwork } from '../../storage/networks.ts';
import { explainVanished } from '../../storage/vanished.ts';
import type { Engine } from '../engine.ts';
import { healthOf } from './health-of.ts';

/** What a command did to one container: printed as typed, or an error. */
export interface Outcome {
  readonly name: string;
  readonly id?: string;
  readonly error?: ScullError;
}

export type Filters = Readonly<Record<string, readonly string[]>>;

export interface Selection {
  readonly names?: readonly string[];
  readonly all?: boolean;
  readonly filters?: Filters;
  /** A name without a container is no error. */
  readonly ignore?: boolean;
}

export interface Selected {
  /** As typed, or the id for --all and filters. */
  readonly name: string;
  readonly record: ContainerRecord;
}

/** Resolves a selection; a name that cannot be resolved becomes an outcome instead. */
export function selectContainers(engine: Engine, selection: Selection): { selected: Selected[]; failed: Outcome[] } {
  const selected: Selected[] = [];
  const failed: Outcome[] = [];
  const everything = selection.all === true || (selection.filters !== undefined && Object.keys(selection.filters).length > 0);
  if (everything) {
    for (const record of readContainers(engine)) {
      if (selection.filters === undefined || matchesFilters(engine, record, selection.filters)) selected.push({ name: record.id, record });
    }
  }
  for (const name of selection.names ?? []) {
    try {
      const record = findContainer(engine.store.layout, name);
      if (!selected.some((one) => one.record.id === record.id)) selected.push({ name, record });
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
      if (!(selection.ignore === true && error.code === 'NO_SUCH_CONTAINER')) failed.push({ name, error });
    }
  }
  return { selected, failed };
}

/** Every readable container record; a damaged one is told through progress and passed over. */
export function readContainers(engine: Engine): ContainerRecord[] {
  return containerIds(engine.store.layout).flatMap((id) => readContainerOrTell(engine, id) ?? []);
}

/** A damaged record is told through progress. @returns undefined for that, and where there is none */
export function readContainerOrTell(engine: Engine, id: string): ContainerRecord | undefined {
  try {
    return readContainer(engine.store.layout, id);
  } catch (error) {
    if (!isScullError(error)) throw error;
    engine.progress({ kind: 'message', level: 'warning', text: error.message });
    return undefined;
  }
}

/** Id of the container that was created last. @throws ScullError NO_SUCH_CONTAINER */
export function newestContainer(engine: Engine): string {
  const newest = readContainers(engine).reduce<ContainerRecord | undefined>((last, one) => (last === undefined || one.created > last.created ? one : last), undefined);
  if (newest === undefined) throw new ScullError('NO_SUCH_CONTAINER', 'there is no container');
  return newest.id;
}

/** Does `work` for each, several at a time, and collects outcomes in the order of the selection. */
export async function forEachSelected(engine: Engine, selection: Selection, work: (one: Selected) => Promise<void>): Promise<Outcome[]> {
  const { selected, failed } = selectContainers(engine, selection);
  const outcomes = await Promise.all(
    selected.map(async (one): Promise<Outcome> => {
      try {
        await work(one);
        return { name: one.name, id: one.record.id };
      } catch (error) {
        return { name: one.name, id: one.record.id, error: failureOf(error) };
      }
    }),
  );
  return [...outcomes, ...failed];
}

/** That the machine fails for one of several, or that it vanishes meanwhile, is no reason to give up in the midst of the others. */
function failureOf(error: unknown): ScullError {
  if (error instanceof ScullError) return error;
  const vanished = explainVanished(error);
  if (vanished !== undefined) return vanished;
  const failure = machineFailure(error);
  if (failure === undefined) throw error;
  return new ScullError('PERMISSION', failure, { cause: error });
}

/** docker-ps(1) "Filter": different keys must all match, values of one key any; `label!` none. @throws ScullError INVALID for an unknown key */
export function matchesFilters(engine: Engine, record: ListedRecord, filters: Filters, known?: ContainerState): boolean {
  const state = lazily(() => known ?? readContainerState(engine.store.layout.container(record.id)));
  return Object.entries(filters).every(([key, values]) => matchesFilter(engine, record, state, key, values));
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function matchesFilter(engine: Engine, record: ListedRecord, state: () => ContainerState, key: string, values: readonly string[]): boolean {
  const any = (test: (value: string) => boolean): boolean => values.some(test);
  switch (key) {
    case 'id':
      return any((value) => record.id.startsWith(value));
    case 'name':
      return any((value) => matchesPattern(record.name, value));
    case 'label':
      return values.every((value) => hasLabel(record.config.labels, value));
    case 'label!':
      return !any((value) => hasLabel(record.config.labels, value));
    case 'annotation':
      return values.every((value) => hasLabel(record.config.annotations, value));
    case 'status':
      return any((value) => matchesStatus(statusWord(engine, record, state()), value));
    case 'exited':
      return state().status === 'exited' && any((value) => String(state().exitCode) === value);
    case 'ancestor':
      return any((value) => isAncestor(record, value));
    case 'volume':
      return any((value) => record.config.mounts.some((mount) => mount.name === value || mount.source === value || mount.target === value));
    case 'network':
      return any((value) => isOnNetwork(engine, record, value));
    case 'before':
      return any((value) => record.created < findContainer(engine.store.layout, value).created);
    case 'since':
      return any((value) => record.created > findContainer(engine.store.layout, value).created);
    case 'until':
      return any((value) => Date.parse(record.created) < Number(value) * 1000);
    case 'health':
      return any((value) => value === (healthOf(engine, record, isRunning(state())) ?? 'none'));
    case 'pod':
      return any((value) => (record.pod === undefined ? value === 'none' || value === '' : podOf(engine, record.pod.id, value)));
    case 'restart-policy':
      return any((value) => value === (record.spec.restart?.name ?? 'no') || (value === '' && record.spec.restart === undefined));
    case 'should-start-on-boot':
      return any((value) => (value === 'true') === (state().status !== 'created' && startsOnBoot(record.spec.restart, isStoppedByUser(engine.store.layout.container(record.id)))));
    default:
      throw new ScullError('INVALID', `unknown filter ${JSON.stringify(key)}`, {
        hint: 'filters are id, name, label, label!, annotation, status, exited, ancestor, volume, network, before, since, until, health, restart-policy, should-start-on-boot',
      });
  }
}

function isOnNetwork(engine: Engine, { config: { networkMode } }: ListedRecord, wanted: string): boolean {
  if (networkMode.mode !== 'networks') return networkMode.mode === wanted || (wanted === 'pasta' && networkMode.mode === 'default');
  const named = (name: string): boolean => name === wanted || (/^[0-9a-f]{4,64}$/.test(wanted) && readNetwork(engine.store, name)?.id.startsWith(wanted) === true);
  return networkMode.networks.some(({ name }) => named(name));
}

/** @param value name, id or its beginning */
function podOf(engine: Engine, id: string, value: string): boolean {
  return value !== '' && (id.startsWith(value) || readPod(engine.store, value)?.id === id);
}

/** A regular expression as in Docker; what is none is looked for as it is. */
function matchesPattern(text: string, pattern: string): boolean {
  try {
    return new RegExp(pattern.replace(/^\//, '')).test(text);
  } catch {
    return text.includes(pattern);
  }
}

export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** Docker's word for one that has ended and waits for its next start. */
function statusWord(engine: Engine, record: ListedRecord, { status }: ContainerState): string {
  return status === 'exited' && record.spec.restart !== undefined && isRestarting(engine.store.layout.container(record.id)) ? 'restarting' : status;
}

function matchesStatus(status: string, wanted: string): boolean {
  const words: Readonly<Record<string, string>> = { stopped: 'exited', configured: 'created', initialized: 'created', unknown: 'dead' };
  const word = words[wanted] ?? wanted;
  if (!['created', 'running', 'paused', 'exited', 'removing', 'restarting', 'dead'].includes(word)) {
    throw new ScullError('INVALID', `unknown status ${JSON.stringify(wanted)} in the filter`, { hint: 'a container is created, running, paused or exited' });
  }
  return status === word;
}

function isAncestor(record: ListedRecord, wanted: string): boolean {
  if (record.image === undefined) return false;
  const id = record.image.id.slice('sha256:'.length);
  const plain = wanted.replace(/^sha256:/, '');
  if (/^[0-9a-f]{4,64}$/.test(plain) && id.startsWith(plain)) return true;
  const name = record.image.name;
  return name === wanted || name === `${wanted}:latest` || name.endsWith(`/${wanted}`) || name.endsWith(`/${wanted}:latest`);
}
