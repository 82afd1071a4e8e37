/** What a container changed: listed (diff), kept as an image (commit), and all of it as a tar (export). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productWithoutHelpers } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

/** Makes a container, lets `script` change it, and leaves it stopped. */
async function changed(name: string, script: string, ...flags: string[]): Promise<void> {
  await s.ok(['run', '--name', name, '--network', 'none', ...flags, 'busybox', 'sh', '-ec', script]);
}

/** Runs a script in a container of an image, and gives what it prints. */
function seen(image: string, script: string, ...flags: string[]): Promise<string> {
  return s.ok(['run', '--rm', '--network', 'none', ...flags, image, 'sh', '-ec', script]);
}

async function json(...args: string[]): Promise<any> {
  return JSON.parse(await s.ok(args));
}

function readManifest(digest: string): any {
  return JSON.parse(readFileSync(join(s.storeRoot, 'images', 'blobs', digest.replace(':', '/')), 'utf8'));
}

describe('diff', () => {
  test('a container that changed nothing has no changes', async () => {
    await changed('same', 'true');
    expect(await s.ok(['diff', 'same'])).toBe('');
    await s.ok(['rm', 'same']);
  });

  test('shows what was added, changed and deleted, each folder before what is in it', async () => {
    await changed('d1', 'echo x >>/etc/data/from-image; mkdir -p /srv/a; echo 1 >/srv/a/f; rm /etc/not-a-program; chmod 700 /var/lib');
    expect(await s.ok(['diff', 'd1'])).toBe('C /etc\nC /etc/data\nC /etc/data/from-image\nD /etc/not-a-program\nA /srv\nA /srv/a\nA /srv/a/f\nC /var\nC /var/lib');
    expect(await json('container', 'diff', '--format', 'json', 'd1')).toEqual({
      changed: ['/etc', '/etc/data', '/etc/data/from-image', '/var', '/var/lib'],
      added: ['/srv', '/srv/a', '/srv/a/f'],
      deleted: ['/etc/not-a-program'],
    });
    await s.ok(['rm', 'd1']);
  });

  test('a folder made anew hides what was in it', async () => {
    await changed('d2', 'rm -r /etc/data; mkdir /etc/data; echo new >/etc/data/mine');
    expect(await s.ok(['diff', 'd2'])).toBe('C /etc\nC /etc/data\nD /etc/data/from-image\nA /etc/data/mine');
    await s.ok(['rm', 'd2']);
  });

  test('a running container is looked at as it is', async () => {
    await s.ok(['run', '-d', '--name', 'd3', '--network', 'none', 'busybox', 'sh', '-c', 'touch /now; sleep 1000']);
    await expect.poll(() => s.ok(['diff', 'd3']), { timeout: 20_000 }).toBe('A /now');
    await s.ok(['rm', '-f', '-t', '0', 'd3']);
  });

  test('mounts are no changes, and neither are the places they were mounted on', async () => {
    await changed('d4', 'touch /vol/in-volume /tmp/own', '-v', 'd4vol:/vol', '-v', `${s.directory('bind')}:/deep/below/bind`, '--tmpfs', '/scratch');
    expect(await s.ok(['diff', 'd4'])).toBe('C /tmp\nA /tmp/own');
    await s.ok(['rm', 'd4']);
    await s.ok(['volume', 'rm', 'd4vol']);
  });

  test('names that are no text, and those that would steer a terminal, are shown', async () => {
    await changed('d5', "cd /srv 2>/dev/null || mkdir /srv && cd /srv; touch \"$(printf 'bell\\007')\" \"$(printf 'line\\nbreak')\" \"$(printf 'latin\\351')\"");
    const text = await s.ok(['diff', 'd5']);
    expect(text).toContain('A /srv/bell\\x07\n');
    expect(text).toContain('A /srv/line\\nbreak');
    expect(text.split('\n')).toHaveLength(4);
    await s.ok(['rm', 'd5']);
  });

  test('of an image the last layer is shown, or what is different in another', async () => {
    await changed('d6', 'echo 2 >/two; rm /etc/not-a-program');
    await s.ok(['commit', '-q', 'd6', 'two']);
    expect(await s.ok(['image', 'diff', 'two'])).toBe('C /etc\nD /etc/not-a-program\nA /two');
    expect(await s.ok(['diff', 'two', 'busybox'])).toBe('C /etc\nD /etc/not-a-program\nA /two');
    expect(await s.ok(['diff', 'busybox', 'two'])).toBe('C /etc\nA /etc/not-a-program\nD /two');
    expect(await s.ok(['diff', 'd6', 'two'])).toBe('');
    await s.ok(['rm', 'd6']);
    await s.ok(['rmi', 'two']);
  });

  test('what does not exist is said', async () => {
    await s.fails(['diff', 'nobody'], 125, 'no such image');
    await s.fails(['container', 'diff', 'busybox'], 125, 'no such container');
    await s.fails(['diff', '--format', 'yaml', 'busybox'], 125, 'json');
  });
});

describe('commit', () => {
  test('the image has what the container changed, and nothing of what it deleted', async () => {
    await changed('c1', 'echo mine >/root/file; rm -r /etc/data; mkdir /etc/data; echo new >/etc/data/mine; rm /etc/not-a-program; ln -s ../bin/sh /root/link; mkfifo /root/fifo');
    const id = await s.ok(['commit', '-q', 'c1', 'kept']);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await seen('kept', 'cat /root/file; ls /etc/data; readlink /root/link; test -p /root/fifo; test ! -e /etc/not-a-program')).toBe('mine\nmine\n../bin/sh');
    expect((await s.inspect('kept')).RootFS.Layers).toHaveLength(2);
    await s.ok(['rm', 'c1']);
    await s.ok(['rmi', 'kept']);
  });

  test('owners, modes, hard links, times, attributes and holes are kept', async () => {
    await changed(
      'c2',
      `mkdir /o && cd /o && echo x >a && chown 1500:10 a && chmod 4751 a && ln a b && touch -d '2001-02-03 04:05:06' b
       dd if=/dev/zero of=sparse bs=1 count=0 seek=3000000000 2>/dev/null && printf end >>sparse
       chown 12345:54321 /o`,
    );
    await s.ok(['commit', '-q', 'c2', 'kept']);
    const facts = await seen('kept', "cd /o; stat -c '%n %u:%g %a %h %Y %s' . a b sparse; tail -c 3 sparse; echo; test $(du -k sparse | cut -f1) -lt 1000 && echo small");
    expect(facts).toMatch(/^\. 12345:54321 755 2 \d+ \d+\na 1500:10 4751 2 981173106 2\nb 1500:10 4751 2 981173106 2\nsparse 0:0 644 1 \d+ 3000000003\nend\nsmall$/);
    await s.ok(['rm', 'c2']);
    await s.ok(['rmi', 'kept']);
  });

  test('odd names survive: bytes that are no text, very long ones, marks that are none', async () => {
    const long = `${'d'.repeat(120)}/${'e'.repeat(120)}`;
    await changed('c3', `mkdir /n && cd /n && touch "$(printf 'a\\351\\377')" "$(printf 'new\\nline')" -- '-dash' 'wh.not' && mkdir -p ${long} && touch ${long}/f`);
    await s.ok(['commit', '-q', 'c3', 'kept']);
    expect(await seen('kept', `cd /n; ls | wc -l; test -e "$(printf 'a\\351\\377')"; test -e "$(printf 'new\\nline')"; test -e ./-dash; test -e ${long}/f && echo there`)).toBe('5\nthere');
    await s.ok(['rm', 'c3']);
    await s.ok(['rmi', 'kept']);
  });

  test('a name that an image would take for a whiteout is left out, and said', async () => {
    await changed('c4', 'touch /.wh.etc /fine');
    const result = await s.scull(['commit', '-q', 'c4', 'kept']);
    expect(result.status).toBe(0);
    expect(result.stderr).toMatch('/.wh.etc is left out');
    expect(await seen('kept', 'ls -d /etc /fine')).toBe('/etc\n/fine');
    await s.ok(['rm', 'c4']);
    await s.ok(['rmi', 'kept']);
  });

  test('command, environment, labels and user of the container are the image\'s, and --change has the last word', async () => {
    await s.ok(['create', '--name', 'c5', '-e', 'A=1', '-l', 'made=here', '-u', '1500', '-w', '/home', '--entrypoint', 'echo', 'busybox', 'hello']);
    await s.ok(['commit', '-q', '-a', 'Me <me@x.example>', '-m', 'a comment', '-c', 'ENV B=2', '-c', 'LABEL more=1', '-c', 'EXPOSE 80', '-c', 'CMD ["bye"]', 'c5', 'kept:1']);
    const image = await s.inspect('kept:1');
    expect(image.Author).toBe('Me <me@x.example>');
    expect(image.Config).toMatchObject({ Env: expect.arrayContaining(['A=1', 'B=2']), Labels: { made: 'here', more: '1' }, User: '1500', WorkingDir: '/home', Entrypoint: ['echo'], Cmd: ['bye'], ExposedPorts: { '80/tcp': {} } });
    expect(image.Config.Env.join(' ')).not.toContain('container=');
    expect(await s.ok(['run', '--rm', '--network', 'none', 'kept:1'])).toBe('bye');
    expect((await json('history', '--format', 'json', 'kept:1'))[0]).toMatchObject({ comment: 'a comment' });
    await s.fails(['commit', '-c', 'FROM x', 'c5'], 125, 'invalid change');
    await s.fails(['commit', 'c5', 'UPPER CASE'], 125, /name|reference/);
    await s.ok(['rm', 'c5']);
    await s.ok(['rmi', 'kept:1']);
  });

  test('without a name it is dangling; --iidfile gets the id', async () => {
    await changed('c6', 'touch /x');
    const file = join(s.base, 'iid');
    const id = await s.ok(['commit', '-q', '--iidfile', file, 'c6']);
    expect(readFileSync(file, 'utf8')).toBe(id);
    expect((await s.inspect(id)).RepoTags ?? []).toEqual([]);
    await s.ok(['rm', 'c6']);
    await s.ok(['rmi', id]);
  });

  test('--squash makes one layer of everything', async () => {
    await changed('c7', 'rm -r /etc/data; echo 1 >/one');
    await s.ok(['commit', '-q', '-s', 'c7', 'flat']);
    expect((await s.inspect('flat')).RootFS.Layers).toHaveLength(1);
    expect(await seen('flat', 'cat /one; test ! -e /etc/data; stat -c %u:%g /home/app')).toBe('1\n1500:1500');
    await s.ok(['rm', 'c7']);
    await s.ok(['rmi', 'flat']);
  });

  test('equal content gives an equal layer, where times are held by SOURCE_DATE_EPOCH', async () => {
    const env = { SOURCE_DATE_EPOCH: '1000000000' };
    const images: any[] = [];
    for (const name of ['r1', 'r2']) {
      await changed(name, name === 'r1' ? 'mkdir /z; echo a >/z/a; echo b >/z/b' : 'mkdir /z; echo b >/z/b; echo a >/z/a');
      images.push(await s.inspect(await s.ok(['commit', '-q', name], { env })));
      await s.ok(['rm', name]);
    }
    expect(images[0].RootFS.Layers).toEqual(images[1].RootFS.Layers);
    expect(images[0].Created).toMatch(/^2001-09-09T01:46:40/);
    const blobs = images.map((image) => readManifest(image.Digest).layers.at(-1).digest);
    expect(blobs[0]).toBe(blobs[1]);
    await s.ok(['rmi', ...images.map((image) => image.Id)]);
  });

  test('skopeo and umoci take the image as it is; the docker format too', async () => {
    await changed('i1', 'echo x >/x; rm /etc/not-a-program');
    for (const format of ['oci', 'docker']) await s.ok(['commit', '-q', '-f', format, 'i1', `interop:${format}`]);
    await s.ok(['save', '-q', '-o', `${s.base}/docker.tar`, 'interop:docker']);
    for (const place of [`oci:${s.storeRoot}/images:localhost/interop:oci`, `docker-archive:${s.base}/docker.tar`]) {
      expect(JSON.parse(execFileSync('skopeo', ['inspect', place], { encoding: 'utf8' })).Layers).toHaveLength(2);
    }
    execFileSync('skopeo', ['copy', '-q', `oci:${s.storeRoot}/images:localhost/interop:oci`, `oci:${s.base}/copy:x`]);
    execFileSync('umoci', ['unpack', '--rootless', '--image', `${s.base}/copy:x`, `${s.base}/bundle`], { stdio: 'ignore' });
    expect(readFileSync(`${s.base}/bundle/rootfs/x`, 'utf8')).toBe('x\n');
    expect(() => readFileSync(`${s.base}/bundle/rootfs/etc/not-a-program`)).toThrow('ENOENT');
    await s.ok(['rm', 'i1']);
    await s.ok(['rmi', 'interop:oci', 'interop:docker']);
  });

  test('with keep-id and other maps the image has the owners that the container saw', async () => {
    await changed('k1', 'touch /tmp/mine; stat -c %u /tmp/mine >/tmp/said', '--userns=keep-id');
    await s.ok(['commit', '-q', 'k1', 'kept']);
    const [said, now] = (await seen('kept', 'cat /tmp/said; stat -c %u /tmp/mine')).split('\n');
    expect(said).toBe(String(process.getuid?.()));
    expect(now).toBe(said);
    await s.ok(['rm', 'k1']);
    await s.ok(['rmi', 'kept']);
  });

  test.each(['--userns=keep-id', '--userns=auto'])('with %s a folder that was made anew shows nothing of the old one', async (mode) => {
    const name = `anew-${mode.slice(9)}`;
    await changed(name, 'rm -r /etc/data; mkdir /etc/data; touch /etc/data/mine', mode, '--user', '0');
    const known = /\/etc\/(?:passwd|group)$/; // with keep-id they have got a line for the caller
    expect((await s.ok(['diff', name])).split('\n').filter((line) => !known.test(line))).toEqual(['C /etc', 'C /etc/data', 'D /etc/data/from-image', 'A /etc/data/mine']);
    for (const words of [['cp', `${name}:/etc/data`, '-'], ['export', name]]) {
      const names = execFileSync('sh', ['-c', '"$@" | tar -t', 'sh', ...s.command, ...words], { env: s.env, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n').filter((path) => /data|\.wh\./.test(path));
      expect(names.map((path) => path.replace('etc/', ''))).toEqual(['data/', 'data/mine']);
    }
    await s.ok(['commit', '-q', name, 'kept']);
    expect(await seen('kept', 'ls -A /etc/data')).toBe('mine');
    await s.ok(['rm', name]);
    await s.ok(['rmi', 'kept']);
  });

  test('of a running container, commits what is there', async () => {
    await s.ok(['run', '-d', '--name', 'c8', '--network', 'none', 'busybox', 'sh', '-c', 'echo 1 >/one; touch /ready; sleep 1000']);
    await expect.poll(() => s.ok(['diff', 'c8']), { timeout: 20_000 }).toContain('/ready');
    await s.ok(['commit', '-q', 'c8', 'kept']);
    expect(await seen('kept', 'cat /one')).toBe('1');
    await s.ok(['rm', '-f', '-t', '0', 'c8']);
    await s.ok(['rmi', 'kept']);
  });

  test.each(['fuse-overlayfs', 'vfs'])('with %s changes are found too', async (driver) => {
    const own = ['--root', s.directory(`store-${driver}`), '--storage-driver', driver];
    await s.ok([...own, 'load', '-q'], { input: dockerArchive({ tags: ['busybox:latest'], layers: [busyboxEntries()] }) });
    await s.ok([...own, 'run', '--name', 'v', '--network', 'none', 'busybox', 'sh', '-ec', 'echo 1 >/one; rm /etc/not-a-program; rm -r /etc/data; mkdir /etc/data; touch /etc/data/mine']);
    expect(await s.ok([...own, 'diff', 'v'])).toBe('C /etc\nC /etc/data\nD /etc/data/from-image\nA /etc/data/mine\nD /etc/not-a-program\nA /one');
    await s.ok([...own, 'commit', '-q', 'v', 'kept']);
    expect(await s.ok([...own, 'run', '--rm', '--network', 'none', 'kept', 'sh', '-ec', 'cat /one; ls /etc/data; test ! -e /etc/not-a-program'])).toBe('1\nmine');
    await s.ok([...own, 'rm', 'v']);
    await s.ok([...own, 'rmi', '-f', 'kept', 'busybox']);
  });
});

describe('export', () => {
  test('import makes the same of it', async () => {
    await changed('e1', 'rm -r /etc/data; echo 1 >/one; ln /one /two; chown 1500 /one', '-v', 'e1vol:/data');
    const tar = join(s.base, 'e1.tar');
    await s.ok(['export', '-o', tar, 'e1']);
    await s.ok(['import', '-q', tar, 'flat']);
    expect(await seen('flat', 'stat -c %u:%h /two; test ! -e /etc/data; cat /home/app/note')).toBe('1500:2\nof app');
    const piped = execFileSync('sh', ['-c', '"$@" | tar -t', 'sh', ...s.command, 'export', 'e1'], { env: s.env, encoding: 'utf8', maxBuffer: 1 << 26 });
    expect(piped.split('\n')).toEqual(execFileSync('tar', ['-t', '-f', tar], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n'));
    await s.ok(['rm', 'e1']);
    await s.ok(['volume', 'rm', 'e1vol']);
    await s.ok(['rmi', 'flat']);
  });

  test('a file that cannot be written is no half of an archive', async () => {
    await changed('e2', 'true');
    await s.fails(['export', '-o', join(s.base, 'no', 'such', 'x.tar'), 'e2'], 125, 'folder does not exist');
    await s.fails(['export', '-o', '/dev/full', 'e2'], 125, /space/);
    await s.fails(['export', 'nobody'], 125, 'no such container');
    await s.ok(['rm', 'e2']);
  });
});

test('without the native programs it is said what is missing', async () => {
  await changed('p1', 'true');
  const bare = productWithoutHelpers(s.base);
  const portable = execFileSync('sh', ['-c', '"$@" 2>&1; echo "status $?"', 'sh', ...bare, 'diff', 'p1'], { env: s.env, encoding: 'utf8' });
  expect(portable).toMatch(/Error: .*scull-tree[\s\S]*status 125/);
  await s.ok(['rm', 'p1']);
});
