import { describe, expect, it } from 'vitest';
import { buildProcessSpec, processEnvironment, type ProcessInput } from '../../../../src/runtime/oci-spec/process.ts';

const input: ProcessInput = {
  args: ['id'],
  env: ['A=1'],
  cwd: '/',
  user: { uid: 0, gid: 0, additionalGids: [5], home: '/root' },
  tty: false,
  capAdd: [],
  capDrop: [],
  privileged: false,
  noNewPrivileges: false,
  ulimits: [],
  host: { lastCapability: 40, limits: {}, oomScoreAdjustment: 0, apparmor: false, availableGids: 65536 },
};

describe('buildProcessSpec', () => {
  it('makes what exec adds by the rules of the container', () => {
    expect(buildProcessSpec({ ...input, user: { ...input.user, uid: 5 }, tty: true, terminalSize: { height: 2, width: 3 } })).toMatchObject({
      terminal: true, consoleSize: { height: 2, width: 3 }, user: { uid: 5, gid: 0, umask: 0o22, additionalGids: [0, 5] }, capabilities: { effective: [], inheritable: [], ambient: [] }, rlimits: [],
    });
  });

  it('gives a size only to a terminal', () => {
    expect(buildProcessSpec({ ...input, terminalSize: { height: 2, width: 3 } }).consoleSize).toBeUndefined();
  });

  it('sets no limits it does not know the caller\'s of', () => {
    expect(buildProcessSpec({ ...input, host: { ...input.host, limits: { nofile: { soft: 1, hard: Infinity } } } }).rlimits).toEqual([{ type: 'RLIMIT_NOFILE', hard: 1048576, soft: 1048576 }]);
  });

  it('never has inheritable capabilities that are not ambient too (CVE-2022-24769)', () => {
    for (const uid of [0, 5]) for (const privileged of [true, false]) for (const capAdd of [[], ['CAP_NET_RAW'], ['ALL']]) {
      const { inheritable, ambient, permitted } = buildProcessSpec({ ...input, user: { ...input.user, uid }, privileged, capAdd }).capabilities;
      expect(inheritable).toEqual(ambient);
      for (const name of ambient) expect(permitted).toContain(name);
      if (uid === 0) expect(ambient).toEqual([]);
    }
  });
});

describe('processEnvironment', () => {
  it('adds only what is missing', () => {
    expect(processEnvironment(['HOME=/x'], { hostname: 'h', home: '/root', tty: true })).toEqual(['HOME=/x', 'TERM=xterm', 'HOSTNAME=h']);
    expect(processEnvironment(['TERM=vt', 'HOSTNAME='], { hostname: 'h', home: '/', tty: true })).toEqual(['TERM=vt', 'HOSTNAME=', 'HOME=/']);
  });
});
