/** A container's interfaces on named networks: worked out, with addresses taken, and plugged in. */
import { writeJsonAtomic } from '../../host/files.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { trace } from '../../host/trace.ts';
import { forwardPorts, macOf, plugIn, switchPaths, type PlugRequest } from '../../network/drivers/switch.ts';
import { giveBackAddress, sweepLeases, takeAddress, takeAnyAddress, type LeaseRequest } from '../../network/leases.ts';
import { GROUPS } from '../../network/switch-rules.ts';
import type { Attachment, InterfaceAddress, SwitchState } from '../../network/state.ts';
import { readContainer } from '../../runtime/container-store.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { NetworkWish } from '../../spec/container-spec.ts';
import { ipVersion } from '../../spec/ip-address.ts';
import type { NetworkDefinition, SubnetDefinition } from '../../spec/network-definition.ts';
import { knownSubnet } from '../../spec/subnet.ts';
import { withLock } from '../../storage/locks.ts';
import type { Engine } from '../engine.ts';
import { findNetwork } from './find.ts';
import { isLeaseHeld, leaseOwner } from './plugged-in.ts';
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

async function lease(engine: Engine, record: ContainerRecord, network: NetworkDefinition, subnet: SubnetDefinition, wished: string | undefined): Promise<string> {
  const request = leaseRequest(engine, record.id, network.id);
  for (const last of [false, true]) {
    if (wished === undefined) {
      const address = takeAnyAddress(request, subnet);
      if (address !== undefined) return address;
      if (last) throw new ScullError('NETWORK', `no address is left in the subnet ${subnet.subnet} of network "${network.name}"`, { hint: 'stop containers on it, or make a larger one with `scull network create --subnet`' });
    } else {
      const owner = takeAddress(request, subnet, wished, network.name);
      if (owner === undefined) return wished;
      if (last || isLeaseHeld(engine.store.layout, owner)) throw new ScullError('IN_USE', `the address ${wished} is used by container ${nameOf(engine, owner.slice(0, 64))} on network "${network.name}"`, { hint: 'choose another address, or leave --ip out' });
    }
    await sweepAddresses(engine);
  }
  throw new Error('unreachable');
}

function nameOf(engine: Engine, id: string): string {
  try {
    return readContainer(engine.store.layout, id)?.name ?? id.slice(0, 12);
  } catch (error) {
    if (isScullError(error)) return id.slice(0, 12);
    throw error;
  }
}

function leaseRequest(engine: Engine, id: string, networkId: string): LeaseRequest {
  const { leases } = switchPaths(engine.store.layout.switch);
  return { directory: `${leases}/${networkId}`, owner: leaseOwner(engine.store.layout, id) };
}

/** Frees the addresses of containers that have ended. */
export function sweepAddresses(engine: Engine): Promise<void> {
  const { layout } = engine.store;
  return withLock(engine.store, 'network-leases', () => sweepLeases(switchPaths(layout.switch).leases, (owner) => isLeaseHeld(layout, owner)));
}

/** Gives addresses back at once, for a container that this process has claimed or that goes on without them. */
export function giveBack(engine: Engine, id: string, attachments: readonly Attachment[]): void {
  for (const { network, ipv4, ipv6 } of attachments) {
    try {
      const request = leaseRequest(engine, id, findNetwork(engine, network).id);
      for (const one of [ipv4, ipv6]) if (one !== undefined) giveBackAddress(request, one.address);
    } catch (error) {
      if (!isScullError(error)) throw error; // its network is gone or damaged: the next sweep takes the address
    }
  }
}

/** Where ports are published: on the first network with a way out. */
export function portTarget(planned: readonly PlannedAttachment[]): Attachment | undefined {
  return planned.find(({ network }) => !network.internal)?.attachment;
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
  const { mtu } = network.options;
  return {
    name: network.interface,
    group: network.internal ? GROUPS.internal : GROUPS.open,
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
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
  const target = portTarget(planned);
  const [, forwarder] = await Promise.all([
    planned.some(({ network }) => network.dns) ? publishNames(engine, engaged) : undefined,
    given.ports.length === 0 || target === undefined
      ? undefined
      : forwardPorts(engaged.holder, { ports: given.ports, ipv4: target.ipv4?.address, ipv6: target.ipv6?.address, watchPid: given.watchPid, pidFile: `${networkState}.pid` }),
  ]);
  if (forwarder !== undefined) writeJsonAtomic(networkState, { ...state, process: forwarder }, { durable: false });
}
