/** Addresses of containers on networks: taken, given back, and swept when their container has ended. */
import { isScullError, ScullError } from '../../host/errors.ts';
import { switchPaths } from '../../network/drivers/switch.ts';
import { giveBackAddress, sweepLeases, takeAddress, takeAnyAddress, type LeaseRequest } from '../../network/leases.ts';
import type { Attachment } from '../../network/state.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readContainer } from '../../runtime/container-store.ts';
import type { NetworkDefinition, SubnetDefinition } from '../../spec/network-definition.ts';
import { withLock } from '../../storage/locks.ts';
import type { Engine } from '../engine.ts';
import { findNetwork } from './find.ts';
import { isLeaseHeld, leaseOwner } from './plugged-in.ts';

/**
 * Takes an address for a container on a network: the wished one, or any that is free.
 * @throws ScullError IN_USE naming the other container, NETWORK (no address left)
 */
export async function lease(engine: Engine, record: ContainerRecord, network: NetworkDefinition, subnet: SubnetDefinition, wished: string | undefined): Promise<string> {
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
