/** One change at a time of how a container that runs is connected. */
import { withLock } from '../../storage/locks.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError TIMEOUT, and whatever `action` throws */
export function withNetworksOf<T>(engine: Engine, id: string, action: () => T | Promise<T>): Promise<T> {
  return withLock(engine.store, `network-of-${id.slice(0, 32)}`, action);
}
