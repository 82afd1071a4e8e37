import { describe, expect, it } from 'vitest';
import { chooseInterface, chooseIpv4Subnet, chooseIpv6Subnet, defineSubnet, refuseOverlap } from '../../../src/network/choices.ts';
import { knownSubnet, subnetText } from '../../../src/spec/subnet.ts';

const taken = (...texts: string[]) => texts.map((text) => ({ subnet: knownSubnet(text), by: `network "${text}"` }));

describe('what is chosen for a new network', () => {
  it('is the lowest subnet that overlaps with none', () => {
    expect(subnetText(chooseIpv4Subnet([]))).toBe('10.89.0.0/24');
    expect(subnetText(chooseIpv4Subnet(taken('10.89.0.0/24', '10.89.1.128/25')))).toBe('10.89.2.0/24');
    expect(subnetText(chooseIpv4Subnet(taken('10.89.0.0/16')))).toBe('10.90.0.0/24');
    expect(() => chooseIpv4Subnet(taken('10.0.0.0/8'))).toThrow('no subnet is left');
  });
  it('for IPv6 a unique local one', () => {
    const randoms = ['0000000001', '0000000002'];
    expect(subnetText(chooseIpv6Subnet(taken('fd00:0:1::/64'), () => randoms.shift() as string))).toBe('fd00:0:2::/64');
  });
  it('is a name that no other bridge has', () => {
    expect(chooseInterface(new Set(['scull0', 'scull1', 'scull3']))).toBe('scull2');
  });
});

describe('a subnet as it was asked for', () => {
  const subnet = knownSubnet('10.89.4.0/24');
  it('has its first address as gateway', () => expect(defineSubnet(subnet, {})).toEqual({ subnet: '10.89.4.0/24', gateway: '10.89.4.1' }));
  it.each([
    ['10.89.4.128/25', { first: '10.89.4.128', last: '10.89.4.255' }],
    ['10.89.4.20-10.89.4.30', { first: '10.89.4.20', last: '10.89.4.30' }],
  ])('has the range %s', (range, ends) => expect(defineSubnet(subnet, { range }).range).toEqual(ends));
  it.each([
    [{ gateway: '10.89.5.1' }, 'the gateway 10.89.5.1 is not in the subnet'],
    [{ range: '10.89.5.0/25' }, 'is not in the subnet'],
    [{ range: 'x' }, 'invalid --ip-range'],
  ])('%j is refused', (wish, why) => expect(() => defineSubnet(subnet, wish)).toThrow(why));
  it('must have room', () => expect(() => defineSubnet(knownSubnet('10.0.0.1/32'), {})).toThrow('no room'));
  it('must not overlap with another, which is named', () => expect(() => refuseOverlap(subnet, taken('10.89.0.0/16'))).toThrow('10.89.4.0/24 overlaps with 10.89.0.0/16, which is used by network "10.89.0.0/16"'));
});
