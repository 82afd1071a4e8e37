import { describe, expect, it } from 'vitest';
import { renderYaml } from '../../../../src/cli/present/yaml.ts';

describe('YAML', () => {
  it('nests maps and lists', () => {
    expect(
      renderYaml({
        host: { arch: 'amd64', cgroupControllers: ['memory', 'pids'], ids: [{ container_id: 0, size: 1 }, { container_id: 1, size: 65536 }], empty: {}, none: [], left: undefined },
        version: { Version: '0.1.0' },
      }),
    ).toBe(
      `host:
  arch: amd64
  cgroupControllers:
  - memory
  - pids
  ids:
  - container_id: 0
    size: 1
  - container_id: 1
    size: 65536
  empty: {}
  none: []
version:
  Version: 0.1.0
`,
    );
  });
  it.each([
    ['plain words', 'plain words'],
    ['true', "'true'"],
    ['no', "'no'"],
    ['12', "'12'"],
    ['1.5', "'1.5'"],
    ['12:30', "'12:30'"],
    ['0x1f', "'0x1f'"],
    ['1.2.3', '1.2.3'],
    ['2024-05-31', "'2024-05-31'"],
    ['crun 1.8\ncommit: x\n+SECCOMP', '|-\n  crun 1.8\n  commit: x\n  +SECCOMP'],
    ['', "''"],
    [' x', "' x'"],
    ['a: b', "'a: b'"],
    ['a #b', "'a #b'"],
    ['- a', "'- a'"],
    ["it's: x", "'it''s: x'"],
    ['a\nb\u001b', '"a\\nb\\x1b"'],
    ['/usr/bin/crun', '/usr/bin/crun'],
    ['docker.io/x:1', 'docker.io/x:1'],
  ])('text %j is written so that it is read as text', (text, expected) => {
    expect(renderYaml({ k: text })).toBe(`k: ${expected}\n`);
  });
  it('writes numbers, booleans and nothing', () => {
    expect(renderYaml({ a: 1, b: true, c: null })).toBe('a: 1\nb: true\nc: null\n');
    expect(renderYaml([[1, 2], ['x']])).toBe('- - 1\n  - 2\n- - x\n');
  });
});
