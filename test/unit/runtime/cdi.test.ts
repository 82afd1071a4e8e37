import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveCdi } from '../../../src/runtime/cdi.ts';

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cdi-'));
  for (const [name, folder] of [['XDG_CONFIG_HOME', 'config'], ['XDG_RUNTIME_DIR', 'run']] as const) {
    mkdirSync(join(base, folder, 'cdi'), { recursive: true });
    vi.stubEnv(name, join(base, folder));
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(base, { recursive: true });
});

/** A file with the devices `0` and `1` of a kind, which set WHO. */
function write(path: string, kind: string, who: string, edits: object = {}): void {
  const device = (name: string) => ({ name, containerEdits: { env: [`WHO=${who}${name}`], ...edits } });
  writeFileSync(join(base, path), JSON.stringify({ cdiVersion: '0.6.0', kind, containerEdits: { env: [`ALL=${who}`] }, devices: [device('0'), device('1')] }));
}

describe('resolveCdi', () => {
  it('takes what is for all devices of a file once, and before what is for each', async () => {
    write('config/cdi/a.json', 'acme.example/gpu', 'a');
    expect((await resolveCdi(['acme.example/gpu=0', 'acme.example/gpu=1', 'acme.example/gpu=0'])).env).toEqual(['ALL=a', 'WHO=a0', 'WHO=a1']);
  });

  it('takes a device of the folder that is made last for each start', async () => {
    write('config/cdi/a.json', 'acme.example/gpu', 'config');
    write('run/cdi/b.json', 'acme.example/gpu', 'run');
    expect((await resolveCdi(['acme.example/gpu=0'])).env).toEqual(['ALL=run', 'WHO=run0']);
  });

  it('reads YAML', async () => {
    writeFileSync(join(base, 'config/cdi/a.yaml'), '---\ncdiVersion: 0.5.0\nkind: acme.example/gpu\ndevices:\n- name: "0"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/acme0\n      hostPath: /dev/null\n');
    expect((await resolveCdi(['acme.example/gpu=0'])).devices).toEqual([{ source: '/dev/null', target: '/dev/acme0', permissions: 'rwm' }]);
  });

  it('finds a GPU of any vendor, and of NVIDIA first, as Podman', async () => {
    write('config/cdi/amd.json', 'amd.com/gpu', 'amd');
    expect((await resolveCdi(['gpu=0'])).env).toContain('WHO=amd0');
    write('config/cdi/nvidia.json', 'nvidia.com/gpu', 'nvidia');
    expect((await resolveCdi(['gpu=0'])).env).toContain('WHO=nvidia0');
  });

  it('mounts as asked, files as binds where nothing is said, and one thing in one place', async () => {
    const mount = { hostPath: base, containerPath: '/a', options: ['ro'] };
    write('config/cdi/a.json', 'acme.example/gpu', 'a', { mounts: [{ ...mount, options: [] }, mount, { hostPath: 'tmpfs', containerPath: '/t', type: 'tmpfs', options: ['size=1k'] }] });
    expect((await resolveCdi(['acme.example/gpu=0'])).mounts).toEqual([
      { destination: '/a', type: 'bind', source: base, options: ['rbind', 'ro'] },
      { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['size=1k'] },
    ]);
  });

  it('says which devices there are where one is not known, and what is wrong with a file', async () => {
    await expect(resolveCdi(['acme.example/gpu=7'])).rejects.toMatchObject({ code: 'NOT_FOUND', hint: expect.stringContaining(join(base, 'config/cdi/nvidia.yaml')) });
    write('config/cdi/a.json', 'acme.example/gpu', 'a');
    writeFileSync(join(base, 'config/cdi/b.json'), '{"cdiVersion":');
    await expect(resolveCdi(['acme.example/gpu=7'])).rejects.toMatchObject({ message: expect.stringContaining('config/cdi/b.json'), hint: 'there are acme.example/gpu=0, acme.example/gpu=1' });
    expect((await resolveCdi(['acme.example/gpu=0'])).env).toContain('WHO=a0');
  });

  it('refuses a device that two files of a folder have', async () => {
    write('config/cdi/a.json', 'acme.example/gpu', 'a');
    write('config/cdi/b.json', 'acme.example/gpu', 'b');
    await expect(resolveCdi(['acme.example/gpu=0'])).rejects.toMatchObject({ code: 'AMBIGUOUS', message: expect.stringMatching(/a\.json and .*b\.json/) });
  });

  it.each([
    { deviceNodes: [{ path: '/dev/nosuch' }] },
    { mounts: [{ hostPath: '/dev/nosuch', containerPath: '/a' }] },
    { hooks: [{ hookName: 'createContainer', path: '/dev/nosuch' }] },
  ])('refuses what names something that is not there: %j', async (edits) => {
    write('config/cdi/a.json', 'acme.example/gpu', 'a', edits);
    await expect(resolveCdi(['acme.example/gpu=0'])).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringMatching(/acme\.example\/gpu=0 .*a\.json.* needs \/dev\/nosuch/) });
  });
});
