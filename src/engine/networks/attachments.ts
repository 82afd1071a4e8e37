/** A container's interfaces on named networks: worked out, with addresses taken, and plugged in. */
import { writeJsonAtomic } from '../../host/files.ts';
import { ScullError } from '../../host/errors.ts';
import { trace } from '../../host/trace.ts';
import { macOf, plugIn, publishPorts, type PlugRequest } from '../../network/drivers/switch.ts';
import { MTU } from '../../network/plan.ts';
import { GROUPS } from '../../network/switch-rules.ts';
import type { Attachment, InterfaceAddress, SwitchState } from '../../network/state.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { NetworkWish, PortRequest } from '../../spec/container-spec.ts';
import { ipVersion } from '../../spec/ip-address.ts';
import type { NetworkDefinition } from '../../spec/network-definition.ts';
import { knownSubnet } from '../../spec/subnet.ts';
import type { Engine } from '../engine.ts';
import { giveBack, lease } from './addresses.ts';
import { findNetwork } from './find.ts';
import { publishNames } from './names.ts';
import type { Engaged } from './switch.ts';

/** An interface that is to be, with its network. */
export interface PlannedAttachment {
  readonly network: NetworkDefinition;
  readonly attachment: Attachment;
}

/**
 * Works out the interfaces for what a container wishes, and takes their addresses. The container must be claimed: the addresses
 * are its own until that start is over.
 * @param taken interfaces it has already
 * @throws ScullError NO_SUCH_NETWORK, INVALID, IN_USE naming the other container, NETWORK (no address left); nothing is taken then
 */
export async function planAttachments(engine: Engine, record: ContainerRecord, wishes: readonly NetworkWish[], taken: readonly Attachment[] = []): Promise<PlannedAttachment[]> {
  const planned: PlannedAttachment[] = [];
  const names = new Set([...taken.map((one) => one.interface), ...wishes.flatMap((one) => one.interface ?? [])]);
  try {
    for (const wish of wishes) {
      const network = findNetwork(engine, wish.name);
      const interfaceName = wish.interface ?? freeName(names);
      names.add(interfaceName);
      planned.push({ network, attachment: await planOne(engine, record, network, wish, interfaceName) });
    }
    return planned;
  } catch (error) {
    giveBack(engine, record.id, planned.map(({ attachment }) => attachment));
    throw error;
  }
}

function freeName(taken: ReadonlySet<string>): string {
  for (let n = 0; ; n++) if (!taken.has(`eth${n}`)) return `eth${n}`;
}

async function planOne(engine: Engine, record: ContainerRecord, network: NetworkDefinition, wish: NetworkWish, interfaceName: string): Promise<Attachment> {
  const addresses: { ipv4?: InterfaceAddress; ipv6?: InterfaceAddress } = {};
  for (const key of ['ipv4', 'ipv6'] as const) {
    const subnet = network.subnets.find(({ gateway }) => ipVersion(gateway) === (key === 'ipv4' ? 4 : 6));
    if (subnet === undefined && wish[key] !== undefined) throw new ScullError('INVALID', `network "${network.name}" has no ${key === 'ipv4' ? 'IPv4' : 'IPv6'} subnet for the address ${wish[key]}`, key === 'ipv6' ? { hint: 'make one with `scull network create --ipv6`' } : {});
    if (subnet !== undefined) addresses[key] = { address: await lease(engine, record, network, subnet, wish[key]), prefix: knownSubnet(subnet.subnet).prefix };
  }
  return { network: network.name, interface: interfaceName, mac: wish.mac ?? macOf(addresses.ipv4 ?? addresses.ipv6), ...addresses, aliases: wish.aliases };
}

/** To whose addresses published ports lead: the first one on a network with a way out. */
function portTarget(planned: readonly PlannedAttachment[]): PlannedAttachment | undefined {
  return planned.find(({ network }) => !network.internal);
}

/** Its interface. */
export function publishedInterface(planned: readonly PlannedAttachment[]): string | undefined {
  return portTarget(planned)?.attachment.interface;
}

/**
 * Publishes ports.
 * @param given target: a process in the container's network namespace; watch: one with whose end the ports are free again
 * @returns undefined where there is nothing to publish, or no network with a way out
 */
export async function publishOn(planned: readonly PlannedAttachment[], ports: readonly PortRequest[], given: { readonly target: number; readonly watch: number; readonly stateFile: string }): Promise<Required<Pick<SwitchState, 'process' | 'publishedOn'>> | undefined> {
  const chosen = portTarget(planned);
  if (chosen === undefined || ports.length === 0) return undefined;
  const { attachment, network } = chosen;
  const { ipv4, ipv6 } = bridgeOf(network);
  const process = await publishPorts({ ports, ipv4: attachment.ipv4?.address, ipv6: attachment.ipv6?.address, gateway4: ipv4?.address, gateway6: ipv6?.address, targetPid: given.target, watchPid: given.watch, stateFile: given.stateFile });
  return { process, publishedOn: attachment.interface };
}

export interface PlugOptions {
  /** A process in the container's network namespace. */
  readonly target: number;
  /** Of the first one's default routes; the others' follow. */
  readonly metric: number;
}

/** Plugs a container in, one interface after the other, so that they come up in order. @throws ScullError NETWORK */
export async function plugInAll({ paths, holder }: Omit<Engaged, 'leave'>, planned: readonly PlannedAttachment[], { target, metric }: PlugOptions): Promise<void> {
  for (const [index, { network, attachment }] of planned.entries()) {
    await plugIn(paths, holder, { target, attachment, bridge: bridgeOf(network), ...(network.internal ? {} : { metric: metric + index }) });
  }
}

/** Below those that a user may add. */
export const FIRST_METRIC = 100;

function bridgeOf(network: NetworkDefinition): PlugRequest['bridge'] {
  const gateway = (version: 4 | 6): InterfaceAddress | undefined => {
    const subnet = network.subnets.find((one) => ipVersion(one.gateway) === version);
    return subnet === undefined ? undefined : { address: subnet.gateway, prefix: knownSubnet(subnet.subnet).prefix };
  };
  const [ipv4, ipv6] = [gateway(4), gateway(6)];
  const { mtu = MTU } = network.options;
  return {
    name: network.interface,
    group: network.internal ? GROUPS.internal : GROUPS.open,
    mtu: Number(mtu),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
  };
}

/** Everything that a started container's networks consist of. @param target a process in its network namespace */
export async function connectContainer(engine: Engine, engaged: Engaged, record: ContainerRecord, planned: readonly PlannedAttachment[], given: Pick<SwitchState, 'ports' | 'addresses'> & { readonly target: number; readonly watchPid: number }): Promise<void> {
  const { networkState } = engine.store.layout.container(record.id);
  await plugInAll(engaged, planned, { target: given.target, metric: FIRST_METRIC });
  trace('plugged in');
  const state: SwitchState = { driver: 'switch', attachments: planned.map(({ attachment }) => attachment), dns: record.spec.network.dns.filter((server) => server !== 'none'), ports: given.ports, addresses: given.addresses };
  writeJsonAtomic(networkState, state, { durable: false });
  const [, published] = await Promise.all([
    planned.some(({ network }) => network.dns) ? publishNames(engine, engaged) : undefined,
    publishOn(planned, given.ports, { target: given.target, watch: given.watchPid, stateFile: networkState }),
  ]);
  if (published !== undefined) writeJsonAtomic(networkState, { ...state, ...published }, { durable: false });
}
