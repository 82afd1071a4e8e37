/** Disks that are full, read-only or broken; kernels that kill; runtime directories that vanish; clocks that go back; other machines. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { expectCleanError, useScull } from '../support/scull.ts';
import { expectSound } from '../support/store-facts.ts';
import { writeTar } from '../support/tar-writer.ts';

vi.setConfig({ testTimeout: 180_000 });

const s = useScull();

/** Not to be compressed away. */
const noise = (size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  let state = 7;
  for (let index = 0; index < size; index += 1) bytes[index] = (state = (state * 48271) % 2147483647) & 0xff;
  return bytes;
};

interface Step {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs commands in a store on a file system of its own, of that many megabytes; there is but one id in there. `sc WORDS…` runs
 * scull, `fill KB` leaves that many kilobytes free, `M` is the file system.
 * @returns what each `sc` came to
 */
function onSmallDisk(megabytes: number, script: string): Step[] {
  const place = s.directory('small');
  const results = s.directory('results');
  rmSync(results, { recursive: true });
  mkdirSync(results);
  const inner = `
    export M=${place} R=${results} N=0
    sc() { N=$((N+1)); ${s.command.map((word) => `'${word}'`).join(' ')} --root $M/store --runroot $M/run "$@" >$R/$N.out 2>$R/$N.err </dev/null; echo $? >$R/$N.status; }
    free() { stat -f -c '%a*%S/1024' $M | sed 's/$/;/' | awk -F'[*/;]' '{print int($1*$2/$3)}'; }
    fill() { rm -f $M/fill; left=$(( $(free) - $1 )); dd if=/dev/zero of=$M/fill bs=1k count=$left 2>/dev/null; }
    ${script}`;
  const outer = `mount -t tmpfs -o size=${megabytes}m,mode=700 tmpfs ${place} && exec unshare --user --map-user=1000 --map-group=1000 bash -c "$0"`;
  const result = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', outer, inner], { env: { ...s.env }, encoding: 'utf8', timeout: 170_000 });
  expect(result.status, result.stderr).toBe(0);
  const count = readdirSync(results).filter((name) => name.endsWith('.status')).length;
  const read = (name: string): string => readFileSync(join(results, name), 'utf8');
  return Array.from({ length: count }, (_, index) => ({ status: Number(read(`${index + 1}.status`)), out: read(`${index + 1}.out`), err: read(`${index + 1}.err`) }));
}

test('a full disk can be cleaned with nothing free: rm, volume rm, rmi and prune need no space', () => {
  const archive = s.file('bb.tar', dockerArchive({ tags: ['bb:1'], layers: [busyboxEntries()] }));
  const more = s.file('more.tar', dockerArchive({ tags: ['more:1'], layers: [busyboxEntries(), [{ path: 'own', content: noise(500_000) }]] }));
  const steps = onSmallDisk(24, `
    sc load -q -i ${archive}; sc load -q -i ${more}; sc create --name c bb:1 true; sc create --name d bb:1 true; sc volume create v; sc volume create w
    fill 0; sc tag bb:1 other:1; sc create --name e bb:1 true; sc volume create x
    sc rm c; fill 0; sc volume rm v; fill 0; sc rmi more:1; fill 0; sc system prune -a -f --volumes
    sc system check; sc images -q; sc ps -aq; sc load -q -i ${archive}`);
  expect(steps.slice(0, 6).map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
  for (const step of steps.slice(6, 9)) {
    expect(step.status).toBe(125);
    expectCleanError({ status: step.status, stdout: step.out, stderr: step.err }, /no space left/);
  }
  for (const step of steps.slice(9)) expect(step, step.err).toMatchObject({ status: 0 });
  expect(steps.at(-4)?.out).toMatch(/no damage/);
  expect([steps.at(-3)?.out, steps.at(-2)?.out]).toEqual(['', '']);
});

test('what does not fit is told before the disk is full, and leaves nothing', () => {
  const big = s.file('big.tar', dockerArchive({ tags: ['big:1'], layers: [busyboxEntries(), [{ path: 'noise', content: noise(30_000_000) }]] }));
  const steps = onSmallDisk(40, `sc load -q -i ${big}; sc system check; sc system df --format json; sc load -q -i ${big}; [ $(free) -gt 38000 ] && sc version`);
  expectCleanError({ status: 125, stdout: '', stderr: steps[0]?.err ?? '' }, /would fill the disk|has only|would leave less than|no space left/);
  expect(steps[1]?.out).toMatch(/no damage/);
  const rows = JSON.parse(steps[2]?.out ?? '[]') as { readonly Type: string; readonly RawSize: number }[];
  expect(rows.filter(({ Type }) => ['Images', 'Leftovers'].includes(Type)).map(({ RawSize }) => RawSize)).toEqual([0, 0]);
  expect(steps, 'the space is there again').toHaveLength(5);
});

test('a disk that gets full in the middle of a layer, which unpacks to more than anybody could know before, has the space again', () => {
  const packed = s.file('text.tgz', gzipSync(writeTar([{ path: 'before', content: 'x' }, { path: 'text', content: Buffer.alloc(40_000_000, 'some text ') }])));
  const steps = onSmallDisk(24, `sc import ${packed} text:1; sc system check; sc system df --format json; sc images -q; [ $(free) -gt 22000 ] && sc version`);
  expect(steps[0]?.status).toBe(125);
  expectCleanError({ status: 125, stdout: '', stderr: steps[0]?.err ?? '' }, /would leave less|no space left/);
  expect(steps[1]?.out).toMatch(/no damage/);
  const rows = JSON.parse(steps[2]?.out ?? '[]') as { readonly Type: string; readonly RawSize: number }[];
  expect(rows.filter(({ Type }) => ['Images', 'Leftovers'].includes(Type)).map(({ RawSize }) => RawSize)).toEqual([0, 0]);
  expect(steps[3]?.out).toBe('');
  expect(steps, 'the space is there again').toHaveLength(5);
});

test('a store on a read-only file system can be read, and says what it is when it is to be written', () => {
  const words = s.command.map((word) => `'${word}'`).join(' ');
  const readOnly = (args: string) =>
    spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', `mount --bind '${s.storeRoot}' '${s.storeRoot}' && mount -o remount,bind,ro '${s.storeRoot}' && exec unshare --user --map-user=1000 --map-group=1000 ${words} --runroot ${s.base}/ro-run ${args}`], { env: { ...s.env }, encoding: 'utf8' });
  expect(readOnly('images -q')).toMatchObject({ status: 0, stderr: '' });
  expect(readOnly('ps -a').status).toBe(0);
  for (const args of ['tag busybox x:1', 'create busybox true', 'volume create v', 'rmi busybox']) {
    const { status, stdout, stderr } = readOnly(args);
    expect(status, args).toBe(125);
    expectCleanError({ status: 125, stdout, stderr }, /read-only/);
  }
});

test('folders of the store that may not be written or read are named', async () => {
  for (const [folder, args] of [['staging', ['volume', 'create', 'v']], ['images', ['tag', 'busybox', 'x:1']], ['containers', ['create', 'busybox', 'true']]] as const) {
    const path = join(s.storeRoot, folder);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o500);
    try {
      await s.fails(args, 125, new RegExp(`${folder}.*|permission`));
      await s.ok(['images']);
    } finally {
      chmodSync(path, 0o700);
    }
  }
  await expectSound(s, 'after EACCES');
});

test('what lies in the place of a folder is told by name', async () => {
  for (const [folder, args] of [['volumes', ['volume', 'ls']], ['containers', ['ps', '-a']], ['staging', ['volume', 'create', 'v']], ['hosts', ['volume', 'create', 'v']]] as const) {
    const path = join(s.storeRoot, folder);
    mkdirSync(path, { recursive: true });
    renameSync(path, `${path}.aside`);
    writeFileSync(path, 'x');
    try {
      await s.fails(args, 125, new RegExp(`${folder}\\b.* no directory`));
    } finally {
      rmSync(path);
      renameSync(`${path}.aside`, path);
    }
  }
  await expectSound(s, 'after files in the place of folders');
});

test('files that the device can no longer read are told by name', async () => {
  const index = join(s.storeRoot, 'images/index.json');
  const strace = (file: string, args: readonly string[]) => spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '-P', file, '-e', 'inject=openat,open:error=EIO', ...s.command, ...args], { env: { ...s.env }, encoding: 'utf8' });
  const broken = strace(index, ['images']);
  expect(broken.status).toBe(125);
  expectCleanError({ status: 125, stdout: broken.stdout, stderr: broken.stderr }, /index\.json.*input\/output error/);
  const blob = join(s.storeRoot, 'images/blobs/sha256', readdirSync(join(s.storeRoot, 'images/blobs/sha256'))[0] as string);
  const saved = strace(blob, ['save', '-o', join(s.base, 'saved.tar'), 'busybox']);
  expect(saved.status).toBe(125);
  expectCleanError({ status: 125, stdout: saved.stdout, stderr: saved.stderr }, /input\/output error/);
});

/** What a command flushes and renames, in the order in which that was done: `flush PATH`, `rename PATH PATH`. */
function flushesAndRenames(root: string, args: readonly string[]): string[] {
  const log = join(s.base, 'order');
  // With one id alone: who is traced gains nothing by set-user-ID programs such as newuidmap.
  const traced = ['strace', '-f', '-qq', '-y', '-s', '4096', '-e', 'trace=fsync,fdatasync,syncfs,rename,renameat,renameat2', '-o', log, ...s.command, '--root', root, ...args];
  const result = spawnSync('unshare', ['--user', '--map-root-user', 'unshare', '--user', '--map-user=1000', '--map-group=1000', ...traced], { env: { ...s.env, SCULL_NO_FLUSH: '' }, encoding: 'utf8' });
  expect(result.status, result.stderr).toBe(0);
  const begun = new Map<string, string>();
  return readFileSync(log, 'utf8').split('\n').flatMap((line) => {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest.endsWith('<unfinished ...>')) begun.set(pid, rest);
    const call = rest.startsWith('<...') ? (begun.get(pid) ?? '') : rest;
    if (!/= 0$/.test(rest)) return [];
    if (call.startsWith('rename')) return [`rename ${[...call.matchAll(/"([^"]*)"/g)].map(([, path]) => path).join(' ')}`];
    const flushed = /^[a-z]+\(\d+<([^>]*)>/.exec(call)?.[1];
    return flushed === undefined ? [] : [`flush ${flushed}`];
  });
}

test('nothing has its name before it was flushed, nor an image its entry before the names of its parts were', () => {
  const root = s.directory('ordered');
  const archive = s.file('ordered.tar', dockerArchive({ tags: ['ordered:1'], layers: [busyboxEntries(), [{ path: 'own', content: noise(300_000) }]] }));
  const order = flushesAndRenames(root, ['load', '-q', '-i', archive]);
  const blobs = join(root, 'images/blobs/sha256');
  const at = (step: string): number => order.indexOf(step);
  const named = order.filter((step) => step.startsWith('rename ')).map((step) => step.split(' ') as [string, string, string]);
  const ofBlobs = named.filter(([, , to]) => to.startsWith(`${blobs}/`));
  expect(ofBlobs).toHaveLength(4);
  for (const [word, from, to] of ofBlobs) {
    expect(at(`flush ${from}`), from).toBeGreaterThanOrEqual(0);
    expect(at(`flush ${from}`), from).toBeLessThan(at(`${word} ${from} ${to}`));
  }
  const ofLayers = named.filter(([, , to]) => /\/layers\/[0-9a-f]{64}$/.test(to));
  expect(ofLayers).toHaveLength(2);
  for (const names of ofLayers) {
    const made = named.find(([, , to]) => to === `${names[1]}/layer.json`) ?? [];
    expect(order.slice(at(made.join(' ')), at(names.join(' '))), names[2]).toContain(`flush ${root}`);
  }
  const entry = order.findIndex((step) => step.startsWith('rename ') && step.endsWith(` ${root}/images/index.json`));
  for (const [directory, parts] of [[blobs, ofBlobs], [join(root, 'layers'), ofLayers]] as const) {
    expect(order.slice(Math.max(...parts.map((names) => at(names.join(' ')))), entry), directory).toContain(`flush ${directory}`);
  }
  expect(order.slice(entry)).toContain(`flush ${root}/images`);
});

test('a missing layer costs only what stands on it, and is unpacked again', async () => {
  await s.ok(['create', '--name', 'stands', 'busybox', 'true']);
  const [layer] = readdirSync(join(s.storeRoot, 'layers')).filter((name) => name.length === 64);
  renameSync(join(s.storeRoot, 'layers', layer as string), join(s.base, 'gone'));
  await s.ok(['ps', '-a']);
  await s.ok(['images']);
  expect((await s.fails(['system', 'check'], 125, /container stands/)).stdout).toMatch(/the layer that it stands on is missing/);
  expect(await s.ok(['system', 'check', '--repair'])).toMatch(/repaired: unpacked the layers/);
  await s.ok(['start', '-a', 'stands']);
  await s.ok(['rm', 'stands']);
});

test('a monitor that is killed leaves a container that is seen as ended, and starts again', async () => {
  await s.ok(['run', '-d', '--name', 'm', 'busybox', 'sleep', '1000']);
  const { ConmonPid, Pid } = { ConmonPid: Number(/^Pid:.*|$/.exec('')?.[0]), ...(await s.inspect('m')).State };
  const monitor = Number(readFileSync(`/proc/${Pid}/status`, 'utf8').match(/^PPid:\s+(\d+)/m)?.[1] ?? ConmonPid);
  process.kill(monitor, 'SIGKILL');
  process.kill(Pid, 'SIGKILL');
  await eventually('seen as ended', async () => (await s.inspect('m')).State.Status === 'exited');
  await s.ok(['start', 'm']);
  expect(await s.ok(['exec', 'm', 'echo', 'again'])).toBe('again');
  await s.ok(['rm', '-f', '-t', '0', 'm']);
});

test('a container whose start nobody could note any more runs, and tells since when', async () => {
  const id = await s.ok(['run', '-d', '--name', 'unnoted', 'busybox', 'sleep', '1000']);
  const { StartedAt } = (await s.inspect('unnoted')).State;
  rmSync(join(s.storeRoot, 'containers', id, 'exit/started'));
  const { State } = await s.inspect('unnoted');
  expect(State.Status).toBe('running');
  expect(Math.abs(Date.parse(State.StartedAt) - Date.parse(StartedAt))).toBeLessThan(30_000);
  expect(await s.ok(['ps', '--format', '{{.Status}}'])).toMatch(/^Up \w+( \w+)*$/);
  expect(await s.ok(['ps', '--format', '{{.Status}}'])).not.toContain('NaN');
  await s.ok(['rm', '-f', '-t', '0', 'unnoted']);
});

/** Nobody may be there to bury it. */
function hasEnded(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

test('a wiped runtime directory, and what still runs in it: containers are seen as ended, start, and never run twice', async () => {
  await s.ok(['run', '-d', '--name', 'survivor', '-v', 'kept:/data', 'busybox', 'sh', '-c', 'echo once >>/data/starts; exec sleep 1000']);
  const { Pid } = (await s.inspect('survivor')).State;
  await eventually('it runs', async () => (await s.ok(['exec', 'survivor', 'cat', '/data/starts'])) === 'once');
  rmSync(s.runRoot, { recursive: true, force: true });
  expect((await s.inspect('survivor')).State.Status).toBe('exited');
  await s.ok(['start', 'survivor']);
  expect(hasEnded(Pid), 'the old one is gone').toBe(true);
  await eventually('started anew', async () => (await s.ok(['exec', 'survivor', 'cat', '/data/starts'])) === 'once\nonce');
  rmSync(s.runRoot, { recursive: true, force: true });
  await s.ok(['rm', '-f', '-t', '0', 'survivor']);
  await s.ok(['volume', 'rm', 'kept']);
});

test('after a reboot containers are ended and start again, volumes are as they were', async () => {
  await s.ok(['run', '-d', '--name', 'boot', '-v', 'kept:/data', 'busybox', 'sh', '-c', 'echo kept >/data/file; exec sleep 1000']);
  await eventually('written', async () => (await s.ok(['exec', 'boot', 'cat', '/data/file'])) === 'kept');
  await s.ok(['kill', 'boot']);
  // Another boot: what is in the runtime directory, in `started` and in hosts/ is of a boot that is over.
  const [boot] = readdirSync(s.runRoot);
  const old = 'e'.repeat(32);
  renameSync(join(s.runRoot, boot as string), join(s.runRoot, old));
  const id = (await s.inspect('boot')).Id as string;
  const exit = join(s.storeRoot, 'containers', id, 'exit');
  writeFileSync(join(exit, 'started'), readFileSync(join(exit, 'started'), 'utf8').replace(boot as string, old));
  rmSync(join(exit, id), { force: true });
  expect((await s.inspect('boot')).State).toMatchObject({ Status: 'exited', ExitCode: 255 });
  await s.ok(['start', 'boot']);
  expect(await s.ok(['exec', 'boot', 'cat', '/data/file'])).toBe('kept');
  expect(readdirSync(s.runRoot)).toEqual([boot]);
  await s.ok(['rm', '-f', '-t', '0', 'boot']);
  await s.ok(['volume', 'rm', 'kept']);
});

test('another machine that shares the home: its containers and its unfinished work are not touched', async () => {
  const id = await s.ok(['run', '-d', '--name', 'there', 'busybox', 'sleep', '1000']);
  // What the other one would have written: this one's facts under its names.
  const [boot] = readdirSync(s.runRoot);
  const other = 'd'.repeat(32);
  writeFileSync(join(s.storeRoot, 'hosts', 'f'.repeat(32)), JSON.stringify({ bootId: other, name: 'alpha' }));
  const started = join(s.storeRoot, 'containers', id, 'exit/started');
  const own = readFileSync(started, 'utf8');
  const work = join(s.storeRoot, 'staging', `1.2.${other}.0123456789abcdef`);
  mkdirSync(work);
  await s.ok(['create', '--name', 'here', 'busybox', 'true']);
  const kept = join(s.base, 'kept-run');
  renameSync(s.runRoot, kept);
  writeFileSync(started, own.replace(boot as string, other));
  expect(await s.ok(['ps', '--format', '{{.Names}} {{.State}}'])).toBe('there running');
  for (const args of [['start', 'there'], ['stop', 'there'], ['kill', 'there'], ['rm', '-f', 'there'], ['exec', 'there', 'true'], ['pause', 'there'], ['system', 'reset', '-f']]) {
    const result = await s.scull(args);
    expect(result.status, args.join(' ')).not.toBe(0);
    expectCleanError(result, /runs on the machine alpha/);
  }
  await s.ok(['system', 'prune', '-a', '-f']);
  expect(await s.ok(['ps', '-a', '--format', '{{.Names}}'])).toBe('there');
  expect(readdirSync(join(s.storeRoot, 'staging'))).toContain(`1.2.${other}.0123456789abcdef`);
  expect(await s.ok(['system', 'df', '-v'])).toMatch(/unfinished work +process 1 on alpha/);
  // It has booted again since: all that is over.
  writeFileSync(join(s.storeRoot, 'hosts', 'f'.repeat(32)), JSON.stringify({ bootId: 'c'.repeat(32), name: 'alpha' }));
  expect((await s.inspect('there')).State.Status).toBe('exited');
  await s.ok(['image', 'prune', '-f']);
  expect(readdirSync(join(s.storeRoot, 'staging'))).not.toContain(`1.2.${other}.0123456789abcdef`);
  // And here again, where it runs.
  rmSync(s.runRoot, { recursive: true, force: true });
  renameSync(kept, s.runRoot);
  writeFileSync(started, own);
  await s.ok(['rm', '-f', '-t', '0', 'there']);
});

test('another PID namespace that shares the home: neither takes the containers of the other for dead, nor does one that has ended keep its own', async () => {
  const states = ['ps', '-a', '--format', '{{.Names}} {{.State}}'];
  const child = spawn('unshare', ['--user', '--map-current-user', '--pid', '--fork', '--kill-child', '--mount-proc', 'sleep', '1000'], { stdio: 'ignore' });
  try {
    const first = await eventually('its first process', () => /^\d+/.exec(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))?.[0]);
    await eventually('its /proc', () => readFileSync(`/proc/${first}/mountinfo`, 'utf8').match(/ \/proc /g)?.length === 2);
    const inside = async (args: readonly string[]) => {
      const [file, ...words] = ['nsenter', '-t', first, '-U', '-m', '-p', '--preserve-credentials', ...s.command, ...args] as [string, ...string[]];
      const { status, stdout, stderr } = spawnSync(file, words, { env: { ...s.env }, cwd: '/', encoding: 'utf8' });
      return { status: status ?? -1, stdout: stdout.trim(), stderr };
    };
    await s.ok(['run', '-d', '--name', 'outer', '--network', 'none', 'busybox', 'sleep', '1000']);
    const run = await inside(['run', '-d', '--name', 'inner', '--network', 'none', 'busybox', 'sleep', '1000']);
    expect(run.status, run.stderr).toBe(0);
    await inside(['create', '--name', 'ended', '--network', 'none', 'busybox', 'true']);
    await inside(['start', '-a', 'ended']);
    for (const [there, name] of [[s.scull, 'inner'], [inside, 'outer']] as const) {
      expect((await there(states)).stdout.trim().split('\n').sort()).toEqual(['ended exited', 'inner running', 'outer running']);
      for (const args of [['start', name], ['kill', name], ['rm', '-f', '-t', '0', name], ['exec', name, 'true']]) {
        const result = await there(args);
        expect(result.status, args.join(' ')).not.toBe(0);
        expectCleanError(result, /runs in another PID namespace/);
      }
    }
    await s.ok(['system', 'prune', '-f']);
    expect((await inside(['exec', 'inner', 'echo', 'lives'])).stdout).toBe('lives');
    child.kill('SIGKILL');
    await eventually('seen as ended', async () => (await s.ok(states)).includes('inner exited'));
    await s.ok(['start', 'inner']);
    expect(await s.ok(['exec', 'inner', 'echo', 'again'])).toBe('again');
  } finally {
    child.kill('SIGKILL');
    await eventually('all in it have ended', async () => !(await s.ok(states)).includes('inner running') || (await s.scull(['exec', 'inner', 'true'])).status === 0);
  }
  await s.ok(['rm', '-f', '-t', '0', 'inner', 'outer']);
  await s.ok(['system', 'prune', '-f']);
  expect(readdirSync(s.runRoot), 'what the other had there is gone').toHaveLength(1);
});

test('a clock that was set back disturbs nothing but what it shows', async () => {
  await s.ok(['create', '--name', 'future', 'busybox', 'true']);
  const record = join(s.storeRoot, 'containers', await s.ok(['ps', '-aq', '--no-trunc', '-f', 'name=future']), 'container.json');
  writeFileSync(record, readFileSync(record, 'utf8').replace(/"created": "[^"]*"/, '"created": "2099-01-01T00:00:00.000Z"'));
  await s.ok(['ps', '-a']);
  await s.ok(['start', '-a', 'future']);
  await s.ok(['system', 'prune', '-f', '--filter', 'until=1h']);
  expect(await s.ok(['ps', '-a', '--format', '{{.Names}}'])).toBe('future');
  await s.ok(['rm', 'future']);
  await expectSound(s, 'after all faults');
});

test('a store that was moved works where it is now', async () => {
  await s.ok(['run', '--name', 'moved', '-v', 'data:/data', 'busybox', 'sh', '-c', 'echo kept >/data/f; echo own >/own']);
  const place = join(s.base, 'elsewhere');
  await s.ok(['unshare', 'cp', '-a', s.storeRoot, place]);
  const there = (...args: string[]): Promise<string> => s.ok(['--root', place, '--runroot', join(s.base, 'r2'), ...args]);
  expect(await there('system', 'check')).toMatch(/no damage/);
  await there('run', '--rm', 'busybox', 'true');
  await there('start', '-a', 'moved');
  expect(await there('run', '--rm', '-v', 'data:/data', 'busybox', 'cat', '/data/f')).toBe('kept');
  await there('system', 'reset', '-f');
  await s.ok(['rm', '-v', 'moved']);
  await s.ok(['volume', 'rm', 'data']);
});

test('images work whatever the driver is, and a container says with which one it was used', async () => {
  for (const driver of ['vfs', 'fuse-overlayfs', 'overlay']) {
    expect(await s.ok(['run', '--rm', 'busybox', 'cat', '/etc/data/from-image'], { env: { SCULL_STORAGE_DRIVER: driver } }), driver).toBe('from the image');
  }
  await s.fails(['run', '--rm', 'busybox', 'true'], 125, /SCULL_STORAGE_DRIVER|storage driver/, { env: { SCULL_STORAGE_DRIVER: 'zfs' } });
  mkdirSync(join(s.home, '.config/scull'), { recursive: true });
  const settings = join(s.home, '.config/scull/scull.toml');
  writeFileSync(settings, '[storage]\ndriver = "vfs"\n');
  expect(await s.ok(['info', '--format', '{{.Store.GraphDriverName}}'])).toBe('vfs');
  expect(await s.ok(['info', '--format', '{{.Store.GraphDriverName}}'], { env: { SCULL_STORAGE_DRIVER: 'overlay' } })).toBe('overlay');
  expect(await s.ok(['--storage-driver', 'fuse-overlayfs', 'info', '--format', '{{.Store.GraphDriverName}}'])).toBe('fuse-overlayfs');
  await s.ok(['run', '--name', 'copy', 'busybox', 'sh', '-c', 'rm -f /etc/data/from-image; echo new >/new']);
  writeFileSync(settings, '[storage]\ndriver = "overlay"\n');
  await s.ok(['start', '-a', 'copy']);
  await s.ok(['run', '--name', 'changes', 'busybox', 'sh', '-c', 'rm -f /etc/data/from-image']);
  await s.fails(['--storage-driver', 'vfs', 'start', 'changes'], 125, /used with another storage driver/);
  await s.ok(['start', '-a', 'changes']);
  writeFileSync(settings, 'storage = 5\n');
  await s.fails(['info'], 125, /scull\.toml/);
  rmSync(settings);
  await s.ok(['rm', 'copy', 'changes']);
});
