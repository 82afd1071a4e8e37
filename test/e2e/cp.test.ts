/** cp: in both directions, running and stopped, by podman-cp(1)'s rules; and what a hostile container can't do with it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
let here: string;

beforeAll(async () => {
  here = s.directory('cp');
  mkdirSync(join(here, 'tree', 'sub'), { recursive: true });
  writeFileSync(join(here, 'file'), 'of the host\n');
  writeFileSync(join(here, 'tree', 'a'), 'a\n');
  writeFileSync(join(here, 'tree', 'sub', 'b'), 'b\n');
  symlinkSync('a', join(here, 'tree', 'link'));
  chmodSync(join(here, 'tree', 'a'), 0o640);
  utimesSync(join(here, 'tree', 'a'), 1_000_000_000, 1_000_000_000);
  await s.ok(['run', '-d', '--name', 'up', '--network', 'none', '-v', 'cpvol:/vol', 'busybox', 'sleep', '100000']);
  await s.ok(['create', '--name', 'down', '--network', 'none', '-v', 'cpvol:/vol', 'busybox', 'true']);
});

afterAll(async () => {
  await s.ok(['rm', '-f', '-t', '0', 'up', 'down']);
  await s.ok(['volume', 'rm', 'cpvol']);
});

/** What a script prints in the container `up`. */
function inside(script: string): Promise<string> {
  return s.ok(['exec', 'up', 'sh', '-c', script]);
}

describe.each(['up', 'down'])('a container that is %s', (name) => {
  test('takes files and gives them back', async () => {
    await s.ok(['cp', join(here, 'file'), `${name}:/root/one`]);
    await s.ok(['cp', join(here, 'file'), `${name}:/root`]);
    await s.ok(['cp', join(here, 'file'), `${name}:root/`]);
    await s.ok(['cp', `${name}:/root/one`, join(here, `back-${name}`)]);
    expect(readFileSync(join(here, `back-${name}`), 'utf8')).toBe('of the host\n');
    mkdirSync(join(here, `into-${name}`));
    await s.ok(['cp', `${name}:/root/file`, join(here, `into-${name}`)]);
    expect(readdirSync(join(here, `into-${name}`))).toEqual(['file']);
    // An existing file is replaced.
    await s.ok(['cp', `${name}:/etc/data/from-image`, join(here, `back-${name}`)]);
    expect(readFileSync(join(here, `back-${name}`), 'utf8')).toBe('from the image\n');
  });

  test('a directory goes into one that exists, and becomes one that does not; /. means what is in it', async () => {
    await s.ok(['cp', join(here, 'tree'), `${name}:/tmp`]);
    await s.ok(['cp', join(here, 'tree'), `${name}:/tmp/fresh`]);
    await s.ok(['cp', `${join(here, 'tree')}/.`, `${name}:/tmp/dot`]);
    await s.ok(['exec', 'up', 'mkdir', '-p', '/vol/there']);
    await s.ok(['cp', `${join(here, 'tree')}/.`, `${name}:/vol/there`]);
    const out = join(here, `trees-${name}`);
    mkdirSync(out);
    for (const tree of ['tree', 'fresh', 'dot']) await s.ok(['cp', `${name}:/tmp/${tree}`, out]);
    await s.ok(['cp', `${name}:/vol/there`, out]);
    await s.ok(['cp', `${name}:/tmp/tree/.`, join(out, 'renamed')]);
    for (const tree of ['tree', 'fresh', 'dot', 'there', 'renamed']) {
      expect(readdirSync(join(out, tree)).sort(), tree).toEqual(['a', 'link', 'sub']);
      expect(readFileSync(join(out, tree, 'sub', 'b'), 'utf8')).toBe('b\n');
      expect(lstatSync(join(out, tree, 'link')).isSymbolicLink()).toBe(true);
      expect(statSync(join(out, tree, 'a')).mode & 0o777).toBe(0o640);
      expect(statSync(join(out, tree, 'a')).mtimeMs).toBe(1_000_000_000_000);
      expect(statSync(join(out, tree, 'a')).uid).toBe(process.getuid?.());
    }
  });

  test('what cannot be is refused, and says why', async () => {
    await s.fails(['cp', join(here, 'nothing'), `${name}:/tmp`], 125, 'no such file');
    await s.fails(['cp', `${name}:/nothing`, here], 125, 'no such file');
    await s.fails(['cp', join(here, 'file'), `${name}:/no/such/dir/file`], 125, 'no such file');
    await s.fails(['cp', join(here, 'file'), `${name}:/tmp/missing/`], 125, 'no such file');
    await s.fails(['cp', join(here, 'tree'), `${name}:/etc/passwd`], 125, 'directory to a file');
    await s.fails(['cp', join(here, 'file'), `${name}:/etc/passwd/below`], 125, 'no such file');
    await s.fails(['cp', join(here, 'file'), 'nobody:/x'], 125, 'no such container');
    await s.fails(['cp', join(here, 'file'), join(here, 'other')], 125, 'in a container');
    await s.fails(['cp', `${name}:`, here], 125, 'which path');
  });

  test('a directory and something else replace each other only when asked', async () => {
    await s.ok(['exec', 'up', 'sh', '-c', 'rm -rf /vol/x; mkdir -p /vol/x/tree/a; touch /vol/x/tree/a/inner']);
    await s.fails(['cp', join(here, 'tree'), `${name}:/vol/x`], 125, 'is a directory in the destination');
    await s.ok(['cp', '--overwrite', join(here, 'tree'), `${name}:/vol/x`]);
    expect(await inside('cat /vol/x/tree/a')).toBe('a');
  });

  test('tars go in and out by -', async () => {
    await s.ok(['cp', '-', `${name}:/vol`], { input: writeTar([{ path: 'from-tar/deep/f', content: 'tarred', mode: 0o600, uid: 1500 }, { path: 'from-tar/l', type: 'symlink', target: 'deep/f' }, { path: 'from-tar/h', type: 'hardlink', target: 'from-tar/deep/f' }]) });
    expect(await inside('cat /vol/from-tar/l; stat -c " %u %a %h" /vol/from-tar/deep/f')).toBe('tarred 0 600 2');
    const list = execFileSync('sh', ['-c', '"$@" | tar -t', 'sh', ...s.command, 'cp', `${name}:/vol/from-tar`, '-'], { env: s.env, encoding: 'utf8' });
    expect(list.trim().split('\n').sort()).toEqual(['from-tar/', 'from-tar/deep/', 'from-tar/deep/f', 'from-tar/h', 'from-tar/l']);
    const one = execFileSync('sh', ['-c', '"$@" | tar -xO', 'sh', ...s.command, 'cp', `${name}:/etc/data/from-image`, '-'], { env: s.env, encoding: 'utf8' });
    expect(one).toBe('from the image\n');
    const zipped = execFileSync('gzip', { input: writeTar([{ path: 'z', content: 'zipped' }]) });
    await s.ok(['cp', '-', `${name}:/vol`], { input: zipped });
    expect(await inside('cat /vol/z')).toBe('zipped');
    await s.fails(['cp', '-', `${name}:/etc/passwd`], 125, 'no directory', { input: writeTar([]) });
    await s.fails(['cp', '-', `${name}:/vol`], 125, /archive/, { input: 'this is no tar, but it is long enough to be seen as one'.repeat(20) });
    await s.fails(['cp', '-', `${name}:/vol`], 125, /leads out|damaged/, { input: writeTar([{ path: '../../out', content: 'x' }]) });
  });

  test('names that are no text, holes and hard links survive', async () => {
    const odd = join(here, `odd-${name}`);
    mkdirSync(odd);
    const bytes = Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0xe9, 0xff, 0x0a])]);
    writeFileSync(bytes, 'odd');
    execFileSync('truncate', ['-s', '5G', join(odd, 'sparse')]);
    execFileSync('ln', [join(odd, 'sparse'), join(odd, 'hard')]);
    await s.ok(['cp', odd, `${name}:/vol`]);
    await s.ok(['cp', `${name}:/vol/odd-${name}`, join(here, `odd-back-${name}`)]);
    const back = join(here, `odd-back-${name}`);
    expect(readFileSync(Buffer.concat([Buffer.from(`${back}/`), Buffer.from([0xe9, 0xff, 0x0a])]), 'utf8')).toBe('odd');
    const sparse = statSync(join(back, 'sparse'));
    expect([sparse.size, sparse.nlink, sparse.blocks < 100]).toEqual([5 * 1024 ** 3, 2, true]);
    await inside(`rm -r /vol/odd-${name}`);
  });
});

test('files go to the container\'s user; -a=false keeps their owners', async () => {
  await s.ok(['create', '--name', 'app', '--network', 'none', '-u', '1500:10', 'busybox', 'stat', '-c', '%u:%g', '/tmp/f', '/tmp/g']);
  await s.ok(['cp', join(here, 'file'), 'app:/tmp/f']);
  await s.ok(['cp', '--archive=false', join(here, 'file'), 'app:/tmp/g']);
  expect(await s.ok(['start', '-a', 'app'])).toBe('1500:10\n0:0');
  await s.ok(['rm', 'app']);
});

test('between containers owners can be kept, and a copy does not swallow itself', async () => {
  await inside('mkdir -p /two && echo 1 >/two/f && chown 1500:10 /two/f && chmod 4755 /two/f');
  await s.ok(['cp', '-a=false', 'up:/two', 'down:/tmp']);
  await s.ok(['cp', '-a=false', 'down:/tmp/two', 'up:/tmp/came-back']);
  expect(await inside('stat -c "%u:%g %a" /tmp/came-back/f')).toBe('1500:10 4755');
  await s.ok(['cp', 'up:/two', 'up:/two/inner']);
  expect(await inside('find /two | sort')).toBe('/two\n/two/f\n/two/inner\n/two/inner/f');
  await s.ok(['cp', 'down:/etc/data', 'down:/tmp/same-container']);
});

test.each([['keep-id', ['--userns=keep-id']], ['another map', ['--uidmap=0:1:5000', '--gidmap=0:1:5000']]])('with %s, owners are as the container counts, running or not', async (_what, flags) => {
  await s.ok(['run', '-d', '--name', 'mapped', '--network', 'none', ...flags, 'busybox', 'sleep', '1000']);
  await s.ok(['cp', join(here, 'file'), 'mapped:/tmp/f']);
  const who = await s.ok(['exec', 'mapped', 'sh', '-c', 'echo $(id -u):$(id -g)']);
  expect(await s.ok(['exec', 'mapped', 'stat', '-c', '%u:%g', '/tmp/f'])).toBe(who);
  await s.ok(['cp', 'mapped:/tmp/f', join(here, `mapped-${flags.length}`)]);
  expect(statSync(join(here, `mapped-${flags.length}`)).uid).toBe(process.getuid?.());
  await s.ok(['stop', '-t', '0', 'mapped']);
  await s.ok(['cp', join(here, 'file'), 'mapped:/tmp/g']);
  await s.ok(['start', 'mapped']);
  expect(await s.ok(['exec', 'mapped', 'stat', '-c', '%u:%g', '/tmp/g'])).toBe(who);
  await s.ok(['rm', '-f', '-t', '0', 'mapped']);
});

describe('a container cannot lead a copy astray', () => {
  test('links of the container lead to its own files (CVE-2018-15664, CVE-2019-10152 class)', async () => {
    const secret = s.file('secret', 'of the host');
    await inside(`rm -rf /leads && mkdir /leads && ln -s ${secret} /leads/file && ln -s ${s.base} /leads/dir && ln -s ../../../../../../../../etc/data/from-image /leads/up && ln -s /proc/self/root/etc/data /leads/magic`);
    await s.fails(['cp', 'up:/leads/file', join(here, 'got')], 125, 'no such file');
    await s.fails(['cp', 'up:/leads/dir/secret', join(here, 'got')], 125, 'no such file');
    await s.fails(['cp', join(here, 'file'), 'up:/leads/dir/planted'], 125, 'no such file');
    expect(existsSync(join(s.base, 'planted'))).toBe(false);
    await s.ok(['cp', 'up:/leads/up', join(here, 'got')]);
    expect(readFileSync(join(here, 'got'), 'utf8')).toBe('from the image\n');
    await s.scull(['cp', 'up:/leads/magic', join(here, 'got-magic')]);
    expect(existsSync(join(here, 'got-magic', 'passwd'))).toBe(false);
  });

  test('links swapped while it is being copied into lead nowhere else', async () => {
    const trap = s.directory('trap');
    await inside(`mkdir -p /swap/real && ln -s ${trap} /swap/link; (while [ ! -e /swap/stop ]; do mv /swap/real /swap/x 2>/dev/null; ln -s ${trap} /swap/real 2>/dev/null; rm /swap/real 2>/dev/null; mv /swap/x /swap/real 2>/dev/null; done) >/dev/null 2>&1 &`);
    for (let i = 0; i < 40; i++) await s.scull(['cp', `${join(here, 'tree')}/.`, 'up:/swap/real']);
    await inside('touch /swap/stop');
    expect(readdirSync(trap)).toEqual([]);
  });

  test('a program with set-id bits loses them on the way out', async () => {
    await inside('cp /bin/busybox /suid && chmod 4755 /suid');
    await s.ok(['cp', 'up:/suid', join(here, 'suid')]);
    expect(statSync(join(here, 'suid')).mode & 0o7777).toBe(0o755);
  });

  test('links in an archive lead to the container\'s own files (CVE-2019-18466 class)', async () => {
    const trap = s.directory('trap-tar');
    await s.scull(['cp', '-', 'up:/vol'], { input: writeTar([{ path: 'esc', type: 'symlink', target: trap }, { path: 'esc/planted', content: 'x' }]) });
    expect(readdirSync(trap)).toEqual([]);
  });

  test('files that are mounted are written in place, and read-only mounts are not', async () => {
    const bound = s.file('bound', 'before');
    await s.ok(['create', '--name', 'ro', '--network', 'none', '-v', `${bound}:/bound`, '-v', `${here}:/ro:ro`, 'busybox', 'sleep', '1000']);
    await s.ok(['cp', join(here, 'file'), 'ro:/bound']);
    expect(readFileSync(bound, 'utf8')).toBe('of the host\n');
    await s.fails(['cp', join(here, 'file'), 'ro:/ro/x'], 125, 'read-only');
    await s.ok(['start', 'ro']);
    writeFileSync(join(here, 'other'), 'second');
    await s.ok(['cp', join(here, 'other'), 'ro:/bound']);
    expect(readFileSync(bound, 'utf8')).toBe('second');
    await s.fails(['cp', join(here, 'file'), 'ro:/ro/x'], 125, /[Rr]ead-only/);
    await s.ok(['rm', '-f', '-t', '0', 'ro']);
  });
});

test('what a stopped container has removed or put in the place of a directory of its image is not copied; it starts with what came', async () => {
  await s.ok(['run', '--name', 'removed', '--network', 'none', 'busybox', 'sh', '-c', 'rm /etc/data/from-image && rm -r /etc/data && mkdir /etc/data && echo new >/etc/data/new']);
  await s.ok(['cp', 'removed:/etc/data', join(here, 'removed')]);
  expect(readdirSync(join(here, 'removed'))).toEqual(['new']);
  await s.fails(['cp', 'removed:/etc/data/from-image', here], 125, 'no such file');
  await s.ok(['cp', join(here, 'tree'), 'removed:/etc/data']);
  await s.ok(['commit', '-q', 'removed', 'removed-image']);
  await s.ok(['rm', 'removed']);
  expect(await s.ok(['run', '--rm', '--network', 'none', 'removed-image', 'sh', '-c', 'cd /etc/data && find . | sort'])).toBe('.\n./new\n./tree\n./tree/a\n./tree/link\n./tree/sub\n./tree/sub/b');
  await s.ok(['rmi', 'removed-image']);
});

test('cp in parallel into one stopped container: all arrive', async () => {
  await Promise.all(Array.from({ length: 8 }, (_, i) => s.ok(['cp', join(here, 'file'), `down:/tmp/parallel-${i}`])));
  await s.ok(['cp', 'down:/tmp', join(here, 'parallel')]);
  expect(readdirSync(join(here, 'parallel')).filter((name) => name.startsWith('parallel-'))).toHaveLength(8);
});
