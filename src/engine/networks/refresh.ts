/** What follows when the host's resolv.conf was changed, it got IPv4 or IPv6, or a container has left: called by the processes that notice. */
import { readHostNetwork } from '../../network/host-network.ts';
import { livingHolder, switchPaths } from '../../network/drivers/switch.ts';
import { readNetworkState } from '../../network/state.ts';
import { readContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { withLock } from '../../storage/locks.ts';
import { planContainerNetwork } from '../containers/prepare.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { sweepAddresses } from './addresses.ts';
import { withNetworksOf } from './lock.ts';
import { publishNames } from './names.ts';
import { rewriteNameFiles } from './running.ts';
import { refreshCommand } from './refresh-command.ts';
import { extendUplink, renewResolvConf, UPLINK_LOCK } from './switch.ts';

/** All that is plugged in: what tells names knows the servers of now, and who is there. */
export async function refreshNetworks(engine: Engine): Promise<void> {
  const paths = switchPaths(engine.store.layout.switch);
  await sweepAddresses(engine);
  const holder = livingHolder(paths);
  if (holder === undefined) return;
  await withLock(engine.store, UPLINK_LOCK, () => extendUplink(engine, paths, holder));
  await renewResolvConf(paths);
  await publishNames(engine, { paths, holder }, true);
  for (const record of readContainers(engine)) {
    const facts = readNetworkState(engine.store.layout.container(record.id).networkState);
    if (facts?.driver === 'switch' && isRunning(readContainerState(engine.store.layout.container(record.id)))) await rewriteNameFiles(engine, record, facts.attachments);
  }
}

/** A container with a network of its own. Where pasta asks the servers of then, it asks those of now itself. */
export function refreshContainer(engine: Engine, id: string): Promise<void> {
  return withNetworksOf(engine, id, () => refreshOnce(engine, id));
}

async function refreshOnce(engine: Engine, id: string): Promise<void> {
  const { layout } = engine.store;
  const record = readContainer(layout, id);
  const { networkState } = layout.container(id);
  const facts = readNetworkState(networkState);
  if (record === undefined || facts?.driver !== 'pasta') return;
  const state = readContainerState(layout.container(id));
  if (!isRunning(state)) return;
  const { extendPasta, hasGained, renewForwarder } = await import('../../network/drivers/pasta.ts');
  const plan = await planContainerNetwork(layout, record, {}, []);
  if (hasGained(facts, plan)) {
    await extendPasta(plan, { targetPid: state.pid, watchPid: state.monitorPid, stateFile: networkState, onChange: refreshCommand(layout, id) }, facts);
    return rewriteNameFiles(engine, record, []);
  }
  const staleForwarder = !(await renewForwarder(networkState, facts, readHostNetwork().resolvConf));
  await rewriteNameFiles(engine, record, [], staleForwarder);
}
