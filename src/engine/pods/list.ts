/** pod ps: every pod with its containers, in one pass over the records. */
import { ScullError } from '../../host/errors.ts';
import type { ContainerState } from '../../runtime/container-record.ts';
import { restartCount } from '../../runtime/restart-state.ts';
import { networkNames } from '../containers/list.ts';
import { hasLabel, readContainers, type Filters } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { readPods } from './find.ts';
import { membersOf, podStatus, type PodStatus } from './members.ts';

export interface PodSummary {
  readonly id: string;
  readonly name: string;
  readonly status: PodStatus;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** '' without one. */
  readonly infraId: string;
  readonly networks: readonly string[];
  readonly containers: readonly { readonly id: string; readonly name: string; readonly status: ContainerState['status']; readonly restarts: number }[];
}

export const POD_FILTERS = ['id', 'name', 'label', 'label!', 'status', 'ctr-ids', 'ctr-names', 'ctr-number', 'ctr-status', 'network', 'until'] as const;

/** The oldest first. @throws ScullError INVALID for a bad filter */
export function listPods(engine: Engine, filters: Filters = {}): PodSummary[] {
  const records = readContainers(engine);
  return readPods(engine)
    .map((pod): PodSummary => {
      const members = membersOf(engine, pod.id, records);
      const infra = members.find(({ record }) => record.pod?.infra === true)?.record;
      return {
        id: pod.id,
        name: pod.name,
        status: podStatus(members.map(({ state }) => state.status)),
        created: pod.created,
        labels: pod.labels,
        infraId: infra?.id ?? '',
        networks: infra === undefined ? [] : networkNames(infra),
        containers: members.map(({ record, state }) => ({ id: record.id, name: record.name, status: state.status, restarts: restartCount(record, engine.store.layout.container(record.id)) })),
      };
    })
    .filter((pod) => matchesPod(pod, filters))
    .sort((a, b) => (a.created < b.created ? -1 : 1));
}

/** podman-pod-ps(1), "Filters": different keys must all match, values of one key any; of labels all. */
export function matchesPod(pod: PodSummary, filters: Filters): boolean {
  return Object.entries(filters).every(([key, values]) => {
    const any = (test: (value: string) => boolean): boolean => values.some(test);
    switch (key) {
      case 'id':
        return any((value) => pod.id.startsWith(value));
      case 'name':
        return any((value) => matchesText(pod.name, value));
      case 'label':
        return values.every((value) => hasLabel(pod.labels, value));
      case 'label!':
        return !any((value) => hasLabel(pod.labels, value));
      case 'status':
        return any((value) => pod.status.toLowerCase() === podStatusWord(value));
      case 'ctr-ids':
        return any((value) => pod.containers.some(({ id }) => id.startsWith(value)));
      case 'ctr-names':
        return any((value) => pod.containers.some(({ name }) => matchesText(name, value)));
      case 'ctr-number':
        return any((value) => String(pod.containers.length) === value);
      case 'ctr-status':
        return any((value) => pod.containers.some(({ status }) => status === (value === 'stopped' ? 'exited' : value)));
      case 'network':
        return any((value) => pod.networks.includes(value));
      case 'until':
        return any((value) => Date.parse(pod.created) < Number(value) * 1000);
      default:
        throw new ScullError('INVALID', `unknown filter ${JSON.stringify(key)}`, { hint: `filters are ${POD_FILTERS.join(', ')}` });
    }
  });
}

function podStatusWord(word: string): string {
  const lower = word.toLowerCase();
  if (['created', 'running', 'degraded', 'paused', 'stopped', 'exited', 'dead'].includes(lower)) return lower;
  throw new ScullError('INVALID', `unknown status ${JSON.stringify(word.slice(0, 50))} in the filter`, { hint: 'a pod is created, running, degraded, paused, stopped or exited' });
}

function matchesText(text: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return text.includes(pattern);
  }
}
