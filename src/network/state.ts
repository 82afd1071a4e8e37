/** network.json in a container's runtime directory: what its network consists of while it runs. */
import { readJson } from '../host/files.ts';
import { ScullError } from '../host/errors.ts';
import type { ProcessIdentity } from '../host/identity.ts';
import type { PortRequest } from '../spec/container-spec.ts';
import type { ContainerAddresses } from './plan.ts';

interface CommonState {
  /** Who listens on the published ports: the forwarder, or pasta where nobody is the keeper. Undefined where nobody does (yet). */
  readonly process?: ProcessIdentity;
  readonly ports: readonly PortRequest[];
  /** Of the first interface. */
  readonly addresses: ContainerAddresses;
}

export interface PastaState extends CommonState {
  readonly driver: 'pasta';
  /** Who looks after the way out: scull-net, which starts pasta when it is wanted, or pasta itself where the ports are not its. */
  readonly keeper?: ProcessIdentity;
  /** The host's first name server when pasta was to read which they are. */
  readonly resolver?: string;
}

/** A container on named networks. */
export interface SwitchState extends CommonState {
  readonly driver: 'switch';
  readonly attachments: readonly Attachment[];
  /** The interface to whose addresses published ports lead. */
  readonly publishedOn?: string;
  /** Name servers of its own, asked for names that are no container's. */
  readonly dns: readonly string[];
}

export type NetworkState = PastaState | SwitchState;

/** One interface of a container, on one network. */
export interface Attachment {
  readonly network: string;
  readonly interface: string;
  readonly mac: string;
  readonly ipv4?: InterfaceAddress;
  readonly ipv6?: InterfaceAddress;
  /** What others on this network may call the container, besides its name. */
  readonly aliases: readonly string[];
}

export interface InterfaceAddress {
  readonly address: string;
  readonly prefix: number;
}

/** The state of a container's network, or undefined where it has none of ours. Takes no lock. @throws ScullError CORRUPT */
export function readNetworkState(stateFile: string): NetworkState | undefined {
  const value = readJson(stateFile) as Partial<NetworkState> | null | undefined;
  if (value === undefined) return undefined;
  const known = value !== null && (value.driver === 'pasta' || (value.driver === 'switch' && Array.isArray(value.attachments)));
  if (!known || !Array.isArray(value.ports)) throw new ScullError('CORRUPT', `the record ${stateFile} is damaged: it is not a network's state`);
  return value as NetworkState;
}

/** Files of a forwarder, beside network.json: its process, and what visitors said and were told (native/scull-port.c). */
export function forwarderFiles(stateFile: string): { readonly pid: string; readonly counts: string } {
  return { pid: `${stateFile}.port.pid`, counts: `${stateFile}.port.counts` };
}
