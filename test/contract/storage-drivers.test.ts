/**
 * One suite for every storage driver: layers go in, a container's root comes out, and changes to it are the container's
 * own. Runs real mounts in user namespaces, so not as root.
 */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/host/process.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { IdMapping } from '../../src/oci/runtime-spec.ts';
import type { MountRequest } from '../../src/storage/drivers/driver.ts';
import { mountPlan } from '../../src/storage/drivers/plan.ts';
import { storageDriver } from '../../src/storage/drivers/resolve.ts';
import { GrowingFile } from '../../src/storage/growing-file.ts';
import { layerExists } from '../../src/storage/layers/store.ts';
import { prepareUnpacking } from '../../src/storage/layers/unpack-process.ts';
import { unpackLayer } from '../../src/storage/layers/unpack.ts';
import { removeOwnedTree } from '../../src/storage/staging.ts';
import { storeLayout } from '../../src/storage/layout.ts';
import type { DriverName, Store } from '../../src/storage/store.ts';
import { launchCommand } from '../../src/userns/launch.ts';
import { runFromCheckout } from '../support/checkout.ts';
import { sha256 } from '../support/digest.ts';
import { archive, directory, file, hardlink, header, pax, symlink } from '../support/raw-tar.ts';

const isRoot = process.getuid?.() === 0;
const who = { uid: 33, gid: 34 };
const root = { uid: 0, gid: 0 };

/** Lowest first: what the second hides or replaces of the first must be gone, whatever the driver. */
const LAYERS: readonly Buffer[] = [
  archive(
    directory('./', root), directory('etc', root), file('etc/lower', 'lower', root), file('etc/both', 'old', root), file('etc/gone', 'x', root),
    directory('var', { ...root, mode: 0o750 }), directory('var/cache', root), file('var/cache/old', 'x', root), directory('replaced', root), file('replaced/x', 'x', root),
    file('kind', 'file', root), directory('srv', { ...who, mode: 0o2775 }), file('srv/data', 'data', { ...who, mode: 0o640 }), symlink('link', 'etc/lower', root),
    file('hard', 'one', root), hardlink('hard2', 'hard', root), file('su', 'x', { ...root, mode: 0o4755 }),
    pax({ 'SCHILY.xattr.user.note': 'kept' }), file('noted', 'x', root), file('caf\xe9', 'bytes', root), header('pipe', { ...root, type: '6' }),
  ),
  archive(
    file('etc/both', 'new', root), file('etc/.wh.gone', '', root), directory('var/cache', root), file('var/cache/.wh..wh..opq', '', root), file('var/cache/new', 'x', root),
    file('.wh.replaced', '', root), file('replaced', 'now a file', root), directory('kind', root), file('kind/inside', 'x', root),
  ),
];

async function addLayers(store: Store, archives: readonly Buffer[]): Promise<Digest[]> {
  const chain: Digest[] = [];
  const jobs: Promise<unknown>[] = [];
  for (const bytes of archives) {
    const diffId = sha256(bytes);
    const below = chain.at(-1);
    const chainId = below === undefined ? diffId : sha256(`${below} ${diffId}`);
    const compressed = gzipSync(bytes);
    const layer = { descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256(compressed), size: compressed.length }, diffId, chainId };
    const path = `${store.layout.root}.blob-${chain.length}`;
    writeFileSync(path, compressed);
    // All at once: a layer waits by itself for those below it.
    jobs.push(unpackLayer(store, { layer, parents: [...chain], compressed: { file: path }, progress: () => undefined }));
    chain.push(chainId);
  }
  await Promise.all(jobs);
  return chain;
}

describe.skipIf(isRoot)('storage drivers (as an unprivileged user)', () => {
  let base: string;
  let stores: Record<string, Store>;
  let lowers: Digest[];
  let count = 0;

  beforeAll(async () => {
    runFromCheckout();
    base = mkdtempSync(join(tmpdir(), 'scull-drivers-'));
    const layout = storeLayout(join(base, 'store'), join(base, 'run'));
    stores = Object.fromEntries((['overlay', 'fuse-overlayfs', 'vfs', 'auto'] as const).map((driver) => [driver, { layout, driver }]));
    lowers = await addLayers(stores['auto'] as Store, LAYERS);
  });

  afterAll(() => removeOwnedTree(base));

  interface Container {
    readonly request: MountRequest;
    /** Runs a shell script with the root mounted and as working directory. */
    run(script: string): Promise<string>;
  }

  function container(driver: DriverName | 'auto', extra: Partial<MountRequest> = {}): Container {
    const store = stores[driver] as Store;
    const place = store.layout.container(`c${count++}`);
    for (const path of [place.upper, place.work, place.rootfs]) mkdirSync(path, { recursive: true });
    const request: MountRequest = { lowers, upper: place.upper, work: place.work, target: place.rootfs, ...extra };
    return {
      request,
      run: async (script) => {
        const command = launchCommand({ steps: await mountPlan(store, request), program: ['sh', '-ec', `cd ${request.target}\n${script}`] });
        const result = await run(command.file, command.args, { timeout: 20_000 });
        if (result.status !== 0) throw new Error(`status ${result.status}: ${result.stderr}`);
        return result.stdout;
      },
    };
  }

  describe.each(['overlay', 'fuse-overlayfs', 'vfs'] as const)('%s', (driver) => {
    test('works here', async () => {
      expect(await (await storageDriver(driver)).whyNot(stores[driver] as Store)).toBeUndefined();
    });

    test('shows the layers merged: whiteouts, opaque directories, replacements', async () => {
      const output = await container(driver).run('find . -printf "%P\\n" | LC_ALL=C sort; cat etc/both etc/lower replaced');
      expect(output.split('\n').filter((line) => !line.startsWith('caf')).join(' ').trim()).toBe(
        ' etc etc/both etc/lower hard hard2 kind kind/inside link noted pipe replaced srv srv/data su var var/cache var/cache/new newlowernow a file'.trim(),
      );
    });

    test('keeps owners, modes, links, times and names that are not UTF-8', async () => {
      const output = await container(driver).run(
        'stat -c "%n %u:%g %a %F %h %Y" . var srv srv/data su hard hard2 link pipe; readlink link; cat "$(printf "caf\\351")"',
      );
      const time = 1_000_000_000;
      expect(output.trim().split('\n')).toEqual([
        expect.stringMatching(/^\. 0:0 755 directory/),
        expect.stringMatching(/^var 0:0 750 directory/),
        expect.stringMatching(/^srv 33:34 2775 directory/),
        `srv/data 33:34 640 regular file 1 ${time}`,
        `su 0:0 4755 regular file 1 ${time}`,
        expect.stringMatching(/^hard 0:0 644 regular file [12] /),
        expect.stringMatching(/^hard2 0:0 644 regular file [12] /),
        `link 0:0 777 symbolic link 1 ${time}`,
        expect.stringMatching(/^pipe 0:0 644 fifo 1 /),
        'etc/lower',
        'bytes',
      ]);
    });

    test('changes are the container\'s own, and last', async () => {
      const first = container(driver);
      await first.run('echo changed >etc/lower; rm etc/both; rm -r var/cache; mkdir var/cache; echo n >made; chown 5:6 made; mv srv moved 2>/dev/null || { cp -a srv moved && rm -r srv; }');
      expect(await first.run('cat etc/lower; ls etc var/cache moved; stat -c %u:%g made; test ! -e srv')).toBe('changed\netc:\nlower\n\nmoved:\ndata\n\nvar/cache:\n5:6\n');
      expect(await container(driver).run('cat etc/lower; ls etc var/cache; test -e srv; test ! -e made')).toBe('loweretc:\nboth\nlower\n\nvar/cache:\nnew\n');
    });

    test('without an upper directory the root can be read', async () => {
      const { run: within } = container(driver, { upper: undefined, work: undefined });
      expect(await within('cat etc/both')).toBe('new');
      if (driver !== 'vfs') await expect(within('touch etc/x 2>/dev/null')).rejects.toThrow(/status/);
    });
  });

  test('auto takes overlay where it works, and remembers', async () => {
    const steps = await mountPlan(stores['auto'] as Store, container('auto').request);
    expect(steps.map((step) => step.kind)).toEqual(['overlay']);
    expect(readdirSync((stores['auto'] as Store).layout.root)).toContain('driver.json');
  });

  test('maps like keep-id show the image as it is, at once, and store new files in the default map', async () => {
    const maps: IdMapping[] = [{ containerID: 0, hostID: 1, size: 1001 }, { containerID: 1001, hostID: 0, size: 1 }, { containerID: 1002, hostID: 1002, size: 64_000 }];
    const written = maps.map((map) => `${map.containerID} ${map.hostID} ${map.size}`).join('\\n');
    const inner = 'stat -c %u:%g . srv/data su; touch made; chown 5:6 made; touch mine; chown 1001:1001 mine; stat -c %u:%g made mine';
    const keepId = container('auto', { nested: { uids: maps, gids: maps } });
    const seen = await keepId.run(`unshare -U sleep 20 & p=$!
      until [ "$(readlink /proc/$p/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
      printf '${written}' >/proc/$p/uid_map; printf '${written}' >/proc/$p/gid_map
      nsenter --user=/proc/$p/ns/user -S 0 -G 0 sh -ec '${inner}'; kill $p`);
    expect(seen.trim().split('\n')).toEqual(['0:0', '33:34', '0:0', '5:6', '1001:1001']);
    // The same container in the default map, natively.
    const plain = container('overlay', { upper: keepId.request.upper, work: keepId.request.work });
    expect(await plain.run('stat -c %u:%g srv/data made mine')).toBe('33:34\n5:6\n1001:1001\n');
  });

  test('an image with 120 layers mounts, one with 600 is refused with a remedy', async () => {
    const store = { layout: storeLayout(join(base, 'many'), join(base, 'run')), driver: 'overlay' as const };
    const chain = Array.from({ length: 600 }, (_, i) => sha256(String(i)));
    for (const layer of chain) mkdirSync(store.layout.layer(layer.slice(7)).diff, { recursive: true });
    for (const [i, layer] of chain.entries()) writeFileSync(join(store.layout.layer(layer.slice(7)).diff, `file${i}`), '');
    const target = join(base, 'many/target');
    for (const name of ['target', 'upper', 'work']) mkdirSync(join(base, 'many', name));
    const request = { upper: join(base, 'many/upper'), work: join(base, 'many/work'), target };
    const command = launchCommand({ steps: await mountPlan(store, { ...request, lowers: chain.slice(0, 120) }), program: ['sh', '-c', 'ls "$0" | wc -l', target] });
    expect((await run(command.file, command.args)).stdout.trim()).toBe('120');
    await expect(mountPlan(store, { ...request, lowers: chain })).rejects.toThrow(expect.objectContaining({ code: 'UNSUPPORTED', hint: expect.stringContaining('squash') as unknown }));
  });

  test('a process that is started ahead unpacks the next layer that comes, and leaves nothing where none does', async () => {
    const store = { layout: storeLayout(join(base, 'ahead'), join(base, 'run')), driver: 'auto' as const };
    const staged = (): string[] => readdirSync(store.layout.staging).filter((name) => name !== 'trash');
    const dismiss = prepareUnpacking(store);
    expect(staged()).toHaveLength(1);
    const twice = prepareUnpacking(store);
    expect(staged()).toHaveLength(1);
    const [chainId] = await addLayers(store, [archive(file('x', 'y', root))]);
    expect(layerExists(store, chainId as Digest)).toBe(true);
    expect(staged()).toEqual([]);
    await dismiss();
    await twice();
    const dismissUnused = prepareUnpacking(store);
    await dismissUnused();
    expect(staged()).toEqual([]);
    rmSync(store.layout.root, { recursive: true });
  });

  test('a file is unpacked while it grows, and not hashed again only where it needs no inflating', async () => {
    const store = { layout: storeLayout(join(base, 'checked'), join(base, 'run')), driver: 'auto' as const };
    const attempt = async (bytes: Buffer): Promise<void> => {
      const digest = sha256(bytes);
      const growing = new GrowingFile(join(base, 'growing'));
      writeFileSync(growing.path, bytes.subarray(0, 700));
      const unpacking = unpackLayer(store, { layer: { descriptor: { mediaType: 'x', digest, size: bytes.length }, diffId: digest, chainId: digest }, parents: [], compressed: { growing }, progress: () => undefined });
      unpacking.catch((error: unknown) => growing.refused(error));
      await growing.released();
      appendFileSync(growing.path, bytes.subarray(700));
      growing.whole();
      await unpacking;
    };
    const plain = archive(file('x', 'y', root));
    await attempt(plain);
    expect(layerExists(store, sha256(plain))).toBe(true);
    await expect(attempt(gzipSync(plain))).rejects.toMatchObject({ code: 'CORRUPT' });
    rmSync(store.layout.root, { recursive: true });
  });

  test('a damaged, wrong or hostile layer leaves nothing in the store', async () => {
    const store = { layout: storeLayout(join(base, 'bad'), join(base, 'run')), driver: 'auto' as const };
    const good = gzipSync(archive(file('x', 'y', root)));
    const attempt = (bytes: Buffer, diffId: Digest): Promise<unknown> => {
      const growing = new GrowingFile(join(base, 'bad.blob'));
      writeFileSync(growing.path, bytes);
      growing.whole();
      return unpackLayer(store, {
        layer: { descriptor: { mediaType: 'x', digest: sha256(bytes), size: bytes.length }, diffId, chainId: diffId },
        parents: [],
        compressed: { growing },
        progress: () => undefined,
      });
    };
    await expect(attempt(good, sha256('another'))).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining('not sha256:') as unknown });
    await expect(attempt(good.subarray(0, 30), sha256('x'))).rejects.toMatchObject({ code: 'INVALID' });
    await expect(attempt(Buffer.concat([good.subarray(0, 20), Buffer.alloc(20, 255)]), sha256('x'))).rejects.toMatchObject({ code: 'INVALID' });
    await expect(attempt(Buffer.from('this is no archive at all'.repeat(50)), sha256('x'))).rejects.toMatchObject({ code: 'INVALID' });
    await expect(attempt(gzipSync(archive(file('x', 'y', { uid: 1_000_000, gid: 0 }))), sha256('x'))).rejects.toMatchObject({ code: 'INVALID', hint: expect.stringContaining('usermod') as unknown });
    await expect(attempt(Buffer.from('fd377a585a000004', 'hex'), sha256('x'))).rejects.toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringContaining('xz') as unknown });
    expect(readdirSync(store.layout.staging).filter((name) => name !== 'trash')).toEqual([]);
    expect(readdirSync(store.layout.root)).not.toContain('layers');
    rmSync(store.layout.root, { recursive: true });
  });
});
