import { describe, expect, it } from 'vitest';
import { parseExpose, parsePort } from '../../../src/spec/port.ts';

describe('parsePort', () => {
  it.each([
    ['80', { hostIp: '', containerPort: 80, protocol: 'tcp', range: 1 }],
    ['8080:80', { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp', range: 1 }],
    ['8080:80/udp', { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'udp', range: 1 }],
    ['8080:80/TCP', { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp', range: 1 }],
    [':80', { hostIp: '', containerPort: 80, protocol: 'tcp', range: 1 }],
    ['127.0.0.1:8080:80', { hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp', range: 1 }],
    ['127.0.0.1::80', { hostIp: '127.0.0.1', containerPort: 80, protocol: 'tcp', range: 1 }],
    ['::80', { hostIp: '', containerPort: 80, protocol: 'tcp', range: 1 }],
    ['[::1]:8080:80', { hostIp: '::1', hostPort: 8080, containerPort: 80, protocol: 'tcp', range: 1 }],
    ['[::]::53/udp', { hostIp: '::', containerPort: 53, protocol: 'udp', range: 1 }],
    ['8000-8010:80-90', { hostIp: '', hostPort: 8000, containerPort: 80, protocol: 'tcp', range: 11 }],
    ['80-82', { hostIp: '', containerPort: 80, protocol: 'tcp', range: 3 }],
    ['0.0.0.0:65535:65535', { hostIp: '0.0.0.0', hostPort: 65535, containerPort: 65535, protocol: 'tcp', range: 1 }],
  ])('reads %j', (text, port) => {
    expect(parsePort(text)).toEqual(port);
  });

  it.each([
    ['', 'the container port is missing'],
    ['8080:', 'the container port is missing'],
    ['http', 'the container port "http" is not a number or a range'],
    ['x:80', 'the host port "x"'],
    ['0:80', 'the host port 0 is not between'],
    ['80:0', 'the container port 0'],
    ['65536:80', 'the host port 65536'],
    ['-1:80', 'the host port "-1"'],
    ['8010-8000:80-90', 'ends before it begins'],
    ['8000-8002:80-90', 'the host range 8000-8002 has 3 ports, the container range 80-90 has 11'],
    ['8000:80-90', 'the host range 8000 has 1 port,'],
    ['80/sctp', 'sctp is not forwarded'],
    ['80/icmp', 'unknown protocol "icmp"'],
    ['80/', 'unknown protocol ""'],
    ['80/tcp/udp', 'more than one "/"'],
    ['1.2.3:80:80', '"1.2.3" is not an IP address'],
    ['localhost:80:80', '"localhost" is not an IP address'],
    ['::1:80:80', 'an IPv6 address must stand in brackets'],
    ['[::1:80:80', 'the brackets of the IPv6 address do not match'],
    ['[::1]:80', 'must be a host port'],
    ['[::1]', 'must be [hostPort]:containerPort'],
    ['[127.0.0.1]:80:80', 'is not an IPv6 address'],
    ['1.1.1.1:1:2:3', 'too many colons'],
    ['80 ', 'the container port "80 "'],
  ])('refuses %j and says which part is wrong', (text, why) => {
    expect(() => parsePort(text)).toThrow(why);
    if (!why.startsWith('sctp')) expect(() => parsePort(text)).toThrow(JSON.stringify(text));
  });
});

describe('parseExpose', () => {
  it.each([['80', ['80/tcp']], ['53/udp', ['53/udp']], ['80-82', ['80/tcp', '81/tcp', '82/tcp']]])('reads %j', (text, ports) => {
    expect(parseExpose(text)).toEqual(ports);
  });

  it.each(['', 'x', '0', '80:80', '3-1'])('refuses %j', (text) => {
    expect(() => parseExpose(text)).toThrow('invalid port');
  });
});
