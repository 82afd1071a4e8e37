/** Arithmetic of IP addresses and subnets (RFC 4632, RFC 4291), on numbers wide enough for IPv6. */
import { ScullError } from '../host/errors.ts';
import { ipVersion } from './ip-address.ts';

export interface Subnet {
  readonly version: 4 | 6;
  /** The lowest address. */
  readonly base: bigint;
  readonly prefix: number;
}

/** The address as a number; undefined for what is none. */
export function addressNumber(text: string): bigint | undefined {
  switch (ipVersion(text)) {
    case 4:
      return text.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
    case 6:
      return ipv6Number(text.replace(/%.*$/, ''));
    default:
      return undefined;
  }
}

function ipv6Number(text: string): bigint {
  const embedded = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = embedded === null ? text : text.slice(0, embedded.index) + [1, 3].map((i) => ((Number(embedded[i]) << 8) | Number(embedded[i + 1])).toString(16)).join(':');
  const [head = '', tail] = hex.split('::');
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return all.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

/** As people write it; IPv6 after RFC 5952. */
export function addressText(version: 4 | 6, number: bigint): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => Number((number >> BigInt(112 - 16 * i)) & 0xffffn));
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function bits(version: 4 | 6): number {
  return version === 4 ? 32 : 128;
}

/** @returns undefined for what is none, or has bits set below its prefix */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const number = addressNumber(match?.[1] ?? '');
  if (match === null || number === undefined) return undefined;
  const version = ipVersion(match[1] as string) as 4 | 6;
  const prefix = Number(match[2]);
  if (prefix > bits(version)) return undefined;
  return { version, base: (number >> BigInt(bits(version) - prefix)) << BigInt(bits(version) - prefix), prefix };
}

/** A subnet that was checked when it was written down. */
export function knownSubnet(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (subnet === undefined) throw new ScullError('CORRUPT', `${JSON.stringify(text)} is not a subnet`);
  return subnet;
}

export function subnetText({ version, base, prefix }: Subnet): string {
  return `${addressText(version, base)}/${prefix}`;
}

/** The highest address. */
export function lastOf({ version, base, prefix }: Subnet): bigint {
  return base + (1n << BigInt(bits(version) - prefix)) - 1n;
}

export function contains(subnet: Subnet, address: string): boolean {
  const number = addressNumber(address);
  return number !== undefined && ipVersion(address) === subnet.version && number >= subnet.base && number <= lastOf(subnet);
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.version === b.version && a.base <= lastOf(b) && b.base <= lastOf(a);
}

/** First and last address that an interface may have: not the subnet's own, nor its broadcast address (RFC 3021: in /31 both may). */
export function usable(subnet: Subnet): { readonly first: bigint; readonly last: bigint } {
  const narrow = subnet.prefix >= bits(subnet.version) - 1;
  return { first: narrow ? subnet.base : subnet.base + 1n, last: narrow || subnet.version === 6 ? lastOf(subnet) : lastOf(subnet) - 1n };
}
