import { isScullError } from '../../host/errors.ts';
import { findContainerId } from '../../runtime/container-store.ts';
import type { Engine } from '../engine.ts';

/** podman-container-exists(1). @throws ScullError AMBIGUOUS */
export function containerExists(engine: Engine, nameOrId: string): boolean {
  try {
    findContainerId(engine.store.layout, nameOrId);
    return true;
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_CONTAINER')) return false;
    throw error;
  }
}
