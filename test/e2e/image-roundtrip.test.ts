/** What must survive from an archive to the container and back to an archive: large, deep, odd and strange images. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { busyboxEntries, dockerArchive, type ImageRecipe } from '../support/images.ts';
import { archive, directory, file, hardlink, header, pax } from '../support/raw-tar.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
const ROOT = { uid: 0, gid: 0 };
/** With time for a machine that is busy. */
const LONG = 600_000;

/** Saves it, removes it, loads it again: the same image each time, and from OCI archives with the same digest. */
async function thereAndBack(name: string, formats = ['docker-archive', 'oci-archive']): Promise<void> {
  const options = { timeout: LONG };
  const { Id: id, Digest: digest } = await s.inspect(name);
  for (const format of formats) {
    const path = `${s.base}/back.tar`;
    await s.ok(['save', '-q', '--format', format, '-o', path, name], options);
    await s.ok(['rmi', name], options);
    await s.ok(['load', '-q', '-i', path], options);
    rmSync(path);
    expect((await s.inspect(name)).Id).toBe(id);
  }
  expect((await s.inspect(name)).Digest).toBe(digest);
}

/** s.load with time for a machine that is busy. */
async function load(recipe: ImageRecipe): Promise<void> {
  await s.ok(['load', '-q'], { input: dockerArchive(recipe), timeout: LONG });
}

const inside = (name: string, script: string): Promise<string> => s.ok(['run', '--rm', '--network', 'none', name, 'sh', '-c', script], { timeout: LONG });

test('two hundred layers', { timeout: LONG }, async () => {
  await load({ tags: ['tall:1'], layers: [busyboxEntries(), ...Array.from({ length: 199 }, (_, index) => [{ path: `layer-${index}`, content: String(index) }, { path: 'last', content: String(index) }])] });
  expect(await inside('tall:1', 'ls / | grep -c layer-; cat /layer-0 /layer-198 /last')).toBe('199\n0198198');
  await thereAndBack('tall:1', ['oci-archive']);
  expect(await inside('tall:1', 'ls / | grep -c layer-; cat /last')).toBe('199\n198');
  await s.ok(['rmi', 'tall:1'], { timeout: LONG });
});

test('a path of four thousand bytes, and names that are no text', { timeout: LONG }, async () => {
  const deep = Array.from({ length: 15 }, (_, index) => String.fromCharCode(97 + index).repeat(255)).join('/');
  const path = `${deep}/${'z'.repeat(4095 - deep.length - 1)}`;
  expect(path.length).toBe(4095);
  const tar = archive(
    pax({ path, mtime: '1234567890.5' }),
    file('x', 'deep', ROOT),
    pax({ path: 'bytes-\xff\xfe-\x01' }),
    file('x', 'odd', ROOT),
    pax({ linkpath: `/${'l'.repeat(3000)}` }),
    header('long-link', { ...ROOT, type: '2', mode: 0o777 }),
  );
  await load({ tags: ['deep:1'], layers: [busyboxEntries(), tar] });
  const look = `for d in ${deep.split('/').join(' ')}; do cd $d; done; cat z*; stat -c %Y z*; cd /; cat bytes-*; echo bytes-* | od -An -tx1 | head -1; readlink long-link | wc -c`;
  const expected = 'deep1234567890\nodd 62 79 74 65 73 2d ff fe 2d 01 0a\n3002';
  expect(await inside('deep:1', look)).toBe(expected);
  await thereAndBack('deep:1');
  expect(await inside('deep:1', look)).toBe(expected);
  await s.ok(['rmi', 'deep:1'], { timeout: LONG });
});

test('hard links, sparse files, extended attributes and file capabilities', { timeout: LONG }, async () => {
  // VFS_CAP_REVISION_2, effective, permitted: CAP_NET_BIND_SERVICE (linux/capability.h)
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  const tar = archive(
    file('first', 'shared', { ...ROOT, mode: 0o755 }),
    hardlink('second', 'first', ROOT),
    hardlink('third', 'second', ROOT),
    pax([['SCHILY.xattr.security.capability', capability], ['SCHILY.xattr.user.note', 'kept']]),
    file('capable', 'x', { ...ROOT, mode: 0o755 }),
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '1073741824', 'GNU.sparse.name': 'sparse' }),
    file('x', `${'1\n536870912\n4\n'.padEnd(512, '\0')}data`, ROOT),
  );
  await load({ tags: ['odd:1'], layers: [busyboxEntries(), tar] });
  const look = 'stat -c "%h %i" /first /second /third | sort -u | wc -l; stat -c "%h %s" /third; stat -c %s /sparse; [ $(stat -c %b /sparse) -lt 100 ] && echo sparse; dd if=/sparse bs=4 skip=134217728 count=1 2>/dev/null';
  const expected = '1\n3 6\n1073741824\nsparse\ndata';
  expect(await inside('odd:1', look)).toBe(expected);
  await thereAndBack('odd:1');
  expect(await inside('odd:1', look)).toBe(expected);
  const { UpperDir: top } = (await s.inspect('odd:1')).GraphDriver.Data as { UpperDir: string };
  const attributes = 'import os,sys; print(os.getxattr(sys.argv[1], "user.note").decode(), os.getxattr(sys.argv[1], "security.capability").hex())';
  const [note, kept = ''] = (await s.ok(['unshare', 'python3', '-c', attributes, `${top}/capable`])).split(' ');
  expect(note).toBe('kept');
  expect(kept.slice(2, 24)).toBe(capability.toString('hex').slice(2, 24));
  await s.ok(['rmi', 'odd:1'], { timeout: LONG });
});

test('a layer without its parent directories leaves them as the lower layers made them', { timeout: LONG }, async () => {
  const base = archive(directory('kept', { uid: 33, gid: 44, mode: 0o2750 }), directory('kept/below', { uid: 5, gid: 6, mode: 0o1777 }), file('kept/below/old', 'old', ROOT));
  const above = archive(file('kept/below/new', 'new', ROOT), file('fresh/dir/file', 'x', ROOT));
  await load({ tags: ['parents:1'], layers: [busyboxEntries(), base, above] });
  const look = 'stat -c "%a %u:%g" /kept /kept/below /fresh /fresh/dir; ls /kept/below';
  const expected = '2750 33:44\n1777 5:6\n755 0:0\n755 0:0\nnew\nold';
  expect(await inside('parents:1', look)).toBe(expected);
  await thereAndBack('parents:1');
  expect(await inside('parents:1', look)).toBe(expected);
  await s.ok(['rmi', 'parents:1'], { timeout: LONG });
});

test('a set-id file belongs to the map: its owner outside is never somebody else', { timeout: LONG }, async () => {
  await load({ tags: ['setid:1'], layers: [busyboxEntries(), archive(file('root-suid', 'x', { uid: 0, gid: 0, mode: 0o4755 }), file('app-sgid', 'x', { uid: 33, gid: 33, mode: 0o2755 }))] });
  const { UpperDir: top } = (await s.inspect('setid:1')).GraphDriver.Data as { UpperDir: string };
  const owners = execFileSync('stat', ['-c', '%u %a', `${top}/root-suid`, `${top}/app-sgid`], { encoding: 'utf8' }).trim().split('\n');
  expect(owners[0]).toBe(`${process.getuid?.() ?? 0} 4755`);
  expect(Number(owners[1]?.split(' ')[0])).toBeGreaterThan(65_535);
  await s.fails(['load', '-q'], 125, /user.*70000/, { input: dockerArchive({ tags: ['far:1'], layers: [archive(file('far', 'x', { uid: 70_000, gid: 0, mode: 0o4755 }))] }) });
  await s.ok(['rmi', 'setid:1'], { timeout: LONG });
});

test('a hundred thousand files', { timeout: LONG }, async () => {
  const many = writeTar(Array.from({ length: 100_000 }, (_, index) => ({ path: `many/${index % 500}/${index}`, content: String(index) })));
  await load({ tags: ['many:1'], layers: [busyboxEntries(), many] });
  expect(await inside('many:1', 'find /many -type f | wc -l; cat /many/499/99999')).toBe('100000\n99999');
  await thereAndBack('many:1', ['oci-archive']);
  expect(await inside('many:1', 'find /many -type f | wc -l; cat /many/0/0')).toBe('100000\n0');
  await s.ok(['rmi', 'many:1'], { timeout: LONG });
});
