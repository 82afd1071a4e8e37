import { expect, test } from 'vitest';
import { nameFile, type NamedContainer } from '../../../src/network/name-server.ts';
import { DEFAULT_NETWORK, type NetworkDefinition } from '../../../src/spec/network-definition.ts';

const network: NetworkDefinition = { ...DEFAULT_NETWORK, name: 'front', subnets: [{ subnet: '10.89.0.0/24', gateway: '10.89.0.1' }, { subnet: 'fd00::/64', gateway: 'fd00::1' }] };
const id = 'c0ffee'.repeat(11).slice(0, 64);
const web: NamedContainer = {
  id,
  name: 'web',
  attachments: [{ network: 'front', interface: 'eth0', mac: '02:00:00:00:00:01', ipv4: { address: '10.89.0.2', prefix: 24 }, ipv6: { address: 'fd00::2', prefix: 64 }, aliases: ['www', 'web'] }],
  dns: [],
};

test('a container is told by its name, its aliases and its short id, each once', () => {
  expect(nameFile(network, [web])).toBe(`10.89.0.1,fd00::1\n${id} 10.89.0.2 fd00::2 web,www,c0ffeec0ffee\n`);
});

test('name servers of its own come before those of the network; an internal network asks nobody outside', () => {
  const last = (text: string | undefined) => text?.trim().split(' ').at(-1);
  const withServers = { ...network, dnsServers: ['9.9.9.9'] };
  expect(last(nameFile(withServers, [web]))).toBe('9.9.9.9');
  expect(last(nameFile(withServers, [{ ...web, dns: ['1.1.1.1', '8.8.8.8'] }]))).toBe('1.1.1.1,8.8.8.8');
  expect(last(nameFile({ ...withServers, internal: true }, [web]))).toMatch(/^127\./);
});

test('there is nothing to tell without containers, and on a network that tells no names', () => {
  expect(nameFile(network, [])).toBeUndefined();
  expect(nameFile({ ...network, name: 'other' }, [web])).toBeUndefined();
  expect(nameFile({ ...network, dns: false }, [web])).toBeUndefined();
});
