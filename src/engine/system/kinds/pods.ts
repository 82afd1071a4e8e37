/** Pods: a file each, too small for `system df`. Their containers are containers. */
import { podNames, readPod } from '../../../storage/pods.ts';
import { checkRecords } from '../record-check.ts';
import type { CheckRun, StoreKind } from '../store-kind.ts';

export const podKind: StoreKind = {
  label: 'Pods',
  check: checkPods,
  prune: {
    heading: 'Deleted Pods',
    warning: () => 'all stopped pods',
    run: async (engine, { filters }) => {
      const [{ prunePods }, { matchesPod, listPods }] = await Promise.all([import('../../pods/remove.ts'), import('../../pods/list.ts')]);
      const fitting = new Set(podNames(engine.store).length === 0 ? [] : listPods(engine).filter((pod) => matchesPod(pod, filters)).map(({ id }) => id));
      const outcomes = fitting.size === 0 ? [] : await prunePods(engine, ({ id }) => fitting.has(id));
      return {
        names: outcomes.flatMap(({ id, error }) => (id === undefined || error !== undefined ? [] : [id])),
        bytes: 0,
        failed: outcomes.flatMap(({ error }) => error ?? []),
      };
    },
  },
};

function checkPods(run: CheckRun): void {
  const { store } = run.engine;
  checkRecords(run, 'pod', podNames(store), { file: store.layout.pod, read: (name) => readPod(store, name), then: () => 'its containers stay, and can be removed' });
}
