/** Which containers are in a pod, and what follows from their states for the pod's. */
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';

export type PodStatus = 'Created' | 'Running' | 'Degraded' | 'Paused' | 'Stopped' | 'Exited';

export interface Member {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
}

/** The infra container first, then the others, the oldest first. */
export function membersOf(engine: Engine, podId: string, records: readonly ContainerRecord[] = readContainers(engine)): Member[] {
  const rank = ({ pod }: ContainerRecord): number => (pod?.infra === true ? 0 : 1);
  return records
    .filter(({ pod }) => pod?.id === podId)
    .sort((a, b) => rank(a) - rank(b) || (a.created < b.created ? -1 : 1))
    .map((record) => ({ record, state: readContainerState(engine.store.layout.container(record.id)) }));
}

/** All but the infra container. */
export function othersOf(engine: Engine, podId: string): Member[] {
  return membersOf(engine, podId).filter(({ record }) => record.pod?.infra !== true);
}

/** podman-pod-ps(1), "Pod status", the infra container counted like any other. */
export function podStatus(statuses: readonly ContainerState['status'][]): PodStatus {
  const count = (wanted: ContainerState['status']): number => statuses.filter((status) => status === wanted).length;
  if (statuses.length === 0) return 'Created';
  if (count('running') === statuses.length) return 'Running';
  if (count('running') > 0) return 'Degraded';
  if (count('paused') === statuses.length) return 'Paused';
  if (count('exited') === statuses.length) return 'Exited';
  return count('exited') > 0 ? 'Stopped' : 'Created';
}
