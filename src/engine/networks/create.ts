/** network create: podman-network-create(1). */
import { ScullError } from '../../host/errors.ts';
import { randomHex, randomId } from '../../host/identity.ts';
import { chooseInterface, chooseIpv4Subnet, chooseIpv6Subnet, defineSubnet, refuseOverlap, type SubnetWish, type TakenSubnet } from '../../network/choices.ts';
import { readHostNetwork } from '../../network/host-network.ts';
import { ipVersion } from '../../spec/ip-address.ts';
import { NETWORK_FORMAT, type NetworkDefinition, type SubnetDefinition } from '../../spec/network-definition.ts';
import { addressNumber, knownSubnet, parseSubnet, type Subnet } from '../../spec/subnet.ts';
import { withLock } from '../../storage/locks.ts';
import { isNetworkName, networkNames, readNetwork, writeNetwork } from '../../storage/networks.ts';
import type { Engine } from '../engine.ts';
import { recordNetworkEvent } from '../events/record.ts';
import { allNetworks } from './find.ts';

export interface CreateNetworkOptions {
  /** `network1` or the next free one unless given. */
  readonly name?: string | undefined;
  readonly driver?: string | undefined;
  /** In order: the n-th gateway and range are those of the n-th subnet. */
  readonly subnets?: readonly string[] | undefined;
  readonly gateways?: readonly string[] | undefined;
  readonly ranges?: readonly string[] | undefined;
  readonly ipv6?: boolean;
  readonly internal?: boolean;
  readonly disableDns?: boolean;
  readonly dnsServers?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly interface?: string | undefined;
  /** A network of that name is no error; it stays as it is. */
  readonly ignore?: boolean;
}

/** What may name no network: each is a word of --network. */
const RESERVED = ['none', 'host', 'bridge', 'default', 'private', 'pasta', 'slirp4netns', 'container', 'ns', 'pod'];

/** @throws ScullError NAME_TAKEN, INVALID, UNSUPPORTED, IN_USE (a subnet) */
export async function createNetwork(engine: Engine, options: CreateNetworkOptions): Promise<NetworkDefinition> {
  checkName(options.name);
  checkDriver(options.driver);
  const networkOptions = checkOptions(options.options ?? {});
  // Two commands at once must not choose the same subnet.
  return withLock(engine.store, 'networks', async () => {
    const existing = options.name === undefined ? undefined : readNetwork(engine.store, options.name);
    if (existing !== undefined && options.ignore === true) return existing;
    const others = allNetworks(engine);
    const definition: NetworkDefinition = {
      format: NETWORK_FORMAT,
      name: options.name ?? inventName(networkNames(engine.store)),
      id: randomId(),
      driver: 'bridge',
      created: new Date().toISOString(),
      interface: bridgeName(options.interface, others),
      subnets: subnetsOf(options, takenSubnets(others)),
      internal: options.internal ?? false,
      dns: options.disableDns !== true,
      dnsServers: options.dnsServers ?? [],
      labels: options.labels ?? {},
      options: networkOptions,
    };
    await writeNetwork(engine.store, definition);
    recordNetworkEvent(engine, 'create', definition);
    return definition;
  });
}

function checkName(name: string | undefined): void {
  if (name === undefined) return;
  if (RESERVED.includes(name)) throw new ScullError('INVALID', `a network can't be called "${name}": the word has a meaning of its own for --network`);
  if (!isNetworkName(name)) throw new ScullError('INVALID', `${JSON.stringify(name.slice(0, 100))} is not a valid network name`, { hint: 'a name starts with a letter or digit and goes on with letters, digits, "_", "." and "-"' });
}

function inventName(taken: readonly string[]): string {
  for (let n = 1; ; n++) if (!taken.includes(`network${n}`)) return `network${n}`;
}

function checkDriver(driver: string | undefined): void {
  if (driver === undefined || driver === '' || driver === 'bridge') return;
  const why = driver === 'macvlan' || driver === 'ipvlan' ? `${driver} would be an interface of the host's own network, which only root can make` : `there is no network driver "${driver}"`;
  throw new ScullError('UNSUPPORTED', why, { hint: 'scull has one driver: bridge' });
}

/** `mtu`, also in Docker's spelling; what asks for what is done anyway. */
function checkOptions(options: Readonly<Record<string, string>>): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [key, value] of Object.entries(options)) {
    const invalid = (expected: string): ScullError => new ScullError('INVALID', `invalid --opt ${key}=${value.slice(0, 60)}: expected ${expected}`);
    switch (key) {
      case 'mtu':
      case 'com.docker.network.driver.mtu':
        if (!/^\d+$/.test(value) || Number(value) < 1280 || Number(value) > 65535) throw invalid('a number from 1280 to 65535');
        checked['mtu'] = value;
        break;
      case 'isolate':
      case 'com.docker.network.bridge.enable_icc':
        if (value !== 'true' && value !== '1' && value !== 'strict') throw new ScullError('UNSUPPORTED', `--opt ${key}=${value.slice(0, 60)} is not there: networks are isolated from each other, and containers on one network reach each other`);
        checked[key] = value;
        break;
      case 'com.docker.network.bridge.name':
        break; // see bridgeName
      default:
        throw new ScullError('UNSUPPORTED', `there is no network option ${JSON.stringify(key.slice(0, 60))}`, { hint: 'what there is: mtu; to name the bridge use --interface-name' });
    }
  }
  return checked;
}

function bridgeName(wished: string | undefined, others: readonly NetworkDefinition[]): string {
  const taken = new Map(others.map((other) => [other.interface, other.name]));
  if (wished === undefined) return chooseInterface(new Set(taken.keys()));
  if (wished === UPLINK) throw new ScullError('INVALID', `the bridge can't be called ${UPLINK}: that is the way out`);
  const owner = taken.get(wished);
  if (owner !== undefined) throw new ScullError('IN_USE', `the interface name ${wished} is used by network "${owner}"`);
  return wished;
}

/** The interface by which all networks reach the outside. */
const UPLINK = 'eth0';

function takenSubnets(networks: readonly NetworkDefinition[]): TakenSubnet[] {
  const ofNetworks = networks.flatMap(({ name, subnets }) => subnets.map(({ subnet }) => ({ subnet: knownSubnet(subnet), by: `network "${name}"` })));
  const ofHost = readHostNetwork().ipv4Networks.flatMap(({ address, prefix }) => {
    const subnet = parseSubnet(`${address}/${prefix}`);
    return subnet === undefined ? [] : [{ subnet, by: 'the host' }];
  });
  return [...ofNetworks, ...ofHost];
}

function subnetsOf(options: CreateNetworkOptions, taken: readonly TakenSubnet[]): SubnetDefinition[] {
  const subnets = options.subnets ?? [];
  const gateways = (options.gateways ?? []).map(checkGateway);
  const ranges = options.ranges ?? [];
  if (subnets.length === 0 && (gateways.length > 0 || ranges.length > 0)) throw new ScullError('USAGE', '--gateway and --ip-range need --subnet');
  const given = subnets.map((text, index) => {
    const subnet = checkSubnet(text);
    refuseOverlap(subnet, taken);
    const inOrder = subnets.length > 1 ? fitting(subnet, gateways) : gateways[0];
    return { subnet, definition: defineSubnet(subnet, wish(inOrder, ranges[index])) };
  });
  for (const version of [4, 6] as const) {
    if (given.filter((one) => one.subnet.version === version).length > 1) throw new ScullError('UNSUPPORTED', `a network has at most one IPv${version} subnet`);
  }
  const versions = given.map(({ subnet }) => subnet.version);
  const definitions = given.map(({ definition }) => definition);
  if (versions.length === 0) definitions.push(defineSubnet(chooseIpv4Subnet(taken), {}));
  if (options.ipv6 === true && !versions.includes(6)) definitions.push(defineSubnet(chooseIpv6Subnet(taken, () => randomHex(5)), {}));
  return definitions.sort((a, b) => ipVersion(a.gateway) - ipVersion(b.gateway));
}

/** With several subnets a gateway is that of the one it lies in. */
function fitting(subnet: Subnet, gateways: readonly string[]): string | undefined {
  return gateways.find((gateway) => ipVersion(gateway) === subnet.version);
}

function wish(gateway: string | undefined, range: string | undefined): SubnetWish {
  return { ...(gateway === undefined ? {} : { gateway }), ...(range === undefined ? {} : { range }) };
}

function checkSubnet(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (subnet !== undefined) return subnet;
  throw new ScullError('INVALID', `invalid --subnet ${JSON.stringify(text.slice(0, 100))}: expected an address and a prefix length, such as 10.89.4.0/24 or fd10:20::/64`);
}

function checkGateway(text: string): string {
  if (addressNumber(text) !== undefined && !text.includes('%')) return text;
  throw new ScullError('INVALID', `invalid --gateway ${JSON.stringify(text.slice(0, 100))}: it is not an IP address`);
}
