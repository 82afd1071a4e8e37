/** Texts of /etc/resolv.conf (resolv.conf(5)) and /etc/hosts (hosts(5)) for a container. Pure. */

export interface ResolverWishes {
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/**
 * resolv.conf of a container with a network of its own. The user's servers are used alone; otherwise `forwarder`, which
 * asks the host's resolver whatever address that listens on, then the host's own servers where a container can reach
 * them: not those on loopback, not link-local ones that need a zone.
 */
export function resolvConfText(hostText: string, wishes: ResolverWishes, forwarder: string | undefined): string {
  const host = parseResolvConf(hostText);
  const reachable = reachableServers(hostText);
  // With `--dns none` (Podman's word) the file is left to the image: the caller sees to that.
  const servers = wishes.dns.length > 0 ? wishes.dns : [...(forwarder === undefined || host.nameservers.length === 0 ? [] : [forwarder]), ...reachable];
  // `--dns-search .` clears the host's list.
  const search = wishes.dnsSearch.length > 0 ? wishes.dnsSearch.filter((domain) => domain !== '.') : host.search;
  const options = wishes.dnsOptions.length > 0 ? wishes.dnsOptions : host.options;
  const lines = [
    ...(search.length > 0 ? [`search ${[...new Set(search)].join(' ')}`] : []),
    ...[...new Set(servers)].map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** resolv.conf of a container in the host's network: the host's text unless the user wished something. */
export function hostResolvConfText(hostText: string, wishes: ResolverWishes): string {
  if (wishes.dns.length === 0 && wishes.dnsSearch.length === 0 && wishes.dnsOptions.length === 0) return hostText;
  const host = parseResolvConf(hostText);
  const nameservers = wishes.dns.length > 0 ? wishes.dns : host.nameservers;
  return resolvConfText(hostText, { ...wishes, dns: nameservers }, undefined);
}

/**
 * resolv.conf of aardvark-dns. The host's first server is not asked directly where `forwarder` can be: pasta of 2023 lets that one's
 * answers come from there, whoever was asked.
 */
export function switchResolvConfText(hostText: string, forwarder: string | undefined): string {
  const { nameservers, options } = parseResolvConf(hostText);
  const reachable = reachableServers(hostText);
  const dns = forwarder === undefined || nameservers.length === 0 ? reachable : [forwarder, ...reachable.filter((server) => server !== nameservers[0])];
  return resolvConfText('', { dns, dnsSearch: [], dnsOptions: options.filter((option) => option !== 'edns0' && option !== 'trust-ad') }, undefined);
}

/** The host's name servers that a container can ask itself. */
export function reachableServers(hostText: string): string[] {
  return parseResolvConf(hostText).nameservers.filter((server) => !isLoopback(server) && !server.includes('%'));
}

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const words = line.replace(/[#;].*$/, '').trim().split(/\s+/);
    const [keyword, ...values] = words;
    if (keyword === 'nameserver' && values[0] !== undefined) nameservers.push(values[0]);
    else if (keyword === 'search' || keyword === 'domain') search = values; // the last one wins
    else if (keyword === 'options') options.push(...values);
  }
  return { nameservers, search, options };
}

function isLoopback(address: string): boolean {
  return /^127\./.test(address) || address === '::1' || /^::ffff:127\./i.test(address);
}

export interface HostsWishes {
  /** The user's --add-host pairs, `ip` may be `host-gateway`. */
  readonly addHosts: readonly { readonly name: string; readonly ip: string }[];
  /** The container's own names with the address they mean. */
  readonly own?: { readonly address: string; readonly names: readonly string[] };
  /** Where the host is reached from inside; undefined where it can't be. */
  readonly hostAddress?: string;
}

const HOST_NAMES = ['host.containers.internal', 'host.docker.internal'] as const;

/**
 * /etc/hosts of a container: the user's entries win over everything, then localhost, the host, the container itself, and
 * last what the host's own file says (without its loopback lines, which would mean the container in there).
 */
export function hostsText(hostText: string, wishes: HostsWishes): string {
  const entries: { address: string; names: readonly string[] }[] = [];
  const taken = new Set<string>();
  const add = (address: string, names: readonly string[]): void => {
    const free = names.filter((name) => !taken.has(name.toLowerCase()));
    if (free.length > 0) entries.push({ address, names: free });
  };
  const claim = (names: readonly string[]): void => names.forEach((name) => taken.add(name.toLowerCase()));

  // Several addresses for one name are legitimate (IPv4 and IPv6), so names are claimed only after all were added.
  for (const { name, ip } of wishes.addHosts) {
    const address = ip === 'host-gateway' ? wishes.hostAddress : ip;
    if (address !== undefined) add(address, [name]);
  }
  claim(wishes.addHosts.map(({ name }) => name));
  add('127.0.0.1', ['localhost', 'localhost.localdomain']);
  add('::1', ['localhost', 'ip6-localhost', 'ip6-loopback']);
  claim(['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback']);
  if (wishes.hostAddress !== undefined) add(wishes.hostAddress, HOST_NAMES);
  claim(HOST_NAMES);
  if (wishes.own !== undefined) {
    add(wishes.own.address, [...new Set(wishes.own.names.filter((name) => name !== ''))]);
    claim(wishes.own.names);
  }
  for (const entry of parseHosts(hostText)) if (!isLoopback(entry.address)) add(entry.address, entry.names);
  return entries.map(({ address, names }) => `${address}\t${names.join(' ')}\n`).join('');
}

function parseHosts(text: string): { readonly address: string; readonly names: readonly string[] }[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim().split(/\s+/))
    .filter((words) => words.length >= 2)
    .map(([address, ...names]) => ({ address: address ?? '', names }));
}
