import { describe, expect, it } from 'vitest';
import type { ImageRecord } from '../../../../src/storage/image-types.ts';
import { presentHistory } from '../../../../src/cli/present/history.ts';
import { presentImages, splitName, type ImagesOptions } from '../../../../src/cli/present/images.ts';

const now = Date.parse('2024-05-31T12:00:00Z');

function image(fields: { id: string; names?: string[]; repoDigests?: string[]; created?: string; size?: number; labels?: Record<string, string>; history?: object[]; layerSizes?: number[] }): ImageRecord {
  const layers = (fields.layerSizes ?? []).map((size, index) => ({ descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: `sha256:${index}`, size }, diffId: '', chainId: '' }));
  return {
    id: `sha256:${fields.id.repeat(64).slice(0, 64)}`,
    manifestDigest: `sha256:${'f'.repeat(64)}`,
    manifestMediaType: 'application/vnd.oci.image.manifest.v1+json',
    names: fields.names ?? [],
    repoDigests: fields.repoDigests ?? [],
    created: fields.created ?? '2024-05-29T12:00:00Z',
    size: fields.size ?? 72_800_000,
    config: { architecture: 'amd64', os: 'linux', config: { Labels: fields.labels ?? {} }, rootfs: { type: 'layers', diff_ids: [] }, history: fields.history ?? [] },
    layers,
  } as unknown as ImageRecord;
}

const debian = image({ id: 'a', names: ['docker.io/library/debian:12', 'docker.io/library/debian:latest'], labels: { org: 'debian' } });
const local = image({ id: 'b', names: ['localhost:5000/app/web:1.0'], created: '2024-05-31T11:00:00Z', size: 1_000 });
const dangling = image({ id: 'c', created: '2020-01-01T00:00:00Z', size: 999 });
const byDigest = image({ id: 'd', repoDigests: [`quay.io/x/y@sha256:${'e'.repeat(64)}`], created: '1970-01-01T00:00:00Z' });

function images(list: readonly ImageRecord[], options: Partial<ImagesOptions> = {}): Promise<string> {
  return presentImages(list, { now, containers: () => new Map([[local.id, 2]]), ...options });
}

describe('images', () => {
  it('prints a line per name, newest image first, dangling ones as <none>', async () => {
    expect(await images([dangling, debian, byDigest, local])).toBe(
      [
        'REPOSITORY                TAG         IMAGE ID      CREATED            SIZE',
        'localhost:5000/app/web    1.0         bbbbbbbbbbbb  About an hour ago  1 kB',
        'docker.io/library/debian  12          aaaaaaaaaaaa  2 days ago         72.8 MB',
        'docker.io/library/debian  latest      aaaaaaaaaaaa  2 days ago         72.8 MB',
        '<none>                    <none>      cccccccccccc  4 years ago        999 B',
        'quay.io/x/y               <none>      dddddddddddd  54 years ago       72.8 MB',
        '',
      ].join('\n'),
    );
  });
  it('prints digests and whole ids where asked for', async () => {
    expect(await images([local], { digests: true, noTrunc: true, noHeading: true })).toBe(
      `localhost:5000/app/web  1.0         sha256:${'f'.repeat(64)}  sha256:${'b'.repeat(64)}  About an hour ago  1 kB\n`,
    );
  });
  it('prints each id once', async () => {
    expect(await images([debian, local], { quiet: true })).toBe('bbbbbbbbbbbb\naaaaaaaaaaaa\n');
    expect(await images([local], { quiet: true, noTrunc: true })).toBe(`sha256:${'b'.repeat(64)}\n`);
  });
  it.each([
    ['repository', '<none> docker.io/library/debian docker.io/library/debian localhost:5000/app/web'],
    ['size', '<none> localhost:5000/app/web docker.io/library/debian docker.io/library/debian'],
    ['id', 'docker.io/library/debian docker.io/library/debian localhost:5000/app/web <none>'],
    ['tag', 'localhost:5000/app/web docker.io/library/debian <none> docker.io/library/debian'],
  ])('sorts by %s', async (sort, order) => {
    expect((await images([local, dangling, debian], { sort, format: '{{.Repository}}' })).trim().split('\n').join(' ')).toBe(order);
  });
  it.each(['colour', 'constructor'])('refuses to sort by %s, which it does not have', async (sort) => {
    await expect(images([local], { sort })).rejects.toThrow(`cannot sort by "${sort}"`);
  });
  it.each([
    ['{{.Repository}}:{{.Tag}} {{.ID}}', 'localhost:5000/app/web:1.0 bbbbbbbbbbbb'],
    ['{{.Size}} {{.CreatedSince}} {{.CreatedAt}}', '1 kB About an hour ago 2024-05-31 11:00:00 +0000 UTC'],
    ['{{.Digest}}', `sha256:${'f'.repeat(64)}`],
    ['{{.RepoTags}}', '[localhost:5000/app/web:1.0]'],
    ['{{.Id}} {{.Containers}} {{.History}} {{.IsManifestList}}', `${'b'.repeat(64)} 2 localhost:5000/app/web:1.0 false`],
    ['table {{.Repository}}\\t{{.ID}}', 'REPOSITORY              IMAGE ID\nlocalhost:5000/app/web  bbbbbbbbbbbb'],
  ])('fills %s', async (format, expected) => {
    expect(await images([local], { format })).toBe(`${expected}\n`);
  });
  it('prints JSON in the shape of podman', async () => {
    const value = JSON.parse(await images([debian], { format: 'json' })) as Record<string, unknown>[];
    expect(value).toHaveLength(2);
    expect(value[0]).toMatchObject({ Id: 'a'.repeat(64), RepoTags: debian.names, Names: debian.names, History: debian.names, Containers: 0, Size: 72_800_000, Labels: { org: 'debian' }, Created: 1716984000, Arch: 'amd64', Os: 'linux', Repository: 'docker.io/library/debian', Tag: '12', Dangling: false });
  });
});

describe('names of images', () => {
  it.each([
    ['docker.io/library/debian:12', 'docker.io/library/debian', '12'],
    ['localhost:5000/a', 'localhost:5000/a', '<none>'],
    ['localhost:5000/a:b', 'localhost:5000/a', 'b'],
  ])('%s', (name, repository, tag) => {
    expect(splitName(name)).toEqual({ repository, tag });
  });
});

describe('history', () => {
  const built = image({
    id: 'a',
    names: ['localhost/app:1'],
    layerSizes: [400_000, 800],
    history: [
      { created: '2024-05-01T00:00:00Z', created_by: '/bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in /', comment: 'base' },
      { created: '2024-05-31T10:00:00Z', created_by: 'CMD ["sh"]', empty_layer: true },
      { created: '2024-05-31T11:00:00Z', created_by: 'RUN x\u001b[1m' },
    ],
  });
  const sizes = [1_000_000, 2_000];
  it('is told newest first, sizes going to the steps that made layers', async () => {
    expect(await presentHistory(built, { sizes, now })).toBe(
      [
        'ID            CREATED            CREATED BY                                     SIZE        COMMENT',
        'aaaaaaaaaaaa  About an hour ago  RUN x\\x1b[1m                                   2kB',
        '<missing>     2 hours ago        CMD ["sh"]                                     0B',
        '<missing>     4 weeks ago        /bin/sh -c #(nop) ADD file:0123456789abcde...  1MB         base',
        '',
      ].join('\n'),
    );
  });
  it('can be cut out whole, by id, for programs and by template', async () => {
    expect(await presentHistory(built, { sizes, now, quiet: true })).toBe('aaaaaaaaaaaa\n<missing>\n<missing>\n');
    expect(await presentHistory(built, { sizes, now, human: false, noTrunc: true, format: '{{.Size}} {{.Created}} {{.CreatedBy}}' })).toContain('1000000 2024-05-01T00:00:00Z /bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in /\n');
    expect(JSON.parse(await presentHistory(built, { sizes, now, format: 'json' }))[0]).toMatchObject({ id: 'a'.repeat(64), size: 2000, tags: ['localhost/app:1'], Created: '2024-05-31T11:00:00Z' });
  });
  it('shows the layers of an image that has none', async () => {
    expect(await presentHistory(image({ id: 'a', layerSizes: [1, 1] }), { sizes: [5, 6], now, format: '{{.ID}} {{.Size}}' })).toBe('aaaaaaaaaaaa 6B\n<missing> 5B\n');
    expect(await presentHistory(image({ id: 'a' }), { sizes: [], now, format: 'json' })).toBe('[]\n');
  });
});
