/** --network and what goes with it, --add-host, --dns, --dns-search, --dns-option. */
import { ScullError } from '../host/errors.ts';
import type { NetworkMode, NetworkWish } from './container-spec.ts';
import { ipVersion } from './ip-address.ts';
import { parseJoined } from './namespace.ts';


/** What must be alone: a container has its network from one place only. */
const WORDS = ['none', 'host', 'pasta', 'slirp4netns', 'private', 'default'];

/** --ip, --ip6, --mac-address and --network-alias: what they say of the one network that is given. */
export interface NetworkDetails {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly mac?: string | undefined;
  readonly aliases: readonly string[];
}

/**
 * All --network options of one container, with what other options say of the network.
 * @throws ScullError INVALID for a malformed one, USAGE for those that contradict each other
 */
export function parseNetworks(texts: readonly string[], details: NetworkDetails): NetworkMode {
  const modes = texts.flatMap(splitNames).map(parseNetwork);
  const named = modes.flatMap((mode) => (mode.mode === 'networks' ? mode.networks : []));
  if (modes.length > 1 && named.length < modes.length) {
    throw new ScullError('USAGE', `a container can be on several networks, but not together with --network ${texts.find((text) => !isNamed(text)) ?? ''}`, { hint: `what must be alone: ${WORDS.join(', ')}, container:NAME, ns:PATH` });
  }
  named.forEach((one, index) => {
    if (named.findIndex((other) => other.name === one.name) < index) throw new ScullError('INVALID', `the network ${JSON.stringify(one.name)} was given twice`);
  });
  const [first] = modes;
  return named.length === 0 ? withoutDetails(first ?? { mode: 'default' }, details) : { mode: 'networks', networks: withDetails(named, details) };
}

/** `front,back` is Podman's older way to write two. */
function splitNames(text: string): string[] {
  return text.includes(':') ? [text] : text.split(',');
}

function isNamed(text: string): boolean {
  return parseNetwork(text).mode === 'networks';
}

function withoutDetails(mode: NetworkMode, details: NetworkDetails): NetworkMode {
  const given = [['--ip', details.ipv4], ['--ip6', details.ipv6], ['--mac-address', details.mac], ['--network-alias', details.aliases[0]]].find(([, value]) => value !== undefined);
  if (given === undefined) return mode;
  throw new ScullError('USAGE', `${given[0]} needs a network of several containers: --network bridge or one made with \`scull network create\``);
}

function withDetails(networks: readonly NetworkWish[], { ipv4, ipv6, mac, aliases }: NetworkDetails): NetworkWish[] {
  if (networks.length > 1 && (ipv4 ?? ipv6 ?? mac) !== undefined) {
    throw new ScullError('USAGE', '--ip, --ip6 and --mac-address are for containers with one network', { hint: 'with several, write --network NAME:ip=ADDRESS,mac=ADDRESS' });
  }
  return networks.map((one) => ({
    ...one,
    ...(ipv4 === undefined ? {} : { ipv4: addressOf(ipv4, 4, '--ip') }),
    ...(ipv6 === undefined ? {} : { ipv6: addressOf(ipv6, 6, '--ip6') }),
    ...(mac === undefined ? {} : { mac: parseMac(mac, '--mac-address') }),
    aliases: [...new Set([...one.aliases, ...aliases.map((alias) => parseAlias(alias, '--network-alias'))])],
  }));
}

/** One --network. @throws ScullError INVALID */
export function parseNetwork(text: string): NetworkMode {
  const joined = parseJoined(text, '--network');
  if (joined !== undefined) return joined;
  const colon = text.indexOf(':');
  const mode = colon === -1 ? text : text.slice(0, colon);
  const options = colon === -1 ? '' : text.slice(colon + 1);
  switch (mode) {
    case 'pasta':
      return { mode: 'pasta', options: parsePastaOptions(options, text) };
    case 'slirp4netns':
      return { mode: 'pasta', options: asPastaOptions(options, text) };
    case '':
    case 'default':
    case 'private':
    case 'none':
    case 'host':
      if (colon !== -1) throw new ScullError('INVALID', `invalid --network ${JSON.stringify(text.slice(0, 100))}: ${mode} takes no options`);
      return { mode: mode === 'none' || mode === 'host' ? mode : 'default' };
    default:
      return { mode: 'networks', networks: [parseNamed(mode, options, text)] };
  }
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** `NAME:ip=…,ip6=…,mac=…,alias=…,interface_name=…`, podman-run(1). */
function parseNamed(name: string, options: string, text: string): NetworkWish {
  const invalid = (why: string): ScullError => new ScullError('INVALID', `invalid --network ${JSON.stringify(text.slice(0, 100))}: ${why}`);
  if (!NAME.test(name)) throw invalid(`${JSON.stringify(name.slice(0, 60))} is no name of a network`);
  const wish: { -readonly [K in keyof NetworkWish]: NetworkWish[K] } = { name, aliases: [] };
  for (const option of options === '' ? [] : options.split(',')) {
    const [key = '', value = ''] = option.split(/=(.*)/s, 2);
    const what = `--network ${text.slice(0, 100)}`;
    if (key === 'ip' && ipVersion(value) === 6) wish.ipv6 = value;
    else if (key === 'ip') wish.ipv4 = addressOf(value, 4, what);
    else if (key === 'ip6') wish.ipv6 = addressOf(value, 6, what);
    else if (key === 'mac') wish.mac = parseMac(value, what);
    else if (key === 'alias') wish.aliases = [...wish.aliases, parseAlias(value, what)];
    else if (key === 'interface_name') wish.interface = parseInterfaceName(value, what);
    else throw invalid(`there is no option ${JSON.stringify(key)}; what there is: ip, ip6, mac, alias, interface_name`);
  }
  return wish;
}

function addressOf(text: string, version: 4 | 6, option: string): string {
  if (ipVersion(text) === version && !text.includes('%')) return text;
  throw new ScullError('INVALID', `invalid ${option}: ${JSON.stringify(text.slice(0, 60))} is not an IPv${version} address`);
}

/** Six bytes in hex, of one interface: not a group's (IEEE 802). @throws ScullError INVALID */
function parseMac(text: string, option: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00') return mac;
  throw new ScullError('INVALID', `invalid ${option}: ${JSON.stringify(text.slice(0, 60))} is not the address of an interface, such as 02:42:0a:59:00:02`);
}

/** What other containers may call this one. @throws ScullError INVALID */
function parseAlias(text: string, option: string): string {
  if (/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/.test(text)) return text;
  throw new ScullError('INVALID', `invalid ${option}: ${JSON.stringify(text.slice(0, 60))} is no name of a host`);
}

/** IFNAMSIZ, and what the kernel forbids (dev_valid_name). @throws ScullError INVALID */
export function parseInterfaceName(text: string, option: string): string {
  if (/^[^\s/:%]{1,15}$/.test(text) && text !== '.' && text !== '..' && text !== 'lo') return text;
  throw new ScullError('INVALID', `invalid ${option}: ${JSON.stringify(text.slice(0, 60))} is no name of an interface: at most 15 characters, without "/", ":" and spaces`);
}

/** pasta takes the place of slirp4netns, with the same addresses (10.0.2.100 behind 10.0.2.2); its options in pasta's words. */
function asPastaOptions(options: string, text: string): string[] {
  return (options === '' ? [] : options.split(',')).flatMap((option): string[] => {
    const [key = '', value = ''] = option.split(/=(.*)/s, 2);
    switch (key) {
      case 'allow_host_loopback':
        return value === 'true' ? ['--map-gw'] : [];
      case 'mtu':
        return ['-m', value];
      case 'enable_ipv6':
        return value === 'false' ? ['-4'] : [];
      case 'port_handler':
        return []; // visitors' addresses are kept in any case
      default:
        throw new ScullError('UNSUPPORTED', `cannot use --network ${JSON.stringify(text.slice(0, 100))}: pasta takes the place of slirp4netns and has nothing like ${JSON.stringify(key)}`, { hint: 'what there is: allow_host_loopback, mtu, enable_ipv6, port_handler' });
    }
  });
}

/** Options of passt(1), separated by commas: `--mtu,1500` or `-t,8080` as Podman has them. */
function parsePastaOptions(options: string, text: string): string[] {
  if (options === '') return [];
  const words = options.split(',');
  if (words.some((word) => word === '' || word.includes('\0'))) throw new ScullError('INVALID', `invalid --network ${JSON.stringify(text.slice(0, 200))}: an option of pasta is empty`);
  return words;
}

/**
 * `name:ip`, also `name=ip`; several names for one address with `;` between; ip may be `host-gateway`.
 * @throws ScullError INVALID
 */
export function parseAddHost(text: string): { readonly name: string; readonly ip: string }[] {
  const match = /^([^:=]+)[:=](.+)$/.exec(text);
  const expected = 'expected name:ip, where ip may be host-gateway';
  if (match === null) throw new ScullError('INVALID', `invalid --add-host ${JSON.stringify(text.slice(0, 100))}: ${expected}`);
  const ip = match[2]!.replace(/^\[(.*)\]$/, '$1');
  if (ip !== 'host-gateway' && ipVersion(ip) === 0) throw new ScullError('INVALID', `invalid --add-host ${JSON.stringify(text.slice(0, 100))}: ${JSON.stringify(ip)} is not an IP address; ${expected}`);
  return match[1]!.split(';').map((name) => {
    if (!/^[A-Za-z0-9_]([A-Za-z0-9_.-]*)$/.test(name)) throw new ScullError('INVALID', `invalid --add-host ${JSON.stringify(text.slice(0, 100))}: ${JSON.stringify(name)} is not a host name; ${expected}`);
    return { name, ip };
  });
}

/** --hosts-file: an absolute path, `none`, `image`, or nothing for the host's file. @throws ScullError INVALID */
export function parseHostsFile(text: string): string | undefined {
  if (text === '') return undefined;
  if (text === 'none' || text === 'image' || text.startsWith('/')) return text;
  throw new ScullError('INVALID', `invalid --hosts-file ${JSON.stringify(text.slice(0, 100))}: expected an absolute path of the host, none or image`);
}

/** An address, or `none` for no resolv.conf at all. @throws ScullError INVALID */
export function parseDns(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, '$1');
  if (address === 'none' || ipVersion(address.replace(/%[\w.-]+$/, '')) !== 0) return address;
  throw new ScullError('INVALID', `invalid --dns ${JSON.stringify(text.slice(0, 100))}: expected an IP address, or none`);
}

/** A domain, or `.` for none. @throws ScullError INVALID */
export function parseDnsSearch(text: string): string {
  if (text === '.' || /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251})\.?$/.test(text)) return text;
  throw new ScullError('INVALID', `invalid --dns-search ${JSON.stringify(text.slice(0, 100))}: expected a domain such as example.org, or . for none`);
}

/** A word of resolv.conf(5)'s options. @throws ScullError INVALID */
export function parseDnsOption(text: string): string {
  if (/^[a-z0-9-]+(?::\d+)?$/i.test(text)) return text;
  throw new ScullError('INVALID', `invalid --dns-option ${JSON.stringify(text.slice(0, 100))}: expected an option of resolv.conf such as ndots:2`);
}
