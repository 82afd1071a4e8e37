/** Which containers use which volumes: worked out from the containers' records, so it can't be out of date. */
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';

/** Volume name → the containers that mount it, running or not. */
export function volumeUsers(engine: Engine): Map<string, ContainerRecord[]> {
  const users = new Map<string, ContainerRecord[]>();
  for (const record of readContainers(engine)) {
    for (const name of new Set(record.config.mounts.map((mount) => mount.name))) {
      if (name === undefined) continue;
      const list = users.get(name);
      if (list === undefined) users.set(name, [record]);
      else list.push(record);
    }
  }
  return users;
}
