import { describe, expect, it } from 'vitest';
import { addressNumber, addressText, contains, knownSubnet, overlap, parseSubnet, subnetText, usable } from '../../../src/spec/subnet.ts';

describe('addresses as numbers', () => {
  it.each(['0.0.0.0', '10.89.0.1', '255.255.255.255'])('%s comes back as it was', (text) => {
    expect(addressText(4, addressNumber(text) as bigint)).toBe(text);
  });
  it.each([
    ['::', '::'], ['::1', '::1'], ['FD00:0:0:0:0:0:0:1', 'fd00::1'], ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], ['::ffff:10.0.0.1', '::ffff:a00:1'], ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'], ['fd00:1::', 'fd00:1::'],
  ])('%s is written %s', (text, canonical) => {
    expect(addressText(6, addressNumber(text) as bigint)).toBe(canonical);
  });
  it('what is no address is none', () => {
    expect(addressNumber('10.0.0')).toBeUndefined();
    expect(addressNumber('')).toBeUndefined();
  });
});

describe('subnets', () => {
  it('begin where their prefix says', () => {
    expect(subnetText(parseSubnet('10.89.0.77/24') as never)).toBe('10.89.0.0/24');
    expect(subnetText(parseSubnet('fd00:1:2:3:4::9/64') as never)).toBe('fd00:1:2:3::/64');
  });
  it.each(['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/', 'x/24', '10.0.0.0/-1'])('%j is none', (text) => expect(parseSubnet(text)).toBeUndefined());
  it('contain and overlap', () => {
    const subnet = knownSubnet('10.89.0.0/24');
    expect([contains(subnet, '10.89.0.255'), contains(subnet, '10.89.1.0'), contains(subnet, '::a59:1')]).toEqual([true, false, false]);
    expect(overlap(subnet, knownSubnet('10.0.0.0/8'))).toBe(true);
    expect(overlap(subnet, knownSubnet('10.89.1.0/24'))).toBe(false);
    expect(overlap(knownSubnet('::/0'), knownSubnet('0.0.0.0/0'))).toBe(false);
  });
  it('keep their first and last address for themselves, where they are wide enough', () => {
    const ends = (text: string): string[] => {
      const subnet = knownSubnet(text);
      const { first, last } = usable(subnet);
      return [addressText(subnet.version, first), addressText(subnet.version, last)];
    };
    expect(ends('10.89.0.0/24')).toEqual(['10.89.0.1', '10.89.0.254']);
    expect(ends('10.89.0.4/31')).toEqual(['10.89.0.4', '10.89.0.5']);
    expect(ends('fd00::/120')).toEqual(['fd00::1', 'fd00::ff']);
  });
});
