import { describe, expect, it } from 'vitest';
import { reachableServers, switchResolvConfText } from '../../../src/network/name-files.ts';

const HOST = 'search example.org\nnameserver 192.0.2.53\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver 198.51.100.53\noptions edns0 rotate\n';

describe('name servers', () => {
  it('that a container can ask itself are neither on the host’s loopback nor need a zone', () => {
    expect(reachableServers(HOST)).toEqual(['192.0.2.53', '198.51.100.53']);
  });

  it('of networks: pasta’s address stands for the host’s first one', () => {
    expect(switchResolvConfText(HOST, '169.254.1.1')).toBe('nameserver 169.254.1.1\nnameserver 198.51.100.53\noptions rotate\n');
  });

  it('of networks: asked directly where pasta knows those of then', () => {
    expect(switchResolvConfText(HOST, undefined)).toBe('nameserver 192.0.2.53\nnameserver 198.51.100.53\noptions rotate\n');
  });

  it('are none on a host that has none', () => {
    expect(switchResolvConfText('', '169.254.1.1')).toBe('');
  });
});
