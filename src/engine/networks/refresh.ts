/** What follows when the host's resolv.conf was changed, or a container has left: called by the processes that notice, and by nobody else. */
import { readHostNetwork } from '../../network/host-network.ts';
import { livingHolder, switchPaths } from '../../network/drivers/switch.ts';
import { readNetworkState } from '../../network/state.ts';
import { readContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { sweepAddresses } from './addresses.ts';
import { publishNames } from './names.ts';
import { rewriteNameFiles } from './running.ts';
import { renewResolvConf } from './switch.ts';

/** All that is plugged in: what tells names knows the servers of now, and who is there. */
export async function refreshNetworks(engine: Engine): Promise<void> {
  const paths = switchPaths(engine.store.layout.switch);
  await sweepAddresses(engine);
  const holder = livingHolder(paths);
  if (holder === undefined) return;
  await renewResolvConf(paths);
  await publishNames(engine, { paths, holder }, true);
  for (const record of readContainers(engine)) {
    const facts = readNetworkState(engine.store.layout.container(record.id).networkState);
    if (facts?.driver === 'switch' && isRunning(readContainerState(engine.store.layout.container(record.id)))) await rewriteNameFiles(engine, record, facts.attachments);
  }
}

/** A container with a network of its own. Where pasta asks the servers of then, it asks those of now itself. */
export async function refreshContainer(engine: Engine, id: string): Promise<void> {
  const { layout } = engine.store;
  const record = readContainer(layout, id);
  const { networkState } = layout.container(id);
  const facts = readNetworkState(networkState);
  if (record === undefined || facts?.driver !== 'pasta' || !isRunning(readContainerState(layout.container(id)))) return;
  const { renewForwarder } = await import('../../network/drivers/pasta.ts');
  const staleForwarder = !(await renewForwarder(networkState, facts, readHostNetwork().resolvConf));
  await rewriteNameFiles(engine, record, [], staleForwarder);
}
