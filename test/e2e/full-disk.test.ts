/**
 * A disk that gets full at every single block and at every single file that a command asks for: the store is on a file system that
 * has room for none more, then for one, for two … until the command succeeds. Every time before it says so, in one sentence, and
 * nothing of its work is left; and whatever there is can be removed with no room at all.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productWithCrashPoints } from '../support/product.ts';
import { expectCleanError, useScull } from '../support/scull.ts';

vi.setConfig({ testTimeout: 300_000 });

const s = useScull();
let registry: DockerRegistry;
let base: string;
let two: string;

beforeAll(async () => {
  base = s.file('bb.tar', dockerArchive({ tags: ['bb:1'], layers: [busyboxEntries()] }));
  two = s.file('two.tar', dockerArchive({ tags: ['two:1'], layers: [[{ path: 'a', content: 'a'.repeat(20_000) }, { path: 'd/b', content: 'b'.repeat(5000) }], [{ path: 'c', content: 'c'.repeat(9000) }, { path: 'd/.wh.b', content: '' }]] }));
  s.file('small', 'content\n');
  s.directory('context');
  s.file('context/Containerfile', 'FROM bb:1\nRUN echo new >/new\n');
  registry = await startDockerRegistry(s.base);
  await s.ok(['load', '-q', '-i', two]);
  await s.ok(['push', '-q', '--tls-verify=false', 'two:1', `${registry.host}/two:1`]);
});
afterAll(() => registry.stop());

/** One command that was given with that much room. */
interface Try {
  readonly what: string;
  readonly status: number;
  readonly err: string;
  /** The lines of diff(1) between the store's files before and after. */
  readonly left: string;
}

const quote = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

/**
 * Runs a script of bash with the store on a file system of its own; there is but one id in there. `sc WORDS…` runs scull,
 * `crash WORDS…` the build that looks for no room beforehand, `room BLOCKS INODES` leaves that much (`-` for plenty),
 * `each blocks|inodes BY UNDO SWEEP PROGRAM WORDS…` gives a command again and again, with more and more room; UNDO takes away what it has
 * made, SWEEP is what the user gives after each failure.
 */
function onOwnDisk(script: string): Try[] {
  const results = s.directory('results');
  rmSync(results, { recursive: true });
  mkdirSync(results);
  const text = `
    set -u
    M=${s.directory('disk')} R=${results} status=0
    mount -t tmpfs -o size=64m,nr_inodes=100000,mode=700 tmpfs $M
    scull() { unshare --user --map-user=1000 --map-group=1000 "$@" >$R/out 2>$R/err </dev/null; status=$?; }
    sc() { scull ${quote(s.command)} --root $M/store --runroot ${join(s.base, 'run')} "$@"; }
    crash() { scull ${quote(productWithCrashPoints())} --root $M/store --runroot ${join(s.base, 'run')} "$@"; }
    note() { printf '%s\\0' "$1" "$status" "$(cat $R/err)" "$2" >>$R/tries; }
    must() { "$@"; [ $status = 0 ] || { note "$*" ''; exit 0; }; }
    room() {
      set -- "$1" "$2" $(stat -f -c '%b %f %c %d' $M)
      size=64m inodes=100000
      [ $1 = - ] || size=$(( ($3 - $4 + $1) * $(stat -f -c %S $M) ))
      [ $2 = - ] || inodes=$(( $5 - $6 + $2 ))
      mount -i -t tmpfs -o remount,size=$size,nr_inodes=$inodes tmpfs $M
    }
    files() { (cd $M/store; find . \\( -path ./events -o -path ./locks -o -path ./ballast \\) -prune -o -type f -printf '%P %s\\n' -o -printf '%P\\n' | sort); }
    each() {
      what=$1 by=$2 undo=$3 sweep=$4; shift 4
      must "$@"; must sc $undo
      files >$R/before
      for ((k = 0; k < 200; k += by)); do
        [ $what = blocks ] && room $k - || room - $k
        "$@"
        saved=$status
        room - -
        [ $saved = 0 ] && break
        cp $R/err $R/said; [ "$sweep" = "" ] || must sc $sweep
        files >$R/after; cp $R/said $R/err; status=$saved
        note "$* with $k $what" "$(diff $R/before $R/after)"
      done
      note "$*" ''
      must sc system check
      must sc $undo
    }
    must sc load -q -i ${base}
    ${script}`;
  const result = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'bash', '-c', text], { env: { ...s.env, SCULL_PRETEND_ROOM: '1' }, encoding: 'utf8', timeout: 290_000 });
  expect(result.status, result.stderr).toBe(0);
  const fields = readFileSync(join(results, 'tries'), 'utf8').split('\0');
  return Array.from({ length: (fields.length - 1) / 4 }, (_, index) => {
    const [what = '', status = '', err = '', left = ''] = fields.slice(index * 4);
    return { what, status: Number(status), err, left };
  });
}

const scenarios: readonly { readonly words: readonly string[]; readonly undo: readonly string[]; readonly before?: readonly string[]; readonly sweep?: readonly string[]; readonly crash?: boolean; readonly by?: number; readonly blocks: number; readonly inodes: number }[] = [
  // With at least so many failures on the way.
  { words: ['load', '-q', '-i', 'two.tar'], undo: ['rmi', 'two:1'], crash: true, by: 2, blocks: 10, inodes: 8 },
  { words: ['pull', '-q', '--tls-verify=false', 'REGISTRY/two:1'], undo: ['rmi', 'REGISTRY/two:1'], sweep: ['image', 'prune', '-f'], crash: true, by: 4, blocks: 5, inodes: 4 },
  { words: ['build', '-q', '--no-cache', '-t', 'built:1', 'context'], undo: ['rmi', 'built:1'], sweep: ['image', 'prune', '-f'], crash: true, by: 4, blocks: 2, inodes: 5 },
  { words: ['create', '--name', 'c', 'bb:1', 'true'], undo: ['rm', 'c'], blocks: 1, inodes: 5 },
  { words: ['run', '--rm', '--network', 'none', 'bb:1', 'true'], undo: ['version'], blocks: 4, inodes: 10 },
  { words: ['run', '--name', 'c', '--network', 'none', '-v', 'new:/etc', 'bb:1', 'true'], undo: ['rm', '-v', 'c'], sweep: ['rm', '-f', '-i', '-v', 'c'], blocks: 2, inodes: 8 },
  { words: ['commit', '-q', 'c', 'made:1'], before: ['create', '--name', 'c', 'bb:1', 'true'], undo: ['rmi', 'made:1'], blocks: 3, inodes: 1 },
  { words: ['cp', 'small', 'c:/small'], before: ['create', '--name', 'c', 'bb:1', 'true'], undo: ['version'], blocks: 1, inodes: 1 },
  { words: ['rename', 'c', 'd'], before: ['create', '--name', 'c', 'bb:1', 'true'], undo: ['rename', 'd', 'c'], blocks: 1, inodes: 1 },
  { words: ['tag', 'bb:1', 'other:1'], undo: ['rmi', 'other:1'], blocks: 1, inodes: 2 },
  { words: ['volume', 'create', 'v'], undo: ['volume', 'rm', 'v'], blocks: 1, inodes: 2 },
  { words: ['secret', 'create', 'key', 'small'], undo: ['secret', 'rm', 'key'], blocks: 1, inodes: 1 },
  { words: ['network', 'create', 'n'], undo: ['network', 'rm', 'n'], blocks: 1, inodes: 1 },
  { words: ['pod', 'create', 'p'], undo: ['pod', 'rm', 'p'], blocks: 1, inodes: 2 },
];

test.each(scenarios.map((scenario) => [scenario.words.slice(0, 2).join(' '), scenario] as const))('%s: says that there is no space left, at every block and every file, and leaves nothing', (_name, { words, undo, before, sweep, crash, by = 1, blocks, inodes }) => {
  const place = (all: readonly string[]): string => quote(all.map((word) => word.replace('REGISTRY', registry.host).replace(/^(two\.tar|small|context)$/, `${s.base}/$1`)));
  const plain = (all: readonly string[] = []): string => all.join(' ').replace('REGISTRY', registry.host);
  const each = (what: string): string => `each ${what} ${by} '${plain(undo)}' '${plain(sweep)}' ${crash === true ? 'crash' : 'sc'} ${place(words)}`;
  const tries = onOwnDisk(`${before === undefined ? '' : `must sc ${place(before)}`}\n${each('blocks')}\n${each('inodes')}`);
  const [last, failed] = [tries.filter(({ status }) => status === 0), tries.filter(({ status }) => status !== 0)];
  for (const { what, status, err, left } of failed) {
    expect(status, `${what}: ${err}`).toBe(125);
    expectCleanError({ status, stdout: '', stderr: err }, /no space left/i);
    expect(left, `${what}: ${err}`).toBe('');
  }
  expect(last, 'both succeeded in the end').toHaveLength(2);
  expect(failed.filter(({ what }) => what.endsWith(' blocks')).length).toBeGreaterThanOrEqual(blocks);
  expect(failed.filter(({ what }) => what.endsWith(' inodes')).length).toBeGreaterThanOrEqual(inodes);
});

test('with no block and no file left, everything can be removed', () => {
  const removals = ['rm c', 'rm -f d', 'rmi two:1', 'volume rm v', 'secret rm key', 'pod rm p', 'network rm n', 'container prune -f', 'image prune -f', 'volume prune -a -f', 'system prune -a -f --volumes'];
  // What was thrown overboard for one is replaced before the disk is full for the next.
  const onFullDisk = (words: string): string => `room - -; must sc tag bb:1 other:1; must sc rmi other:1; room 0 0; sc ${words}; note '${words}' ''`;
  const tries = onOwnDisk(`
    must sc load -q -i ${two}; must sc create --name c bb:1 true; must sc run --network none --name d bb:1 touch /changed; must sc create --name e bb:1 true
    must sc volume create v; must sc volume create w; must sc secret create key ${s.base}/small; must sc pod create p; must sc network create n
    ${removals.map(onFullDisk).join('\n    ')}
    must sc system check; sc images -q; cp $R/out $R/err; note images ''; sc ps -aq; cp $R/out $R/err; note ps ''
    room - -; must sc load -q -i ${base}; must sc run --rm --network none bb:1 true`);
  expect(tries.map(({ what, status, err }) => ({ what, status, err: err.replace(/^Warning: .*\n?/gm, '') }))).toEqual([...removals, 'images', 'ps'].map((what) => ({ what, status: 0, err: '' })));
});
