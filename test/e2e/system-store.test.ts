/** system df, prune, check, reset: held against what du, the disk and a registry say. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { busyboxEntries } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

vi.setConfig({ testTimeout: 180_000 });

const s = useScull();

interface Row {
  readonly Type: string;
  readonly Total: number;
  readonly Active: number;
  readonly RawSize: number;
  readonly RawReclaimable: number;
}

const df = async (): Promise<Record<string, Row>> => Object.fromEntries((JSON.parse(await s.ok(['system', 'df', '--format', 'json'])) as Row[]).map((row) => [row.Type, row]));
const du = async (): Promise<number> => Number((await s.ok(['unshare', 'du', '-s', '-B1', s.storeRoot])).split('\t')[0]);
const layersOf = async (name: string): Promise<string[]> => {
  const { RootFS } = await s.inspect(name);
  return (RootFS.Layers as string[]).length === 0 ? [] : readdirSync(join(s.storeRoot, 'layers')).filter((entry) => entry.length === 64);
};
const blobs = (): string[] => readdirSync(join(s.storeRoot, 'images/blobs/sha256')).map((name) => join(s.storeRoot, 'images/blobs/sha256', name));
const largestBlob = (): string => blobs().sort((a, b) => statSync(b).size - statSync(a).size)[0] as string;
const unshared = (script: string): Promise<string> => s.ok(['unshare', 'sh', '-ec', script]);
const clean = async (): Promise<void> => expect(await s.ok(['system', 'check'])).toMatch(/: no damage$/);

test('df is what du sees, and says what images share, what is used and what can be had back', async () => {
  await s.load({ tags: ['more:1'], layers: [busyboxEntries(), [{ path: 'own', content: 'x'.repeat(1_000_000) }]] });
  await s.ok(['run', '--name', 'writer', '-v', 'data:/data', 'busybox', 'sh', '-c', 'head -c 3000000 /dev/zero >/big; head -c 2000000 /dev/zero >/data/big; chmod 700 /root; mkdir -m 700 /home/app/x']);
  const rows = await df();
  expect(Object.values(rows).reduce((sum, row) => sum + row.RawSize, 0)).toBe(await du());
  expect(rows).toMatchObject({
    Images: { Total: 2, Active: 1 },
    Containers: { Total: 1, Active: 0 },
    'Local Volumes': { Total: 1, Active: 1, RawReclaimable: 0 },
    Leftovers: { Total: 0, RawSize: 0 },
  });
  expect(rows['Containers']?.RawReclaimable).toBeGreaterThan(3_000_000);
  expect(rows['Images']?.RawReclaimable).toBeGreaterThan(1_000_000);
  const detail = await s.ok(['system', 'df', '-v']);
  expect(detail).toMatch(/more +1 +[0-9a-f]{12} .* ago +[0-9.]+MB +[0-9.]+MB +[12]\.\d+MB +0$/m);
  expect(detail).toMatch(/^data +1 +2\.\d*MB$/m);
  await s.fails(['system', 'df', '-v', '--format', 'json'], 125, /--format|verbose/);
});

test('what only builds may want again is Build Cache and not Images, each file of a step’s layer can be checked, and df is what du sees', async () => {
  const place = s.directory('context');
  writeFileSync(join(place, 'Containerfile'), 'FROM busybox\nRUN echo one >/one; mkdir -p /d/e; ln -s x /d/link; head -c 100000 /dev/urandom >/d/e/noise; rm /etc/group\nRUN echo two >/two; chmod 4750 /two; rm -r /d; mkdir /d; echo new >/d/new\n');
  await s.ok(['build', '-q', '-t', 'built:1', place]);
  await clean();
  const whole = await df();
  expect(whole['Build Cache']).toMatchObject({ Total: 2, Active: 2 });
  await s.ok(['rmi', 'built:1']);
  const rows = await df();
  expect(rows['Build Cache']).toMatchObject({ Total: 2, Active: 0 });
  expect((rows['Build Cache'] as Row).RawSize - (whole['Build Cache'] as Row).RawSize).toBeGreaterThan(200_000);
  expect((whole['Images'] as Row).RawSize - (rows['Images'] as Row).RawSize).toBeGreaterThan(200_000);
  expect(Object.values(rows).reduce((sum, row) => sum + row.RawSize, 0)).toBe(await du());
  expect(await s.ok(['system', 'df', '-v'])).toMatch(/^step .* [0-9.]+kB +RUN \/bin\/sh -c echo one/m);
  // Every file of theirs is known by its content, though nothing was unpacked.
  await unshared(`f=$(ls -d ${s.storeRoot}/layers/*/diff/d/e/noise); printf x | dd of=$f bs=1 seek=50000 conv=notrunc status=none`);
  expect((await s.fails(['system', 'check'], 125, /damaged/)).stdout).toMatch(/d\/e\/noise.*other content than was unpacked/);
  await s.ok(['system', 'prune', '-a', '-f', '--filter', 'label=none']);
  await s.ok(['image', 'prune', '-f', '--build-cache']);
  expect((await df())['Build Cache']).toMatchObject({ Total: 0, Active: 0 });
  await clean();
});

test('prune takes what is not used, and as much as df said', async () => {
  const before = await df();
  const [space, reclaimable] = [await du(), (before['Images']?.RawReclaimable as number) + (before['Containers']?.RawReclaimable as number)];
  await s.ok(['run', '-d', '--name', 'lives', 'busybox', 'sleep', '1000']);
  await s.ok(['network', 'create', 'unused']);
  await s.ok(['network', 'create', 'used']);
  await s.ok(['create', '--name', 'on-it', '--network', 'used', 'busybox', 'true']);
  expect(await s.ok(['system', 'prune', '-f', '--filter', 'label=none'])).toBe('Total reclaimed space: 0B');
  expect(await s.ok(['network', 'prune', '-f'])).toBe('unused');
  await s.ok(['network', 'create', 'unused']);
  const said = await s.ok(['system', 'prune', '-a', '-f']);
  expect(said).toMatch(/^Deleted Containers\n([0-9a-f]{64}\n){2}Deleted Networks\nunused\nused\nDeleted Images\n[0-9a-f]{64}\nTotal reclaimed space: [0-9.]+MB$/);
  expect(Math.abs(space - (await du()) - reclaimable)).toBeLessThan(100_000);
  expect(await s.ok(['ps', '-a', '--format', '{{.Names}}'])).toBe('lives');
  expect(await s.ok(['volume', 'ls', '-q'])).toBe('data');
  expect(await s.ok(['system', 'prune', '--volumes', '-f'])).toMatch(/^Deleted Volumes\ndata\n/);
  await s.fails(['system', 'prune', '--volumes', '-f', '--filter', 'until=1h'], 125, /--volumes/);
  await s.fails(['system', 'prune'], 125, /nobody answered/, { input: '' });
  await s.ok(['rm', '-f', '-t', '0', 'lives']);
});

test('check finds every change to a layer, and unpacks it again', async () => {
  await s.load({ tags: ['odd:1'], layers: [busyboxEntries(), [{ path: 'tab\tand\\n', content: 'odd' }, { path: 'caf\u00e9', content: 'text' }, { path: 'etc/.wh.passwd', content: '' }, { path: 'zeros', content: Buffer.alloc(300_000) }]] });
  await clean();
  const [layer] = (await layersOf('busybox')).filter((id) => existsSync(join(s.storeRoot, 'layers', id, 'diff', 'bin')));
  const diff = join(s.storeRoot, 'layers', layer as string, 'diff');
  const damages: [string, RegExp][] = [
    ['printf x | dd of=bin/busybox bs=1 seek=5000 conv=notrunc 2>/dev/null', /bin\/busybox: has other content than was unpacked/],
    ['echo more >>etc/not-a-program', /etc\/not-a-program: has \d+ bytes instead of \d+/],
    ['chmod 600 etc/passwd', /etc\/passwd: has the mode 600 instead of 644/],
    ['chown 5 etc', /etc: belongs to 5:0 instead of 0:0/],
    ['rm etc/data/from-image', /etc\/data\/from-image: is missing/],
    ['touch new', /\/new: was not in the layer/],
    ['ln -sf other bin/true', /bin\/true: leads to "other" instead of "busybox"/],
    ['rm etc/group; mkdir etc/group', /etc\/group: is a directory instead of a file/],
  ];
  await unshared(`cd ${diff}\n${damages.map(([script]) => script).join('\n')}`);
  const { stdout } = await s.fails(['system', 'check'], 125, /are damaged/);
  for (const [script, told] of damages) expect(stdout, script).toMatch(told);
  expect(await s.ok(['system', 'check', '--quick']), 'quick reads no contents').toMatch(/no damage$/);
  expect(await s.ok(['system', 'check', '--repair'])).toMatch(/repaired: unpacked it again from its blob/);
  await clean();
  expect(await s.ok(['run', '--rm', 'odd:1', 'cat', '/caf\u00e9'])).toBe('text');
});

test('a damaged blob is fetched again from where it came', async () => {
  const registry = await startDockerRegistry(s.base);
  mkdirSync(join(s.home, '.config/containers'), { recursive: true });
  writeFileSync(join(s.home, '.config/containers/registries.conf'), `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
  try {
    await s.ok(['push', '-q', '--tls-verify=false', 'busybox', `${registry.host}/again:1`]);
    await s.ok(['rmi', '-a', '-f']);
    await s.ok(['pull', '-q', '--tls-verify=false', `${registry.host}/again:1`]);
    await clean();
    for (const damage of [
      (file: string) => writeFileSync(file, readFileSync(file).fill(0, 100, 120)),
      (file: string) => truncateSync(file, 100),
      (file: string) => unlinkSync(file),
    ]) {
      for (const file of blobs()) damage(file);
      const told = await s.fails(['system', 'check'], 125, /damaged/);
      expect(told.stdout).toContain(`image ${registry.host}/again:1: ${join(s.storeRoot, 'images/blobs')}`);
      expect(await s.ok(['system', 'check', '--repair'])).toMatch(/repaired: fetched it again from .*again@sha256:/);
      // With the manifest gone nobody knew what else there is to be damaged.
      await s.ok(['system', 'check', '--repair']);
      await clean();
    }
    expect(await s.ok(['images', '--format', '{{.Repository}}:{{.Tag}}'])).toBe(`${registry.host}/again:1`);
    expect(existsSync(join(s.storeRoot, 'quarantine')) ? readdirSync(join(s.storeRoot, 'quarantine')) : []).toEqual([]);
  } finally {
    await registry.stop();
  }
  // Now it can be had nowhere.
  truncateSync(largestBlob(), 100);
  expect((await s.scull(['system', 'check', '--repair'])).stdout).toMatch(/repaired: put it into quarantine as .*can't be fetched again/);
  expect(await s.ok(['run', '--rm', '--pull', 'never', 'again:1', 'echo', 'unpacked still'])).toBe('unpacked still');
  await s.ok(['rmi', '-a', '-f']);
  await clean();
  expect(await s.ok(['system', 'prune', '-a', '-f'])).toMatch(/^Deleted Leftovers\n/);
  execFileSync('test', ['!', '-e', join(s.storeRoot, 'quarantine', '*')]);
  await s.load({ tags: ['busybox:latest'], layers: [busyboxEntries()], settings: { Cmd: ['sh'] } });
});

test('a damaged record is named by its file, breaks only its own object, and can be taken out of use', async () => {
  const container = await s.ok(['create', '--name', 'broken', 'busybox', 'true']);
  await s.ok(['create', '--name', 'sound', 'busybox', 'true']);
  await s.ok(['volume', 'create', 'lost']);
  await s.ok(['secret', 'create', 'key', '-'], { input: 'secret' });
  await s.ok(['network', 'create', 'front']);
  const records = [join(s.storeRoot, 'containers', container, 'container.json'), join(s.storeRoot, 'volumes/lost/volume.json'), join(s.storeRoot, 'secrets/key'), join(s.storeRoot, 'networks/front.json')];
  const garbage = ['', '{', 'null', '[]', '{"format":1}', `{"format":1,"id":"${container}","name":"lost","spec":{},"config":{}}`];
  const damages: readonly (readonly [what: string, (file: string) => void])[] = [
    ...garbage.map((text) => [text, (file: string) => writeFileSync(file, text)] as const),
    ['a folder', (file) => mkdirSync(file)],
    ['a link to itself', (file) => symlinkSync(file, file)],
  ];
  for (const [what, damage] of damages) {
    const saved = records.map((file) => readFileSync(file));
    for (const file of records) {
      rmSync(file);
      damage(file);
    }
    expect(await s.ok(['ps', '-a', '--format', '{{.Names}}'])).toBe('sound');
    expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'works'])).toBe('works');
    const { stdout } = await s.fails(['system', 'check'], 125, /4 files of the store are damaged/);
    for (const file of records) expect(stdout, what).toContain(file);
    for (const [index, file] of records.entries()) {
      rmSync(file, { recursive: true });
      writeFileSync(file, saved[index] as Buffer, { mode: 0o600 });
    }
  }
  await clean();
  for (const file of records) writeFileSync(file, '{');
  expect((await s.ok(['system', 'check', '--repair'])).match(/repaired: put .* into quarantine/g)).toHaveLength(4);
  await clean();
  await s.ok(['rm', 'sound']);
  await s.ok(['system', 'prune', '-a', '-f']);
  await s.load({ tags: ['busybox:latest'], layers: [busyboxEntries()], settings: { Cmd: ['sh'] } });
});

test('a lost index is made anew from what is there, without names', async () => {
  const id = await s.ok(['images', '-q', '--no-trunc', 'busybox']);
  writeFileSync(join(s.storeRoot, 'images/index.json'), '{"schemaVersion": 2');
  await s.fails(['images'], 125, /index\.json is damaged/);
  await s.fails(['system', 'check'], 125, /damaged/);
  expect(await s.ok(['system', 'check', '--repair'])).toMatch(/made it anew/);
  expect(await s.ok(['images', '-q', '--no-trunc', '-a'])).toBe(id);
  await s.ok(['tag', id, 'busybox:latest']);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'back'])).toBe('back');
  await clean();
});

test('a folder in the place of a blob breaks its own image, one in the place of the index is put aside', async () => {
  await s.load({ tags: ['other:1'], layers: [busyboxEntries()], settings: { Cmd: ['true'] } });
  const id = await s.ok(['images', '-q', '--no-trunc', 'other:1']);
  const config = join(s.storeRoot, 'images/blobs', id.replace(':', '/'));
  rmSync(config);
  mkdirSync(config);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'works'])).toBe('works');
  expect(await s.ok(['images', '--format', '{{.Repository}}'])).toContain('busybox');
  expect((await s.fails(['system', 'check'], 125, /damaged/)).stdout).toContain(config);
  await s.ok(['rmi', 'other:1']);
  await clean();
  const index = join(s.storeRoot, 'images/index.json');
  const saved = readFileSync(index);
  rmSync(index);
  mkdirSync(index);
  await s.fails(['images'], 125, /index\.json is damaged: it is a directory/);
  expect(await s.ok(['system', 'check', '--repair'])).toMatch(/made it anew/);
  writeFileSync(index, saved);
  await clean();
});

test('a damaged container that runs ends with its removal by force', async () => {
  const id = await s.ok(['run', '-d', '--name', 'wild', 'busybox', 'sleep', '1000']);
  writeFileSync(join(s.storeRoot, 'containers', id, 'container.json'), '');
  await s.fails(['system', 'check', '--repair'], 125, /damaged/);
  await s.ok(['rm', '-f', '-t', '0', 'wild']);
  expect(await s.ok(['run', '--rm', '--name', 'wild', 'busybox', 'echo', 'free'])).toBe('free');
  await clean();
});

test('migrate and renumber have nothing to do, reset leaves nothing', async () => {
  expect(await s.ok(['system', 'migrate'])).toMatch(/^Nothing is needed/);
  expect(await s.ok(['system', 'migrate', '--migrate-db', '--new-runtime', 'crun'])).toMatch(/^Nothing is needed/);
  expect(await s.ok(['system', 'renumber'])).toMatch(/^Nothing is needed/);
  await s.ok(['run', '-d', '-v', 'kept:/data', 'busybox', 'sleep', '1000']);
  await s.ok(['system', 'reset', '-f']);
  expect(existsSync(s.storeRoot)).toBe(false);
  expect(await s.ok(['ps', '-aq'])).toBe('');
  await clean();
});
