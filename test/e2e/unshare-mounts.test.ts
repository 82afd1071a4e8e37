/** mount and unmount of containers and images inside `scull unshare`; volumes as tars. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();

/** A script inside `scull unshare`, in which `scull` is this product. */
function unshared(script: string): Promise<string> {
  const words = s.command.map((word) => `'${word}'`).join(' ');
  return s.ok(['unshare', 'sh', '-ec', `scull() { ${words} "$@"; }\n${script}`]);
}

describe('mount', () => {
  test('outside of unshare it says how', async () => {
    await s.ok(['create', '--name', 'm0', 'busybox']);
    for (const words of [['mount', 'm0'], ['image', 'mount', 'busybox'], ['volume', 'mount', 'x'], ['unmount', 'm0']]) {
      const result = await s.fails(words, 125, 'user namespace');
      expect(result.stderr).toMatch('hint: enter it first: scull unshare');
    }
    await s.ok(['rm', 'm0']);
  });

  test('shows a container\'s files, to be changed too; unmounting takes them away', async () => {
    await s.ok(['create', '--name', 'm1', '--network', 'none', 'busybox', 'cat', '/planted']);
    const text = await unshared('place=$(scull mount m1); stat -c %u:%g "$place/home/app"; echo mine >"$place/planted"; scull mount --no-trunc; scull unmount m1; ls "$place" 2>/dev/null | wc -l; scull mount');
    const { Id } = await s.inspect('m1');
    expect(text).toMatch(new RegExp(`^1500:1500\n${Id} /.*${Id}\n${Id}\n0$`));
    expect(await s.ok(['start', '-a', 'm1'])).toBe('mine');
    await s.ok(['rm', 'm1']);
  });

  test('what is mounted to be changed cannot be started, mounted elsewhere or removed until it is unmounted or its shell ends', async () => {
    await s.ok(['create', '--name', 'm3', '--network', 'none', 'busybox', 'cat', '/planted']);
    const words = s.command.map((word) => `'${word}'`).join(' ');
    const inside = s.start(['unshare', 'sh', '-ec', `scull() { ${words} "$@"; }; place=$(scull mount m3); scull mount m3; read line; echo mine >"$place/planted"; scull unmount m3; echo unmounted; read line; scull mount m3; read line`], { openInput: true });
    await eventually('the mount', () => inside.stdout().includes('\n'));
    const began = Date.now();
    for (const refused of [['start', 'm3'], ['rm', 'm3'], ['cp', 'm3:/etc/passwd', '-']]) {
      const { stderr } = await s.fails(refused, 125, /the files of container [0-9a-f]{12} are mounted inside `scull unshare`/);
      expect(stderr).toMatch(/hint: .*scull unmount/);
    }
    expect(await unshared('scull mount m3 2>&1 || echo "status $?"')).toMatch(/are mounted inside [^]*status 125/);
    expect(Date.now() - began).toBeLessThan(20_000); // nobody waits for a person
    inside.child.stdin?.write('\n');
    await eventually('the unmount', () => inside.stdout().includes('unmounted'));
    expect(await s.ok(['start', '-a', 'm3'])).toBe('mine');
    const before = inside.stdout().length;
    inside.child.stdin?.write('\n');
    await eventually('the second mount', () => inside.stdout().length > before);
    await s.fails(['start', 'm3'], 125, 'are mounted inside');
    inside.child.stdin?.end();
    await inside.ended;
    expect(await s.ok(['start', '-a', 'm3'])).toBe('mine');
    await s.ok(['rm', 'm3']);
  });

  test('shows what a container with a map of its own has changed, and nothing serves it any longer than the shell lives', async () => {
    await s.ok(['run', '--name', 'm4', '--network', 'none', '--userns=auto', 'busybox', 'sh', '-ec', 'rm -r /etc/data; mkdir /etc/data; touch /etc/data/mine; chown 1500 /etc/data/mine']);
    expect(await unshared('place=$(scull mount m4); ls -A "$place/etc/data"; stat -c %u "$place/etc/data/mine"')).toBe('mine\n1500');
    await eventually('the server has ended', () => !processesOf(s.base).some((process) => process.includes('fuse-overlayfs')));
    await s.ok(['rm', 'm4']);
  });

  test('what runs is shown as it is, and cannot be changed that way', async () => {
    await s.ok(['run', '-d', '--name', 'm2', '--network', 'none', 'busybox', 'sh', '-c', 'echo now >/written; rm /etc/not-a-program; touch /ready; sleep 1000']);
    await expect.poll(() => s.ok(['diff', 'm2']), { timeout: 20_000 }).toContain('/ready');
    expect(await unshared('cd "$(scull mount m2)"; cat written; test ! -e etc/not-a-program; touch x 2>/dev/null || echo read-only')).toBe('now\nread-only');
    await s.ok(['rm', '-f', '-t', '0', 'm2']);
  });

  test('shows an image, read-only', async () => {
    expect(await unshared('place=$(scull image mount busybox); cat "$place/etc/data/from-image"; touch "$place/x" 2>/dev/null || echo read-only; scull image mount --format json')).toMatch(/^from the image\nread-only\n\[\n \{\n {2}"id": "[0-9a-f]{64}"/);
    expect(await unshared('scull image mount busybox >/dev/null; scull image unmount --all >/dev/null; scull image mount')).toBe('');
  });

  test('--all shows each image once, and passes over lists and artifacts', async () => {
    await s.ok(['tag', 'busybox', 'twice:named']);
    await s.ok(['manifest', 'create', 'listed', 'busybox']);
    await s.ok(['manifest', 'create', 'files']);
    await s.ok(['manifest', 'add', '--artifact', 'files', s.file('artifact', 'x')]);
    expect((await unshared('scull image mount --all')).split('\n')).toEqual([expect.stringMatching(/\/image-[0-9a-f]{64}$/)]);
    await s.ok(['rmi', 'twice:named', 'listed', 'files']);
  });

  test('images that are mounted are listed by name', async () => {
    expect(await unshared('scull image mount busybox >/dev/null; scull image mount')).toMatch(/^docker\.io\/library\/busybox:latest \/.*\/image-[0-9a-f]{64}$/);
  });

  test('what is not mounted cannot be unmounted', async () => {
    for (const words of [['unmount', '--all'], ['image', 'umount', '-a']]) expect(await s.ok(words)).toBe('');
    expect(await unshared('scull image unmount busybox 2>&1 || echo "status $?"')).toMatch(/not mounted here\nstatus 125/);
  });
});

describe('inside of unshare', () => {
  test('whatever works on files does there as well: containers, images, volumes and the store', async () => {
    await s.ok(['run', '--name', 'u1', '--network', 'none', 'busybox', 'sh', '-ec', 'echo x >/new; chown 1500:10 /new']);
    const archive = join(s.base, 'u1.tar');
    const text = await unshared(`
      scull diff u1; scull export u1 | tar -tv --numeric-owner | grep ' new$' | cut -d' ' -f2
      scull cp u1:/new - | tar -x -O; echo in | tee ${s.base}/in >/dev/null; scull cp ${s.base}/in u1:/in
      scull commit -q u1 u1:made >/dev/null; scull save -q -o ${archive} u1:made; scull rmi u1:made >/dev/null; scull load -q -i ${archive}; scull image diff u1:made
      scull rmi -f u1:made >/dev/null; scull volume create uv; scull volume rm uv; scull create --name u2 busybox >/dev/null; scull rm u2; scull system prune -f >/dev/null; scull ps -aq; scull system check`);
    expect(text.split('\n')).toEqual(['A /new', '1500/10', 'x', 'Loaded image: localhost/u1:made', 'A /in', 'A /new', 'uv', 'uv', 'u2', expect.stringMatching(/^Checked .*: no damage$/)]);
  });

  test('what needs a container\'s own namespaces is refused, and says where it works', async () => {
    await s.ok(['run', '-d', '--name', 'u3', '--network', 'none', 'busybox', 'sleep', '1000']);
    for (const words of ['run --rm busybox true', 'exec u3 true', 'cp u3:/etc/passwd -']) {
      expect(await unshared(`scull ${words} 2>&1 || echo "status $?"`), words).toMatch(/^Error: inside `scull unshare` containers can be neither started nor entered\nhint: .*exit.*\nstatus 125$/);
    }
    expect(await unshared('scull ps --format {{.Names}}; scull stop -t 0 u3')).toBe('u3\nu3');
    await s.ok(['rm', 'u3']);
  });
});

describe('volumes', () => {
  test('an export imported elsewhere is the same, owners and all', async () => {
    await s.ok(['run', '--rm', '--network', 'none', '-v', 'one:/v', 'busybox', 'sh', '-ec', 'mkdir -p /v/d && echo x >/v/d/f && chown 1500:10 /v/d/f && chmod 640 /v/d/f && ln /v/d/f /v/hard && ln -s d/f /v/soft']);
    const tar = join(s.base, 'one.tar');
    await s.ok(['volume', 'export', '-o', tar, 'one']);
    await s.ok(['volume', 'create', 'two']);
    await s.ok(['volume', 'import', 'two', tar]);
    expect(await s.ok(['run', '--rm', '--network', 'none', '-v', 'two:/v', 'busybox', 'sh', '-ec', 'stat -c "%u:%g %a %h" /v/d/f; cat /v/soft'])).toBe('1500:10 640 2\nx');
    const piped = execFileSync('sh', ['-c', '"$@" | tar -t', 'sh', ...s.command, 'volume', 'export', 'two'], { env: s.env, encoding: 'utf8' });
    expect(piped.trim().split('\n')).toEqual(['d/', 'd/f', 'hard', 'soft']);
  });

  test('an import keeps what is there, and replaces what has the same name', async () => {
    await s.ok(['volume', 'import', 'two', '-'], { input: execFileSync('gzip', { input: writeTar([{ path: './soft', content: 'a file now' }, { path: 'new', content: 'new' }]) }) });
    expect(await s.ok(['run', '--rm', '--network', 'none', '-v', 'two:/v', 'busybox', 'sh', '-ec', 'cat /v/soft /v/d/f /v/new'])).toBe('a file nowx\nnew');
    expect(await unshared('cat "$(scull volume mount two)/new"; scull volume unmount two')).toBe('newtwo');
  });

  test('a volume\'s links lead an import nowhere else (CVE-2023-0778 class)', async () => {
    const trap = s.directory('trap');
    await s.ok(['run', '--rm', '--network', 'none', '-v', 'three:/v', 'busybox', 'ln', '-s', trap, '/v/out']);
    await s.scull(['volume', 'import', 'three', '-'], { input: writeTar([{ path: 'out/planted', content: 'x' }]) });
    expect(execFileSync('ls', [trap], { encoding: 'utf8' })).toBe('');
    await s.ok(['volume', 'rm', 'one', 'two', 'three']);
  });

  test('what cannot be is said', async () => {
    await s.fails(['volume', 'export', 'none'], 125, 'no such volume');
    await s.ok(['volume', 'create', 'four']);
    await s.fails(['volume', 'import', 'four', '/no/such.tar'], 125, 'no such file');
    await s.fails(['volume', 'import', 'four', '-'], 125, /archive/, { input: 'no tar at all, only some words that go on for a while'.repeat(20) });
    await s.ok(['volume', 'rm', 'four']);
  });
});
