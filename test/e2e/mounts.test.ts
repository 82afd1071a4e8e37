import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { busyboxEntries } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

beforeAll(() => {
  s.directory('src/sub');
  s.file('src/a', 'alpha\n');
  s.file('src/sub/b', 'beta\n');
});

const run = (...args: string[]) => s.scull(['run', '--rm', ...args]);

describe('bind mounts', () => {
  test('-v shares a directory both ways', async () => {
    expect(await run('-v', `${s.base}/src:/m`, 'busybox', 'sh', '-c', 'cat /m/a; echo back > /m/c')).toMatchObject({ status: 0, stdout: 'alpha\n' });
    expect(readFileSync(`${s.base}/src/c`, 'utf8')).toBe('back\n');
  });

  test('-v shares a single file', async () => {
    expect(await run('-v', `${s.base}/src/a:/etc/alpha`, 'busybox', 'cat', '/etc/alpha')).toMatchObject({ status: 0, stdout: 'alpha\n' });
  });

  test('ro protects, also with other options around it', async () => {
    for (const options of ['ro', 'ro,z', 'nosuid,ro,rslave']) {
      const result = await run('-v', `${s.base}/src:/m:${options}`, 'busybox', 'sh', '-c', 'echo x > /m/x');
      expect(result.status, options).toBe(1);
      expect(result.stderr).toMatch(/read-only/i);
    }
  });

  test('a relative source is seen from where scull was started', async () => {
    expect(await s.ok(['run', '--rm', '-v', './src:/m', 'busybox', 'cat', '/m/a'], { cwd: s.base })).toBe('alpha');
  });

  test('a missing source is refused by name, not made', async () => {
    const result = await s.scull(['run', '--rm', '-v', `${s.base}/missing:/m`, 'busybox', 'true']);
    expect(result.status).toBe(125);
    expect(result.stderr).toContain(`${s.base}/missing`);
  });

  test('--mount type=bind with its long option names', async () => {
    expect(await run('--mount', `type=bind,source=${s.base}/src,target=/m,readonly`, 'busybox', 'sh', '-c', 'cat /m/a; touch /m/x 2>/dev/null || echo ro')).toMatchObject({ stdout: 'alpha\nro\n' });
    expect(await run('--mount', `type=bind,src=${s.base}/src,dst=/m,ro=false`, 'busybox', 'touch', '/m/y')).toMatchObject({ status: 0 });
  });

  test('a symbolic link as source is followed on the host, once', async () => {
    symlinkSync(`${s.base}/src`, `${s.base}/link`);
    expect(await run('-v', `${s.base}/link:/m`, 'busybox', 'cat', '/m/a')).toMatchObject({ stdout: 'alpha\n' });
  });

  test('a target that is a symbolic link of the image stays inside of the container', async () => {
    await s.load({ tags: ['links:1'], layers: [[...busyboxEntries(), { path: 'escape', type: 'symlink', target: `${s.base}/outside` }]] });
    await s.scull(['run', '--rm', '-v', `${s.base}/src:/escape`, 'links:1', 'true']);
    expect(existsSync(`${s.base}/outside`)).toBe(false);
  });

  test('mounts over mounts are put in the order of their depth', async () => {
    const result = await run('-v', `${s.base}/src/sub:/m/sub/deeper`, '-v', `${s.base}/src:/m`, 'busybox', 'sh', '-c', 'cat /m/a');
    expect(result).toMatchObject({ status: 0, stdout: 'alpha\n' });
  });

  test('the same target twice is refused', async () => {
    await s.fails(['run', '--rm', '-v', `${s.base}/src:/m`, '-v', `${s.base}/src/sub:/m`, 'busybox', 'true'], 125, /\/m/);
  });

  test('noexec and nosuid hold', async () => {
    expect(await run('-v', `${s.base}/src:/m:noexec,nosuid`, 'busybox', 'grep', ' /m ', '/proc/self/mounts')).toMatchObject({ stdout: expect.stringMatching(/nosuid.*noexec/) });
  });

  test(':O throws writes away', async () => {
    expect(await run('-v', `${s.base}/src:/m:O`, 'busybox', 'sh', '-c', 'echo changed > /m/a; cat /m/a')).toMatchObject({ status: 0, stdout: 'changed\n' });
    expect(readFileSync(`${s.base}/src/a`, 'utf8')).toBe('alpha\n');
  });

  test(':O of a volume fills it, and throws writes away', async () => {
    for (const _time of ['first', 'second']) expect(await s.ok(['run', '--rm', '-v', 'covered:/etc/data:O', 'busybox', 'sh', '-c', 'echo x > /etc/data/new; ls /etc/data'])).toBe('from-image\nnew');
    expect(await s.ok(['run', '--rm', '-v', 'covered:/m', 'busybox', 'ls', '/m'])).toBe('from-image');
    expect(await s.ok(['run', '--rm', '-u', '7', '-v', 'covered:/m:O,U', 'busybox', 'sh', '-c', 'echo x > /m/from-image; stat -c %u /m/from-image'])).toBe('7');
    expect(await s.ok(['run', '--rm', '-v', 'covered:/m', 'busybox', 'stat', '-c', '%u %s', '/m/from-image'])).toBe('0 15');
    await s.ok(['volume', 'rm', 'covered']);
  });

  test.each([
    ['in the foreground', ['start', '-a', 'covering']],
    ['in the background', ['start', 'covering']],
  ])('what was written over :O, and into an image mounted rw, goes with the run, %s', async (_where, start) => {
    const script = 'cat /m/new /i/new 2>/dev/null; echo x >/m/new; echo x >/i/new; chown 1500 /m/new; mkdir /m/other; chown 1500 /m/other';
    const args = ['-v', `${s.base}/src:/m:O`, '--mount', 'type=image,source=busybox,destination=/i,rw=true', 'busybox', 'sh', '-c', script];
    const id = await s.ok(['create', '--name', 'covering', ...args]);
    const kept = join(s.storeRoot, 'containers', id, 'overlays');
    for (const _time of [1, 2]) {
      await s.ok(start);
      await s.ok(['wait', 'covering']);
      await eventually('the writes to be gone', () => !existsSync(kept));
    }
    expect(await s.ok(['logs', 'covering'])).toBe('');
    await s.ok(['rm', 'covering']);
  });

  test('what a killed keeper left of :O is not seen by the next run', async () => {
    const id = await s.ok(['create', '--name', 'left', '-v', `${s.base}/src:/m:O`, 'busybox', 'sh', '-c', 'test -e /m/new && echo again; echo x >/m/new']);
    const upper = join(s.storeRoot, 'containers', id, 'overlays', '0', 'upper');
    mkdirSync(upper, { recursive: true });
    writeFileSync(join(upper, 'new'), 'of the run before');
    expect(await s.ok(['start', '-a', 'left'])).toBe('');
    await s.ok(['rm', 'left']);
  });

  test(':O shows the owner and mode of what it covers', async () => {
    const directory = s.directory('covered');
    chmodSync(directory, 0o1777);
    expect(await s.ok(['run', '--rm', '-u', 'app', '-v', `${directory}:/d:O`, 'busybox', 'sh', '-c', 'stat -c %u:%a /d; touch /d/x && echo yes'])).toBe('0:1777\nyes');
    await s.ok(['run', '--rm', '-u', 'app', '-v', `${directory}:/d:U`, 'busybox', 'chmod', '700', '/d']);
    expect(await s.ok(['run', '--rm', '-u', 'app', '-v', `${directory}:/d:O`, 'busybox', 'sh', '-c', 'stat -c %u:%a /d; touch /d/x; ls /d'])).toBe('1500:700\nx');
    await s.ok(['unshare', 'rm', '-r', directory]);
  });

  test(':U gives the source to the user of the container', async () => {
    const directory = s.directory('given');
    s.file('given/f', '');
    expect(await run('-u', 'app', '-v', `${directory}:/m:U`, 'busybox', 'sh', '-c', 'stat -c %u /m/f; echo mine > /m/f && echo wrote')).toMatchObject({ stdout: '1500\nwrote\n' });
    expect(lstatSync(`${directory}/f`).uid).not.toBe(process.getuid?.());
  });
});

describe('volumes', () => {
  test('a named volume is made on first use, keeps its content, and goes with rm', async () => {
    await s.ok(['run', '--rm', '-v', 'data:/d', 'busybox', 'sh', '-c', 'echo kept > /d/f']);
    expect(await s.ok(['run', '--rm', '-v', 'data:/d', 'busybox', 'cat', '/d/f'])).toBe('kept');
    expect(await s.ok(['volume', 'ls', '-q'])).toBe('data');
    await s.ok(['volume', 'rm', 'data']);
    expect(await s.ok(['volume', 'ls', '-q'])).toBe('');
  });

  test('a new volume is filled from the image, once; nocopy leaves it empty', async () => {
    expect(await s.ok(['run', '--rm', '-v', 'filled:/etc/data', 'busybox', 'cat', '/etc/data/from-image'])).toBe('from the image');
    await s.ok(['run', '--rm', '-v', 'filled:/etc/data', 'busybox', 'rm', '/etc/data/from-image']);
    expect(await s.ok(['run', '--rm', '-v', 'filled:/etc/data', 'busybox', 'ls', '/etc/data'])).toBe('');
    expect(await s.ok(['run', '--rm', '-v', 'empty:/etc/data:nocopy', 'busybox', 'ls', '/etc/data'])).toBe('');
    await s.ok(['volume', 'rm', 'filled', 'empty']);
  });

  test('a filled volume has the owners and modes of the image', async () => {
    expect(await s.ok(['run', '--rm', '-v', 'homes:/home/app', 'busybox', 'stat', '-c', '%u:%g %a', '/home/app/note'])).toBe('1500:1500 600');
    expect(await s.ok(['run', '--rm', '-u', 'app', '-v', 'homes:/home/app', 'busybox', 'cat', '/home/app/note'])).toBe('of app');
    await s.ok(['volume', 'rm', 'homes']);
  });

  test('anonymous volumes go with --rm, or with rm -v', async () => {
    await s.ok(['run', '--rm', '-v', '/anonymous', 'busybox', 'touch', '/anonymous/x']);
    expect(await s.ok(['volume', 'ls', '-q'])).toBe('');
    await s.ok(['run', '--name', 'anon', '-v', '/anonymous', 'busybox', 'true']);
    expect(await s.ok(['volume', 'ls', '-q'])).toMatch(/^[0-9a-f]{64}$/);
    await s.ok(['rm', '-v', 'anon']);
    expect(await s.ok(['volume', 'ls', '-q'])).toBe('');
  });

  test('volumes of the image are made, and --image-volume chooses how', async () => {
    await s.load({ tags: ['withvol:1'], layers: [busyboxEntries()], settings: { Volumes: { '/etc/data': {} } } });
    expect(await s.ok(['run', '--rm', 'withvol:1', 'cat', '/etc/data/from-image'])).toBe('from the image');
    expect(await s.ok(['run', '--rm', '--image-volume', 'tmpfs', 'withvol:1', 'sh', '-c', 'grep -c " /etc/data tmpfs" /proc/self/mounts'])).toBe('1');
    expect(await s.ok(['run', '--rm', '--image-volume', 'ignore', 'withvol:1', 'sh', '-c', 'grep -c " /etc/data " /proc/self/mounts; true'])).toBe('0');
  });

  test('a volume in use is not removed, unless by force', async () => {
    await s.ok(['run', '-d', '--name', 'user', '-v', 'used:/d', 'busybox', 'sleep', '1000']);
    await s.fails(['volume', 'rm', 'used'], 2, /used|in use|user/);
    await s.ok(['rm', '-f', '-t', '0', 'user']);
    await s.ok(['volume', 'rm', 'used']);
  });

  test('nocreate takes a volume that is there and makes none', async () => {
    await s.fails(['run', '--rm', '-v', 'unmade:/d:nocreate', 'busybox', 'true'], 125, /no volume "unmade".*\n.*volume create unmade/);
    expect(await s.ok(['volume', 'ls', '-q'])).toBe('');
    await s.ok(['volume', 'create', 'unmade']);
    await s.ok(['run', '--rm', '-v', 'unmade:/d:nocreate', 'busybox', 'touch', '/d/x']);
    await s.ok(['volume', 'rm', 'unmade']);
  });

  test('--mount type=volume with a sub-path', async () => {
    await s.ok(['run', '--rm', '-v', 'parts:/d', 'busybox', 'sh', '-c', 'mkdir /d/one; echo 1 > /d/one/f']);
    expect(await s.ok(['run', '--rm', '--mount', 'type=volume,src=parts,dst=/m,subpath=one', 'busybox', 'cat', '/m/f'])).toBe('1');
    await s.fails(['run', '--rm', '--mount', 'type=volume,src=parts,dst=/m,subpath=absent', 'busybox', 'true'], 125, /the subpath "absent" does not exist in .*parts/);
    await s.ok(['volume', 'rm', 'parts']);
  });

  test('a sub-path that is a link does not lead out of the volume', async () => {
    await s.ok(['run', '--rm', '-v', 'trap:/d', 'busybox', 'ln', '-s', '/etc', '/d/link']);
    const result = await s.scull(['run', '--rm', '--mount', 'type=volume,src=trap,dst=/m,subpath=link', 'busybox', 'ls', '/m']);
    expect(result.stdout).not.toMatch(/hostname|passwd/);
    await s.ok(['volume', 'rm', 'trap']);
  });

  test('--volumes-from shares the mounts of another container', async () => {
    await s.ok(['create', '--name', 'owner', '-v', 'vf:/from', '-v', `${s.base}/src:/bound:ro`, 'busybox', 'true']);
    expect(await s.ok(['run', '--rm', '--volumes-from', 'owner', 'busybox', 'sh', '-c', 'cat /bound/a; touch /from/x && ls /from'])).toBe('alpha\nx');
    await s.ok(['rm', 'owner']);
    await s.ok(['volume', 'rm', 'vf']);
  });

  test('volume create, ls, inspect, exists, rm, prune', async () => {
    expect(await s.ok(['volume', 'create', '--label', 'a=b', 'vol'])).toBe('vol');
    await s.fails(['volume', 'create', 'vol'], 125, /vol/);
    await s.ok(['volume', 'create', '--ignore', 'vol']);
    const [volume] = JSON.parse(await s.ok(['volume', 'inspect', 'vol']));
    expect(volume).toMatchObject({ Name: 'vol', Labels: { a: 'b' }, Driver: 'local' });
    expect(lstatSync(volume.Mountpoint).isDirectory()).toBe(true);
    expect(await s.ok(['volume', 'ls', '--format', '{{.Name}}'])).toBe('vol');
    expect((await s.scull(['volume', 'exists', 'vol'])).status).toBe(0);
    expect((await s.scull(['volume', 'exists', 'nosuch'])).status).toBe(1);
    await s.fails(['volume', 'rm', 'nosuch'], 1, /nosuch/);
    await s.fails(['volume', 'create', 'a/b'], 125, /a\/b|name/);
    const anonymous = await s.ok(['volume', 'create']);
    expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
    expect(await s.ok(['volume', 'prune', '-f'])).toContain(anonymous);
    await s.ok(['volume', 'rm', '-f', 'vol']);
  });
});

describe('other mounts', () => {
  test('--mount type=tmpfs', async () => {
    expect(await s.ok(['run', '--rm', '--mount', 'type=tmpfs,dst=/t,tmpfs-size=2m,tmpfs-mode=1770', 'busybox', 'sh', '-c', 'stat -c %a /t; df -k /t | tail -1 | awk "{print \\$2}"'])).toBe('1770\n2048');
  });

  test('--mount type=image shows another image', async () => {
    expect(await s.ok(['run', '--rm', '--mount', 'type=image,source=busybox,destination=/i', 'busybox', 'cat', '/i/etc/data/from-image'])).toBe('from the image');
    const owners = ['run', '--rm', '--mount', 'type=image,source=busybox,destination=/i', '--userns=keep-id', 'busybox', 'sh', '-c', 'stat -c %u:%g /i/bin/busybox /i/home/app/note; touch /i/x 2>/dev/null || echo protected'];
    expect(await s.ok(owners)).toBe('0:0\n1500:1500\nprotected');
  });

  test('--mount type=image,rw=true: writes last as long as the run, the image stays as it is', async () => {
    await s.ok(['run', '--name', 'writes', '--mount', 'type=image,source=busybox,destination=/i,rw=true', 'busybox', 'sh', '-c', 'test -e /i/new && exit 3; echo x > /i/new; rm /i/etc/data/from-image; cat /i/new']);
    expect((await s.scull(['start', '-a', 'writes'])).status).toBe(0);
    expect(await s.ok(['run', '--rm', '--mount', 'type=image,source=busybox,destination=/i,rw=true', 'busybox', 'cat', '/i/etc/data/from-image'])).toBe('from the image');
    await s.ok(['rm', 'writes']);
  });

  test('--mount type=ramfs, and tmpfs,U for the container’s user', async () => {
    expect(await s.ok(['run', '--rm', '--mount', 'type=ramfs,dst=/r,tmpfs-size=1m,tmpfs-mode=0750', 'busybox', 'sh', '-c', 'grep -c "^ramfs /r ramfs" /proc/mounts; stat -c %a /r; echo x > /r/x && echo written'])).toBe('1\n750\nwritten');
    for (const more of [[], ['--userns=keep-id:uid=1500,gid=1500']]) {
      expect(await s.ok(['run', '--rm', '-u', 'app', ...more, '--mount', 'type=tmpfs,dst=/t,U,tmpfs-mode=0700', 'busybox', 'sh', '-c', 'stat -c %u:%g /t; touch /t/x && echo mine'])).toBe('1500:1500\nmine');
    }
  });

  test('--mount type=glob mounts what fits the pattern, in a folder or each at its place', async () => {
    for (const name of ['globbed/one.conf', 'globbed/two.conf', 'globbed/other']) {
      s.directory('globbed');
      s.file(name, `${name}\n`);
    }
    expect(await s.ok(['run', '--rm', '--mount', `type=glob,src=${s.base}/globbed/*.conf,dst=/g,ro`, 'busybox', 'sh', '-c', 'ls /g; touch /g/one.conf 2>/dev/null || echo protected'])).toBe('one.conf\ntwo.conf\nprotected');
    expect(await s.ok(['run', '--rm', '--mount', `type=glob,src=${s.base}/globbed/[ot]*e*`, 'busybox', 'ls', `${s.base}/globbed`])).toBe('one.conf\nother');
    await s.fails(['run', '--rm', '--mount', `type=glob,src=${s.base}/globbed/*.none,dst=/g`, 'busybox', 'true'], 125, /fits the pattern/);
  });

  test('--device passes a device of the host', async () => {
    expect(await s.ok(['run', '--rm', '--device', '/dev/fuse', 'busybox', 'stat', '-c', '%F', '/dev/fuse'])).toBe('character special file');
    expect(await s.ok(['run', '--rm', '--device', '/dev/zero:/dev/nought', 'busybox', 'sh', '-c', 'head -c 3 /dev/nought | wc -c'])).toBe('3');
    await s.fails(['run', '--rm', '--device', '/dev/nosuch', 'busybox', 'true'], 125, /\/dev\/nosuch/);
  });

  test('--device and --gpus take what a vendor has written to a CDI file: nodes, files, variables, groups and hooks', async () => {
    mkdirSync(join(s.home, '.config/cdi'), { recursive: true });
    const library = s.file('libacme.so', 'library\n');
    const hook = { hookName: 'startContainer', path: '/bin/sh', args: ['sh', '-c', 'echo hooked > /hooked'] };
    const cdi = { cdiVersion: '0.6.0', kind: 'amd.com/gpu', containerEdits: { env: ['ACME=yes'], mounts: [{ hostPath: library, containerPath: '/usr/lib/libacme.so', options: ['ro', 'bind'] }] }, devices: [{ name: 'all', containerEdits: { deviceNodes: [{ path: '/dev/acme0', hostPath: '/dev/zero' }], hooks: [hook] } }] };
    writeFileSync(join(s.home, '.config/cdi/acme.json'), JSON.stringify(cdi));
    for (const flags of [['--device', 'amd.com/gpu=all'], ['--gpus', 'all']]) {
      expect(await s.ok(['run', '--rm', ...flags, '-e', 'ACME=no', 'busybox', 'sh', '-c', 'echo $ACME; head -c 3 /dev/acme0 | wc -c; cat /usr/lib/libacme.so /hooked'])).toBe('yes\n3\nlibrary\nhooked');
    }
    await s.ok(['create', '--name', 'gpu', '--gpus', 'all', 'busybox', 'cat', '/hooked']);
    writeFileSync(join(s.home, '.config/cdi/acme.json'), JSON.stringify({ ...cdi, devices: [] }));
    await s.fails(['start', '-a', 'gpu'], 125, /no CDI device "amd.com\/gpu=all"/);
    await s.fails(['run', '--rm', '--gpus', '1', 'busybox', 'true'], 125, /number of GPUs/);
  });

  test('two containers do not see each other’s writes', async () => {
    await s.ok(['run', '--name', 'w1', 'busybox', 'sh', '-c', 'echo one > /only; rm /etc/data/from-image']);
    expect(await s.ok(['run', '--rm', 'busybox', 'sh', '-c', 'ls /only 2>/dev/null; cat /etc/data/from-image'])).toBe('from the image');
  });
});

describe('what is wrong in a mount is named', () => {
  test.each([
    [['-v', '/a:/b:colourful'], /colourful/],
    [['-v', '/a:relative'], /relative/],
    [['-v', '::'], /::/],
    [['-v', '/a:/b:ro:rw:z'], /\/a:\/b/],
    [['-v', 'bad name!:/d'], /bad name!/],
    [['-v', '/etc:/'], /\//],
    [['--mount', 'type=bind,source=/etc'], /target|destination/],
    [['--mount', 'type=sail,source=/a,target=/b'], /sail/],
    [['--mount', 'type=bind,source=/etc,target=/b,colour=red'], /colour/],
    [['--tmpfs', '/t:size=lots'], /lots|size/],
    [['--shm-size', 'huge'], /huge/],
  ] as const)('%j', async (args, message) => {
    await s.fails(['run', '--rm', ...args, 'busybox', 'true'], 125, message);
  });
});

test('--systemd=always prepares for systemd, with --shm-size-systemd in file systems of that size', async () => {
  const look = 'df -P /run /run/lock /tmp /var/log/journal | awk \'NR > 1 { print $2, $6 }\'; stat -c %a /run /tmp; grep -c " /sys/fs/cgroup cgroup2 rw" /proc/self/mounts; echo ${#container_uuid}';
  expect(await s.ok(['run', '--rm', '--systemd=always', '--shm-size-systemd=5m', 'busybox', 'sh', '-c', look])).toBe('5120 /run\n5120 /run/lock\n5120 /tmp\n5120 /var/log/journal\n755\n1777\n1\n32');
  await s.ok(['create', '--name', 'init', 'busybox', '/sbin/init']);
  expect((await s.inspect('init')).Config).toMatchObject({ SystemdMode: true, StopSignal: 'SIGRTMIN+3' });
  await s.fails(['run', '--rm', '--systemd=sometimes', 'busybox', 'true'], 125, /true, false, always/);
});
