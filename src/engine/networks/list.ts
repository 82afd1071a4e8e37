/** network ls and network inspect: one shape with the names of both Docker (capitals) and Podman. */
import { ScullError } from '../../host/errors.ts';
import { ipVersion } from '../../spec/ip-address.ts';
import { DEFAULT_NETWORK, type NetworkDefinition } from '../../spec/network-definition.ts';
import type { Engine } from '../engine.ts';
import { hasLabel } from '../containers/selection.ts';
import { allNetworks, findNetwork } from './find.ts';
import { pluggedIn, type PluggedIn } from './plugged-in.ts';
import { networkUsers } from './usage.ts';

export type NetworkFilters = Readonly<Record<string, readonly string[]>>;

const NETWORK_FILTERS = ['name', 'id', 'driver', 'label', 'label!', 'dangling', 'until', 'scope', 'type'] as const;

/** Networks sorted by name. @throws ScullError INVALID for an unknown filter */
export function listNetworks(engine: Engine, filters: NetworkFilters = {}): NetworkDefinition[] {
  const matchers = Object.entries(filters).map(([key, values]) => matcher(engine, key, values));
  return allNetworks(engine).filter((network) => matchers.every((matches) => matches(network)));
}

function matcher(engine: Engine, key: string, values: readonly string[]): (network: NetworkDefinition) => boolean {
  switch (key) {
    case 'name':
      return ({ name }) => values.some((value) => matchesPattern(name, value));
    case 'id':
      return ({ id }) => values.some((value) => id.startsWith(value) || matchesPattern(id, value));
    case 'driver':
      return ({ driver }) => values.includes(driver);
    case 'scope':
      return () => values.includes('local');
    case 'type':
      return ({ name }) => values.some((value) => (name === DEFAULT_NETWORK.name) === (value === 'builtin'));
    case 'label':
      return ({ labels }) => values.every((value) => hasLabel(labels, value));
    case 'label!':
      return ({ labels }) => !values.some((value) => hasLabel(labels, value));
    case 'dangling': {
      const users = networkUsers(engine);
      return ({ name }) => values.some((value) => truth(value) === (!users.has(name) && name !== DEFAULT_NETWORK.name));
    }
    case 'until':
      return ({ created }) => values.some((value) => Date.parse(created) < Number(value) * 1000);
    default:
      throw new ScullError('INVALID', `unknown filter "${key}"`, { hint: `filters of networks are ${NETWORK_FILTERS.join(', ')}` });
  }
}

function truth(value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw new ScullError('INVALID', `the filter dangling is true or false, not "${value}"`);
}

/** A regular expression, as with Podman; what is none is looked for as it is. */
function matchesPattern(text: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return text.includes(pattern);
  }
}

/** As `network inspect` prints it. @throws ScullError NO_SUCH_NETWORK, AMBIGUOUS, CORRUPT */
export function inspectNetwork(engine: Engine, typed: string): object {
  const network = findNetwork(engine, typed);
  return { ...dockerShape(network), ...podmanShape(network), ...containersOf(network, pluggedIn(engine)) };
}

function dockerShape(network: NetworkDefinition): object {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: network.subnets.some(({ gateway }) => ipVersion(gateway) === 4),
    EnableIPv6: network.subnets.some(({ gateway }) => ipVersion(gateway) === 6),
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: network.subnets.map(({ subnet, gateway, range }) => ({ Subnet: subnet, ...(range === undefined ? {} : { IPRange: `${range.first}-${range.last}` }), Gateway: gateway })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    Options: network.options,
    Labels: network.labels,
  };
}

/** `podman network inspect`; also what `network ls --format json` prints. */
export function podmanShape(network: NetworkDefinition): object {
  return {
    name: network.name,
    id: network.id,
    driver: network.driver,
    network_interface: network.interface,
    created: network.created,
    subnets: network.subnets.map(({ subnet, gateway, range }) => ({ subnet, gateway, ...(range === undefined ? {} : { lease_range: { start_ip: range.first, end_ip: range.last } }) })),
    ipv6_enabled: network.subnets.some(({ gateway }) => ipVersion(gateway) === 6),
    internal: network.internal,
    dns_enabled: network.dns,
    ...(network.dnsServers.length === 0 ? {} : { network_dns_servers: network.dnsServers }),
    labels: network.labels,
    options: network.options,
    ipam_options: { driver: 'host-local' },
  };
}

function containersOf({ name, subnets }: NetworkDefinition, running: readonly PluggedIn[]): object {
  const docker: Record<string, object> = {};
  const podman: Record<string, object> = {};
  for (const { record, attachments } of running) {
    for (const one of attachments.filter((attachment) => attachment.network === name)) {
      const addresses = [one.ipv4, one.ipv6].flatMap((address) => (address === undefined ? [] : [address]));
      docker[record.id] = {
        Name: record.name,
        EndpointID: '',
        MacAddress: one.mac,
        IPv4Address: one.ipv4 === undefined ? '' : `${one.ipv4.address}/${one.ipv4.prefix}`,
        IPv6Address: one.ipv6 === undefined ? '' : `${one.ipv6.address}/${one.ipv6.prefix}`,
      };
      podman[record.id] = {
        name: record.name,
        interfaces: {
          [one.interface]: {
            subnets: addresses.map(({ address, prefix }) => ({ ipnet: `${address}/${prefix}`, gateway: subnets.find(({ gateway }) => ipVersion(gateway) === ipVersion(address))?.gateway ?? '' })),
            mac_address: one.mac,
          },
        },
      };
    }
  }
  return { Containers: docker, containers: podman };
}
