/** --network, --add-host, --dns, --dns-search, --dns-option. */
import { ScullError } from '../host/errors.ts';
import type { NetworkMode } from './container-spec.ts';
import { ipVersion } from './ip-address.ts';
import { parseJoined } from './namespace.ts';

const WORKING = 'what works: none, host, pasta[:options], private, container:name and ns:path';

/** @throws ScullError INVALID; UNSUPPORTED for networks by name, bridge and slirp4netns */
export function parseNetwork(text: string): NetworkMode {
  const joined = parseJoined(text, '--network');
  if (joined !== undefined) return joined;
  const colon = text.indexOf(':');
  const mode = colon === -1 ? text : text.slice(0, colon);
  const options = colon === -1 ? '' : text.slice(colon + 1);
  switch (mode) {
    case 'pasta':
      return { mode: 'pasta', options: parsePastaOptions(options, text) };
    case '':
    case 'default':
    case 'private':
    case 'none':
    case 'host':
      if (colon !== -1) throw new ScullError('INVALID', `invalid --network ${JSON.stringify(text.slice(0, 100))}: ${mode} takes no options`);
      return { mode: mode === 'none' || mode === 'host' ? mode : 'default' };
    case 'slirp4netns':
      throw new ScullError('UNSUPPORTED', 'slirp4netns is not among the network drivers: pasta replaces it', { hint: WORKING });
    default:
      throw new ScullError('UNSUPPORTED', `cannot use the network ${JSON.stringify(text.slice(0, 100))}: networks of several containers come in a later version`, { hint: WORKING });
  }
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
