/** Which proxy a request goes through, from the caller's environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, read as curl and Go read them. */
import { ScullError } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for `url`, or undefined where the request goes straight. The lower-case variable wins over the upper-case one.
 * This machine's own addresses are never asked of a proxy. The result may hold a user and a password: never print it whole.
 * @throws ScullError INVALID when the variable is not an http:// or https:// address
 */
export function proxyFor(url: URL, environment: Environment = process.env): URL | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const given = variable(environment, name);
  if (given === '' || isLoopbackHost(url.hostname) || bypasses(url, variable(environment, 'no_proxy'))) return undefined;
  let proxy: URL;
  try {
    proxy = new URL(given.includes('://') ? given : `http://${given}`);
  } catch (cause) {
    throw new ScullError('INVALID', `the environment variable ${name} is not a proxy's address`, { hint: 'expected something like http://proxy.example:3128', cause });
  }
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') {
    throw new ScullError('UNSUPPORTED', `the environment variable ${name} names a ${proxy.protocol.slice(0, -1)} proxy; only http and https proxies are supported`);
  }
  return proxy;
}

/** Whether the environment names a proxy, for whatever hosts. */
export function proxyIsSet(environment: Environment = process.env): boolean {
  return ['http_proxy', 'https_proxy', 'all_proxy'].some((name) => variable(environment, name) !== '');
}

/** True for `localhost`, names below it, 127.0.0.0/8 and ::1 (with or without brackets). */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

function variable(environment: Environment, lower: string): string {
  const low = environment[lower];
  if (low !== undefined && low !== '') return low.trim();
  return environment[lower.toUpperCase()]?.trim() ?? '';
}

/** NO_PROXY: `*`, host names (which include what is below them), addresses, networks in CIDR form; each with an optional port. */
function bypasses(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list.split(/[\s,]+/).some((entry) => entry !== '' && entryCovers(entry.toLowerCase(), host, port));
}

function entryCovers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return networkCovers(entry, host);
  const match = /^(\[[0-9a-f:]+\]|[^:]+)(?::([0-9]+))?$/.exec(entry);
  const name = (match?.[1] ?? entry).replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
  if (match?.[2] !== undefined && match[2] !== port) return false;
  return host === name || host.endsWith(`.${name}`);
}

function networkCovers(entry: string, host: string): boolean {
  const [network = '', bits = ''] = entry.split('/', 2);
  const length = Number(bits);
  const a = ipv4Number(network);
  const b = ipv4Number(host);
  if (a === undefined || b === undefined || !/^[0-9]{1,2}$/.test(bits) || length > 32) return false;
  const size = 2 ** (32 - length);
  return Math.floor(a / size) === Math.floor(b / size);
}

function ipv4Number(text: string): number | undefined {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || !/^[0-9.]+$/.test(text) || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
