import { describe, expect, it } from 'vitest';
import type { ContainerSummary } from '../../../../src/engine/containers/list.ts';
import { presentContainers, type PsOptions } from '../../../../src/cli/present/containers.ts';

const now = Date.parse('2024-05-31T12:00:00Z');
const base = { pid: 0, monitorPid: 0, startedAt: '', finishedAt: '', exitCode: 0, oomKilled: false, error: '' };

const web: ContainerSummary = {
  id: 'abcdef0123456789'.repeat(4),
  name: 'web',
  image: 'docker.io/library/nginx:latest',
  imageId: `sha256:${'11'.repeat(32)}`,
  command: ['nginx', '-g', 'daemon off;'],
  created: '2024-05-31T10:00:00.500Z',
  state: { ...base, status: 'running', pid: 4242, startedAt: '2024-05-31T11:57:00Z' },
  labels: { tier: 'front', 'com.example.build-date': '2024' },
  ports: [
    { hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp', range: 1 },
    { hostIp: '::1', hostPort: 9000, containerPort: 9000, protocol: 'udp', range: 3 },
  ],
  exposedPorts: ['80/tcp', '443/tcp', '444/tcp', '53/udp'],
  mounts: [{ type: 'volume', name: 'data', source: '/v/data', target: '/data', readOnly: false, propagation: '', options: [] }],
  networks: ['pasta'],
  autoRemove: false,
  restarts: 0,
  restarting: false,
  size: { rw: 1234, rootFs: 187_000_000 },
};

const job: ContainerSummary = {
  ...web,
  id: '0123456789abcdef'.repeat(4),
  name: 'job',
  image: 'localhost/job:1',
  command: ['sh', '-c', 'exit 3'],
  created: '2024-05-31T09:00:00.000Z',
  state: { ...base, status: 'exited', exitCode: 3, startedAt: '2024-05-31T11:59:00Z', finishedAt: '2024-05-31T11:59:55Z' },
  labels: {},
  ports: [],
  exposedPorts: [],
  mounts: [],
  size: undefined,
};

const fresh: ContainerSummary = { ...job, id: 'ffff'.repeat(16), name: 'fresh', created: '2024-05-31T11:59:59.900Z', state: { ...base, status: 'created' } };

function ps(containers: readonly ContainerSummary[], options: Partial<PsOptions> = {}): Promise<string> {
  return presentContainers(containers, { now, ...options });
}

describe('ps', () => {
  it('prints a table, oldest container first', async () => {
    expect(await ps([web, fresh, job])).toBe(
      [
        'CONTAINER ID  IMAGE                           COMMAND               CREATED                 STATUS                    PORTS                                                                      NAMES',
        '0123456789ab  localhost/job:1                 sh -c exit 3          3 hours ago             Exited (3) 5 seconds ago                                                                             job',
        'abcdef012345  docker.io/library/nginx:latest  nginx -g daemon o...  2 hours ago             Up 3 minutes              0.0.0.0:8080->80/tcp, [::1]:9000-9002->9000-9002/udp, 443-444/tcp, 53/udp  web',
        'ffffffffffff  localhost/job:1                 sh -c exit 3          Less than a second ago  Created                                                                                              fresh',
        '',
      ].join('\n'),
    );
  });
  it('prints only the head where there is nothing', async () => {
    expect(await ps([])).toBe('CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES\n');
    expect(await ps([], { noHeading: true })).toBe('');
    expect(await ps([], { format: 'json' })).toBe('[]\n');
  });
  it('prints sizes where asked for', async () => {
    const lines = (await ps([web], { size: true })).split('\n');
    expect(lines[0]).toMatch(/ {2}NAMES {7}SIZE$/);
    expect(lines[1]).toMatch(/ {2}web {9}1\.23kB \(virtual 187MB\)$/);
  });
  it('prints ids only, short or whole', async () => {
    expect(await ps([web, job], { quiet: true })).toBe('0123456789ab\nabcdef012345\n');
    expect(await ps([job], { quiet: true, noTrunc: true })).toBe(`${'0123456789abcdef'.repeat(4)}\n`);
  });
  it('cuts nothing with noTrunc', async () => {
    expect(await ps([web], { noTrunc: true })).toContain('nginx -g daemon off;');
  });
  it.each([
    ['names', 'fresh job web'],
    ['created', 'job web fresh'],
    ['status', 'fresh job web'],
    ['runningfor', 'fresh web job'],
    ['id', 'job web fresh'],
    ['image', 'web job fresh'],
    ['command', 'web job fresh'],
    ['size', 'job fresh web'],
  ])('sorts by %s', async (sort, order) => {
    expect((await ps([web, job, fresh], { sort, format: '{{.Names}}' })).trim().split('\n').join(' ')).toBe(order);
  });
  it('refuses to sort by what it does not have', async () => {
    await expect(ps([], { sort: 'colour' })).rejects.toThrow('cannot sort by "colour"');
    await expect(ps([web], { sort: 'constructor' })).rejects.toThrow('cannot sort by "constructor"');
  });
  it.each([
    ['{{.ID}} {{.Names}} {{.State}}', 'abcdef012345 web running'],
    ['{{.Status}}|{{.RunningFor}}|{{.CreatedHuman}}', 'Up 3 minutes|2 hours ago|2 hours ago'],
    ['{{.CreatedAt}}', '2024-05-31 10:00:00.5 +0000 UTC'],
    ['{{.Labels}}', 'com.example.build-date=2024,tier=front'],
    ['{{.Label "tier"}}/{{.Label "none"}}', 'front/'],
    ['{{.Mounts}} {{.LocalVolumes}} {{.Networks}}', 'data 1 pasta'],
    ['{{.Pid}} {{.ExitCode}} {{.Exited}} {{.StartedAt}}', '4242 0 false 1717156620'],
    ['{{.Size}}', '1.23kB (virtual 187MB)'],
    ['{{.Ports}}', '0.0.0.0:8080->80/tcp, [::1]:9000-9002->9000-9002/udp, 443-444/tcp, 53/udp'],
    ['{{.ImageID}} {{.Image}}', '111111111111 docker.io/library/nginx:latest'],
    ['{{.Command}}', 'nginx -g daemon o...'],
  ])('fills %s', async (format, expected) => {
    expect(await ps([web], { format })).toBe(`${expected}\n`);
  });
  it('heads a table made by a template', async () => {
    expect(await ps([web], { format: 'table {{.ID}}\\t{{.Label "com.example.build-date"}}\\t{{.Names}}' })).toBe(
      'CONTAINER ID  BUILD DATE  NAMES\nabcdef012345  2024        web\n',
    );
    expect(await ps([], { format: 'table {{.RunningFor}} {{.Names}}', noHeading: true })).toBe('');
  });
  it('says which field does not exist', async () => {
    await expect(ps([web], { format: '{{.Nmaes}}' })).rejects.toThrow("template: 1:3: can't evaluate field Nmaes in type struct");
  });
  it('prints JSON in the shape of podman', async () => {
    const [value] = JSON.parse(await ps([web], { format: 'json' })) as [Record<string, unknown>];
    expect(value).toEqual({
      AutoRemove: false,
      Command: ['nginx', '-g', 'daemon off;'],
      CreatedAt: '2 hours ago',
      CIDFile: '',
      Exited: false,
      ExitedAt: -62135596800,
      ExitCode: 0,
      ExposedPorts: { '53': ['udp'], '80': ['tcp'], '443': ['tcp'], '444': ['tcp'] },
      Id: web.id,
      Image: 'docker.io/library/nginx:latest',
      ImageID: '11'.repeat(32),
      IsInfra: false,
      Labels: web.labels,
      Mounts: ['/data'],
      Names: ['web'],
      Namespaces: {},
      Networks: ['pasta'],
      Pid: 4242,
      Pod: '',
      PodName: '',
      Ports: [
        { host_ip: '', container_port: 80, host_port: 8080, range: 1, protocol: 'tcp' },
        { host_ip: '::1', container_port: 9000, host_port: 9000, range: 3, protocol: 'udp' },
      ],
      Restarts: 0,
      Size: { rootFsSize: 187_000_000, rwSize: 1234 },
      StartedAt: 1717156620,
      State: 'running',
      Status: 'Up 3 minutes',
      Created: 1717149600,
    });
  });
  it('prints one JSON object per line in the shape of docker for {{json .}}', async () => {
    const lines = (await ps([web, job], { format: '{{json .}}' })).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => [line['ID'], line['Names'], line['Labels'], line['State']])).toEqual([
      ['0123456789ab', 'job', '', 'exited'],
      ['abcdef012345', 'web', 'com.example.build-date=2024,tier=front', 'running'],
    ]);
  });
  it('lets no name or command steer the terminal', async () => {
    expect(await ps([{ ...job, command: ['\u001b[2J\n', 'x'] }])).toContain('\\x1b[2J\\n x');
    expect(await ps([{ ...job, image: 'a\u001b[0m' }], { format: '{{.Image}}' })).toBe('a\\x1b[0m\n');
  });
});
