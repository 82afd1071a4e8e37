/** One lock for each pod: held while its infra container is made, started, stopped or removed, never while one of the others is waited for. */
import { makingRoom } from '../../storage/ballast.ts';
import { withLock } from '../../storage/locks.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError TIMEOUT, NO_SPACE */
export function withPodLock<T>(engine: Engine, podId: string, action: () => Promise<T>): Promise<T> {
  return withLock(engine.store, `pod-${podId}`, action);
}

/** For removing, which a full disk must not prevent; `action` may be done several times. @throws ScullError TIMEOUT */
export function withPodLockToRemove<T>(engine: Engine, podId: string, action: () => Promise<T>): Promise<T> {
  return makingRoom(engine.store, () => withPodLock(engine, podId, action));
}
