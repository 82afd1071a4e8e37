/**
 * A process is killed at every named moment of every path that writes (src/host/crash-point.ts). Then the same command, given
 * again, works at once, and the store is sound. `SCULL_TEST_LONG=1` kills at every pass of a point in every command; otherwise
 * at the last pass, in three commands.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CRASH_POINTS } from '../../src/host/crash-point.ts';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productWithCrashPoints } from '../support/product.ts';
import { useScull } from '../support/scull.ts';
import type { Scenario } from '../support/scenario.ts';
import { expectEmpty, expectSound, expectUsageOfDu } from '../support/store-facts.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
const all = process.env['SCULL_TEST_LONG'] === '1';
/** Point → in how many commands it was killed. */
const reached = new Map<string, number>();
let registry: DockerRegistry;

beforeAll(async () => {
  registry = await startDockerRegistry(s.base);
  await s.ok(['push', '-q', '--tls-verify=false', 'busybox', `${registry.host}/pulled:1`]);
  writeFileSync(join(s.base, 'two.tar'), dockerArchive({ tags: ['two:1'], layers: [busyboxEntries(), [{ path: 'own', content: 'own' }, { path: 'etc/.wh.group', content: '' }]] }));
  writeFileSync(join(s.base, 'plain.tar'), writeTar([{ path: 'plain', content: 'x'.repeat(100_000) }, { path: 'deep/er/file', content: 'y' }]));
});
afterAll(() => registry.stop());

const remove = (name: string) => () => s.ok(['rm', '-f', '--ignore', '-v', '-t', '0', name]);
const create = (...args: string[]) => () => s.ok(['create', '--name', 'c', ...args]);

const scenarios: readonly Scenario[] = [
  { what: 'load', args: () => ['load', '-q', '-i', join(s.base, 'two.tar')], after: () => s.ok(['rmi', '-f', 'two:1']) },
  { what: 'pull', args: () => ['pull', '-q', '--tls-verify=false', `${registry.host}/pulled:1`], before: () => s.ok(['rmi', '-a', '-f']), after: () => s.ok(['tag', `${registry.host}/pulled:1`, 'busybox:latest']) },
  { what: 'import', args: () => ['import', '-q', join(s.base, 'plain.tar'), 'plain:1'], after: () => s.ok(['rmi', '-f', 'plain:1']) },
  { what: 'tag', args: () => ['tag', 'busybox', 'other:1'], after: () => s.ok(['rmi', 'other:1']) },
  { what: 'rmi', before: () => s.ok(['load', '-q', '-i', join(s.base, 'two.tar')]), args: () => ['rmi', 'two:1'], again: () => s.scull(['rmi', 'two:1']), after: () => s.ok(['system', 'prune', '-f']) },
  { what: 'create', args: () => ['create', '--name', 'c', '-v', 'fresh:/data', 'busybox', 'true'], again: async () => { await remove('c')(); await create('-v', 'fresh:/data', 'busybox', 'true')(); }, after: async () => { await remove('c')(); await s.ok(['volume', 'rm', '-f', 'fresh']); } },
  { what: 'run --rm', args: () => ['run', '--rm', '--name', 'c', 'busybox', 'true'], again: async () => { await remove('c')(); await s.ok(['run', '--rm', '--name', 'c', 'busybox', 'true']); }, after: remove('c') },
  { what: 'run -d with a new volume', args: () => ['run', '-d', '--name', 'c', '-v', 'filled:/etc', 'busybox', 'sleep', '1000'], again: async () => { await remove('c')(); expect(await s.ok(['run', '--name', 'c', '-v', 'filled:/etc', 'busybox', 'cat', '/etc/data/from-image'])).toBe('from the image'); }, after: async () => { await remove('c')(); await s.ok(['volume', 'rm', '-f', 'filled']); } },
  { what: 'start', before: create('busybox', 'sleep', '1000'), args: () => ['start', 'c'], again: async () => { await s.ok(['start', 'c']); await s.ok(['exec', 'c', 'true']); }, after: remove('c') },
  { what: 'start with vfs', before: create('busybox', 'sleep', '1000'), args: () => ['--storage-driver', 'vfs', 'start', 'c'], again: async () => { await s.ok(['--storage-driver', 'vfs', 'start', 'c']); expect(await s.ok(['exec', 'c', 'cat', '/etc/data/from-image'])).toBe('from the image'); }, after: remove('c') },
  { what: 'rm -f', before: () => s.ok(['run', '-d', '--name', 'c', 'busybox', 'sleep', '1000']), args: () => ['rm', '-f', '-t', '0', 'c'], again: remove('c'), after: remove('c') },
  { what: 'rename', before: create('busybox', 'true'), args: () => ['rename', 'c', 'd'], again: async () => { await s.scull(['rename', 'c', 'd']); expect(await s.ok(['ps', '-a', '--format', '{{.Names}}'])).toBe('d'); await create('busybox', 'true')(); }, after: async () => { await remove('c')(); await remove('d')(); } },
  { what: 'volume create', args: () => ['volume', 'create', 'v'], again: () => s.ok(['volume', 'create', '--ignore', 'v']), after: () => s.ok(['volume', 'rm', '-f', 'v']) },
  { what: 'volume rm', before: () => s.ok(['volume', 'create', 'v']), args: () => ['volume', 'rm', 'v'], again: () => s.ok(['volume', 'rm', '-f', 'v']), after: async () => undefined },
  { what: 'secret create', args: () => ['secret', 'create', '--replace', 'key', join(s.base, 'two.tar.secret')], after: () => s.ok(['secret', 'rm', 'key']) },
  { what: 'pod create', args: () => ['pod', 'create', '--name', 'p'], again: async () => { await s.ok(['pod', 'create', '--replace', '--name', 'p']); await s.ok(['run', '--rm', '--pod', 'p', 'busybox', 'true']); }, after: () => s.ok(['pod', 'rm', '-f', 'p']) },
  { what: 'pod rm -f', before: async () => { await s.ok(['pod', 'create', '--name', 'p']); await s.ok(['run', '-d', '--name', 'c', '--pod', 'p', 'busybox', 'sleep', '1000']); }, args: () => ['pod', 'rm', '-f', 'p'], again: () => s.ok(['pod', 'rm', '-f', 'p']), after: () => s.ok(['pod', 'rm', '-f', 'p']) },
  { what: 'commit', before: () => s.ok(['run', '--name', 'c', 'busybox', 'touch', '/new']), args: () => ['commit', '-q', 'c', 'made:1'], after: async () => { await remove('c')(); await s.ok(['rmi', '-f', 'made:1']); } },
  { what: 'prune', before: async () => { await create('busybox', 'true')(); await s.ok(['volume', 'create', 'v']); await s.ok(['load', '-q', '-i', join(s.base, 'two.tar')]); await s.ok(['untag', 'two:1']); }, args: () => ['system', 'prune', '-f', '--volumes'], after: async () => undefined },
  { what: 'check --repair', before: async () => { for (const layer of layers()) await s.ok(['unshare', 'sh', '-c', `echo x >>${join(s.storeRoot, 'layers', layer, 'diff/etc/group')}`]); }, args: () => ['system', 'check', '--repair'], after: async () => undefined },
  { what: 'check --repair of what cannot be mended', before: async () => { await s.ok(['secret', 'create', '--replace', 'key', join(s.base, 'two.tar.secret')]); writeFileSync(join(s.storeRoot, 'secrets', 'key'), '{'); }, args: () => ['system', 'check', '--repair'], after: () => s.ok(['system', 'prune', '-a', '-f']) },
];

const layers = (): string[] => readdirSync(join(s.storeRoot, 'layers')).filter((name) => name.length === 64);

function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<{ readonly killed: boolean; readonly status: number | null; readonly said: string }> {
  const [file, ...words] = productWithCrashPoints();
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...words, ...args], { env: { ...s.env, ...env }, cwd: s.base, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve({ killed: signal === 'SIGKILL', status, said }));
  });
}

/** The points that a command passes, and how often. */
async function passes(scenario: Scenario): Promise<Map<string, number>> {
  const log = join(s.base, 'passed');
  rmSync(log, { force: true });
  await scenario.before?.();
  const { status, said } = await run(scenario.args(), { SCULL_CRASH_LOG: log });
  expect(status, said).toBe(0);
  await scenario.after();
  const counts = new Map<string, number>();
  for (const name of readFileSync(log, 'utf8').trim().split('\n')) counts.set(name, (counts.get(name) ?? 0) + 1);
  // The worker that unpacks may write nowhere but in its own directory, so its points are in no log.
  if (counts.has('layer:unpacked')) for (const name of ['layer:extracted', 'layer:recorded']) counts.set(name, 1);
  return counts;
}

test.each(scenarios)('$what, killed at every point: the next command works at once, and nothing is damaged or left', async (scenario) => {
  writeFileSync(join(s.base, 'two.tar.secret'), 'secret');
  const counts = await passes(scenario);
  for (const [point, count] of counts) {
    const before = reached.get(point) ?? 0;
    if (!all && before >= 3) continue;
    reached.set(point, before + 1);
    const turns = all ? Array.from({ length: count }, (_, index) => index + 1) : [count];
    for (const turn of turns) {
      const when = `${scenario.what} killed at ${point}@${turn}`;
      await scenario.before?.();
      // A worker that dies makes its command fail; one that is killed twice in different processes counts on its own.
      await run(scenario.args(), { SCULL_CRASH_AT: `${point}@${turn}` });
      if (scenario.again === undefined) {
        const result = await s.scull(scenario.args());
        expect(result.status, `${when}: given again\n${result.stderr}`).toBe(0);
      } else await scenario.again();
      await expectSound(s, when);
      await scenario.after();
    }
  }
  await expectUsageOfDu(s, scenario.what);
}, all ? 1_800_000 : 300_000);

test('every point was reached by some command', () => {
  expect(CRASH_POINTS.filter((point) => !reached.has(point))).toEqual([]);
});

test('at the end nothing is left that a prune does not find', async () => {
  await expectEmpty(s, 'after all kills');
});
