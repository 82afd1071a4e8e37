/**
 * Host ports: choosing free ones, and telling before a start that one is taken and by whom. pasta of 2023 starts happily when
 * only half of a port's addresses could be bound, so nobody else would tell. Both are done by binding for a moment.
 */
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { remedyFor } from '../host/remedies.ts';
import type { PortRequest } from '../spec/container-spec.ts';
import { mayCollide, ownerOfPort } from './port-owners.ts';

/**
 * The ports to publish: those asked for, and with `publishAll` (-P) also every exposed one not among them, on a host
 * port still to be chosen.
 * @param exposed `80/tcp` or `80` or `8000-8005/udp`, from the image and --expose
 */
export function publishedPorts(ports: readonly PortRequest[], exposed: readonly string[], publishAll: boolean): PortRequest[] {
  const result = [...ports];
  if (!publishAll) return result;
  for (const text of exposed) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text);
    if (match === null) continue; // sctp and what an image may write there: exposing alone has no effect
    const protocol = match[3] === 'udp' ? 'udp' : 'tcp';
    const first = Number(match[1]);
    const last = Math.min(Number(match[2] ?? first), 65535);
    for (let port = first; port <= last; port++) {
      const covered = result.some((given) => given.protocol === protocol && port >= given.containerPort && port < given.containerPort + given.range);
      if (!covered) result.push({ hostIp: '', containerPort: port, protocol, range: 1 });
    }
  }
  return result;
}

/**
 * With --publish-low=auto: host ports that only root may take, 8000 higher.
 * @returns the ports, and what was changed in words
 */
export function raiseLowPorts(ports: readonly PortRequest[]): { readonly ports: PortRequest[]; readonly told: string[] } {
  const lowest = lowestPort();
  const told: string[] = [];
  const raised = ports.map((port) => {
    if (port.hostPort === undefined || port.hostPort >= lowest) return port;
    const higher = { ...port, hostPort: port.hostPort + RAISE };
    told.push(`port ${describe(port)} is reserved for root on this host: published as ${describe(higher)}`);
    return higher;
  });
  return { ports: raised, told };
}

const RAISE = 8000;

function lowestPort(): number {
  return Number(readTextIfPresent('/proc/sys/net/ipv4/ip_unprivileged_port_start') ?? '1024');
}

const MOST_TRIES = 50;

/**
 * Fills in the host ports left open: free ones, by binding them for a moment.
 * @throws ScullError NETWORK when no free port (or run of ports) is found, INVALID when one is wished for twice
 */
export async function chooseHostPorts(ports: readonly PortRequest[]): Promise<PortRequest[]> {
  refuseOverlaps(ports);
  const chosen: PortRequest[] = ports.filter((port) => port.hostPort !== undefined);
  const result: PortRequest[] = [];
  for (const port of ports) {
    if (port.hostPort !== undefined) {
      result.push(port);
      continue;
    }
    const fixed = { ...port, hostPort: await freePorts(port, chosen) };
    chosen.push(fixed);
    result.push(fixed);
  }
  return result;
}

async function freePorts(port: PortRequest, chosen: readonly PortRequest[]): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const first = await bindOnce(port.protocol, port.hostIp, 0);
    if (typeof first !== 'number') throw explainBind(port, first);
    const wish = { ...port, hostPort: first };
    if (first + port.range > 65536 || chosen.some((other) => overlaps(wish, other))) continue;
    let free = true;
    for (let offset = 1; offset < port.range && free; offset++) free = typeof (await bindOnce(port.protocol, port.hostIp, first + offset)) === 'number';
    if (free) return first;
  }
  throw new ScullError('NETWORK', `no ${port.range > 1 ? `${port.range} consecutive free ports were` : 'free port was'} found for ${describe(port)}`);
}

/** Binds and lets go again. @returns the port, or the error */
async function bindOnce(protocol: 'tcp' | 'udp', address: string, port: number): Promise<number | NodeJS.ErrnoException> {
  if (address !== '') return bindAddress(protocol, address, port);
  // Every address: IPv6 and IPv4 each for itself, as pasta does it; a host without IPv6 has only the second.
  const v4 = await bindAddress(protocol, '0.0.0.0', port);
  if (typeof v4 !== 'number') return v4;
  const v6 = await bindAddress(protocol, '::', v4);
  return typeof v6 === 'number' || v6.code === 'EAFNOSUPPORT' || v6.code === 'EADDRNOTAVAIL' ? v4 : v6.code === 'EADDRINUSE' && port === 0 ? bindOnce(protocol, address, 0) : v6;
}

async function bindAddress(protocol: 'tcp' | 'udp', address: string, port: number): Promise<number | NodeJS.ErrnoException> {
  const ipv6 = address.includes(':');
  if (protocol === 'tcp') {
    const { createServer } = await import('node:net');
    return new Promise((resolve) => {
      const server = createServer();
      server.once('error', (error) => resolve(error));
      server.listen({ host: address, port, exclusive: true, ipv6Only: ipv6 }, () => {
        const bound = server.address();
        server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : port));
      });
    });
  }
  const { createSocket } = await import('node:dgram');
  return new Promise((resolve) => {
    const socket = createSocket({ type: ipv6 ? 'udp6' : 'udp4', ipv6Only: ipv6 });
    socket.once('error', (error) => {
      socket.close();
      resolve(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => resolve(bound));
    });
  });
}

/**
 * Says before a start what would not work: the same port twice, a port in use (with its process, where it is visible), a
 * port below the host's lowest unprivileged one, an address that is not this host's.
 * Costs nothing without published ports.
 * @throws ScullError INVALID, IN_USE, PERMISSION
 */
export async function checkHostPorts(ports: readonly PortRequest[]): Promise<void> {
  if (ports.length === 0) return;
  refuseOverlaps(ports);
  const lowest = lowestPort();
  for (const port of ports) if ((port.hostPort ?? 0) < lowest) throw lowPort(port, lowest);
  const failures = await Promise.all(ports.map(firstFailure));
  const failure = failures.find((one) => one !== undefined);
  if (failure !== undefined) throw explainBind(failure.port, failure.error, ownerOfPort(failure.port));
}

interface BindFailure {
  readonly port: PortRequest;
  readonly error: NodeJS.ErrnoException;
}

/** The first port of a request that can't be bound, as a request of its own. */
async function firstFailure(port: PortRequest): Promise<BindFailure | undefined> {
  for (let offset = 0; offset < port.range; offset++) {
    const hostPort = (port.hostPort ?? 0) + offset;
    const error = await bindOnce(port.protocol, port.hostIp, hostPort);
    if (typeof error !== 'number') return { port: { ...port, hostPort, range: 1 }, error };
  }
  return undefined;
}

function refuseOverlaps(ports: readonly PortRequest[]): void {
  ports.forEach((port, index) => {
    const other = ports.slice(0, index).find((earlier) => overlaps(port, earlier));
    if (other !== undefined) throw new ScullError('INVALID', `host port ${describe(port)} is published twice`);
  });
}

function overlaps(a: PortRequest, b: PortRequest): boolean {
  if (a.protocol !== b.protocol || a.hostPort === undefined || b.hostPort === undefined) return false;
  if (a.hostPort + a.range <= b.hostPort || b.hostPort + b.range <= a.hostPort) return false;
  return mayCollide(a.hostIp, b.hostIp);
}

function lowPort(port: PortRequest, lowest: number): ScullError {
  return new ScullError('PERMISSION', `port ${describe(port)} can't be published: ports below ${lowest} are reserved for root on this host`, {
    hint: `choose a higher one (-p ${lowest > 8000 ? lowest + 80 : 8000 + ((port.hostPort ?? 0) % 1000)}:${port.containerPort}), or allow it: ${remedyFor({ kind: 'low-port', port: port.hostPort ?? 0 })}; --publish-low=auto chooses one by itself`,
  });
}

function explainBind(port: PortRequest, error: NodeJS.ErrnoException, owner?: string): ScullError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ScullError('IN_USE', `port ${describe(port)} is already in use${owner === undefined ? '' : ` by ${owner}`}`, {
        hint: 'publish another host port, or let a free one be chosen: -p ' + String(port.containerPort),
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new ScullError('INVALID', `can't publish on ${port.hostIp}: it is not an address of this host`, { cause: error });
    case 'EACCES':
      return lowPort(port, lowestPort());
    default:
      return new ScullError('NETWORK', `can't publish port ${describe(port)}: ${error.message}`, { cause: error });
  }
}

/**
 * What pasta's refusal to bind means, found out by trying the same.
 * @returns undefined where binding works now (the other one went away meanwhile)
 */
export async function explainPublishFailure(ports: readonly PortRequest[]): Promise<ScullError | undefined> {
  for (const port of ports) {
    const failure = await firstFailure(port);
    if (failure !== undefined) return explainBind(failure.port, failure.error, ownerOfPort(failure.port));
  }
  return undefined;
}

function describe(port: PortRequest): string {
  const address = port.hostIp === '' ? '' : `${port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp}:`;
  const first = port.hostPort ?? port.containerPort;
  return `${address}${first}${port.range > 1 ? `-${first + port.range - 1}` : ''}/${port.protocol}`;
}
