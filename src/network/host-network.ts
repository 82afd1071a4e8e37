/**
 * What the host's network looks like right now, read from /proc (proc_pid_net(5)): which address others reach it at,
 * which routes lead out, which resolvers and names it knows. A few small reads; nothing is started.
 */
import { networkInterfaces } from 'node:os';
import { readTextIfPresent } from '../host/files.ts';

export interface HostAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefix: number;
  /** Undefined where no default route goes this way (an isolated network, an unplugged laptop). */
  readonly gateway?: string;
}

export interface HostNetwork {
  /** The IPv4 address of the default route's interface, else of any interface but loopback. */
  readonly ipv4?: HostAddress;
  /** A global IPv6 address on the interface of the IPv6 default route; only with such a route. */
  readonly ipv6?: HostAddress;
  /** Every IPv4 address of the host with its prefix length. */
  readonly ipv4Networks: readonly { readonly address: string; readonly prefix: number }[];
  /** Text of /etc/resolv.conf, '' where there is none. */
  readonly resolvConf: string;
  /** Text of /etc/hosts, '' where there is none. */
  readonly hosts: string;
}

/** A host that reaches nothing yet; it may get a network later. Pure. */
export function hasNoNetwork({ ipv4, ipv6 }: HostNetwork): boolean {
  return ipv4 === undefined && ipv6 === undefined;
}

/** @param withAddresses false for who reaches nothing through it: then its files alone are read */
export function readHostNetwork(withAddresses = true): HostNetwork {
  const files = { resolvConf: readTextIfPresent('/etc/resolv.conf') ?? '', hosts: readTextIfPresent('/etc/hosts') ?? '' };
  return withAddresses ? { ...readAddresses(), ...files } : { ipv4Networks: [], ...files };
}

function readAddresses(): Pick<HostNetwork, 'ipv4' | 'ipv6' | 'ipv4Networks'> {
  const ipv4Addresses = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter((entry) => entry.family === 'IPv4' && !entry.internal)
      .map((entry) => ({ interface: name, address: entry.address, prefix: Number(entry.cidr?.split('/')[1] ?? 32) })),
  );
  const route = defaultRoute4(readTextIfPresent('/proc/net/route') ?? '');
  const onRoute = ipv4Addresses.find((entry) => entry.interface === route?.interface);
  const ipv4 = onRoute === undefined ? ipv4Addresses[0] : { ...onRoute, ...(route === undefined ? {} : { gateway: route.gateway }) };
  const ipv6 = globalIpv6(readTextIfPresent('/proc/net/ipv6_route') ?? '', readTextIfPresent('/proc/net/if_inet6') ?? '');
  return {
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ipv4Networks: ipv4Addresses.map(({ address, prefix }) => ({ address, prefix })),
  };
}

/** The default route with the lowest metric in the text of /proc/net/route, whose numbers are in host byte order. */
export function defaultRoute4(text: string): { readonly interface: string; readonly gateway: string } | undefined {
  let best: { interface: string; gateway: string; metric: number } | undefined;
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    if (name === undefined || gateway === undefined || destination !== '00000000' || mask !== '00000000') continue;
    const up = (Number.parseInt(flags ?? '0', 16) & 0x1) !== 0;
    const rejecting = (Number.parseInt(flags ?? '0', 16) & 0x200) !== 0;
    if (!up || rejecting || (best !== undefined && Number(metric) >= best.metric)) continue;
    best = { interface: name, gateway: littleEndianAddress(gateway), metric: Number(metric) };
  }
  return best;
}

/** `0100A8C0` → `192.168.0.1`. */
export function littleEndianAddress(hex: string): string {
  const value = Number.parseInt(hex, 16);
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff].join('.');
}

const REJECT_ROUTE = 0x200;
const TEMPORARY = 0x01;
const UNUSABLE = 0x20 | 0x40 | 0x08; // deprecated, tentative, failed duplicate detection

/** Default route of the lowest metric in /proc/net/ipv6_route, with the best global address of its interface. */
export function globalIpv6(routes: string, addresses: string): HostAddress | undefined {
  let best: { interface: string; gateway: string; metric: number } | undefined;
  for (const line of routes.split('\n')) {
    const [destination, length, , , nextHop, metric, , , flags, name] = line.trim().split(/\s+/);
    if (name === undefined || nextHop === undefined || name === 'lo' || length !== '00' || !/^0+$/.test(destination ?? '')) continue;
    if ((Number.parseInt(flags ?? '0', 16) & REJECT_ROUTE) !== 0) continue;
    const weight = Number.parseInt(metric ?? '0', 16);
    if (best === undefined || weight < best.metric) best = { interface: name, gateway: colonAddress(nextHop), metric: weight };
  }
  if (best === undefined) return undefined;
  const found = addresses
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([address, , prefix, scope, flags, name]) => ({ address, prefix, scope, flags: Number.parseInt(flags ?? '0', 16), name }))
    .filter((entry) => entry.name === best.interface && entry.scope === '00' && (entry.flags & UNUSABLE) === 0)
    .sort((a, b) => (a.flags & TEMPORARY) - (b.flags & TEMPORARY))[0];
  if (found?.address === undefined || found.prefix === undefined) return undefined;
  return { interface: best.interface, address: colonAddress(found.address), prefix: Number.parseInt(found.prefix, 16), gateway: best.gateway };
}

/** 32 hex digits → eight groups, leading zeros dropped, the longest run of zeros as `::` (RFC 5952). */
export function colonAddress(hex: string): string {
  const groups = (hex.match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16));
  let start = -1;
  let longest = 1;
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === '0') end++;
    if (end - i > longest) {
      start = i;
      longest = end - i;
    }
  }
  if (start < 0) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`;
}
