import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explainPasta, hasGained, stopPasta } from '../../../../src/network/drivers/pasta.ts';
import type { ProcessIdentity } from '../../../../src/host/identity.ts';
import type { NetworkPlan } from '../../../../src/network/plan.ts';
import { readNetworkState, type PastaState } from '../../../../src/network/state.ts';

describe('what pasta says', () => {
  it.each([
    ["pasta: unrecognized option '--frobnicate'\nUsage: pasta", 'INVALID', '"--frobnicate"'],
    ['Failed to send 12 bytes to syslog\nFailed to open() /dev/net/tun: Permission denied\n', 'PERMISSION', 'may not open'],
    ['Failed to open() /dev/net/tun: No such file or directory\n', 'PERMISSION', 'does not exist'],
    ["Couldn't open user namespace /proc/9/ns/user: No such file or directory", 'NETWORK', 'ended before'],
    ['Failed to send 36 bytes to syslog\nExternal interface not usable\n', 'NETWORK', 'External interface not usable'],
    ['scull-net: cannot join the namespaces of process 12074: No such file or directory', 'NETWORK', 'ended before'],
    ['', 'NETWORK', 'exit status 1'],
  ])('%j is %s', async (stderr, code, message) => {
    await expect(explainPasta(stderr, 1, [])).resolves.toMatchObject({ code, message: expect.stringContaining(message) });
  });
  it('about /dev/net/tun comes with the command that helps', async () => {
    expect((await explainPasta('/dev/net/tun: Permission denied', 1, [])).hint).toBe('sudo chmod 0666 /dev/net/tun');
  });
});

describe('what the host has got', () => {
  const ipv4 = { address: '10.0.2.100', prefix: 24, gateway: '10.0.2.2' };
  const ipv6 = { address: '2001:db8::5', prefix: 64, gateway: 'fe80::1' };
  const had = (addresses: PastaState['addresses']): PastaState => ({ driver: 'pasta', ports: [], addresses, keeper: { pid: 2 } as ProcessIdentity });
  const now = (addresses: NetworkPlan['addresses']): NetworkPlan => ({ addresses, pasta: { args: [], lateArgs: [], interface: 'eth0' } }) as unknown as NetworkPlan;
  it.each<[string, PastaState, NetworkPlan['addresses'], boolean]>([
    ['IPv6 besides', had({ ipv4 }), { ipv4, ipv6 }, true],
    ['a network at last', had({}), { ipv4 }, true],
    ['nothing', had({ ipv4 }), { ipv4 }, false],
    ['less', had({ ipv4, ipv6 }), { ipv4 }, false],
    ['another address only', had({ ipv4 }), { ipv4: { ...ipv4, address: '10.0.3.100' } }, false],
    ['IPv6 in place of IPv4', had({ ipv4 }), { ipv6 }, false],
    ['what nobody looks after', { driver: 'pasta', ports: [], addresses: { ipv4 } }, { ipv4, ipv6 }, false],
  ])('is %s', (_what, state, addresses, expected) => {
    expect(hasGained(state, now(addresses))).toBe(expected);
  });
});

describe('network.json', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'scull-test-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is nothing where there is none, and stopping then does nothing', () => {
    expect(readNetworkState(join(directory, 'network.json'))).toBeUndefined();
    stopPasta(join(directory, 'network.json'));
  });
  it('that is damaged is told by name', () => {
    const file = join(directory, 'network.json');
    for (const text of ['', '{', 'null', '[]', '{"driver":"other"}']) {
      writeFileSync(file, text);
      expect(() => readNetworkState(file)).toThrow(file);
    }
  });
  it('of a pasta that has ended is only cleared away', () => {
    const file = join(directory, 'network.json');
    const dead = { pid: 2 ** 22 + 1, startTime: 1, bootId: '0'.repeat(32) };
    writeFileSync(file, JSON.stringify({ driver: 'pasta', kept: false, process: dead, ports: [], addresses: {} }));
    stopPasta(file);
    expect(readNetworkState(file)).toBeUndefined();
  });
});
