/** `search`, against Debian's registry, which has a catalogue, and against one with Docker's old search. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePort, startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { refuse, startTestRegistry, type TestRegistry } from '../support/registry-server.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
let catalogue: DockerRegistry;
let index: TestRegistry;

const RESULTS = [
  { name: 'web/app', description: 'A server\nof \u001b[31mmany\u001b[0m words, far more of them than fit into one line of a table', star_count: 12, is_official: true, is_automated: false },
  { name: 'other', description: '', star_count: 3, is_official: false, is_automated: true },
];

beforeAll(async () => {
  catalogue = await startDockerRegistry(s.base);
  for (const name of ['app:1', 'app:2', 'team/app:latest', 'team/database:1']) await s.ok(['push', '-q', 'busybox', `${catalogue.host}/${name}`]);
  index = await startTestRegistry();
});
beforeEach(() => {
  index.requests.length = 0;
  index.intercept = (request, response) => {
    if (!request.url?.startsWith('/v1/search')) return false;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ results: RESULTS }));
    return true;
  };
});
afterAll(async () => {
  await catalogue.stop();
  await index.stop();
});

const lines = async (...args: string[]): Promise<string[]> => (await s.ok(['search', ...args])).split('\n');
const first = (line: string): string => line.split(/\s/)[0] ?? '';

describe('a registry with a catalogue', () => {
  test('is searched by parts of names, the very name first; with a slash alone it lists all', async () => {
    expect((await lines(`${catalogue.host}/app`)).map(first)).toEqual(['NAME', `${catalogue.host}/app`, `${catalogue.host}/team/app`]);
    expect((await lines(`${catalogue.host}/`)).map(first)).toEqual(['NAME', `${catalogue.host}/app`, `${catalogue.host}/team/app`, `${catalogue.host}/team/database`]);
    expect((await lines('--limit', '1', `${catalogue.host}/`)).map(first)).toEqual(['NAME', `${catalogue.host}/app`]);
    expect(await s.ok(['search', `${catalogue.host}/nothing-of-that-name`])).toBe('');
  });

  test('has its tags listed', async () => {
    const table = await lines('--list-tags', `${catalogue.host}/app`);
    expect(table.map((line) => line.split(/\s+/))).toEqual([['NAME', 'TAG'], [`${catalogue.host}/app`, '1'], [`${catalogue.host}/app`, '2']]);
    expect(await lines('--list-tags', '--limit', '1', '--format', '{{.Tag}}', `${catalogue.host}/app`)).toEqual(['1']);
    expect(JSON.parse(await s.ok(['search', '--list-tags', '--format', 'json', `${catalogue.host}/app`]))).toEqual([{ Name: `${catalogue.host}/app`, Tags: ['1', '2'] }]);
    await s.fails(['search', '--list-tags', `${catalogue.host}/nosuch`], 125, /cannot list the tags of .*nosuch: .* has no such repository/);
    await s.fails(['search', '--list-tags', `${catalogue.host}/app:1`], 125, /names one image/);
  });
});

describe('a registry that searches itself', () => {
  test('is asked once; long descriptions are cut, and steer no terminal', async () => {
    const table = await lines(`${index.host}/app`);
    expect(index.requests.map((request) => request.path)).toEqual(['/v1/search?q=app&n=25']);
    expect(table).toHaveLength(3);
    expect(table[1]).toContain('\\x1b');
    expect(table[1]).toMatch(/\.\.\.$/);
    expect((await lines('--no-trunc', `${index.host}/app`))[1]).toContain('one line of a table');
  });

  test('has Docker\'s columns, filters and formats', async () => {
    expect((await lines('--compatible', `${index.host}/app`))[0]).toMatch(/^NAME +DESCRIPTION +STARS +OFFICIAL +AUTOMATED$/);
    expect(await lines('--format', '{{.Name}} {{.Stars}} {{.Official}}', '--filter', 'stars=10', `${index.host}/app`)).toEqual([`${index.host}/web/app 12 [OK]`]);
    expect(await lines('--format', '{{.Name}}', '--filter', 'is-official=false', `${index.host}/app`)).toEqual([`${index.host}/other`]);
    expect(await lines('--format', '{{.Name}}', '--filter', 'is-automated=true', `${index.host}/app`)).toEqual([`${index.host}/other`]);
    expect(await lines('--format', '{{.Name}}', '--filter', 'is-automated', `${index.host}/app`)).toEqual([`${index.host}/other`]);
    expect(JSON.parse(await s.ok(['search', '--format', 'json', `${index.host}/app`]))[1]).toEqual({ Index: index.host, Name: `${index.host}/other`, Description: '', Stars: 3, Official: '', Automated: '[OK]', Tag: '' });
  });

  test('that answers with a page for people, or not as it should, is told from one that can be searched', async () => {
    index.intercept = (request, response) => {
      if (!request.url?.startsWith('/v1/search')) return false;
      response.setHeader('content-type', 'text/html').end('<html>hello</html>');
      return true;
    };
    await s.fails(['search', `${index.host}/app`], 125, /can't be searched/);
    index.intercept = (request, response) => request.url?.startsWith('/v1/') === true && refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '3000' });
    await s.fails(['search', `${index.host}/app`], 125, /rate limit .* is used up/);
  });
});

test('without a registry those of registries.conf are asked; one that fails is a warning if another has something', async () => {
  const gone = `127.0.0.1:${await freePort()}`;
  const conf = s.file('search.conf', `unqualified-search-registries = ["${gone}", "${catalogue.host}"]\n`);
  const env = { CONTAINERS_REGISTRIES_CONF: conf };
  const result = await s.scull(['search', '--format', '{{.Name}}', 'database'], { env });
  expect(result).toMatchObject({ status: 0, stdout: `${catalogue.host}/team/database\n`, stderr: expect.stringContaining(`nothing listens at ${gone}`) });
  await s.fails(['search', 'nothing-at-all'], 125, /nothing listens/, { env });
});

test.each<[string[], RegExp]>([
  [['search', '--filter', 'colour=red', 'x'], /there is no filter "colour"/],
  [['search', '--filter', 'stars=many', 'x'], /stars is a whole number/],
  [['search', '--list-tags', '--filter', 'stars=1', 'x'], /cannot be used together/],
  [['search'], /search/],
])('%j is refused', async (args, message) => {
  await s.fails(args, 125, message);
});
