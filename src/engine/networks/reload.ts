/** network reload: what was killed is started again, and every interface made anew. */
import { ScullError } from '../../host/errors.ts';
import { readHostNetwork } from '../../network/host-network.ts';
import { hasUplink, livingHolder, switchPaths, unplug } from '../../network/drivers/switch.ts';
import { readNetworkState } from '../../network/state.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { forEachSelected, readContainers, type Outcome, type Selection } from '../containers/selection.ts';
import { planContainerNetwork } from '../containers/prepare.ts';
import type { Engine } from '../engine.ts';
import { sweepAddresses } from './addresses.ts';
import { FIRST_METRIC, plugInAll } from './attachments.ts';
import { publishNames } from './names.ts';
import { republishPorts, rewriteNameFiles, withDefinitions } from './running.ts';
import { connectUplink, engageSwitch, planUplink, writeResolvConf, type Engaged } from './switch.ts';

/** podman-network-reload(1). With `all` those that do not run are passed over. */
export async function reloadNetworks(engine: Engine, selection: Selection): Promise<Outcome[]> {
  let engaged: Promise<Engaged> | undefined;
  // Once for all of them, and kept until the last one is plugged in.
  const repaired = (): Promise<Engaged> => (engaged ??= repairSwitch(engine));
  const outcomes = await forEachSelected(engine, selection, async ({ record }) => {
    const state = readContainerState(engine.store.layout.container(record.id));
    if (isRunning(state)) return reload(engine, record, state, repaired);
    if (selection.all !== true) throw new ScullError('WRONG_STATE', `container ${record.name} is not running, so there is no network to reload`);
  });
  await engaged?.then(({ leave }) => leave(), () => undefined);
  return outcomes;
}

async function reload(engine: Engine, record: ContainerRecord, state: ContainerState, repaired: () => Promise<Engaged>): Promise<void> {
  const { networkState } = engine.store.layout.container(record.id);
  const facts = readNetworkState(networkState);
  if (facts?.driver === 'pasta') return reloadPasta(engine, record, state, networkState);
  if (facts === undefined) return; // none, host, or another's
  const engaged = await repaired();
  for (const one of facts.attachments) await unplug(state.pid, one.network, one.interface);
  await plugInAll(engaged, withDefinitions(engine, facts.attachments), { target: state.pid, metric: FIRST_METRIC });
  await publishNames(engine, engaged);
  await rewriteNameFiles(engine, record, facts);
  await republishPorts(engine, engaged, record, facts, state);
}

/** One that lives is left alone: its connections would be lost. */
async function reloadPasta(engine: Engine, record: ContainerRecord, state: ContainerState, stateFile: string): Promise<void> {
  const { pastaProcess, startPasta, waitsForTraffic } = await import('../../network/drivers/pasta.ts');
  if (pastaProcess(stateFile) !== undefined || waitsForTraffic(stateFile)) return;
  const plan = await planContainerNetwork(engine.store.layout, record, {}, []);
  await startPasta(plan, { targetPid: state.pid, watchPid: state.monitorPid, stateFile });
}

async function repairSwitch(engine: Engine): Promise<Engaged> {
  const engaged = await engageSwitch(engine);
  const { paths, holder, leave } = engaged;
  try {
    const host = readHostNetwork();
    if (!hasUplink(paths)) await connectUplink(paths, holder, planUplink(engine, host));
    writeResolvConf(paths, host);
    return engaged;
  } catch (error) {
    leave();
    throw error;
  }
}

/** After a container has left, or the host's resolv.conf was changed: called by the holder of the switch, and by nobody else. */
export async function refreshNetworks(engine: Engine): Promise<void> {
  const paths = switchPaths(engine.store.layout.switch);
  await sweepAddresses(engine);
  const holder = livingHolder(paths);
  if (holder === undefined) return;
  writeResolvConf(paths, readHostNetwork());
  await publishNames(engine, { paths, holder }, true);
  for (const record of readContainers(engine)) {
    const facts = readNetworkState(engine.store.layout.container(record.id).networkState);
    if (facts?.driver === 'switch' && isRunning(readContainerState(engine.store.layout.container(record.id)))) await rewriteNameFiles(engine, record, facts);
  }
}
