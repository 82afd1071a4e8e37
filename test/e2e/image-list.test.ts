/** What `images`, `image tree` and `image prune` tell and choose, with images of this suite's own. */
import { expect, test } from 'vitest';
import { busyboxEntries } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const base = busyboxEntries();

test('image tree shows layers, and which images end where', async () => {
  await s.load({ tags: ['tree/base:1'], layers: [base, [{ path: 'one', content: '1' }]] });
  await s.load({ tags: ['tree/left:1'], layers: [base, [{ path: 'one', content: '1' }], [{ path: 'left', content: 'l' }]] });
  await s.load({ tags: ['tree/right:1'], layers: [base, [{ path: 'one', content: '1' }], [{ path: 'right', content: 'r' }]] });
  const lines = (await s.ok(['image', 'tree', 'tree/left:1'])).split('\n');
  expect(lines[0]).toMatch(/^Image ID: [0-9a-f]{12}$/);
  expect(lines[1]).toMatch(/^Tags: {5}\[docker\.io\/tree\/left:1\]$/);
  expect(lines[2]).toMatch(/^Size: {5}[\d.]+MB$/);
  expect(lines[3]).toBe('Image Layers');
  expect(lines[4]).toMatch(/^├── ID: [0-9a-f]{12} Size: *[\d.]+MB Top Layer of: \[docker\.io\/library\/busybox:latest\]$/);
  expect(lines[5]).toMatch(/^├── ID: [0-9a-f]{12} Size: *[\d.]+kB Top Layer of: \[docker\.io\/tree\/base:1\]$/);
  expect(lines[6]).toMatch(/^└── ID: [0-9a-f]{12} Size: *[\d.]+kB Top Layer of: \[docker\.io\/tree\/left:1\]$/);
  const above = await s.ok(['image', 'tree', '--whatrequires', 'tree/base:1']);
  expect(above).toMatch(/base:1\]\n(?:.*\n)*.*left:1\]/);
  expect(above).toMatch(/right:1\]/);
  expect(above).not.toMatch(/busybox/);
  await s.fails(['image', 'tree', 'nosuch'], 125, /nosuch/);
});

test('images are chosen by containers, age, labels and the lack of names', async () => {
  await s.load({ tags: ['chosen:1'], layers: [base, [{ path: 'c', content: 'c' }]], settings: { Labels: { tier: 'db' } } });
  await s.load({ tags: ['chosen:2'], layers: [base, [{ path: 'd', content: 'd' }]] });
  await s.ok(['create', '--name', 'chooser', 'chosen:2', 'true']);
  const listed = async (...filters: string[]): Promise<string> => s.ok(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'reference=chosen', ...filters.flatMap((filter) => ['--filter', filter])]);
  expect(await listed('label=tier=db')).toBe('docker.io/library/chosen:1');
  expect(await listed('label!=tier')).toBe('docker.io/library/chosen:2');
  expect(await listed('containers=true')).toBe('docker.io/library/chosen:2');
  expect(await listed('containers=false')).toBe('docker.io/library/chosen:1');
  expect(await listed('reference!=chosen:1')).toBe('docker.io/library/chosen:2');
  expect(await listed('readonly=true')).toBe('');
  expect(await listed('until=24h')).toMatch(/chosen:1\n.*chosen:2/);
  expect(await listed('until=2001-01-01')).toBe('');
  expect(await s.ok(['images', '--history', '--filter', 'reference=chosen:2'])).toMatch(/HISTORY\n.*chosen:2$/);
  await s.fails(['images', '--filter', 'colour=red'], 125, /no filter "colour"/);
  expect(await s.ok(['images', '--format', '{{.Id}} {{.Containers}}', 'chosen:2'])).toMatch(/^[0-9a-f]{64} 1$/);
  expect(await s.ok(['images', '-q', (await s.ok(['images', '-q', 'chosen:2'])).slice(0, 11)])).toBe(await s.ok(['images', '-q', 'chosen:2']));
  await s.ok(['rm', 'chooser']);
});

test('prune removes only what fits its filters, and never what is used', async () => {
  await s.load({ tags: ['pruned:1'], layers: [base, [{ path: 'p', content: 'p' }]], settings: { Labels: { keep: 'no' } } });
  await s.load({ tags: ['kept:1'], layers: [base, [{ path: 'k', content: 'k' }]] });
  await s.load({ tags: ['used:1'], layers: [base, [{ path: 'u', content: 'u' }]], settings: { Labels: { keep: 'no' } } });
  await s.ok(['create', '--name', 'keeper', 'used:1', 'true']);
  const id = await s.ok(['images', '-q', '--no-trunc', 'pruned:1']);
  expect(await s.ok(['image', 'prune', '-af', '--filter', 'label=keep=no', '--filter', 'until=2001-01-01'])).toBe('');
  expect(await s.ok(['image', 'prune', '-af', '--filter', 'label=keep=no'])).toBe(id.replace('sha256:', ''));
  for (const name of ['kept:1', 'used:1', 'busybox']) expect((await s.scull(['image', 'exists', name])).status, name).toBe(0);
  expect(await s.ok(['image', 'prune', '-f', '--filter', 'dangling=false', '--filter', 'until=2001-01-01'])).toBe('');
  await s.fails(['image', 'prune', '-f', '--filter', 'colour=red'], 125, /no filter "colour"/);
  await s.ok(['rm', 'keeper']);
});

test('rmi says who uses an image, and takes what it was told to', async () => {
  const layers = (text: string) => [base, [{ path: 'r', content: text }]];
  await s.load({ tags: ['gone:1', 'gone:2'], layers: layers('gone') });
  const id = (await s.ok(['images', '-q', '--no-trunc', 'gone:1'])).replace('sha256:', '');
  await s.fails(['rmi', id.slice(0, 12)], 125, /more than one name: .*gone:1, .*gone:2/);
  expect(await s.ok(['rmi', 'gone:2'])).toBe('Untagged: docker.io/library/gone:2');
  await s.ok(['create', '--name', 'holder', 'gone:1', 'true']);
  await s.fails(['rmi', 'gone:1'], 2, /is used by container holder \([0-9a-f]{12}\)/);
  await s.ok(['rm', 'holder']);
  await s.ok(['tag', 'gone:1', 'gone:3']);
  expect((await s.ok(['rmi', '-f', id.slice(0, 12)])).split('\n')).toEqual(['Untagged: docker.io/library/gone:1', 'Untagged: localhost/gone:3', `Deleted: ${id}`]);
  await s.fails(['rmi', 'gone:1'], 1, /gone:1/);
  expect(await s.ok(['rmi', '--ignore', 'gone:1'])).toBe('');

  await s.load({ tags: ['kept-data:1'], layers: layers('kept') });
  await s.ok(['rmi', '--no-prune', 'kept-data:1']);
  expect((await s.scull(['image', 'exists', 'kept-data:1'])).status).toBe(1);
  await s.load({ tags: ['untagged:1'], layers: layers('untagged') });
  const untagged = await s.ok(['images', '-q', 'untagged:1']);
  await s.ok(['untag', 'untagged:1']);
  expect(await s.ok(['images', '-q', '--filter', 'dangling=true'])).toBe(untagged);
  expect(await s.ok(['rmi', untagged])).toMatch(/^Deleted: /);
});
