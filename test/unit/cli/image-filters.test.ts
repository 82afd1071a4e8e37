import { describe, expect, it, test } from 'vitest';
import { filterImages, pruneFilter, wantsNamed } from '../../../src/cli/image-filters.ts';
import { ScullError } from '../../../src/host/errors.ts';
import type { ImageRecord } from '../../../src/storage/image-types.ts';

const now = Date.parse('2024-05-31T12:00:00Z');

function image(id: string, names: string[], created: string, labels: Record<string, string> = {}): ImageRecord {
  return {
    id: `sha256:${id.repeat(64).slice(0, 64)}`,
    manifestDigest: `sha256:${'9'.repeat(64)}`,
    names,
    repoDigests: [],
    created,
    size: 1,
    config: { architecture: 'amd64', os: 'linux', config: { Labels: labels }, rootfs: { type: 'layers', diff_ids: [] } },
    layers: [],
  } as unknown as ImageRecord;
}

const debian = image('a', ['docker.io/library/debian:12', 'docker.io/library/debian:latest'], '2024-05-01T00:00:00Z', { org: 'debian' });
const app = image('b', ['localhost/team/app:1.0'], '2024-05-31T11:50:00Z', { org: 'team', tier: 'web' });
const own = image('c', ['registry.lan:5000/app:1.0'], '2024-05-20T00:00:00Z');
const dangling = image('d', [], '2024-05-10T00:00:00Z');
const list = { ...image('e', ['localhost/list:latest'], '2024-05-15T00:00:00Z'), kind: 'list' as const, config: undefined } as unknown as ImageRecord;
const images = [debian, app, own, dangling];
const all = [...images, list];

async function names(...filters: string[]): Promise<string[]> {
  const find = async (name: string): Promise<ImageRecord> => {
    const found = all.find((one) => one.names.includes(name));
    if (found === undefined) throw new ScullError('NO_SUCH_IMAGE', `no such image: ${name}`);
    return found;
  };
  const found = await filterImages(filters.some((filter) => filter.startsWith('manifest')) ? all : images, filters, { now, find, containers: () => new Map([[app.id, 1]]), layers: () => new Map() });
  return found.flatMap((one) => (one.names.length === 0 ? ['<none>'] : one.names));
}

describe('images --filter', () => {
  it.each([
    [['reference=debian'], 'docker.io/library/debian:12 docker.io/library/debian:latest'],
    [['reference=debian:12'], 'docker.io/library/debian:12'],
    [['reference=docker.io/library/debian'], 'docker.io/library/debian:12 docker.io/library/debian:latest'],
    [['reference=app'], 'localhost/team/app:1.0 registry.lan:5000/app:1.0'],
    [['reference=team/app:*'], 'localhost/team/app:1.0'],
    [['reference=localhost/*'], ''],
    [['reference=localhost/*/*'], 'localhost/team/app:1.0'],
    [['reference=*:1.?'], 'localhost/team/app:1.0 registry.lan:5000/app:1.0'],
    [['reference=[a-c]pp'], 'localhost/team/app:1.0 registry.lan:5000/app:1.0'],
    [['reference=registry.lan:5000/app'], 'registry.lan:5000/app:1.0'],
    [['reference=debia'], ''],
    [['reference=deb.an'], ''],
    [['reference=bbbbbbbb'], 'localhost/team/app:1.0'],
    [['reference=b'], 'localhost/team/app:1.0'],
    [['reference!=sha256:bb', 'label=org'], 'docker.io/library/debian:12 docker.io/library/debian:latest'],
    [['dangling=true'], '<none>'],
    [['dangling=false', 'label=org'], 'docker.io/library/debian:12 docker.io/library/debian:latest localhost/team/app:1.0'],
    [['label=org=team', 'label=tier=web'], 'localhost/team/app:1.0'],
    [['label=org=team', 'label=tier=db'], ''],
    [['label!=org'], 'registry.lan:5000/app:1.0 <none>'],
    [['before=registry.lan:5000/app:1.0'], 'docker.io/library/debian:12 docker.io/library/debian:latest <none>'],
    [['since=registry.lan:5000/app:1.0'], 'localhost/team/app:1.0'],
    [['until=24h', 'dangling=false'], 'docker.io/library/debian:12 docker.io/library/debian:latest registry.lan:5000/app:1.0'],
    [['id=cccc'], 'registry.lan:5000/app:1.0'],
    [['readonly=true'], ''],
    [['readonly=false', 'dangling=true'], '<none>'],
    [['reference!=debian', 'dangling!=true'], 'localhost/team/app:1.0 registry.lan:5000/app:1.0'],
    [['reference!=debian', 'reference!=registry.lan:5000/app', 'dangling=false'], 'localhost/team/app:1.0'],
    [['id!=cccc', 'label!=org'], '<none>'],
    [['after=registry.lan:5000/app:1.0'], 'localhost/team/app:1.0'],
    [['containers=true'], 'localhost/team/app:1.0'],
    [['containers=false', 'label=org'], 'docker.io/library/debian:12 docker.io/library/debian:latest'],
    [['containers=external'], ''],
    [['manifest=true'], 'localhost/list:latest'],
    [['manifest=false', 'dangling=true'], '<none>'],
    [['intermediate=true'], ''],
  ])('%j', async (filters, expected) => {
    expect((await names(...filters)).join(' ')).toBe(expected);
  });
  it.each([
    ['colour=red', 'there is no filter "colour"'],
    ['dangling=perhaps', 'the filter dangling is true or false, not "perhaps"'],
    ['until=soon', 'invalid time "soon" for --filter until'],
    ['before=nothing', 'no such image: nothing'],
    ['reference=[z-a]', 'invalid pattern "[z-a]"'],
  ])('%s is refused', async (filter, message) => {
    await expect(names(filter)).rejects.toThrow(message);
  });
});

test('an image without a name on which another one stands is an intermediate one', async () => {
  const layers = new Map([[dangling.id, ['1', '2']], [app.id, ['1', '2', '3']], [own.id, ['1']]]);
  const stack = [dangling, app, own];
  const context = { now, find: () => Promise.resolve(dangling), containers: () => new Map<string, number>(), layers: () => layers };
  expect(await filterImages(stack, ['intermediate=true'], context)).toEqual([dangling]);
  expect(await filterImages(stack, ['intermediate=false'], context)).toEqual(stack.slice(1));
});

test('prune takes only the filters that its manual names', () => {
  const old = pruneFilter(['until=24h', 'label!=org'], now);
  expect([debian, app, own, dangling].filter(old)).toEqual([own, dangling]);
  expect([debian, app, dangling].filter(pruneFilter(['dangling=false'], now))).toEqual([debian, app]);
  expect(['dangling=true', 'dangling=false', 'until=1h'].map((filter) => wantsNamed([filter]))).toEqual([false, true, false]);
  expect(() => pruneFilter(['reference=debian'], now)).toThrow('there is no filter "reference"');
});
