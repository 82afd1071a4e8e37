import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ipVersion } from '../../../src/spec/ip-address.ts';

describe('ipVersion', () => {
  it.each([
    '1.2.3.4', '0.0.0.0', '255.255.255.255', '::', '::1', 'fe80::1', 'fe80::1%eth0', '2001:db8:0:0:0:0:0:1', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:1.2.3.4', '1::8', '1:2:3:4:5:6:7::',
    '', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.x', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', 'g::1', '::1.2.3', '1.2.3.4::', '::1%', 'localhost', '1:2:3:4:5:6:7:1.2.3.4', ' ::1', '::1\n',
  ])('agrees with node:net about %j', (text) => {
    expect(ipVersion(text)).toBe(isIP(text));
  });
});
