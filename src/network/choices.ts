/** What is chosen for a new network where its maker left it open. Pure. */
import { ScullError } from '../host/errors.ts';
import { addressText, contains, lastOf, overlap, parseSubnet, subnetText, usable, type Subnet } from '../spec/subnet.ts';
import type { SubnetDefinition } from '../spec/network-definition.ts';
import { ipVersion } from '../spec/ip-address.ts';

/** A subnet in use, and what uses it, for errors: `network "front"`, `the host`. */
export interface TakenSubnet {
  readonly subnet: Subnet;
  readonly by: string;
}

/** As Podman: /24 networks from 10.89.0.0 upwards. */
const POOL_START = (10n << 24n) + (89n << 16n);
const POOL_END = (11n << 24n) - 1n;

/** @throws ScullError NETWORK when all are taken */
export function chooseIpv4Subnet(taken: readonly TakenSubnet[]): Subnet {
  for (let base = POOL_START; base < POOL_END; base += 256n) {
    const candidate: Subnet = { version: 4, base, prefix: 24 };
    if (!taken.some(({ subnet }) => overlap(subnet, candidate))) return candidate;
  }
  throw new ScullError('NETWORK', 'no subnet is left between 10.89.0.0 and 10.255.255.0', { hint: 'give one with --subnet, or remove networks with `scull network prune`' });
}

/** A unique local one (RFC 4193). @param random 40 bits in hex */
export function chooseIpv6Subnet(taken: readonly TakenSubnet[], random: () => string): Subnet {
  for (;;) {
    const candidate: Subnet = { version: 6, base: BigInt(`0xfd${random()}`) << 80n, prefix: 64 };
    if (!taken.some(({ subnet }) => overlap(subnet, candidate))) return candidate;
  }
}

export interface SubnetWish {
  readonly subnet?: string;
  readonly gateway?: string;
  /** `10.89.0.64/26` or `10.89.0.100-10.89.0.200` */
  readonly range?: string;
}

/**
 * Checks one subnet with its gateway and range.
 * @throws ScullError INVALID naming what does not fit
 */
export function defineSubnet(subnet: Subnet, wish: SubnetWish): SubnetDefinition {
  const text = subnetText(subnet);
  const { first, last } = usable(subnet);
  if (last - first < 1n) throw new ScullError('INVALID', `the subnet ${text} has no room for a gateway and a container`);
  const gateway = wish.gateway ?? addressText(subnet.version, first);
  if (!contains(subnet, gateway)) throw new ScullError('INVALID', `the gateway ${gateway} is not in the subnet ${text}`);
  return { subnet: text, gateway, ...(wish.range === undefined ? {} : { range: readRange(wish.range, subnet) }) };
}

function readRange(text: string, subnet: Subnet): { first: string; last: string } {
  const cidr = parseSubnet(text);
  const [from = '', to = ''] = text.split('-', 2);
  const ends = cidr === undefined ? { first: from.trim(), last: to.trim() } : { first: addressText(cidr.version, cidr.base), last: addressText(cidr.version, lastOf(cidr)) };
  if (ipVersion(ends.first) === 0 || ipVersion(ends.last) === 0) throw new ScullError('INVALID', `invalid --ip-range ${JSON.stringify(text.slice(0, 100))}: expected a subnet such as 10.89.0.128/25, or two addresses with "-" between them`);
  if (!contains(subnet, ends.first) || !contains(subnet, ends.last)) throw new ScullError('INVALID', `the range ${text} is not in the subnet ${subnetText(subnet)}`);
  return ends;
}

/** @throws ScullError IN_USE naming the other one */
export function refuseOverlap(subnet: Subnet, taken: readonly TakenSubnet[]): void {
  const other = taken.find((one) => overlap(one.subnet, subnet));
  if (other === undefined) return;
  throw new ScullError('IN_USE', `the subnet ${subnetText(subnet)} overlaps with ${subnetText(other.subnet)}, which is used by ${other.by}`, { hint: 'leave --subnet out, and a free one is chosen' });
}

/** `scull1`, `scull2` …: the first that is free. */
export function chooseInterface(taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) if (!taken.has(`scull${n}`)) return `scull${n}`;
}
