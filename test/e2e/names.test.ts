import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('a container without a name gets one', async () => {
  const id = await s.ok(['create', 'busybox', 'true']);
  expect((await s.inspect(id)).Name).toMatch(/^\/?[a-z]+_[a-z]+\d*$/);
});

test('a container is found by name, id and beginning of the id', async () => {
  const id = await s.ok(['create', '--name', 'findme', 'busybox', 'true']);
  for (const handle of ['findme', id, id.slice(0, 12), id.slice(0, 6)]) expect((await s.inspect(handle)).Id, handle).toBe(id);
});

test('a taken name is refused, by whom is said, and nothing is left over', async () => {
  const id = await s.ok(['create', '--name', 'taken', 'busybox', 'true']);
  const before = await s.ok(['ps', '-a', '-q']);
  const result = await s.fails(['create', '--name', 'taken', 'busybox', 'true'], 125, /taken/);
  expect(result.stderr).toContain(id.slice(0, 12));
  await s.fails(['run', '--name', 'taken', 'busybox', 'true'], 125, /taken/);
  expect(await s.ok(['ps', '-a', '-q'])).toBe(before);
});

test('--replace takes the name over, from a running container too', async () => {
  const first = await s.ok(['run', '-d', '--name', 'seat', 'busybox', 'sleep', '100']);
  const second = await s.ok(['run', '-d', '--replace', '--name', 'seat', 'busybox', 'sleep', '100']);
  expect(second).not.toBe(first);
  expect((await s.inspect('seat')).Id).toBe(second);
  expect((await s.scull(['container', 'exists', first])).status).toBe(1);
});

test.each(['a b', '-dash', 'a/b', 'ä', '', '.hidden', 'x'.repeat(300)])('the name %j is refused', async (name) => {
  await s.fails(['create', `--name=${name}`, 'busybox', 'true'], 125, /name/);
});

test('rename gives another name, refuses a taken one, and frees the old one', async () => {
  await s.ok(['create', '--name', 'old', 'busybox', 'true']);
  await s.ok(['create', '--name', 'other', 'busybox', 'true']);
  await s.fails(['rename', 'old', 'other'], 125, /other/);
  await s.ok(['rename', 'old', 'new']);
  expect((await s.scull(['container', 'exists', 'old'])).status).toBe(1);
  expect((await s.inspect('new')).Name).toMatch(/^\/?new$/);
  await s.ok(['create', '--name', 'old', 'busybox', 'true']);
});

test('of many commands racing for one name exactly one wins, and the losers leave nothing', async () => {
  const before = (await s.ok(['ps', '-a', '-q'])).split('\n').filter(Boolean).length;
  const results = await Promise.all(Array.from({ length: 8 }, () => s.scull(['create', '--name', 'race', 'busybox', 'true'])));
  expect(results.filter((result) => result.status === 0).length).toBe(1);
  for (const result of results.filter((one) => one.status !== 0)) expect(result).toMatchObject({ status: 125, stderr: expect.stringMatching(/^Error: .*race/) });
  expect((await s.ok(['ps', '-a', '-q'])).split('\n').length).toBe(before + 1);
});

test('an id that fits several containers is refused as ambiguous', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 17; i++) ids.push(await s.ok(['create', 'busybox', 'true']));
  const digit = ids.map((id) => id[0] as string).find((one, index, all) => all.indexOf(one) !== index) as string;
  await s.fails(['inspect', '--type', 'container', digit], 125, /more than one|ambiguous|several/i);
});

test('a container that many rename and change at once ends with one name, which leads to it, and with every change', async () => {
  const id = await s.ok(['create', '--name', 'n0', 'busybox', 'true']);
  for (let round = 0; round < 4; round += 1) {
    const renames = Array.from({ length: 6 }, (_, index) => s.scull(['rename', id, `n${(round + index) % 3}`]));
    const changes = Array.from({ length: 4 }, (_, index) => s.ok(['update', '--env', `V${round}_${index}=set`, id]));
    for (const { status, stderr } of await Promise.all(renames)) if (status !== 0) expect(stderr).toMatch(/already has the name/);
    await Promise.all(changes);
    await s.ok(['system', 'check', '--quick']);
  }
  const { Name, Config } = await s.inspect(id);
  expect((await s.inspect(Name.replace(/^\//, ''))).Id).toBe(id);
  expect(Config.Env.filter((entry: string) => entry.endsWith('=set'))).toHaveLength(16);
}, 120_000);
