import { describe, expect, it } from 'vitest';
import { ScullError } from '../../../src/host/errors.ts';
import type { HostNetwork } from '../../../src/network/host-network.ts';
import { planNetwork, type NetworkFacts, type NetworkPlan } from '../../../src/network/plan.ts';
import { parseNetwork } from '../../../src/spec/network.ts';
import { EMPTY_CONTAINER_SPEC, type NetworkSpec, type PortRequest } from '../../../src/spec/container-spec.ts';

const HOST: HostNetwork = {
  ipv4: { interface: 'wlan0', address: '192.168.1.7', prefix: 24, gateway: '192.168.1.1' },
  ipv6: { interface: 'wlan0', address: '2001:db8::7', prefix: 64, gateway: 'fe80::1' },
  ipv4Networks: [{ address: '192.168.1.7', prefix: 24 }],
  resolvConf: 'search lan\nnameserver 127.0.0.53\nnameserver 192.168.1.1\noptions edns0\n',
  hosts: '127.0.0.1 localhost\n127.0.1.1 laptop\n192.168.1.9 printer # upstairs\n',
};
const FACTS: NetworkFacts = { host: HOST, hostname: 'c0ffee', containerName: 'web' };

function plan(wish: Partial<NetworkSpec>, facts: Partial<NetworkFacts> = {}): NetworkPlan {
  return planNetwork({ ...EMPTY_CONTAINER_SPEC.network, ...wish }, { ...FACTS, ...facts });
}

const tcp = (hostPort: number, containerPort: number, more: Partial<PortRequest> = {}): PortRequest => ({ hostIp: '', hostPort, containerPort, protocol: 'tcp', range: 1, ...more });

describe('the default network', () => {
  it('is pasta with a private address, a copy of the IPv6 address, and no way to the loopback of the host', () => {
    expect(plan({}).pasta?.args.join(' ')).toBe(
      '--config-net --quiet --ns-ifname eth0 -a 10.0.2.100 -n 255.255.255.0 -a 2001:db8::7 -g 10.0.2.2 -g fe80::1 --dns-forward 169.254.1.1 --no-map-gw -t none -u none -T none -U none',
    );
  });
  it('leaves IPv6 out where the host has none', () => {
    const { ipv6: _, ...withoutIpv6 } = HOST;
    const args = plan({}, { host: withoutIpv6 }).pasta?.args ?? [];
    expect(args).toContain('-4');
    expect(args.join(' ')).not.toContain('2001');
  });
  it('names an interface on a host without a default route, where pasta would refuse to work', () => {
    const args = plan({}, { host: { ...HOST, ipv6: undefined, ipv4: { interface: 'usb0', address: '172.16.0.2', prefix: 24 } } as HostNetwork }).pasta?.args ?? [];
    expect(args.slice(args.indexOf('-i'), args.indexOf('-i') + 2)).toEqual(['-i', 'usb0']);
  });
  it('avoids an address of the network the host is in', () => {
    const host = { ...HOST, ipv4Networks: [{ address: '10.0.2.15', prefix: 24 }] };
    expect(plan({}, { host }).addresses.ipv4).toEqual({ address: '10.0.3.100', prefix: 24, gateway: '10.0.3.2' });
  });
  it('becomes a lonely loopback on a host without any network, and says so', () => {
    const offline = plan({ ports: [tcp(8080, 80)] }, { host: { ipv4Networks: [], resolvConf: '', hosts: '' } });
    expect(offline).toMatchObject({ mode: 'none', namespace: { kind: 'new' }, ports: [] });
    expect(offline.warnings.join('\n')).toMatch(/no network[\s\S]*published ports have no effect/);
  });
  it('waits for the network of a host without any, where somebody can, and says so', () => {
    const facts = { host: { ipv4Networks: [], resolvConf: '', hosts: '' }, canWait: true };
    const early = plan({ ports: [tcp(8080, 80)] }, facts);
    expect(early).toMatchObject({ mode: 'pasta', addresses: {}, ports: [tcp(8080, 80)] });
    expect(early.warnings.join('\n')).toMatch(/no network[\s\S]*until it has one[\s\S]*published ports have no effect until/);
    const picky = plan({ mode: { mode: 'pasta', options: ['--trace'] } }, facts);
    expect(picky.mode).toBe('none');
    expect(picky.warnings.join()).not.toContain('until');
  });
  it('may wait for traffic, with ports too, unless options are given', () => {
    const closed = '--quiet --ns-ifname eth0 -a 10.0.2.100 -n 255.255.255.0';
    expect(plan({}).pasta?.lateArgs?.join(' ')).toContain(closed);
    expect(plan({ ports: [tcp(8080, 80)] }).pasta?.lateArgs?.join(' ')).toMatch(/-t none -u none -T none -U none$/);
    expect(plan({ mode: { mode: 'pasta', options: ['--trace'] } }).pasta?.lateArgs).toBeUndefined();
  });
  it('leaves ports to others with options too, unless these tell of ports or addresses', () => {
    const closed = (...options: string[]): string | undefined => plan({ mode: { mode: 'pasta', options }, ports: [tcp(8080, 80)] }).pasta?.closedArgs?.join(' ');
    expect(closed('--mtu', '1300')).toMatch(/^--config-net --mtu 1300 .*-t none -u none -T none -U none$/);
    for (const options of [['-t', '90'], ['--udp-ports=90'], ['-a', '10.1.1.5'], ['-4'], []]) expect(closed(...options)).toBeUndefined();
  });
});

describe('published ports', () => {
  it.each<[string, PortRequest[], string]>([
    ['one', [tcp(8080, 80)], '-t 8080:80 -u none'],
    ['on one address', [tcp(8080, 80, { hostIp: '127.0.0.1' })], '-t 127.0.0.1/8080:80 -u none'],
    ['on an IPv6 address', [tcp(8080, 80, { hostIp: '::1' })], '-t ::1/8080:80 -u none'],
    ['a range', [tcp(8000, 80, { range: 3 })], '-t 8000-8002:80-82 -u none'],
    ['udp', [tcp(5353, 53, { protocol: 'udp' })], '-u 5353:53 -t none'],
    ['both', [tcp(53, 53), tcp(53, 53, { protocol: 'udp' })], '-t 53:53 -u 53:53'],
  ])('%s', (_, ports, expected) => {
    expect(plan({ ports }).pasta?.args.join(' ')).toContain(`${expected} -T none -U none`);
    expect(plan({ ports }).ports).toEqual(ports);
  });
  it('have no effect in the host network, which is told', () => {
    expect(plan({ mode: { mode: 'host' }, ports: [tcp(8080, 80)] })).toMatchObject({ ports: [], warnings: ['published ports have no effect with --network host'] });
  });
  it('contradict a joined network', () => {
    expect(() => plan({ mode: { mode: 'container', container: 'db' }, ports: [tcp(8080, 80)] }, { join: { path: '/proc/7/ns/net', ours: false } })).toThrow("ports can't be published with --network container:db");
  });
});

describe('options of the user for pasta', () => {
  it('come first and take the place of ours', () => {
    const args = plan({ mode: { mode: 'pasta', options: ['-a', '10.1.1.5', '-T', '5432', '-I', 'tap0', '--dns-forward', '10.9.9.9'] } });
    expect(args.pasta?.args.join(' ')).toBe('--config-net -a 10.1.1.5 -T 5432 -I tap0 --dns-forward 10.9.9.9 --quiet --no-map-gw -t none -u none -U none');
    expect(args.resolvConf).toContain('nameserver 10.9.9.9\n');
    expect(args.addresses).toEqual({});
  });
  it('--map-gw opens the way to the loopback of the host, which then is what the host is called', () => {
    const open = plan({ mode: { mode: 'pasta', options: ['--map-gw'] } });
    expect(open.pasta?.args).not.toContain('--no-map-gw');
    expect(open.pasta?.args).not.toContain('--map-gw');
    expect(open.hosts).toContain('10.0.2.2\thost.containers.internal');
  });
});

describe('resolv.conf', () => {
  it('asks the resolver of the host through pasta, then the servers that can be reached', () => {
    expect(plan({}).resolvConf).toBe('search lan\nnameserver 169.254.1.1\nnameserver 192.168.1.1\noptions edns0\n');
  });
  it('holds the wishes of the user alone', () => {
    expect(plan({ dns: ['9.9.9.9'], dnsSearch: ['example.org'], dnsOptions: ['ndots:2'] }).resolvConf).toBe('search example.org\nnameserver 9.9.9.9\noptions ndots:2\n');
  });
  it('drops the search list with a dot', () => {
    expect(plan({ dnsSearch: ['.'] }).resolvConf).not.toContain('search');
  });
  it('is left to the image with --dns none', () => {
    expect(plan({ dns: ['none'] }).resolvConf).toBeUndefined();
  });
  it('is that of the host in the host network', () => {
    expect(plan({ mode: { mode: 'host' } }).resolvConf).toBe(HOST.resolvConf);
  });
});

describe('hosts', () => {
  it('names localhost, the host, the container, and what the host knows, but not what is loopback there', () => {
    expect(plan({}).hosts).toBe(
      '127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost ip6-localhost ip6-loopback\n192.168.1.7\thost.containers.internal host.docker.internal\n10.0.2.100\tc0ffee web\n192.168.1.9\tprinter\n',
    );
  });
  it('lets the user win, and knows host-gateway', () => {
    const text = plan({ addHosts: [{ name: 'printer', ip: '10.0.0.1' }, { name: 'me', ip: 'host-gateway' }] }).hosts ?? '';
    expect(text).toContain('10.0.0.1\tprinter\n192.168.1.7\tme\n');
    expect(text).not.toContain('192.168.1.9');
  });
  it('is left alone with --no-hosts', () => {
    expect(plan({ noHosts: true }).hosts).toBeUndefined();
  });
  it('gives the container a loopback address of its own without a network', () => {
    const text = plan({ mode: { mode: 'none' } }).hosts ?? '';
    expect(text).toContain('127.0.1.1\tc0ffee web\n');
    expect(text).not.toContain('host.containers.internal');
  });
});

describe('joining', () => {
  it('takes the path of a namespace as it is', () => {
    const byPath = plan({ mode: { mode: 'path', path: '/run/netns/x' } });
    expect(byPath).toMatchObject({ mode: 'join', namespace: { kind: 'path', path: '/run/netns/x' } });
    expect(byPath.hosts).toBeDefined();
    expect(plan({ mode: { mode: 'path', path: '/proc/7/ns/net' } }, { join: { path: '/proc/7/ns/net', ours: false } })).toMatchObject({ mode: 'join', namespace: { kind: 'path', path: '/proc/7/ns/net' }, hosts: undefined, resolvConf: undefined });
  });
  it('a container that does not run is refused', () => {
    expect(() => plan({ mode: { mode: 'container', container: 'db' } })).toThrow(ScullError);
  });
  it('stays where the other one is in the host’s own', () => {
    expect(plan({ mode: { mode: 'container', container: 'db' } }, { join: { path: '/proc/7/ns/net', ours: true } })).toMatchObject({ mode: 'join', namespace: { kind: 'host' } });
  });
  it('shares the files of the other container, so wishes for them are refused', () => {
    const joined = { join: { path: '/proc/7/ns/net', ours: false } };
    expect(plan({ mode: { mode: 'container', container: 'db' } }, joined)).toMatchObject({ mode: 'join', resolvConf: undefined, hosts: undefined });
    expect(() => plan({ mode: { mode: 'container', container: 'db' }, dns: ['9.9.9.9'] }, joined)).toThrow("--dns can't be used with --network container:db");
  });
});

describe('named networks', () => {
  const onNetworks = (...interfaces: NonNullable<NetworkFacts['interfaces']>) => plan({ mode: parseNetwork('back'), ports: [tcp(8080, 80)] }, { interfaces });
  const addresses = { ipv4: { address: '10.89.0.2', prefix: 24, gateway: '10.89.0.1' } };
  it('ask the gateway for names', () => {
    expect(onNetworks({ addresses, dns: true, internal: false })).toMatchObject({ mode: 'switch', resolvConf: expect.stringContaining('nameserver 10.89.0.1\n'), warnings: [] });
  });
  it('say that there are none where nobody can tell them, and ask as a container alone would', () => {
    const nameless = onNetworks({ addresses, dns: 'missing', internal: false });
    expect(nameless.warnings).toEqual([expect.stringMatching(/aardvark-dns is not installed.*by address only/)]);
    expect(nameless.resolvConf).toContain('nameserver 169.254.1.1\n');
    expect(onNetworks({ addresses, dns: false, internal: false }).warnings).toEqual([]);
  });
  it('have no ports where nobody can come in, and say so', () => {
    expect(onNetworks({ addresses, dns: true, internal: true })).toMatchObject({ ports: [], warnings: [expect.stringContaining('no effect on an internal network')] });
  });
});
