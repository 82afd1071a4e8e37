import { describe, expect, it } from 'vitest';
import { portsText, presentPort, presentPorts } from '../../../../src/cli/present/ports.ts';
import type { PortRequest } from '../../../../src/spec/container-spec.ts';

const port = (given: Partial<PortRequest>): PortRequest => ({ hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp', range: 1, ...given });
const ports = [port({}), port({ hostIp: '127.0.0.1', hostPort: 5300, containerPort: 53, protocol: 'udp', range: 2 }), port({ hostIp: '::1' })];

describe('ports', () => {
  it('in one line, with ranges, exposed ones last and neighbours joined', () => {
    expect(portsText(ports, ['80/tcp', '54/udp', '8001/tcp', '8000/tcp', '8002/tcp', '9/udp'])).toBe(
      '0.0.0.0:8080->80/tcp, 127.0.0.1:5300-5301->53-54/udp, [::1]:8080->80/tcp, 8000-8002/tcp, 9/udp',
    );
    expect(portsText([], [])).toBe('');
  });
  it('line by line', () => {
    expect(presentPorts(ports)).toBe('80/tcp -> 0.0.0.0:8080\n53/udp -> 127.0.0.1:5300\n54/udp -> 127.0.0.1:5301\n80/tcp -> [::1]:8080\n');
    expect(presentPorts([port({})], 'abc\t')).toBe('abc\t80/tcp -> 0.0.0.0:8080\n');
  });
  it.each([
    ['80', '0.0.0.0:8080\n[::1]:8080\n'],
    ['80/tcp', '0.0.0.0:8080\n[::1]:8080\n'],
    ['54/udp', '127.0.0.1:5301\n'],
  ])('of one container port %s', (wanted, expected) => {
    expect(presentPort(ports, wanted)).toBe(expected);
  });
  it.each([
    ['81', 'failed to find published port "81"'],
    ['53/tcp', 'failed to find published port "53/tcp"'],
    ['x', 'invalid port "x": it is PORT or PORT/PROTOCOL, e.g. 80/tcp'],
    ['80/icmp', 'invalid port "80/icmp"'],
    ['99999', 'invalid port "99999"'],
  ])('%s is an error', (wanted, message) => {
    expect(() => presentPort(ports, wanted)).toThrow(message);
  });
});
