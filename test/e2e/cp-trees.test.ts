/** cp of whole trees, which several workers copy at once: whatever they do beside each other, the copy is as one alone would have made it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { killQuietly } from '../../src/host/kill.ts';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

vi.setConfig({ testTimeout: 120_000 });

const s = useScull();
let here: string;

beforeAll(async () => {
  here = s.directory('trees');
  await s.ok(['create', '--name', 'down', '--network', 'none', 'busybox', 'true']);
  await s.ok(['run', '-d', '--name', 'up', '--network', 'none', '--tmpfs', '/small:size=2m', 'busybox', 'sleep', '100000']);
});

afterAll(() => s.ok(['rm', '-f', '-t', '0', 'up', 'down']));

/** A path that a retry finds empty. */
function fresh(name: string): string {
  const path = join(here, name);
  rmSync(path, { recursive: true, force: true });
  return path;
}

/** Everything that a copy must keep, a line each; of files with several names the first name says which are one. */
function listing(top: string, timeOfDirectories = '%T@'): string {
  return execFileSync('sh', ['-c', `cd "$1" && find . ! -type d -printf '%p %y %m %s %T@ %n %l\\n' -o -printf '%p %y %m ${timeOfDirectories}\\n' | sort && find . -type f -links +1 -printf '%i %p\\n' | sort -k2 | awk '{ if (!($1 in first)) first[$1] = $2; print first[$1], $2 }' && find . -type f -print0 | sort -z | xargs -0 cat | sha256sum`, 'sh', top], { encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** More directories than may wait for workers, deep ones, empty ones, links between all of them, and one that is large. */
function makeTree(top: string): void {
  for (const folder of ['large', 'empty', 'shut']) mkdirSync(join(top, folder), { recursive: true });
  for (let i = 0; i < 600; i++) writeFileSync(join(top, 'large', `f${i}`), `large ${i}\n`);
  for (let i = 0; i < 120; i++) {
    const folder = join(top, 'many', String(i), 'below');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'f'), `many ${i}\n`);
    linkSync(join(folder, 'f'), join(top, 'many', String(i), 'beside'));
    linkSync(join(folder, 'f'), join(top, 'large', `link${i}`));
    symlinkSync('below/f', join(top, 'many', String(i), 'symlink'));
    linkSync(join(top, 'large', 'f0'), join(folder, 'one-of-all'));
  }
  let deep = join(top, 'deep');
  for (let i = 0; i < 100; i++, deep = join(deep, 'd')) {
    mkdirSync(deep);
    writeFileSync(join(deep, 'f'), `deep ${i}\n`);
  }
  writeFileSync(join(top, 'shut', 'f'), 'in a directory that cannot be written to\n', { mode: 0o400 });
  execFileSync('sh', ['-c', 'cd "$1" && mkfifo pipe && truncate -s 3M many/0/hole && chmod 640 large/f1 && chmod 750 many/1 && chmod 555 shut', 'sh', top]);
  for (const path of ['large', 'many/2', 'large/f2', '']) utimesSync(join(top, path), 1_000_000_000, 1_000_000_000);
}

test('links between directories, times, modes and content are the same after the way in and out, running or not', async () => {
  const tree = fresh('tree');
  makeTree(tree);
  const before = listing(tree);
  for (const name of ['down', 'up']) {
    const back = fresh(`back-${name}`);
    await s.ok(['cp', tree, `${name}:/tree`]);
    await s.ok(['cp', `${name}:/tree`, back]);
    expect(listing(back), name).toBe(before);
    // Over what is there already: nothing but the times of directories changes, and nothing is left of making it.
    await s.ok(['cp', `${back}/.`, `${name}:/tree`]);
    await s.ok(['cp', `${name}:/tree/.`, back]);
    expect(listing(back, ''), name).toBe(listing(tree, ''));
    execFileSync('chmod', ['755', join(back, 'shut')]);
    rmSync(back, { recursive: true });
  }
  expect(await s.ok(['exec', 'up', 'sh', '-c', 'stat -c "%u:%g %h" /tree/large/f0; rm -rf /tree'])).toBe('0:0 121');
  execFileSync('chmod', ['755', join(tree, 'shut')]);
});

test('3000 files in one directory arrive', async () => {
  const flat = fresh('flat');
  mkdirSync(flat);
  for (let i = 0; i < 3000; i++) writeFileSync(join(flat, `${i}`), `${i}`);
  await s.ok(['cp', flat, 'down:/flat']);
  const back = fresh('flat-back');
  await s.ok(['cp', 'down:/flat', back]);
  expect(listing(back)).toBe(listing(flat));
  for (const path of [flat, back]) rmSync(path, { recursive: true });
});

test('what cannot be read is named, and what is whole by then stays', async () => {
  await s.fails(['cp', '/etc/shadow', 'down:/tmp'], 125, /shadow.*ermission denied/);
  await s.fails(['cp', '/etc', 'down:/host-etc'], 125, /cannot read .*ermission denied/);
  await s.ok(['start', '-a', 'down']);
});

test('a disk that is full in the middle is said to be, by one sentence, and holds no half file', async () => {
  const tree = fresh('too-large');
  for (let folder = 0; folder < 8; folder++) {
    mkdirSync(join(tree, String(folder)), { recursive: true });
    for (let i = 0; i < 8; i++) writeFileSync(join(tree, String(folder), String(i)), Buffer.alloc(100_000, 'x'));
  }
  const { stderr } = await s.fails(['cp', tree, 'up:/small/tree'], 125, 'No space left on device');
  expect(stderr.match(/cannot write/g)).toHaveLength(1);
  const sizes = await s.ok(['exec', 'up', 'sh', '-c', 'find /small -type f -exec stat -c "%s" {} + | sort | uniq -c; find /small -name ".scull*"; rm -r /small/tree']);
  expect(sizes).toMatch(/^\s*\d+ 100000$/);
});

/** Processes that copy, by their command line, where these words are in it. */
function copying(words: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandLine(name).includes(words)).map(Number);
}

function commandLine(pid: string): string {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return line.includes('scull-copy\0') ? line : '';
  } catch {
    return ''; // it has ended
  }
}

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('an archive whose scull is ended by %s in the middle of a file leaves no half of it', async (signal) => {
  const running = s.start(['cp', '-', 'down:/tmp'], { openInput: true });
  const name = `half-${signal}`;
  running.child.stdin?.write(writeTar([{ path: name, content: 'x'.repeat(1_000_000) }]).subarray(0, 600_000));
  const containers = join(s.storeRoot, 'containers');
  const half = (): boolean => readdirSync(containers).some((id) => (statSync(join(containers, id, 'upper', 'tmp', name), { throwIfNoEntry: false })?.size ?? 0) > 100_000);
  await eventually('half of the file is there', half);
  killQuietly(running.child.pid ?? 0, signal);
  await running.ended;
  await eventually('it is gone', () => !half());
  await s.ok(['start', '-a', 'down']);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('a copy whose scull is ended by %s ends with it, leaves no half file, and keeps nobody from the container', async (signal) => {
  const tree = fresh('endless');
  for (let folder = 0; folder < 8; folder++) {
    mkdirSync(join(tree, String(folder)), { recursive: true });
    for (let i = 0; i < 150; i++) writeFileSync(join(tree, String(folder), String(i)), Buffer.alloc(20_000, 'x'));
  }
  const target = `/ended-${signal}`;
  const running = s.start(['cp', tree, `down:${target}`]);
  await eventually('the copy has begun', () => copying(target).length > 0 || running.child.exitCode !== null);
  killQuietly(running.child.pid ?? 0, signal);
  await running.ended;
  await eventually('the copying program has ended', () => copying(target).length === 0);
  const back = fresh('ended');
  // By now it may not have made anything.
  const got = await s.scull(['cp', `down:${target}`, back]);
  if (got.status === 0) {
    const files = spawnSync('find', [back, '-type', 'f', '-printf', '%s %f\n'], { encoding: 'utf8' }).stdout.split('\n').filter((line) => line !== '');
    expect(files.filter((line) => !line.startsWith('20000 ') || line.includes('.scull'))).toEqual([]);
  }
  await s.ok(['cp', `${tree}/.`, `down:${target}`]);
  const whole = fresh('ended-whole');
  await s.ok(['cp', `down:${target}`, whole]);
  expect(readdirSync(join(whole, '7'))).toHaveLength(150);
  expect(statSync(join(whole, '3', '149')).size).toBe(20_000);
  await s.ok(['start', '-a', 'down']);
});
