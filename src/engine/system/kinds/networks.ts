/** Named networks: a file each, too small for `system df`. What they run on is nobody's to keep: it goes with the last container. */
import { lstatSync } from 'node:fs';
import { networkNames, readNetwork } from '../../../storage/networks.ts';
import type { Engine } from '../../engine.ts';
import { networkUsers } from '../../networks/usage.ts';
import { checkRecords } from '../record-check.ts';
import type { CheckRun, StoreKind } from '../store-kind.ts';

export const networkKind: StoreKind = {
  label: 'Networks',
  check: checkNetworks,
  prune: {
    heading: 'Deleted Networks',
    warning: () => 'all networks not used by at least one container',
    run: async (engine, { filters }) => {
      const { pruneNetworks } = await import('../../networks/remove.ts');
      const { removed, failed } = await pruneNetworks(engine, { filters });
      return { names: removed.map(({ name }) => name), bytes: 0, failed };
    },
  },
};

function checkNetworks(run: CheckRun): void {
  const { store } = run.engine;
  // The one that is always there has no record unless somebody wrote one.
  const names = networkNames(store).filter((name) => lstatSync(store.layout.network(name), { throwIfNoEntry: false }) !== undefined);
  checkRecords(run, 'network', names, { file: store.layout.network, read: (name) => readNetwork(store, name), then: (name) => againFor(run.engine, name) });
}

/** A container on it would not start, now or then: which addresses it had is known to nobody else. */
function againFor(engine: Engine, network: string): string | undefined {
  const containers = (networkUsers(engine).get(network) ?? []).map(({ name }) => name);
  return containers.length === 0 ? undefined : `create it again for ${containers.join(', ')}`;
}
