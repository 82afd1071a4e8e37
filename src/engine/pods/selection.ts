/** Which pods a command is about: names, --all, --latest, --filter; and what became of each. */
import { isScullError, ScullError } from '../../host/errors.ts';
import type { PodRecord } from '../../storage/pods.ts';
import type { Outcome } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { findPod, readPods } from './find.ts';

export interface PodSelection {
  readonly names?: readonly string[];
  readonly all?: boolean;
  /** The one made last. */
  readonly latest?: boolean;
  /** A name without a pod is no error. */
  readonly ignore?: boolean;
}

/** Resolves a selection, in its order; a name that cannot be resolved becomes an outcome instead. @throws ScullError NO_SUCH_POD where there is no latest */
function selectPods(engine: Engine, { names = [], all = false, latest = false, ignore = false }: PodSelection): { selected: { readonly name: string; readonly pod: PodRecord }[]; failed: Outcome[] } {
  const failed: Outcome[] = [];
  if (all) return { selected: readPods(engine).map((pod) => ({ name: pod.id, pod })), failed };
  if (latest) return { selected: [latestPod(engine)].map((pod) => ({ name: pod.id, pod })), failed };
  const selected: { name: string; pod: PodRecord }[] = [];
  for (const name of names) {
    try {
      const pod = findPod(engine, name);
      if (!selected.some((one) => one.pod.id === pod.id)) selected.push({ name, pod });
    } catch (error) {
      if (!isScullError(error)) throw error;
      if (!(ignore && error.code === 'NO_SUCH_POD')) failed.push({ name, error });
    }
  }
  return { selected, failed };
}

export function latestPod(engine: Engine): PodRecord {
  const pod = readPods(engine).sort((a, b) => (a.created < b.created ? 1 : -1))[0];
  if (pod === undefined) throw new ScullError('NO_SUCH_POD', 'there is no pod', { hint: 'make one with `scull pod create`' });
  return pod;
}

/** Does `work` for each, several at a time, and collects outcomes in the order of the selection. */
export async function forEachPod(engine: Engine, selection: PodSelection, work: (pod: PodRecord) => Promise<void>): Promise<Outcome[]> {
  const { selected, failed } = selectPods(engine, selection);
  const outcomes = await Promise.all(
    selected.map(async ({ name, pod }): Promise<Outcome> => {
      try {
        await work(pod);
        return { name, id: pod.id };
      } catch (error) {
        if (!isScullError(error)) throw error;
        return { name, id: pod.id, error };
      }
    }),
  );
  return [...outcomes, ...failed];
}
