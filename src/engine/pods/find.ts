/** A pod by what the user typed: its name, its id, or an unambiguous beginning of its id. */
import { isScullError, ScullError } from '../../host/errors.ts';
import { podNames, readPod, type PodRecord } from '../../storage/pods.ts';
import type { Engine } from '../engine.ts';

/** Every readable pod, by name; a damaged one is told through progress and passed over. */
export function readPods(engine: Engine): PodRecord[] {
  return podNames(engine.store).flatMap((name) => {
    try {
      return readPod(engine.store, name) ?? [];
    } catch (error) {
      if (!isScullError(error)) throw error;
      engine.progress({ kind: 'message', level: 'warning', text: error.message });
      return [];
    }
  });
}

/** @throws ScullError NO_SUCH_POD, AMBIGUOUS, CORRUPT */
export function findPod(engine: Engine, typed: string): PodRecord {
  const named = readPod(engine.store, typed);
  if (named !== undefined) return named;
  const matches = /^[0-9a-f]{1,64}$/.test(typed) ? readPods(engine).filter(({ id }) => id.startsWith(typed)) : [];
  if (matches.length === 1) return matches[0] as PodRecord;
  if (matches.length > 1) throw new ScullError('AMBIGUOUS', `more than one pod id starts with ${JSON.stringify(typed)}: ${matches.map(({ name }) => name).join(', ')}`);
  throw new ScullError('NO_SUCH_POD', `no pod with name or ID ${JSON.stringify(typed.slice(0, 200))} found: no such pod`, { hint: 'see `scull pod ps`' });
}

/** @param id whole */
export function podById(engine: Engine, id: string): PodRecord | undefined {
  return readPods(engine).find((pod) => pod.id === id);
}

/** podman-pod-exists(1). @throws ScullError AMBIGUOUS, CORRUPT */
export function podExists(engine: Engine, typed: string): boolean {
  try {
    findPod(engine, typed);
    return true;
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_POD')) return false;
    throw error;
  }
}
