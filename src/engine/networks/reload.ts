/** network reload: what was killed is started again, and every interface made anew. */
import { ScullError } from '../../host/errors.ts';
import { readHostNetwork } from '../../network/host-network.ts';
import { unplug } from '../../network/drivers/switch.ts';
import { readNetworkState } from '../../network/state.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { withLock } from '../../storage/locks.ts';
import { forEachSelected, type Outcome, type Selection } from '../containers/selection.ts';
import { planContainerNetwork } from '../containers/prepare.ts';
import type { Engine } from '../engine.ts';
import { FIRST_METRIC, plugInAll } from './attachments.ts';
import { publishNames } from './names.ts';
import { refreshContainer } from './refresh.ts';
import { refreshCommand } from './refresh-command.ts';
import { republishPorts, rewriteNameFiles, withDefinitions } from './running.ts';
import { engageSwitch, healUplink, planUplink, renewResolvConf, UPLINK_LOCK, type Engaged } from './switch.ts';

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
  if (facts === undefined) return reloadNames(engine, record);
  const engaged = await repaired();
  for (const one of facts.attachments) await unplug(state.pid, one.network, one.interface);
  await plugInAll(engaged, withDefinitions(engine, facts.attachments), { target: state.pid, metric: FIRST_METRIC });
  await publishNames(engine, engaged);
  await rewriteNameFiles(engine, record, facts.attachments);
  await republishPorts(engine, record, facts, state);
}

/** Nothing of ours runs for them: who is in the host's network may have the host's resolv.conf of now. */
async function reloadNames(engine: Engine, record: ContainerRecord): Promise<void> {
  const { mode } = record.spec.network.mode;
  if (mode === 'host' || mode === 'path') await rewriteNameFiles(engine, record, []);
}

async function reloadPasta(engine: Engine, record: ContainerRecord, state: ContainerState, stateFile: string): Promise<void> {
  // Nobody watches for those with options for pasta; one that has to be ended is started again below.
  await refreshContainer(engine, record.id);
  const facts = readNetworkState(stateFile);
  if (facts?.driver !== 'pasta') return;
  const { healPasta } = await import('../../network/drivers/pasta.ts');
  const plan = await planContainerNetwork(engine.store.layout, record, {}, []);
  await healPasta(plan, { targetPid: state.pid, watchPid: state.monitorPid, stateFile, onChange: refreshCommand(engine.store.layout, record.id) }, facts);
}

async function repairSwitch(engine: Engine): Promise<Engaged> {
  const engaged = await engageSwitch(engine);
  const { paths, holder, leave } = engaged;
  try {
    await withLock(engine.store, UPLINK_LOCK, async () => healUplink(engine, paths, holder, await planUplink(engine, readHostNetwork())));
    await renewResolvConf(paths);
    return engaged;
  } catch (error) {
    leave();
    throw error;
  }
}
