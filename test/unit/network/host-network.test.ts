import { describe, expect, it } from 'vitest';
import { colonAddress, defaultRoute4, globalIpv6, littleEndianAddress, readHostNetwork } from '../../../src/network/host-network.ts';

const ROUTE_HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

describe('the IPv4 default route', () => {
  it('is the one with the lowest metric that is up', () => {
    const table = `${ROUTE_HEAD}eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0
down0\t00000000\t0101A8C0\t0002\t0\t0\t1\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`;
    expect(defaultRoute4(table)).toMatchObject({ interface: 'wlan0', gateway: '192.168.1.1' });
  });
  it('is nothing on an isolated host', () => {
    expect(defaultRoute4(ROUTE_HEAD)).toBeUndefined();
    expect(defaultRoute4('')).toBeUndefined();
  });
  it('reads addresses in host byte order', () => {
    expect(littleEndianAddress('010200C0')).toBe('192.0.2.1');
    expect(littleEndianAddress('FFFFFFFF')).toBe('255.255.255.255');
  });
});

describe('the IPv6 address', () => {
  const zero = '0'.repeat(32);
  const gateway = 'fe800000000000000000000000000001';
  const route = `${zero} 00 ${zero} 00 ${gateway} 00000400 00000001 00000000 00000003 eth0\n`;
  const reject = `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo\n`;
  it('is global, lasting and on the interface of the default route', () => {
    const addresses = [
      '20010db8000000000000000000000bad 02 40 00 01     eth0', // temporary
      '20010db8000000000000000000000007 02 40 00 80     eth0',
      'fe800000000000000000000000000002 02 40 20 80     eth0',
      '20010db8000000000000000000000009 03 40 00 80    wlan0',
    ].join('\n');
    expect(globalIpv6(route + reject, addresses)).toEqual({ interface: 'eth0', address: '2001:db8::7', prefix: 64, gateway: 'fe80::1' });
  });
  it('is none without a route, or with link-local or deprecated addresses alone', () => {
    expect(globalIpv6(reject, '20010db8000000000000000000000007 02 40 00 80 eth0')).toBeUndefined();
    expect(globalIpv6(route, 'fe800000000000000000000000000002 02 40 20 80 eth0')).toBeUndefined();
    expect(globalIpv6(route, '20010db8000000000000000000000007 02 40 00 a0 eth0')).toBeUndefined();
  });
  it.each([
    [zero, '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['20010db8000100020003000400050006', '2001:db8:1:2:3:4:5:6'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['00010000000200030004000500060007', '1:0:2:3:4:5:6:7'],
  ])('%s is written %s', (hex, text) => {
    expect(colonAddress(hex)).toBe(text);
  });
});

it('reads this very host without failing', () => {
  const host = readHostNetwork();
  for (const entry of host.ipv4Networks) expect(entry.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  expect(typeof host.resolvConf).toBe('string');
});
