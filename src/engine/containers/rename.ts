/** docker-rename(1). The record is the truth; the old name's link is removed last, and holds nothing any more by then. */
import { crashPoint } from '../../host/crash-point.ts';
import { ScullError } from '../../host/errors.ts';
import { findContainer, isName, releaseName, reserveName, updateContainer } from '../../runtime/container-store.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';

/** @throws ScullError INVALID, NAME_TAKEN, NO_SUCH_CONTAINER */
export function renameContainer(engine: Engine, nameOrId: string, newName: string): void {
  const { layout } = engine.store;
  const record = findContainer(layout, nameOrId);
  if (!isName(newName)) {
    throw new ScullError('INVALID', `invalid container name ${JSON.stringify(newName.slice(0, 200))}: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*`);
  }
  if (newName === record.name) throw new ScullError('NAME_TAKEN', `container ${record.id.slice(0, 12)} already has the name ${JSON.stringify(newName)}`);
  reserveName(layout, newName, record.id);
  const renamed = { ...record, name: newName };
  try {
    updateContainer(layout, renamed);
  } catch (error) {
    if (findContainer(layout, record.id).name !== newName) releaseName(layout, newName, record.id);
    throw error;
  }
  recordContainerEvent(engine, renamed, 'rename', { attributes: { oldName: record.name } });
  crashPoint('container:renamed');
  releaseName(layout, record.name, record.id);
}
