/** One lock for each pod: held while its infra container is made, started, stopped or removed, never while one of the others is waited for. */
import { withLock } from '../../storage/locks.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError TIMEOUT */
export function withPodLock<T>(engine: Engine, podId: string, action: () => Promise<T>): Promise<T> {
  return withLock(engine.store, `pod-${podId}`, action);
}
