/** Named networks: a file each, too small for `system df`. What they run on is nobody's to keep: it goes with the last container. */
import { existsSync } from 'node:fs';
import { isScullError } from '../../../host/errors.ts';
import { networkNames, readNetwork } from '../../../storage/networks.ts';
import { moveToQuarantine } from '../../../storage/quarantine.ts';
import { networkUsers } from '../../networks/usage.ts';
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
  const names = networkNames(store).filter((name) => existsSync(store.layout.network(name)));
  for (const name of names) {
    try {
      readNetwork(store, name);
    } catch (error) {
      if (!isScullError(error)) throw error;
      const file = store.layout.network(name);
      const containers = (networkUsers(run.engine).get(name) ?? []).map((record) => record.name);
      // A container on it would not start, now or then: which addresses it had is known to nobody else.
      const then = containers.length === 0 ? '' : `; create it again for ${containers.join(', ')}`;
      run.found({ object: `network ${name}`, file, what: error.message, repair: () => `put it into quarantine as ${moveToQuarantine(store, file)}${then}` });
    }
  }
  run.looked('network', names.length);
}
