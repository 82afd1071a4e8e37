import { expect, test } from 'vitest';
import { presentPods } from '../../../../src/cli/present/pods.ts';
import type { PodSummary } from '../../../../src/engine/pods/list.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const container = (name: string, status: 'running' | 'exited') => ({ id: name.repeat(64).slice(0, 64), name, status, restarts: 1 });
const pod = (name: string, more: Partial<PodSummary> = {}): PodSummary => ({
  id: name.repeat(64), name, status: 'Degraded', created: '2026-01-01T00:00:00Z', labels: { b: '2', a: '1' }, infraId: 'f'.repeat(64), networks: ['pasta'], containers: [container('x', 'running'), container('y', 'exited')], ...more,
});
const show = (options: object, pods = [pod('a')]) => presentPods(pods, { now: NOW, ...options });

test('the table has the columns of Podman', async () => {
  expect(await show({})).toBe('POD ID        NAME        STATUS      CREATED            INFRA ID      # OF CONTAINERS\naaaaaaaaaaaa  a           Degraded    About an hour ago  ffffffffffff  2\n');
  expect(await show({ containerNames: true, containerStatuses: true, noHeading: true })).toMatch(/ffffffffffff +x,y +running,exited\n$/);
});

test('ids only, whole where asked for, in the order asked for', async () => {
  const pods = [pod('b'), pod('a', { created: '2026-01-01T00:30:00Z' })];
  expect(await show({ quiet: true }, pods)).toBe(`${'b'.repeat(12)}\n${'a'.repeat(12)}\n`);
  expect(await show({ quiet: true, noTrunc: true, sort: 'name' }, pods)).toBe(`${'a'.repeat(64)}\n${'b'.repeat(64)}\n`);
  await expect(show({ sort: 'size' })).rejects.toThrow('cannot sort by "size"');
});

test('templates and JSON have the names of Podman', async () => {
  expect(await show({ format: '{{.ID}} {{.NumberOfContainers}} {{.Labels}} {{.Label "b"}} {{.Restarts}} {{.Networks}}' })).toBe('aaaaaaaaaaaa 2 a=1,b=2 2 2 pasta\n');
  expect(JSON.parse(await show({ format: 'json' }))[0]).toMatchObject({ Name: 'a', InfraId: 'f'.repeat(64), Status: 'Degraded', Containers: [{ Names: 'x', Status: 'running', RestartCount: 1 }, {}] });
});
