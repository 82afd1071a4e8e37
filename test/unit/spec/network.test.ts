import { describe, expect, it } from 'vitest';
import { parseAddHost, parseDns, parseDnsOption, parseDnsSearch, parseNetwork, parseNetworks } from '../../../src/spec/network.ts';

describe('parseNetwork', () => {
  it.each([
    ['', { mode: 'default' }], ['default', { mode: 'default' }], ['private', { mode: 'default' }], ['none', { mode: 'none' }], ['host', { mode: 'host' }], ['pasta', { mode: 'pasta', options: [] }],
    ['pasta:--mtu,1500', { mode: 'pasta', options: ['--mtu', '1500'] }], ['container:web', { mode: 'container', container: 'web' }], ['ns:/run/netns/x', { mode: 'path', path: '/run/netns/x' }],
  ])('reads %j', (text, mode) => {
    expect(parseNetwork(text)).toEqual(mode);
  });

  it.each([
    ['bridge', [{ name: 'bridge', aliases: [] }]],
    ['front:ip=10.89.0.9,mac=02-42-00-00-00-09,alias=a,alias=b', [{ name: 'front', ipv4: '10.89.0.9', mac: '02:42:00:00:00:09', aliases: ['a', 'b'] }]],
    ['six:ip=fd00::9,interface_name=net1', [{ name: 'six', ipv6: 'fd00::9', interface: 'net1', aliases: [] }]],
  ])('reads %j as a named network', (text, networks) => {
    expect(parseNetwork(text)).toEqual({ mode: 'networks', networks });
  });

  it.each([
    ['slirp4netns', []], ['slirp4netns:mtu=1400', ['-m', '1400']], ['slirp4netns:allow_host_loopback=true,port_handler=slirp4netns', ['--map-gw']], ['slirp4netns:enable_ipv6=false', ['-4']],
  ])('lets pasta take the place of %j', (text, options) => {
    expect(parseNetwork(text)).toEqual({ mode: 'pasta', options });
  });

  it.each([
    ['front:ip=10.0.0.300', 'not an IPv4 address'], ['front:mac=01:00:5e:00:00:01', 'not the address of an interface'], ['front:alias=a b', 'no name of a host'], ['front:speed=fast', 'no option "speed"'],
    ['../front', 'no name of a network'], ['front:interface_name=a/b', 'no name of an interface'], ['front:interface_name=lo', 'no name of an interface'], ['slirp4netns:cidr=10.0.0.0/8', 'nothing like "cidr"'],
  ])('refuses %j', (text, why) => {
    expect(() => parseNetwork(text)).toThrow(why);
  });

  it.each([['none:x', 'none takes no options'], ['host:x', 'host takes no options'], ['pasta:a,,b', 'an option of pasta is empty'], ['container:', 'name is missing'], ['ns:x', 'must be absolute']])('refuses %j', (text, why) => {
    expect(() => parseNetwork(text)).toThrow(why);
  });
});

describe('names and resolvers', () => {
  it.each([
    ['db:10.0.0.1', [{ name: 'db', ip: '10.0.0.1' }]], ['db=10.0.0.1', [{ name: 'db', ip: '10.0.0.1' }]], ['db:host-gateway', [{ name: 'db', ip: 'host-gateway' }]], ['db:::1', [{ name: 'db', ip: '::1' }]], ['db:[::1]', [{ name: 'db', ip: '::1' }]],
    ['a;b:1.2.3.4', [{ name: 'a', ip: '1.2.3.4' }, { name: 'b', ip: '1.2.3.4' }]],
  ])('reads --add-host %j', (text, hosts) => {
    expect(parseAddHost(text)).toEqual(hosts);
  });

  it.each([['db', 'expected name:ip'], [':1.2.3.4', 'expected name:ip'], ['db:', 'expected name:ip'], ['db:nope', '"nope" is not an IP address'], ['d b:1.2.3.4', '"d b" is not a host name'], ['db:1.2.3.4\nevil', 'expected name:ip']])('refuses --add-host %j', (text, why) => {
    expect(() => parseAddHost(text)).toThrow(why);
  });

  it('reads --dns, --dns-search and --dns-option', () => {
    expect(parseDns('1.1.1.1')).toBe('1.1.1.1');
    expect(parseDns('[2001:db8::1]')).toBe('2001:db8::1');
    expect(parseDns('none')).toBe('none');
    expect(parseDnsSearch('example.org')).toBe('example.org');
    expect(parseDnsSearch('.')).toBe('.');
    expect(parseDnsOption('ndots:2')).toBe('ndots:2');
  });

  it('refuses what would break resolv.conf', () => {
    expect(() => parseDns('example.org')).toThrow('--dns "example.org"');
    expect(() => parseDnsSearch('a b')).toThrow('--dns-search "a b"');
    expect(() => parseDnsSearch('a\nnameserver 6.6.6.6')).toThrow('--dns-search');
    expect(() => parseDnsOption('ndots:2 x')).toThrow('--dns-option');
  });
});

describe('parseNetworks', () => {
  const nothing = { aliases: [] };

  it('takes several names, in Podman’s older spelling too', () => {
    expect(parseNetworks(['a', 'b:ip=10.0.0.9'], nothing)).toEqual({ mode: 'networks', networks: [{ name: 'a', aliases: [] }, { name: 'b', ipv4: '10.0.0.9', aliases: [] }] });
    expect(parseNetworks(['a,b'], nothing)).toMatchObject({ networks: [{ name: 'a' }, { name: 'b' }] });
    expect(parseNetworks([], nothing)).toEqual({ mode: 'default' });
  });

  it('gives the one network what --ip and the like say, and every one the aliases', () => {
    expect(parseNetworks(['a'], { ipv4: '10.0.0.9', ipv6: 'fd00::9', mac: '02:00:00:00:00:09', aliases: ['x'] })).toEqual({ mode: 'networks', networks: [{ name: 'a', ipv4: '10.0.0.9', ipv6: 'fd00::9', mac: '02:00:00:00:00:09', aliases: ['x'] }] });
    expect(parseNetworks(['a:alias=x', 'b'], { aliases: ['x', 'y'] })).toMatchObject({ networks: [{ aliases: ['x', 'y'] }, { aliases: ['x', 'y'] }] });
  });

  it.each([
    [['a', 'host'], nothing, 'not together with --network host'], [['a', 'a'], nothing, '"a" was given twice'], [['a', 'b'], { ipv4: '10.0.0.9', aliases: [] }, 'containers with one network'],
    [[], { ipv4: '10.0.0.9', aliases: [] }, '--ip needs a network'], [['host'], { aliases: ['x'] }, '--network-alias needs a network'], [['a'], { ipv4: 'fd00::1', aliases: [] }, 'not an IPv4 address'],
  ])('refuses %j', (texts, details, why) => {
    expect(() => parseNetworks(texts as string[], details)).toThrow(why as string);
  });
});
