/** docker-rename(1). The record is the truth; the old name's link is removed last, and holds nothing any more by then. */
import { crashPoint } from '../../host/crash-point.ts';
import { ScullError } from '../../host/errors.ts';
import { changeContainer } from '../../runtime/container-change.ts';
import { findContainer, findContainerId, isName, releaseName, reserveName } from '../../runtime/container-store.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';

/** @throws ScullError INVALID, NAME_TAKEN, NO_SUCH_CONTAINER */
export async function renameContainer(engine: Engine, nameOrId: string, newName: string): Promise<void> {
  const { layout } = engine.store;
  const id = findContainerId(layout, nameOrId);
  if (!isName(newName)) {
    throw new ScullError('INVALID', `invalid container name ${JSON.stringify(newName.slice(0, 200))}: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*`);
  }
  await changeContainer(engine.store, id, (record, write) => {
    if (newName === record.name) throw new ScullError('NAME_TAKEN', `container ${id.slice(0, 12)} already has the name ${JSON.stringify(newName)}`);
    reserveName(layout, newName, id, 'rename');
    const renamed = { ...record, name: newName };
    try {
      write(renamed);
    } catch (error) {
      if (findContainer(layout, id).name !== newName) releaseName(layout, newName, id);
      throw error;
    }
    recordContainerEvent(engine, renamed, 'rename', { attributes: { oldName: record.name } });
    crashPoint('container:renamed');
    releaseName(layout, record.name, id);
  });
}
