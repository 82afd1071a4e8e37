/** Which containers are on which networks: worked out from the containers' records, so it can't be out of date. */
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';

/** Names of the networks of a container. */
export function networksOf(record: ContainerRecord): string[] {
  const mode = record.config.networkMode;
  return mode.mode === 'networks' ? mode.networks.map(({ name }) => name) : [];
}

/** Network name → the containers on it, running or not. */
export function networkUsers(engine: Engine): Map<string, ContainerRecord[]> {
  const users = new Map<string, ContainerRecord[]>();
  for (const record of readContainers(engine)) {
    for (const name of networksOf(record)) {
      const list = users.get(name);
      if (list === undefined) users.set(name, [record]);
      else list.push(record);
    }
  }
  return users;
}
