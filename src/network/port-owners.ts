/**
 * Who has a port of this host: a container, or another program. The kernel's tables in /proc/net (proc_pid_net(5)) take it 10 to
 * 100 ms to print, so this is asked only to name a culprit.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { commandLines } from '../host/command-lines.ts';
import { readTextIfPresent } from '../host/files.ts';
import type { PortRequest } from '../spec/container-spec.ts';

/** In words, `container "web" (0123456789ab)` or `nginx (pid 812)`; undefined where it can't be seen. */
export function ownerOfPort(port: PortRequest): string | undefined {
  const publisher = containerPublishing(port);
  if (publisher !== undefined) return publisher;
  const socket = readSockets().find((one) => one.protocol === port.protocol && one.port === port.hostPort && mayCollide(port.hostIp, one.address));
  return socket === undefined ? undefined : socketOwner(socket.inode);
}

/** Whether two listeners of one port are in each other's way, by their addresses; empty is all. */
export function mayCollide(wanted: string, taken: string): boolean {
  if (isAny(wanted) || isAny(taken)) {
    const families = [familyOf(wanted), familyOf(taken)];
    return families.includes('both') || families[0] === families[1] || taken === '::';
  }
  return wanted === taken;
}

function isAny(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::';
}

function familyOf(address: string): 'both' | '4' | '6' {
  return address === '' ? 'both' : address.includes(':') ? '6' : '4';
}

/** A container of any store, also another user's: command lines can be read by everybody, descriptors can't. */
function containerPublishing(wanted: PortRequest): string | undefined {
  const lines = commandLines();
  for (const { words } of lines) {
    const id = containerOf(words);
    if (id === undefined || !publishedBy(words).some((port) => collide(wanted, port))) continue;
    const monitor = lines.find((line) => line.words[0]?.endsWith('conmon') === true && line.words[line.words.indexOf('-c') + 1] === id)?.words;
    const name = monitor?.[monitor.indexOf('-n') + 1];
    return name === undefined ? `container ${id.slice(0, 12)}` : `container "${name}" (${id.slice(0, 12)})`;
  }
  return undefined;
}

/** Whose port scull-port or pasta listens on: their files lie in the container's directory. */
function containerOf(words: readonly string[]): string | undefined {
  const file = words[words.findIndex((word) => word === '--pid-file' || word === '--pid') + 1];
  return /\/c\/([0-9a-f]{64})\/network\.json\./.exec(file ?? '')?.[1];
}

function collide(wanted: PortRequest, { protocol, address, first, count }: PublishedPort): boolean {
  const port = wanted.hostPort ?? 0;
  return protocol === wanted.protocol && port >= first && port < first + count && mayCollide(wanted.hostIp, address);
}

interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  /** Empty: all. */
  readonly address: string;
  readonly first: number;
  readonly count: number;
}

/** What a command line of scull-port or of pasta publishes. */
export function publishedBy(words: readonly string[]): PublishedPort[] {
  const ports: PublishedPort[] = [];
  if (words[0]?.endsWith('/scull-port') === true) {
    // native/scull-port.c: seven words for each
    for (let at = words.indexOf('--') + 1; at + 6 < words.length; at += 7) {
      const [protocol, address, first, count] = words.slice(at) as [string, string, string, string];
      ports.push({ protocol: protocol === 'udp' ? 'udp' : 'tcp', address: address === '*' ? '' : address, first: Number(first), count: Number(count) });
    }
    return ports;
  }
  words.forEach((word, index) => {
    // pasta(1): ADDRESS/FIRST-LAST:CONTAINER_PORT
    const spec = /^(?:([\d.a-fA-F:]+)\/)?(\d+)(?:-(\d+))?:/.exec(words[index + 1] ?? '');
    if ((word !== '-t' && word !== '-u') || spec === null) return;
    const [, address = '', first, last = first] = spec;
    ports.push({ protocol: word === '-u' ? 'udp' : 'tcp', address, first: Number(first), count: Number(last) - Number(first) + 1 });
  });
  return ports;
}

interface BoundSocket {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

function readSockets(): BoundSocket[] {
  return (['tcp', 'tcp6', 'udp', 'udp6'] as const).flatMap((table) => parseSockets(readTextIfPresent(`/proc/net/${table}`) ?? '', table));
}

const TCP_LISTEN = '0A';

/** Listening TCP and bound UDP sockets of one table of /proc/net. */
export function parseSockets(text: string, table: 'tcp' | 'tcp6' | 'udp' | 'udp6'): BoundSocket[] {
  const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
  const sockets: BoundSocket[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [address, port] = (fields[1] ?? '').split(':');
    if (address === undefined || port === undefined || (protocol === 'tcp' && fields[3] !== TCP_LISTEN)) continue;
    sockets.push({ protocol, address: kernelAddress(address), port: Number.parseInt(port, 16), inode: fields[9] ?? '0' });
  }
  return sockets;
}

/** Addresses stand in /proc as 32-bit words in host byte order: only wildcards and IPv4 need reading exactly. */
function kernelAddress(hex: string): string {
  if (/^0+$/.test(hex)) return hex.length === 8 ? '0.0.0.0' : '::';
  const word = (text: string): number[] => (text.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse();
  if (hex.length === 8) return word(hex).join('.');
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap(word);
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  // The same shortening as people write: only the longest run of zeros.
  return groups.join(':').replace(/(?:^|:)0(?::0)+(?::|$)/, '::');
}

/** `nginx (pid 812)`, when the process is one whose descriptors we may see. */
function socketOwner(inode: string): string | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== `socket:[${inode}]`) continue;
        return `${(readTextIfPresent(`/proc/${pid}/comm`) ?? '?').trim()} (pid ${pid})`;
      }
    } catch {
      continue; // another user's process, or one that just ended
    }
  }
  return undefined;
}
