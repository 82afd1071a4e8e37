import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explainPasta, stopPasta } from '../../../../src/network/drivers/pasta.ts';
import { readNetworkState } from '../../../../src/network/state.ts';

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
