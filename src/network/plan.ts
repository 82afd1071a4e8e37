/**
 * From what the user asked of the network to what is done about it: one value, made without touching anything.
 *
 * The container has an IPv4 network of its own (10.0.2.100 behind 10.0.2.2, on eth0), as with the other user-mode network
 * stacks, rather than a copy of the host's address: so the host can be reached at its real address with every version of
 * pasta, `host.containers.internal` always works, and nothing in the container changes when a laptop changes networks.
 * Addresses on the host's own networks stay reachable also where they look alike, because pasta answers for all of them.
 * The host's loopback is not reachable (`--no-map-gw`, no ports forwarded outwards) unless asked for with
 * `--network pasta:--map-gw`. IPv6 is a copy of the host's global address where it has one.
 */
import { ScullError } from '../host/errors.ts';
import type { NetworkSpec, PortRequest } from '../spec/container-spec.ts';
import type { HostNetwork } from './host-network.ts';
import { knownSubnet, overlap, parseSubnet } from '../spec/subnet.ts';
import { hostResolvConfText, hostsText, parseResolvConf, resolvConfText } from './name-files.ts';

/** Where the container's network namespace comes from. */
export type NetworkNamespace =
  /** A fresh one. */
  | { readonly kind: 'new' }
  /** The host's: none is made. */
  | { readonly kind: 'host' }
  /** An existing one: setns(2) to this path. */
  | { readonly kind: 'path'; readonly path: string };

export interface NetworkPlan {
  readonly mode: 'none' | 'host' | 'pasta' | 'switch' | 'join';
  readonly namespace: NetworkNamespace;
  /** Set with mode pasta. */
  readonly pasta?: PastaPlan;
  /** Published ports that take effect. */
  readonly ports: readonly PortRequest[];
  /** Text for /etc/resolv.conf; undefined: leave the image's (or the joined container's) alone. */
  readonly resolvConf: string | undefined;
  /** Text for /etc/hosts; undefined as above or with --no-hosts. */
  readonly hosts: string | undefined;
  /** Text for /etc/hostname; undefined with --no-hostname. */
  readonly hostnameFile: string | undefined;
  readonly addresses: ContainerAddresses;
  /** What the user should know: ports without effect, no way out. */
  readonly warnings: readonly string[];
}

export interface PastaPlan {
  /** Arguments without the program, --pid and the target process. */
  readonly args: readonly string[];
  readonly interface: string;
  /** Those for a start with the first packet, when interface and ports are others' business. Unset where the user's options need pasta from the start. */
  readonly lateArgs?: readonly string[];
  /** Those for a start at once where ports are others' business. Unset without options of the user, and where they say something of ports or addresses. */
  readonly closedArgs?: readonly string[];
  /** The host's first name server, which pasta asks for who asks at {@link DNS_FORWARDER}. */
  readonly resolver?: string;
}

/** What the container's own interface has; empty where it has none. */
export interface ContainerAddresses {
  readonly ipv4?: { readonly address: string; readonly prefix: number; readonly gateway: string };
  readonly ipv6?: { readonly address: string; readonly prefix: number; readonly gateway: string };
}

/** What a plan depends on besides the wish. */
export interface NetworkFacts {
  readonly host: HostNetwork;
  /** Of the container, as it sees it. */
  readonly hostname: string;
  readonly containerName: string;
  /** The container's UTS namespace is the host's: its hostname is not ours to write. */
  readonly hostUts?: boolean;
  /** With `--network container:…`, and `ns:…` of a container whose name files do: the network namespace of that container's process. */
  readonly join?: { readonly path: string; readonly ours: boolean };
  /** Somebody waits for the network of a host that has none. */
  readonly canWait?: boolean;
  /** pasta asks name servers that are the host's no more. */
  readonly staleForwarder?: boolean;
  /** With named networks: the container's interfaces. */
  readonly interfaces?: readonly InterfaceFact[];
}

/** One interface of a container on a named network. */
export interface InterfaceFact {
  /** With the network's gateways. */
  readonly addresses: ContainerAddresses;
  /** The gateways tell names of containers; they were to, but there is nobody to do it. */
  readonly dns: boolean | 'missing';
  /** There is no way out. */
  readonly internal: boolean;
}

/** Bytes: the largest that IPv4 allows with whole words, pasta's own default. No wire is on the way, and packets that are few are fast. */
export const MTU = 65520;

/** Queries to this address are answered by the host's resolver, see `--dns-forward` in pasta(1). */
export const DNS_FORWARDER = '169.254.1.1';
const INTERFACE = 'eth0';
/** /24 networks to choose the container's from: the first that is not one of the host's. */
const PRIVATE_NETWORKS = ['10.0.2', '10.0.3', '172.31.254', '192.168.219'] as const;

/** Makes the plan. @throws ScullError INVALID for wishes that contradict each other */
export function planNetwork(spec: NetworkSpec, facts: NetworkFacts): NetworkPlan {
  const { mode } = spec;
  switch (mode.mode) {
    case 'none':
      return withNames(spec, facts, { mode: 'none', namespace: { kind: 'new' }, addresses: {}, ...withoutPorts(spec, 'none') });
    case 'host':
      return withNames(spec, facts, { mode: 'host', namespace: { kind: 'host' }, addresses: {}, ...withoutPorts(spec, 'host') });
    case 'path':
      refusePorts(spec, `ns:${mode.path}`);
      if (facts.join !== undefined) return joined(spec, facts, { kind: 'path', path: mode.path });
      return withNames(spec, facts, { mode: 'join', namespace: { kind: 'path', path: mode.path }, addresses: {}, ports: [], warnings: [] });
    case 'container':
      refusePorts(spec, `container:${mode.container}`);
      return planJoin(spec, mode.container, facts);
    case 'default':
      return planPasta(spec, [], facts);
    case 'pasta':
      return planPasta(spec, mode.options, facts);
    case 'networks':
      return planSwitch(spec, facts);
  }
}

type Draft = Omit<NetworkPlan, 'resolvConf' | 'hosts' | 'hostnameFile'> & {
  readonly forwarder?: string;
  readonly hostAddress?: string;
  /** Asked in place of the host's and of the user's, whom they ask themselves. */
  readonly nameServers?: readonly string[];
};

function planPasta(spec: NetworkSpec, options: readonly string[], facts: NetworkFacts): NetworkPlan {
  const { host } = facts;
  const user = readUserOptions(options);
  const waits = facts.canWait === true && options.length === 0;
  const offline = offlineWarnings(spec, host, waits);
  if (offline.length > 0 && !waits) return withNames(spec, facts, { mode: 'none', namespace: { kind: 'new' }, addresses: {}, ports: [], warnings: offline });
  const addresses = chooseAddresses(host);
  const [resolver] = parseResolvConf(host.resolvConf).nameservers;
  const hostAddress = user.mapGuestAddress ?? (user.mapGateway ? addresses.ipv4?.gateway : undefined) ?? host.ipv4?.address ?? host.ipv6?.address;
  return withNames(spec, facts, {
    mode: 'pasta',
    namespace: { kind: 'new' },
    pasta: {
      args: pastaArguments(spec.ports, options, addresses, host),
      interface: INTERFACE,
      ...(options.length === 0 ? { lateArgs: pastaArguments([], [], addresses, host).filter((arg) => arg !== '--config-net') } : {}),
      ...(options.length > 0 && !user.has(...OF_PORTS) ? { closedArgs: pastaArguments([], options, addresses, host) } : {}),
      ...(resolver === undefined ? {} : { resolver }),
    },
    // What the user gave instead is not ours to tell.
    addresses: user.has('-a', '--address') ? {} : addresses,
    ports: spec.ports,
    warnings: offline,
    ...(addresses.ipv4 === undefined || facts.staleForwarder === true ? {} : { forwarder: DNS_FORWARDER }),
    ...(user.dnsForward === undefined ? {} : { forwarder: user.dnsForward }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
  });
}

function offlineWarnings(spec: NetworkSpec, host: HostNetwork, waits: boolean): string[] {
  if (host.ipv4 !== undefined || host.ipv6 !== undefined) return [];
  const until = waits ? ' until it has one' : '';
  const warning = `this host has no network, so the container gets none either${until} (its own loopback only)`;
  return [warning, ...(spec.ports.length === 0 ? [] : [`published ports have no effect${until}: ${warning}`])];
}

function planSwitch(spec: NetworkSpec, facts: NetworkFacts): NetworkPlan {
  const { host, interfaces = [] } = facts;
  const isShut = interfaces.every(({ internal }) => internal);
  const nameless = interfaces.some(({ dns }) => dns === 'missing') ? ['aardvark-dns is not installed: containers on one network reach each other by address only'] : [];
  const lost = isShut && spec.ports.length > 0 ? ['published ports have no effect on an internal network: nobody outside reaches the container'] : [];
  const nameServers = interfaces.filter(({ dns }) => dns === true).flatMap(({ addresses: { ipv4, ipv6 } }) => (ipv4 ?? ipv6)?.gateway ?? []);
  // Whoever is asked while aardvark-dns reads its files anew does not answer: then five seconds are a long time.
  const dnsOptions = nameServers.length === 0 || spec.dnsOptions.some((option) => option.startsWith('timeout')) ? spec.dnsOptions : [...spec.dnsOptions, 'timeout:1', 'attempts:3'];
  return withNames({ ...spec, dnsOptions }, facts, {
    mode: 'switch',
    namespace: { kind: 'new' },
    addresses: interfaces[0]?.addresses ?? {},
    ports: isShut ? [] : spec.ports,
    warnings: [...nameless, ...lost],
    nameServers,
    ...(host.ipv4 === undefined || isShut ? {} : { forwarder: DNS_FORWARDER }),
  });
}

function planJoin(spec: NetworkSpec, container: string, facts: NetworkFacts): NetworkPlan {
  if (facts.join === undefined) throw new ScullError('WRONG_STATE', `container "${container}" is not running, so its network can't be joined`, { hint: `start it with \`scull start ${container}\`` });
  for (const [flag, given] of [
    ['--dns', spec.dns],
    ['--dns-search', spec.dnsSearch],
    ['--dns-option', spec.dnsOptions],
    ['--add-host', spec.addHosts],
  ] as const) {
    if (given.length > 0) throw new ScullError('INVALID', `${flag} can't be used with --network container:${container}: that container's files are shared`);
  }
  return joined(spec, facts, facts.join.ours ? { kind: 'host' } : { kind: 'path', path: facts.join.path });
}

/** resolv.conf and hosts are the other container's files, mounted by the caller. */
function joined(spec: NetworkSpec, facts: NetworkFacts, namespace: NetworkNamespace): NetworkPlan {
  return {
    mode: 'join',
    namespace,
    ports: [],
    addresses: {},
    warnings: [],
    resolvConf: undefined,
    hosts: undefined,
    hostnameFile: hostnameText(spec, facts),
  };
}

function withNames(spec: NetworkSpec, facts: NetworkFacts, draft: Draft): NetworkPlan {
  const { forwarder, hostAddress: given, nameServers = [], ...plan } = draft;
  const { host } = facts;
  const hostMode = plan.mode === 'host' || plan.mode === 'join';
  // In the host's own namespace the host is where we are.
  const hostAddress = plan.mode === 'none' ? undefined : (given ?? (plan.mode === 'host' ? (host.ipv4?.address ?? '127.0.0.1') : host.ipv4?.address));
  const ownAddress = plan.addresses.ipv4?.address ?? plan.addresses.ipv6?.address ?? '127.0.1.1';
  const noResolvConf = spec.dns.length === 1 && spec.dns[0] === 'none';
  return {
    ...plan,
    resolvConf: noResolvConf ? undefined : hostMode ? hostResolvConfText(host.resolvConf, spec) : resolvConfText(host.resolvConf, nameServers.length > 0 ? { ...spec, dns: nameServers } : spec, forwarder),
    hosts: spec.noHosts
      ? undefined
      : hostsText(host.hosts, {
          addHosts: spec.addHosts,
          ...(hostAddress === undefined ? {} : { hostAddress }),
          own: { address: ownAddress, names: [facts.hostname, facts.containerName] },
        }),
    hostnameFile: hostnameText(spec, facts),
  };
}

function hostnameText(spec: NetworkSpec, facts: NetworkFacts): string | undefined {
  return spec.noHostname || facts.hostUts === true ? undefined : `${facts.hostname}\n`;
}

function withoutPorts(spec: NetworkSpec, mode: string): { ports: readonly PortRequest[]; warnings: readonly string[] } {
  return { ports: [], warnings: spec.ports.length === 0 ? [] : [`published ports have no effect with --network ${mode}`] };
}

function refusePorts(spec: NetworkSpec, network: string): void {
  if (spec.ports.length === 0) return;
  throw new ScullError('INVALID', `ports can't be published with --network ${network}`, { hint: 'publish them on the container whose network is joined' });
}

function chooseAddresses(host: HostNetwork): ContainerAddresses {
  const taken = host.ipv4Networks.flatMap(({ address, prefix }) => parseSubnet(`${address}/${prefix}`) ?? []);
  const isFree = (network: string): boolean => !taken.some((other) => overlap(knownSubnet(`${network}.0/24`), other));
  const network = PRIVATE_NETWORKS.find(isFree) ?? PRIVATE_NETWORKS[0];
  return {
    ...(host.ipv4 === undefined ? {} : { ipv4: { address: `${network}.100`, prefix: 24, gateway: `${network}.2` } }),
    ...(host.ipv6?.gateway === undefined ? {} : { ipv6: { address: host.ipv6.address, prefix: host.ipv6.prefix, gateway: host.ipv6.gateway } }),
  };
}

/** Options that say which ports are published, or what the container's addresses are. */
const OF_PORTS = ['-t', '--tcp-ports', '-u', '--udp-ports', '-a', '--address', '-g', '--gateway', '-4', '--ipv4-only', '-6', '--ipv6-only'];

interface UserOptions {
  readonly dnsForward: string | undefined;
  readonly mapGuestAddress: string | undefined;
  readonly mapGateway: boolean;
  has(...names: readonly string[]): boolean;
}

/** `pasta:` options are pasta's own words, plus Podman's `--map-gw`; both `--option value` and `--option=value`. */
function readUserOptions(options: readonly string[]): UserOptions {
  const valueOf = (name: string): string | undefined => {
    const index = options.indexOf(name);
    return index >= 0 ? options[index + 1] : options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  };
  return {
    dnsForward: valueOf('--dns-forward'),
    mapGuestAddress: valueOf('--map-guest-addr'),
    mapGateway: options.includes('--map-gw'),
    has: (...names) => names.some((name) => options.some((option) => option === name || option.startsWith(`${name}=`))),
  };
}

/** See pasta(1). The user's options come first; ours are left out where they speak about the same thing. */
function pastaArguments(ports: readonly PortRequest[], options: readonly string[], addresses: ContainerAddresses, host: HostNetwork): string[] {
  const user = readUserOptions(options);
  const args = ['--config-net', ...options.filter((option) => option !== '--map-gw')];
  if (!user.has('-d', '--debug', '--trace')) args.push('--quiet');
  if (!user.has('-I', '--ns-ifname')) args.push('--ns-ifname', INTERFACE);
  if (!user.has('-a', '--address')) {
    if (addresses.ipv4 !== undefined) args.push('-a', addresses.ipv4.address, '-n', '255.255.255.0');
    if (addresses.ipv6 !== undefined) args.push('-a', addresses.ipv6.address);
    if (!user.has('-g', '--gateway')) {
      if (addresses.ipv4 !== undefined) args.push('-g', addresses.ipv4.gateway);
      if (addresses.ipv6 !== undefined) args.push('-g', addresses.ipv6.gateway);
    }
  }
  // Without a default route pasta must be told an interface, else it refuses to work on an isolated network.
  if (host.ipv4 !== undefined && host.ipv4.gateway === undefined && !user.has('-i', '--interface')) args.push('-i', host.ipv4.interface);
  if (!user.has('-4', '--ipv4-only', '-6', '--ipv6-only')) {
    if (addresses.ipv6 === undefined) args.push('-4');
    else if (addresses.ipv4 === undefined) args.push('-6');
  }
  if (user.dnsForward === undefined && addresses.ipv4 !== undefined) args.push('--dns-forward', DNS_FORWARDER);
  if (!user.mapGateway) args.push('--no-map-gw');
  args.push(...portArguments(ports, user));
  return args;
}

function portArguments(ports: readonly PortRequest[], user: UserOptions): string[] {
  const args: string[] = [];
  for (const port of ports) args.push(port.protocol === 'tcp' ? '-t' : '-u', pastaPort(port));
  if (!args.includes('-t') && !user.has('-t', '--tcp-ports')) args.push('-t', 'none');
  if (!args.includes('-u') && !user.has('-u', '--udp-ports')) args.push('-u', 'none');
  if (!user.has('-T', '--tcp-ns')) args.push('-T', 'none');
  if (!user.has('-U', '--udp-ns')) args.push('-U', 'none');
  return args;
}

/** `127.0.0.1/8080-8081:80-81`, as -t and -u take it. */
function pastaPort(port: PortRequest): string {
  if (port.hostPort === undefined) throw new Error(`the host port for ${port.containerPort}/${port.protocol} was not chosen`);
  const address = port.hostIp === '' ? '' : `${port.hostIp}/`;
  const span = (first: number): string => (port.range > 1 ? `${first}-${first + port.range - 1}` : String(first));
  return `${address}${span(port.hostPort)}:${span(port.containerPort)}`;
}
