/** network connect and network disconnect, also of containers that run. */
import { ScullError } from '../../host/errors.ts';
import { writeJsonAtomic } from '../../host/files.ts';
import { unplug } from '../../network/drivers/switch.ts';
import { readNetworkState, type SwitchState } from '../../network/state.ts';
import { changeContainer } from '../../runtime/container-change.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { NetworkWish } from '../../spec/container-spec.ts';
import type { Engine } from '../engine.ts';
import { recordConnection } from '../events/record.ts';
import { giveBack } from './addresses.ts';
import { FIRST_METRIC, planAttachments, plugInAll } from './attachments.ts';
import { findNetwork } from './find.ts';
import { withNetworksOf } from './lock.ts';
import { publishNames } from './names.ts';
import { republishPorts, rewriteNameFiles } from './running.ts';
import { engageSwitch } from './switch.ts';
import { networksOf } from './usage.ts';

/** @param wish its name is a network as typed @throws ScullError NO_SUCH_NETWORK, NO_SUCH_CONTAINER, WRONG_STATE, IN_USE, INVALID */
export async function connectContainerTo(engine: Engine, container: string, wish: NetworkWish): Promise<void> {
  const network = findNetwork(engine, wish.name);
  await changeNetworks(engine, container, async (record, wishes, state) => {
    if (networksOf(record).includes(network.name)) throw new ScullError('WRONG_STATE', `container ${record.name} is already connected to network "${network.name}"`);
    const added = { ...wish, name: network.name };
    const changed = withNetworks(record, [...wishes, added]);
    const commit = async (): Promise<void> => {
      await writeNetworks(engine, changed);
      recordConnection(engine, 'connect', record, network.name);
    };
    if (!isRunning(state)) return commit();
    const facts = switchState(engine, record);
    const engaged = await engageSwitch(engine);
    const planned = await planAttachments(engine, record, [added], facts.attachments);
    const attachments = planned.map(({ attachment }) => attachment);
    try {
      await plugInAll(engaged, planned, { target: state.pid, metric: FIRST_METRIC + facts.attachments.length });
      try {
        await commit();
      } catch (error) {
        for (const one of attachments) await unplug(state.pid, one.network, one.interface);
        throw error;
      }
    } catch (error) {
      giveBack(engine, record.id, attachments);
      throw error;
    } finally {
      engaged.leave();
    }
    await noteAttachments(engine, changed, { ...facts, attachments: [...facts.attachments, ...attachments] }, state);
  });
}

/** @throws ScullError NO_SUCH_CONTAINER, WRONG_STATE */
export async function disconnectContainerFrom(engine: Engine, container: string, typed: string, options: { readonly force?: boolean } = {}): Promise<void> {
  await changeNetworks(engine, container, async (record, wishes, state) => {
    // A network that is gone can still be left.
    const name = networksOf(record).includes(typed) ? typed : findNetwork(engine, typed).name;
    if (!networksOf(record).includes(name)) {
      if (options.force === true) return;
      throw new ScullError('WRONG_STATE', `container ${record.name} is not connected to network "${name}"`);
    }
    const changed = withNetworks(record, wishes.filter((one) => one.name !== name));
    const commit = async (): Promise<void> => {
      await writeNetworks(engine, changed);
      recordConnection(engine, 'disconnect', record, name);
    };
    if (!isRunning(state)) return commit();
    const facts = switchState(engine, record);
    const leaving = facts.attachments.filter((one) => one.network === name);
    for (const one of leaving) await unplug(state.pid, name, one.interface);
    await commit();
    giveBack(engine, record.id, leaving);
    await noteAttachments(engine, changed, { ...facts, attachments: facts.attachments.filter((one) => one.network !== name) }, state);
  });
}

type Change = (record: ContainerRecord, wishes: readonly NetworkWish[], state: ContainerState) => Promise<void> | void;

/** One change of a container's networks at a time. */
async function changeNetworks(engine: Engine, container: string, change: Change): Promise<void> {
  const { id } = findContainer(engine.store.layout, container);
  await withNetworksOf(engine, id, async () => {
    const record = findContainer(engine.store.layout, id);
    const mode = record.config.networkMode;
    if (mode.mode !== 'networks') {
      throw new ScullError('WRONG_STATE', `container ${record.name} was made with --network ${mode.mode === 'default' ? 'pasta' : mode.mode}: only one on networks of several containers can be connected to others`, {
        hint: 'make it with --network bridge or --network NAME',
      });
    }
    await change(record, mode.networks, readContainerState(engine.store.layout.container(id)));
  });
}

function withNetworks(record: ContainerRecord, networks: readonly NetworkWish[]): ContainerRecord {
  return { ...record, config: { ...record.config, networkMode: { mode: 'networks', networks } } };
}

/** What others have changed of it meanwhile, its name or limits, stays. */
function writeNetworks(engine: Engine, { id, config: { networkMode } }: ContainerRecord): Promise<void> {
  return changeContainer(engine.store, id, (record, write) => write({ ...record, config: { ...record.config, networkMode } }));
}

function switchState(engine: Engine, record: ContainerRecord): SwitchState {
  const state = readNetworkState(engine.store.layout.container(record.id).networkState);
  if (state?.driver === 'switch') return state;
  throw new ScullError('WRONG_STATE', `container ${record.name} is being started or stopped by another command`, { hint: 'try again' });
}

async function noteAttachments(engine: Engine, record: ContainerRecord, facts: SwitchState, state: ContainerState): Promise<void> {
  writeJsonAtomic(engine.store.layout.container(record.id).networkState, facts, { durable: false });
  const engaged = await engageSwitch(engine);
  try {
    await publishNames(engine, engaged);
    await rewriteNameFiles(engine, record, facts.attachments);
    await republishPorts(engine, record, facts, state);
  } finally {
    engaged.leave();
  }
}
