/** Changing the record of a container that stands: its name, its limits, its networks. */
import { writeJsonAtomic } from '../host/files.ts';
import { withLock } from '../storage/locks.ts';
import type { Store } from '../storage/store.ts';
import type { ContainerRecord } from './container-record.ts';
import { findContainer } from './container-store.ts';

/**
 * One change at a time, each made to what the last one left: of two that began with the same record, one would be lost.
 * @param change gets the record of now, and gives it to `write` changed
 * @throws ScullError NO_SUCH_CONTAINER, CORRUPT, TIMEOUT, NO_SPACE, and whatever `change` throws
 */
export function changeContainer<T>(store: Store, id: string, change: (record: ContainerRecord, write: (changed: ContainerRecord) => void) => T | Promise<T>): Promise<T> {
  const write = (changed: ContainerRecord): void => writeJsonAtomic(store.layout.container(id).record, changed);
  return withLock(store, `container-${id}`, () => change(findContainer(store.layout, id), write));
}
