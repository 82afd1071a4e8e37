/** Containers that live in the namespaces of another, take its volumes or require it: podman-rm(1), --depend. */
import { isScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainerId } from '../../runtime/container-store.ts';
import type { Engine } from '../engine.ts';
import { readContainers } from './selection.ts';

/**
 * The names given, each after the ids of all that depends on it: an order in which they can be removed.
 * Names without a container stay as they are.
 */
export function withDependents(engine: Engine, names: readonly string[]): string[] {
  const dependents = new Map<string, string[]>();
  for (const record of readContainers(engine)) {
    for (const reference of referencesOf(record)) {
      const id = idOf(engine, reference);
      if (id !== undefined && id !== record.id) dependents.set(id, [...(dependents.get(id) ?? []), record.id]);
    }
  }
  const ordered: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const id = idOf(engine, name) ?? name;
    if (seen.has(id)) return;
    seen.add(id);
    dependents.get(id)?.forEach(visit);
    ordered.push(name);
  };
  names.forEach(visit);
  return ordered;
}

/** Ids of the containers in whose namespaces this one lives, whose volumes it takes, or that it requires. */
export function namedContainers(engine: Engine, record: ContainerRecord): string[] {
  return referencesOf(record).flatMap((name) => idOf(engine, name) ?? []);
}

function referencesOf({ spec }: ContainerRecord): string[] {
  const { user, pid, ipc, uts, cgroup } = spec.namespaces;
  const shared = [spec.network.mode, user, pid, ipc, uts, cgroup].flatMap((wish) => (wish.mode === 'container' ? [wish.container] : []));
  return [...shared, ...(spec.requires ?? []), ...spec.volumesFrom.map((source) => source.split(':', 1)[0] ?? source)];
}

function idOf(engine: Engine, name: string): string | undefined {
  try {
    return findContainerId(engine.store.layout, name);
  } catch (error) {
    if (isScullError(error)) return undefined; // gone, or ambiguous by now: whoever removes it by that name will say so
    throw error;
  }
}
