import { describe, expect, it } from 'vitest';
import type { VolumeDescription } from '../../../../src/engine/volumes/list.ts';
import { presentVolumes } from '../../../../src/cli/present/volumes.ts';

const data: VolumeDescription = {
  Name: 'data', Driver: 'local', Mountpoint: '/v/data/_data', CreatedAt: '2024-05-31T10:00:00.000Z', Labels: { tier: 'db', a: '1' }, Scope: 'local', Options: {}, Anonymous: false, NeedsCopyUp: false,
};

describe('volume ls', () => {
  it('prints a table', async () => {
    expect(await presentVolumes([data], {})).toBe('DRIVER      VOLUME NAME\nlocal       data\n');
    expect(await presentVolumes([], {})).toBe('DRIVER      VOLUME NAME\n');
    expect(await presentVolumes([data], { noHeading: true })).toBe('local       data\n');
  });
  it('prints names only', async () => {
    expect(await presentVolumes([data], { quiet: true })).toBe('data\n');
  });
  it.each([
    ['{{.Name}} {{.Mountpoint}} {{.Scope}}', 'data /v/data/_data local'],
    ['{{.Labels}}', 'a=1,tier=db'],
    ['{{.Label "tier"}}', 'db'],
    ['table {{.Driver}} {{.Name}}', 'DRIVER      VOLUME NAME\nlocal       data'],
  ])('fills %s', async (format, expected) => {
    expect(await presentVolumes([data], { format })).toBe(`${expected}\n`);
  });
  it('prints JSON', async () => {
    expect(JSON.parse(await presentVolumes([data], { format: 'json' }))).toEqual([data]);
  });
});
