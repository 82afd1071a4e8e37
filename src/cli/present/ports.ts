/** Published and exposed ports, in a line for `ps` and line by line for `port`. */
import { ScullError } from '../../host/errors.ts';
import type { PortRequest } from '../../spec/container-spec.ts';

/** `0.0.0.0:8080->80/tcp, 443/tcp`: published ones with their ranges, then those only exposed, neighbours joined. */
export function portsText(ports: readonly PortRequest[], exposed: readonly string[]): string {
  if (ports.length === 0 && exposed.length === 0) return ''; // as nearly all of a thousand containers
  const published = new Set<string>();
  const parts = ports.map((port) => {
    for (let offset = 0; offset < port.range; offset += 1) published.add(`${port.containerPort + offset}/${port.protocol}`);
    return `${hostAddress(port)}:${span(port.hostPort ?? 0, port.range)}->${span(port.containerPort, port.range)}/${port.protocol}`;
  });
  return [...parts, ...exposedText(exposed.filter((port) => !published.has(port)))].join(', ');
}

function span(first: number, count: number): string {
  return count > 1 ? `${first}-${first + count - 1}` : String(first);
}

function hostAddress(port: PortRequest): string {
  if (port.hostIp === '') return '0.0.0.0';
  return port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp;
}

function exposedText(exposed: readonly string[]): string[] {
  const sorted = exposed
    .map((port) => ({ number: Number.parseInt(port, 10), protocol: port.split('/')[1] ?? 'tcp' }))
    .sort((a, b) => (a.protocol === b.protocol ? a.number - b.number : a.protocol < b.protocol ? -1 : 1));
  const ranges: { first: number; count: number; protocol: string }[] = [];
  for (const { number, protocol } of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last.protocol === protocol && number === last.first + last.count) last.count += 1;
    else ranges.push({ first: number, count: 1, protocol });
  }
  return ranges.map(({ first, count, protocol }) => `${span(first, count)}/${protocol}`);
}

/** `80/tcp -> 0.0.0.0:8080`, one line per port. @param prefix e.g. the id, for `port --all` */
export function presentPorts(ports: readonly PortRequest[], prefix = ''): string {
  let out = '';
  for (const port of ports) {
    for (let offset = 0; offset < port.range; offset += 1) {
      out += `${prefix}${port.containerPort + offset}/${port.protocol} -> ${hostAddress(port)}:${(port.hostPort ?? 0) + offset}\n`;
    }
  }
  return out;
}

/**
 * The host addresses of one container port, a line each.
 * @param wanted `80` or `80/udp`
 * @throws ScullError INVALID for what is no port, NOT_FOUND when it is not published
 */
export function presentPort(ports: readonly PortRequest[], wanted: string): string {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(wanted);
  if (match === null || Number(match[1]) > 65535) throw new ScullError('INVALID', `invalid port ${JSON.stringify(wanted)}: it is PORT or PORT/PROTOCOL, e.g. 80/tcp`);
  const number = Number(match[1]);
  const protocol = (match[2] ?? 'tcp').toLowerCase();
  const lines = ports
    .filter((port) => port.protocol === protocol && port.containerPort <= number && number < port.containerPort + port.range)
    .map((port) => `${hostAddress(port)}:${(port.hostPort ?? 0) + number - port.containerPort}\n`);
  if (lines.length === 0) throw new ScullError('NOT_FOUND', `failed to find published port ${JSON.stringify(wanted)}`);
  return lines.join('');
}
