/**
 * Published ports: `[[ip:][hostPort]:]containerPort[/protocol]`, where a port may be a range `8000-8010` and an IPv6
 * address stands in brackets, and --expose.
 */
import { ScullError } from '../host/errors.ts';
import type { PortRequest } from './container-spec.ts';
import { ipVersion } from './ip-address.ts';

const EXPECTED = 'expected [[ip:][hostPort]:]containerPort[/tcp|udp], for example 8080:80, 127.0.0.1:8000-8010:80-90 or [::1]:53:53/udp';

/** One -p value. @throws ScullError INVALID saying which part is wrong; UNSUPPORTED for sctp */
export function parsePort(text: string): PortRequest {
  const { rest, protocol } = splitProtocol(text);
  const { address, ports } = splitAddress(rest, text);
  const containerPart = ports.at(-1)!;
  const hostPart = ports.length === 2 ? ports[0]! : '';
  if (containerPart === '') throw invalid(text, 'the container port is missing');
  const container = range(containerPart, 'container', text);
  if (hostPart === '') return { hostIp: address, containerPort: container.first, protocol, range: container.length };
  const host = range(hostPart, 'host', text);
  if (host.length !== container.length) {
    throw invalid(text, `the host range ${hostPart} has ${host.length} ${host.length === 1 ? 'port' : 'ports'}, the container range ${containerPart} has ${container.length}`);
  }
  return { hostIp: address, hostPort: host.first, containerPort: container.first, protocol, range: container.length };
}

/** One --expose value, `80`, `80/udp` or `8000-8010`. @returns `80/tcp` for each port */
export function parseExpose(text: string): string[] {
  const { rest, protocol } = splitProtocol(text);
  const ports = range(rest, 'exposed', text);
  return Array.from({ length: ports.length }, (_, offset) => `${ports.first + offset}/${protocol}`);
}

function splitProtocol(text: string): { rest: string; protocol: 'tcp' | 'udp' } {
  const parts = text.split('/');
  if (parts.length > 2) throw invalid(text, 'there is more than one "/"');
  const protocol = (parts[1] ?? 'tcp').toLowerCase();
  if (protocol === 'sctp') throw new ScullError('UNSUPPORTED', `cannot publish ${JSON.stringify(text)}: sctp is not forwarded without root`, { hint: 'tcp and udp work' });
  if (protocol !== 'tcp' && protocol !== 'udp') throw invalid(text, `unknown protocol ${JSON.stringify(parts[1])}`);
  return { rest: parts[0]!, protocol };
}

/** The address without brackets ('' for every address) and the one or two port parts. */
function splitAddress(rest: string, text: string): { address: string; ports: string[] } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(rest);
  if (bracketed !== null) {
    const address = bracketed[1]!;
    if (ipVersion(address) !== 6) throw invalid(text, `${JSON.stringify(address)} is not an IPv6 address`);
    const ports = bracketed[2]?.split(':') ?? [];
    if (ports.length === 0 || ports.length > 2) throw invalid(text, 'after an address there must be [hostPort]:containerPort');
    if (ports.length === 1) throw invalid(text, 'after an address there must be a host port, which may be empty: [ip]::containerPort');
    return { address, ports };
  }
  if (rest.includes('[') || rest.includes(']')) throw invalid(text, 'the brackets of the IPv6 address do not match');
  const parts = rest.split(':');
  if (parts.length <= 2) return { address: '', ports: parts };
  if (parts.length > 3) throw invalid(text, parts.length > 4 ? 'an IPv6 address must stand in brackets' : 'there are too many colons; an IPv6 address must stand in brackets');
  const address = parts[0]!;
  if (address !== '' && ipVersion(address) !== 4) throw invalid(text, `${JSON.stringify(address)} is not an IP address`);
  return { address, ports: parts.slice(1) };
}

function range(part: string, which: string, text: string): { first: number; length: number } {
  const match = /^(\d+)(?:-(\d+))?$/.exec(part);
  if (match === null) throw invalid(text, `the ${which} port ${JSON.stringify(part)} is not a number or a range`);
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  for (const port of [first, last]) if (port < 1 || port > 65535) throw invalid(text, `the ${which} port ${port} is not between 1 and 65535`);
  if (last < first) throw invalid(text, `the ${which} range ${part} ends before it begins`);
  return { first, length: last - first + 1 };
}

function invalid(text: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid port ${JSON.stringify(text.slice(0, 100))}: ${why}; ${EXPECTED}`);
}
