import { describe, expect, it } from 'vitest';
import type { SystemInfo } from '../../../../src/engine/system/info.ts';
import { presentDoctor } from '../../../../src/cli/present/doctor.ts';
import { presentInfo, presentVersion } from '../../../../src/cli/present/system.ts';

const client = { Version: '0.1.0', Runtime: 'bun 1.4.5', Product: 'executable', Os: 'linux', OsArch: 'linux/amd64' };
const components = [{ Name: 'crun', Version: '1.8.1', Path: '/usr/bin/crun' }];

describe('version', () => {
  it('prints ours and those of the programs we work with', () => {
    expect(presentVersion(client, components)).toBe(
      ['Client:       scull', 'Version:      0.1.0', 'Runtime:      bun 1.4.5 (executable)', 'OS/Arch:      linux/amd64', 'crun:         1.8.1 (/usr/bin/crun)', ''].join('\n'),
    );
  });
  it.each([
    ['{{.Client.Version}}', '0.1.0'],
    ['{{.Server.Version}}', '0.1.0'],
    ['{{.Version}}', '0.1.0'],
    ['{{range .Components}}{{.Name}} {{.Version}}{{end}}', 'crun 1.8.1'],
  ])('fills %s', (format, expected) => {
    expect(presentVersion(client, components, format)).toBe(`${expected}\n`);
  });
  it('prints JSON', () => {
    expect(JSON.parse(presentVersion(client, components, 'json'))).toEqual({ Client: client, Components: components });
  });
});

const info = {
  host: {
    arch: 'amd64', cgroupControllers: [], cgroupManager: 'none', cgroupVersion: 'v2', conmon: null, cpus: 2, distribution: { distribution: 'debian', version: '12', codename: 'bookworm' },
    hostname: 'vm', kernel: '6.1.0', logDriver: 'k8s-file', memTotal: 10, ociRuntime: { name: 'crun', path: '/usr/bin/crun', version: 'crun 1.8\nspec: 1' }, os: 'linux', security: { rootless: true, seccompEnabled: true },
  },
  store: { containerStore: { number: 3, paused: 0, running: 1, stopped: 2 }, graphDriverName: 'overlay', graphRoot: '/home/u/.local/share/scull', imageStore: { number: 4 } },
  version: { Version: '0.1.0' },
} as unknown as SystemInfo;

describe('info', () => {
  it('is YAML', () => {
    expect(presentInfo(info)).toContain('  ociRuntime:\n    name: crun\n    path: /usr/bin/crun\n    version: |-\n      crun 1.8\n      spec: 1\n');
  });
  it.each([
    ['{{.Store.GraphDriverName}} {{.Host.OCIRuntime.Name}} {{.Host.CgroupsVersion}}', 'overlay crun v2'],
    ['{{.Host.Security.Rootless}}', 'true'],
    ['{{.Driver}} {{.ServerVersion}} {{.NCPU}} {{.DockerRootDir}}', 'overlay 0.1.0 2 /home/u/.local/share/scull'],
    ['{{.ContainersRunning}}/{{.Containers}} {{.OperatingSystem}}', '1/3 debian 12'],
    ['{{json .SecurityOptions}}', '["name=seccomp,profile=default","name=rootless"]'],
  ])('fills %s, with names of podman or docker', (format, expected) => {
    expect(presentInfo(info, format)).toBe(`${expected}\n`);
  });
  it('prints JSON in the shape of podman', () => {
    expect(JSON.parse(presentInfo(info, 'json'))).toEqual(info);
  });
});

describe('doctor', () => {
  const report = {
    healthy: false,
    checks: [
      { name: 'kernel', status: 'ok', found: '6.1.0' },
      { name: 'subordinate ids', status: 'warning', found: 'none', consequence: 'one id only', fix: 'sudo usermod --add-subuids 100000-165535 me' },
      { name: 'crun', status: 'missing', found: 'not \u001b[1minstalled', consequence: 'no container can be started', fix: 'sudo apt-get install crun' },
    ],
  } as const;
  it('says of each what was found, what is lost, and what helps', () => {
    expect(presentDoctor(report, { colour: false, json: false })).toBe(
      [
        'ok       kernel           6.1.0',
        'warning  subordinate ids  none',
        '                          one id only',
        '                          fix: sudo usermod --add-subuids 100000-165535 me',
        'missing  crun             not \\x1b[1minstalled',
        '                          no container can be started',
        '                          fix: sudo apt-get install crun',
        '',
        "Containers can't run as they should: 1 of 3 checks failed.",
        '',
      ].join('\n'),
    );
  });
  it('ends with the verdict', () => {
    const verdict = (checks: typeof report.checks | readonly (typeof report.checks)[number][]): string => presentDoctor({ healthy: true, checks }, { colour: false, json: false }).trim().split('\n').at(-1) ?? '';
    expect(verdict(report.checks.slice(0, 1))).toBe('Everything is as it should be.');
    expect(verdict(report.checks.slice(0, 2))).toBe('Containers can run, with one restriction.');
  });
  it('colours the state on a terminal only', () => {
    expect(presentDoctor(report, { colour: true, json: false })).toContain('\u001b[1m\u001b[31mmissing\u001b[39m\u001b[22m  crun');
    expect(presentDoctor(report, { colour: false, json: false })).not.toContain('\u001b');
  });
  it('prints JSON', () => {
    expect(JSON.parse(presentDoctor(report, { colour: true, json: true }))).toEqual(report);
  });
});
