import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareVersions, parseVersion, rememberedVersion, toolOptions, toolVersion, type Tool } from '../../../src/host/tools.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function program(script: string, name: Tool['name'] = 'pasta'): Tool {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { name, path };
}

describe('a version', () => {
  it.each([
    ['crun version 1.8.1', '1.8.1'],
    ['conmon version 2.1.12', '2.1.12'],
    ['pasta 0.0~git20250503.587980c-2', '2025-05-03'],
    ['pasta 2024_11_27.c0fbc7e', '2024-11-27'],
    ['pasta unknown version', undefined],
    ['slirp4netns version 1.2.0', '1.2.0'],
  ])('%j is %s', (text, version) => {
    expect(parseVersion(text)).toBe(version);
  });
  it('is taken from the line about the program, not from those about its libraries or licence', async () => {
    const tool = program('echo "libfoo: version 9.9"; echo "pasta: version 1.10"; echo "see gpl-3.0"');
    expect((await toolVersion(tool)).version).toBe('1.10');
  });
  it('may be told on standard error', async () => {
    expect((await toolVersion(program('echo "pasta 1.2" >&2; exit 1'))).version).toBe('1.2');
  });
  it('may be told to a terminal only', async () => {
    expect(await toolVersion(program('! [ -t 1 ] || echo "pasta 0.0~git20250503.587980c-2"'))).toEqual({ version: '2025-05-03', text: 'pasta 0.0~git20250503.587980c-2' });
    expect(await toolVersion(program('exit 0'))).toEqual({ version: undefined, text: '' });
  });
  it('of crun is told as well where it could make no state directory of its own', async () => {
    const tool = program('[ "$1" = --root ] && [ -d "$2" ] || { echo "Failed to get state directory" >&2; exit 1; }; echo "crun version 1.21"', 'crun');
    expect((await toolVersion(tool)).version).toBe('1.21');
  });
  it('compares by numbers, not by letters', () => {
    expect(compareVersions('1.10', '1.9')).toBeGreaterThan(0);
    expect(compareVersions('2023-03-09', '2024-01-01')).toBeLessThan(0);
    expect(compareVersions('1.8', '1.8.0')).toBe(0);
  });
});

describe('the options of a program', () => {
  it('are asked for once, and again when the program has changed', async () => {
    const count = join(directory, 'count');
    const tool = program(`echo x >>${count}; echo "  -m, --map-guest-addr ADDR" >&2; echo "--dns-forward=X"`);
    const cache = join(directory, 'cache');
    expect([...(await toolOptions(tool, cache))]).toEqual(['--dns-forward', '--map-guest-addr']);
    expect((await toolOptions(tool, cache)).has('--map-guest-addr')).toBe(true);
    program('echo --other --and-more');
    expect([...(await toolOptions(tool, cache))]).toEqual(['--and-more', '--other']);
  });
  it('are asked for again when what was remembered is damaged', async () => {
    const tool = program('echo --other');
    await toolOptions(tool, directory);
    for (const text of ['', '{', 'null', '{"identity":1}']) {
      writeFileSync(join(directory, 'pasta.options.json'), text);
      expect([...(await toolOptions(tool, directory))]).toEqual(['--other']);
    }
  });
});

describe('the version of a program', () => {
  it('is asked for once, and again when the program has changed', async () => {
    const count = join(directory, 'count');
    const tool = program(`echo x >>${count}; echo pasta 1.8.1`);
    expect([await rememberedVersion(tool, directory), await rememberedVersion(tool, directory)]).toEqual(['1.8.1', '1.8.1']);
    expect(readFileSync(count, 'utf8')).toBe('x\n');
    expect(await rememberedVersion(program('echo nothing to tell'), directory)).toBeUndefined();
  });
});
