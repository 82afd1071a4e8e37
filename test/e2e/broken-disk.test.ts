/**
 * A disk that breaks at every single step: each command that writes is given again and again, and each time another system call on
 * the store fails, as test/support/broken-disk.c lets it. The command either does without what failed, or says in one sentence
 * which file it was; the same command given once more works, and the store is sound. `SCULL_TEST_LONG=1` breaks every call of
 * every command instead of each kind that changes something, and of what else may fail the first in each folder; `SCULL_TEST_LONG=2/3`
 * the second of every three, where all of them take too long at once.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productCommand, top } from '../support/product.ts';
import type { Scenario } from '../support/scenario.ts';
import { expectCleanError, useScull } from '../support/scull.ts';
import { expectEmpty, ofTheDead } from '../support/store-facts.ts';

const long = process.env['SCULL_TEST_LONG'];
const all = long !== undefined;
const [part = 1, parts = 1] = (long ?? '1').split('/').map(Number);
vi.setConfig({ testTimeout: all ? 1_800_000 : 600_000 });

/** There is but one id in there: what is watched may gain no privileges, as newuidmap would. */
const prefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000'] as const;
const s = useScull({ empty: true, prefix });
let registry: DockerRegistry;
let program: string;

beforeAll(async () => {
  program = join(s.base, 'broken-disk');
  const compiled = spawnSync('cc', ['-O1', '-o', program, join(top, 'test/support/broken-disk.c')], { encoding: 'utf8' });
  expect(compiled.status, compiled.stderr).toBe(0);
  s.file('two.tar', dockerArchive({ tags: ['two:1'], layers: [[{ path: 'a', content: 'a'.repeat(20_000) }, { path: 'd/b', content: 'b' }], [{ path: 'c', content: 'c' }, { path: 'd/.wh.b', content: '' }]] }));
  await s.ok(['load', '-q'], { input: dockerArchive({ tags: ['bb:1'], layers: [busyboxEntries()] }) });
  await s.ok(['load', '-q', '-i', join(s.base, 'two.tar')]);
  registry = await startDockerRegistry(s.base);
  await s.ok(['push', '-q', '--tls-verify=false', 'two:1', `${registry.host}/two:1`]);
  await s.ok(['rmi', 'two:1']);
  // What the first command of all makes is no other's business.
  await s.ok(['run', '--rm', '--network', 'none', 'bb:1', 'true']);
});
afterAll(() => registry.stop());

interface DiskScenario extends Scenario {
  /** What is true when it was done. */
  readonly done: () => Promise<unknown>;
}

const remove = (name: string) => () => s.ok(['rm', '-f', '-i', '-v', '-t', '0', name]);
const create = () => s.ok(['create', '--name', 'c', '--network', 'none', 'bb:1', 'touch', '/new']);
const loadTwo = () => s.ok(['load', '-q', '-i', join(s.base, 'two.tar')]);
const is = (args: readonly string[], expected: string) => async () => expect(await s.ok(args), args.join(' ')).toBe(expected);
const has = (name: string) => async () => expect(await s.ok(['diff', name])).toContain('/new');
const images = (...names: string[]) => is(['images', '--format', '{{.Repository}}'], names.join('\n'));

const scenarios: readonly DiskScenario[] = [
  { what: 'load', args: () => ['load', '-q', '-i', join(s.base, 'two.tar')], done: () => s.ok(['save', '-q', '-o', '/dev/null', 'two:1']), after: () => s.ok(['rmi', '-f', 'two:1']) },
  { what: 'pull', args: () => ['pull', '-q', '--tls-verify=false', `${registry.host}/two:1`], done: () => s.ok(['save', '-q', '-o', '/dev/null', `${registry.host}/two:1`]), after: () => s.ok(['rmi', '-f', `${registry.host}/two:1`]) },
  { what: 'tag', args: () => ['tag', 'bb:1', 'other:1'], done: () => s.ok(['image', 'exists', 'other:1']), after: () => s.ok(['rmi', 'other:1']) },
  { what: 'rmi', before: loadTwo, args: () => ['rmi', 'two:1'], again: () => s.ok(['rmi', '-i', 'two:1']), done: images('docker.io/library/bb'), after: () => s.ok(['rmi', '-i', 'two:1']) },
  { what: 'create', args: () => ['create', '--name', 'c', '--network', 'none', 'bb:1', 'touch', '/new'], again: async () => { await remove('c')(); await create(); }, done: () => s.ok(['start', '-a', 'c']), after: remove('c') },
  { what: 'start', before: create, args: () => ['start', '-a', 'c'], done: has('c'), after: remove('c') },
  { what: 'run', args: () => ['run', '--name', 'c', '--network', 'none', '-v', 'v:/etc', 'bb:1', 'touch', '/new'], again: async () => { await remove('c')(); await s.ok(['volume', 'rm', '-f', 'v']); await s.ok(['run', '--name', 'c', '--network', 'none', '-v', 'v:/etc', 'bb:1', 'touch', '/new']); }, done: has('c'), after: async () => { await remove('c')(); await s.ok(['volume', 'rm', '-f', 'v']); } },
  { what: 'commit', before: async () => { await create(); await s.ok(['start', '-a', 'c']); }, args: () => ['commit', '-q', 'c', 'made:1'], done: is(['image', 'diff', 'made:1'], 'A /new'), after: async () => { await remove('c')(); await s.ok(['rmi', '-f', 'made:1']); } },
  { what: 'rm', before: create, args: () => ['rm', 'c'], again: () => s.ok(['rm', '-i', 'c']), done: is(['ps', '-aq'], ''), after: remove('c') },
  { what: 'volume create', args: () => ['volume', 'create', 'v'], again: () => s.ok(['volume', 'create', '--ignore', 'v']), done: is(['volume', 'ls', '-q'], 'v'), after: () => s.ok(['volume', 'rm', 'v']) },
  { what: 'volume rm', before: () => s.ok(['volume', 'create', 'v']), args: () => ['volume', 'rm', 'v'], again: () => s.ok(['volume', 'rm', '-f', 'v']), done: is(['volume', 'ls', '-q'], ''), after: () => s.ok(['volume', 'rm', '-f', 'v']) },
  { what: 'system prune', before: async () => { await create(); await s.ok(['volume', 'create', 'v']); await loadTwo(); await s.ok(['untag', 'two:1']); }, args: () => ['system', 'prune', '-f', '--volumes'], done: async () => { await is(['ps', '-aq'], '')(); await is(['volume', 'ls', '-q'], '')(); await images('docker.io/library/bb')(); }, after: async () => { await remove('c')(); await s.ok(['volume', 'rm', '-f', 'v']); await s.ok(['image', 'prune', '-f']); } },
];

interface Fault {
  /** Of the call in the log of {@link runBroken}, from 1. */
  readonly number: number;
  readonly errno: 'EIO' | 'EROFS' | 'EACCES' | 'EMFILE';
  /** From there on nothing can be written: a file system that was made read-only. */
  readonly on: boolean;
}

/** Runs a command on a store that breaks; without a fault only the calls on the store are written down. */
function runBroken(args: readonly string[], fault?: Fault): { readonly status: number; readonly stdout: string; readonly stderr: string; readonly calls: readonly string[] } {
  const log = join(s.base, 'calls');
  const [file, ...words] = [...prefix, program, s.storeRoot, log, String(fault?.number ?? 0), String(fault === undefined ? 0 : constants.errno[fault.errno]), fault?.on === true ? 'on' : 'once', ...productCommand(), ...args];
  const { status, stdout, stderr } = spawnSync(file as string, words, { env: { ...s.env }, cwd: s.base, encoding: 'utf8', timeout: 60_000 });
  return { status: status ?? -1, stdout, stderr, calls: readFileSync(log, 'utf8').split('\n').slice(0, -1) };
}

/** Of a call without what is different every time. */
function kindOf(call: string): string {
  return call
    .replace(/[0-9]+\.[0-9]+\.[0-9a-f]{32}\.[0-9a-f]{16}/g, 'OWNER')
    .replace(/[0-9a-f]{64}/g, 'ID')
    .replace(/\b[0-9a-f]{32}\b/g, 'MACHINE')
    .replace(/(sha256-)?\b[0-9a-f]{16}\b/g, 'RANDOM')
    .replace(/\/\.[0-9a-f]{12}\.stale/, '/.RANDOM.stale')
    .replace(/\.[0-9A-Z]{6}$/, '.RANDOM')
    .replace(/(\/diff|\/upper|\/trash\/RANDOM|_data)\/.*/, '$1/FILE')
    .replace(/(\/ballast)\/\d/, '$1/N');
}

const CHANGES = /^(create|open-to-write|write|truncate|flush|mkdir|symlink|link|rename|unlink) /;
/** In which command calls of a kind are broken: in the same one when a test is tried again. */
const broken = new Map<string, string>();

function isWanted(kind: string, what: string): boolean {
  if (!broken.has(kind)) broken.set(kind, what);
  return broken.get(kind) === what;
}

/** Of a kind the call, and the folder of the store; what containers have written is one of its own. */
const folderOf = (kind: string): string => kind.split('/', /\/upper\b/.test(kind) ? 4 : 2).join('/');

/**
 * Which calls are to fail, and how. Of those that change something, each kind in the first command that has it; of those
 * that only read, and as for a stranger, the first in each folder; and all from the first change of each command on, as on a file system
 * that was made read-only. With `all` every call.
 */
function faultsOf(what: string, calls: readonly string[]): Fault[] {
  const seen = new Set<string>();
  const isFirst = (kind: string): boolean => isWanted(kind, what) && seen.size < seen.add(kind).size;
  const faults = calls.flatMap((call, index): Fault[] => {
    const number = index + 1;
    const fault: Fault = { number, errno: 'EIO', on: false };
    const kind = kindOf(call);
    const fails = all || (CHANGES.test(call) ? isWanted(kind, what) : isFirst(folderOf(kind)));
    // Files of containers and images are read by other programs in each command, with errors of their own.
    const place = /\/(upper|diff)\b/.test(kind) ? `${folderOf(kind)} ${what}` : folderOf(kind);
    const refused = /^(create|mkdir|rename|open|list) /.test(call) && (all || isFirst(`EACCES ${place}`));
    return [...(fails ? [fault] : []), ...(refused ? [{ ...fault, errno: 'EACCES' } as const] : [])];
  });
  const first = calls.findIndex((call) => CHANGES.test(call));
  return [...faults, { number: first + 1, errno: 'EROFS', on: true } as const].filter((_, index) => index % parts === part - 1);
}

test.each(scenarios)('$what, with each of its steps failing: says what is broken, leaves nothing half made, and works again', async ({ what, before, args, again, done, after }) => {
  await before?.();
  const whole = runBroken(args());
  expect(whole.status, whole.stderr).toBe(0);
  await done();
  await after();
  const problems: string[] = [];
  for (const fault of faultsOf(what, whole.calls)) {
    await before?.();
    const result = runBroken(args(), fault);
    const call = kindOf(result.calls[fault.number - 1] ?? 'nothing');
    const attempt = async (step: string, action: () => unknown): Promise<void> => {
      try {
        await action();
      } catch (error) {
        problems.push(`${fault.errno}${fault.on ? ' from' : ' at'} ${call}: ${step}: ${(error as Error).message.slice(0, 600)}\n${result.stderr.slice(0, 1500)}`);
      }
    };
    if (result.status !== 0) {
      await attempt('its error', () => {
        expect(result.status, result.stderr).toBe(125);
        // A prune tells of each kind of thing that it could not remove.
        const told = what === 'system prune' ? result.stderr.split(/^(?=Error: )/m) : [result.stderr];
        for (const stderr of told) expectCleanError({ ...result, stderr }, /input\/output error|file system reports an error|read-only|permi/i);
        expect(namesFile(result.stderr), result.stderr).toBe(true);
      });
    }
    if (result.status !== 0) await attempt('again', () => again?.() ?? s.ok(args()));
    await attempt('done', done);
    if (result.status !== 0 || CHANGES.test(call)) await attempt('check', () => s.ok(['system', 'check']));
    await attempt('after', after);
  }
  expect(problems.join('\n\n')).toBe('');
});

/** Whether an error says where: the kernel's own words for EIO hold a slash as well. */
function namesFile(stderr: string): boolean {
  return /\w\/\w/.test(stderr.replaceAll(/input\/output/gi, ''));
}

const questions: readonly (readonly string[])[] = [
  ['ps', '-a', '--format', '{{.Names}} {{.State}} {{.ExitCode}}'],
  ['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'c'],
  ['wait', 'c'],
  ['logs', 'c'],
  ['diff', 'c'],
  ['images', '-a', '--format', '{{.Repository}} {{.ID}} {{.Size}}'],
  ['image', 'tree', 'bb:1'],
  ['image', 'diff', 'bb:1'],
  ['volume', 'ls'],
  ['network', 'ls'],
  ['secret', 'ls', '--format', '{{.Name}}'],
  ['pod', 'ps', '--format', '{{.Name}} {{.Status}}'],
  ['system', 'df'],
];

test('what is asked on a disk that fails is answered as ever or not at all: nothing that is there is passed over in silence', async () => {
  const clean = async (): Promise<void> => {
    await s.ok(['pod', 'rm', '-f', '-i', 'p']);
    for (const rest of [['secret', 'rm', 'key'], ['network', 'rm', 'n'], ['rm', '-i', 'c'], ['volume', 'rm', '-f', 'v']]) await s.scull(rest);
  };
  await clean();
  await s.ok(['create', '--name', 'c', '--network', 'none', '-v', 'v:/data', 'bb:1', 'sh', '-c', 'echo said; touch /new; exit 3']);
  expect((await s.scull(['start', '-a', 'c'])).status).toBe(3);
  await s.ok(['network', 'create', 'n']);
  await s.ok(['secret', 'create', 'key', join(s.base, 'two.tar')]);
  await s.ok(['pod', 'create', '--name', 'p']);
  const problems: string[] = [];
  for (const args of questions) {
    const whole = runBroken(args);
    expect(whole, args.join(' ')).toMatchObject({ status: 0, stdout: expect.stringMatching(/\w/) });
    const kinds = new Set<string>();
    for (const [index, call] of whole.calls.entries()) {
      if (!all && kinds.size === kinds.add(kindOf(call)).size) continue;
      for (const errno of ['EIO', 'EMFILE'] as const) {
        const { status, stdout, stderr } = runBroken(args, { number: index + 1, errno, on: false });
        const answered = status === 0 && stdout === whole.stdout;
        const refused = status === 125 && stderr.startsWith('Error: ') && namesFile(stderr) && !stderr.includes('bug');
        if (!answered && !refused) problems.push(`${args.join(' ')}: ${errno} at ${call}: ${status}\n${stdout.slice(0, 500)}${stderr.slice(0, 500)}`);
      }
    }
  }
  expect(problems.join('\n\n')).toBe('');
  await clean();
});

test('a prune whose first removal fails goes on with the rest, and says what it could not remove', async () => {
  for (const name of ['a', 'b']) await s.ok(['network', 'create', name]);
  const whole = runBroken(['network', 'prune', '-f']);
  expect(whole.status, whole.stderr).toBe(0);
  for (const name of ['a', 'b']) await s.ok(['network', 'create', name]);
  const unlinked = whole.calls.findIndex((call) => /^unlink \/networks\/a\.json/.test(call));
  expect(unlinked, whole.calls.join('\n')).toBeGreaterThan(0);
  const result = runBroken(['network', 'prune', '-f'], { number: unlinked + 1, errno: 'EIO', on: false });
  expect(result).toMatchObject({ status: 125, stdout: 'b\n' });
  expect(result.stderr).toMatch(/^Error: .*\/networks\/a\.json/);
  expect(await s.ok(['network', 'prune', '-f'])).toBe('a');
});

test('an image prune that cannot move one blob takes the rest, and the next one that', async () => {
  const blobs = (): number => readdirSync(join(s.storeRoot, 'images/blobs/sha256')).length;
  const others = blobs();
  const unneeded = async (): Promise<void> => { await loadTwo(); await s.ok(['untag', 'two:1']); };
  await unneeded();
  const whole = runBroken(['image', 'prune', '-f']);
  expect(whole.status, whole.stderr).toBe(0);
  await unneeded();
  const moved = whole.calls.findIndex((call) => /^rename \/staging\/trash\//.test(call));
  expect(moved, whole.calls.join('\n')).toBeGreaterThan(0);
  const result = runBroken(['image', 'prune', '-f'], { number: moved + 1, errno: 'EIO', on: false });
  expect(result).toMatchObject({ status: 125, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/), stderr: expect.stringMatching(/^Error: .*images\/blobs/) });
  expect(blobs()).toBe(others + 1);
  expect(await s.ok(['image', 'prune', '-f'])).toBe('');
  expect(blobs()).toBe(others);
});

test('at the end nothing is left that a prune does not find', async () => {
  await expectEmpty(s, 'after all faults');
  expect(ofTheDead(s)).toEqual([]);
});
