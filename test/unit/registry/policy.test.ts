import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContainersConfig } from '../../../src/host/containers-config.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { requirePermission } from '../../../src/registry/policy.ts';

let base: string;
let config: ContainersConfig;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'policy-'));
  config = { userFolder: join(base, 'user'), systemFolder: join(base, 'system'), dockerFolder: base, authFile: undefined, runtimeAuthFile: undefined, registriesConf: undefined };
});
afterEach(() => rmSync(base, { recursive: true }));

function write(folder: string, content: unknown): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'policy.json'), typeof content === 'string' ? content : JSON.stringify(content));
}

const verdict = (name: string): string => {
  try {
    requirePermission(parseReference(name), config);
    return 'yes';
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const accept = [{ type: 'insecureAcceptAnything' }];
const reject = [{ type: 'reject' }];
const signed = [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: '/etc/key' }];

describe('a policy', () => {
  test('that nobody wrote allows everything', () => expect(verdict('debian')).toBe('yes'));

  test('decides by the scope that fits best', () => {
    const docker = { 'docker.io/library/debian:12': accept, 'docker.io/library/debian': reject, 'docker.io': accept, 'r.example:5000/team': accept, 'r.example:5000/team/secret': reject, '*.trusted.example': accept, '*.no.trusted.example': reject };
    write(config.systemFolder, { default: reject, transports: { docker, 'docker-daemon': { '': accept } } });
    const names = ['debian:12', 'debian:13', 'alpine', 'quay.io/x/y', 'r.example:5000/team/app', 'r.example:5000/team/secret/x', 'r.example:5000/teams/app', 'r.example/team/app', 'a.b.trusted.example/x', 'trusted.example/x', 'a.no.trusted.example/x', 'a.trusted.example:5000/x'];
    expect(names.map((name) => [name, verdict(name)])).toEqual([
      ['debian:12', 'yes'],
      ['debian:13', 'REGISTRY'],
      ['alpine', 'yes'],
      ['quay.io/x/y', 'REGISTRY'],
      ['r.example:5000/team/app', 'yes'],
      ['r.example:5000/team/secret/x', 'REGISTRY'],
      ['r.example:5000/teams/app', 'REGISTRY'],
      ['r.example/team/app', 'REGISTRY'],
      ['a.b.trusted.example/x', 'yes'],
      ['trusted.example/x', 'REGISTRY'],
      ['a.no.trusted.example/x', 'REGISTRY'],
      ['a.trusted.example:5000/x', 'yes'],
    ]);
  });

  test('may say otherwise for all registries than for the rest', () => {
    write(config.systemFolder, { default: reject, transports: { docker: { '': accept } } });
    expect(verdict('quay.io/x/y')).toBe('yes');
  });

  test('of the user stands in for that of the system', () => {
    write(config.systemFolder, { default: reject });
    write(config.userFolder, { default: accept });
    expect(verdict('debian')).toBe('yes');
  });

  test('that wants signatures is not passed over in silence', () => {
    write(config.systemFolder, { default: accept, transports: { docker: { 'registry.example': signed, 'other.example': [...accept, ...signed] } } });
    expect([verdict('registry.example/x'), verdict('other.example/x'), verdict('debian')]).toEqual(['UNSUPPORTED', 'UNSUPPORTED', 'yes']);
  });

  test.each<unknown>(['{', '[]', {}, { default: [] }, { default: [{}] }, { default: [null] }, { default: accept, transports: [] }, { default: accept, transports: { docker: { '': 'yes' } } }])('that makes no sense is told, and nothing is fetched: %j', (content) => {
    write(config.userFolder, content);
    expect(verdict('debian')).toBe('INVALID');
  });
});
