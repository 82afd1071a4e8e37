import { describe, expect, it } from 'vitest';
import { parseAddHost, parseDns, parseDnsOption, parseDnsSearch, parseNetwork } from '../../../src/spec/network.ts';
import type { ScullError } from '../../../src/host/errors.ts';

describe('parseNetwork', () => {
  it.each([
    ['', { mode: 'default' }], ['default', { mode: 'default' }], ['private', { mode: 'default' }], ['none', { mode: 'none' }], ['host', { mode: 'host' }], ['pasta', { mode: 'pasta', options: [] }],
    ['pasta:--mtu,1500', { mode: 'pasta', options: ['--mtu', '1500'] }], ['container:web', { mode: 'container', container: 'web' }], ['ns:/run/netns/x', { mode: 'path', path: '/run/netns/x' }],
  ])('reads %j', (text, mode) => {
    expect(parseNetwork(text)).toEqual(mode);
  });

  it.each([['bridge', 'come in a later version'], ['mynet', 'come in a later version'], ['bridge:ip=1.2.3.4', 'later version'], ['slirp4netns', 'pasta replaces it'], ['slirp4netns:mtu=1', 'pasta replaces it']])('says of %j what works instead', (text, why) => {
    try {
      parseNetwork(text);
      expect.unreachable();
    } catch (error) {
      expect((error as ScullError).code).toBe('UNSUPPORTED');
      expect((error as ScullError).message).toContain(why);
      expect((error as ScullError).hint).toContain('none, host, pasta');
    }
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
