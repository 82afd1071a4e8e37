/**
 * Hundreds of kills at random: four at a time, in one store, each of another command that writes. Half of them come at a random pass of
 * a random crash point, half after a random part of the time that the command takes. After each the same user goes on at once; the
 * store is looked at all the while. How many, and from which seed: SCULL_TEST_KILLS, SCULL_TEST_SEED.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productWithCrashPoints } from '../support/product.ts';
import { random, testSeed } from '../support/random.ts';
import { useScull } from '../support/scull.ts';
import { expectEmpty, expectSound, expectUsageOfDu } from '../support/store-facts.ts';

const s = useScull();
const KILLS = Number(process.env['SCULL_TEST_KILLS'] ?? '200');
const LANES = 4;

interface Kind {
  readonly what: string;
  /** Makes what the command is to change. */
  readonly before?: readonly string[];
  readonly args: readonly string[];
  /** What its user does after the kill: it must be possible at once. */
  readonly again: readonly string[];
  /** `again` says, with this, that there is nothing left to do. */
  readonly done?: RegExp;
  readonly after?: readonly string[];
}

/** @param n a number of the lane's own, so that none is in the way of another */
function kinds(n: number): readonly Kind[] {
  // No hex digits, as `c1` and `d1` are: where there is none of that name, a container of another lane whose id begins so would be taken.
  const [c, v] = [`n${n}`, `v${n}`];
  const remove = ['rm', '-f', '-i', '-v', '-t', '0', c];
  const create = ['create', '--name', c, 'busybox', 'sleep', '1000'];
  const run = ['run', '-d', '--network', 'none', '--name', c, 'busybox', 'sleep', '1000'];
  const gone = /no such (image|container|volume)|no container with|no volume/i;
  return [
    { what: 'run --rm', args: ['run', '--rm', '--network', 'none', '--name', c, 'busybox', 'true'], again: remove },
    { what: 'run -d', args: run, again: remove },
    { what: 'run with a new volume', args: ['run', '--rm', '--network', 'none', '--name', c, '-v', `${v}:/etc`, 'busybox', 'cat', '/etc/data/from-image'], again: remove, after: ['volume', 'rm', '-f', v] },
    { what: 'create', args: create, again: remove },
    { what: 'start', before: create, args: ['start', c], again: ['start', c], after: remove },
    { what: 'start of a copy', before: create, args: ['--storage-driver', 'vfs', 'start', c], again: remove },
    { what: 'rm -f', before: run, args: ['rm', '-f', '-t', '0', c], again: remove },
    { what: 'rename', before: create, args: ['rename', c, `other${n}`], again: ['rm', '-f', '-i', c, `other${n}`] },
    { what: 'cp', before: create, args: ['cp', join(s.base, 'two.tar'), `${c}:/two.tar`], again: ['cp', join(s.base, 'two.tar'), `${c}:/two.tar`], after: remove },
    { what: 'commit', before: create, args: ['commit', '-q', c, `made${n}:1`], again: ['commit', '-q', c, `made${n}:1`], after: remove },
    { what: 'load', args: ['load', '-q', '-i', join(s.base, 'two.tar')], again: ['load', '-q', '-i', join(s.base, 'two.tar')] },
    { what: 'rmi', before: ['load', '-q', '-i', join(s.base, 'two.tar')], args: ['rmi', '-f', 'two:1'], again: ['rmi', '-f', 'two:1'], done: gone },
    { what: 'tag', args: ['tag', 'busybox', `t:${n}`], again: ['tag', 'busybox', `t:${n}`], after: ['untag', 'busybox', `t:${n}`] },
    { what: 'build', args: ['build', '-q', '--no-cache', '-t', `built${n}:1`, join(s.base, 'context')], again: ['image', 'prune', '-f'] },
    { what: 'volume create', args: ['volume', 'create', v], again: ['volume', 'create', '--ignore', v], after: ['volume', 'rm', v] },
    { what: 'volume rm', before: ['volume', 'create', '--ignore', v], args: ['volume', 'rm', v], again: ['volume', 'rm', v], done: gone },
    { what: 'secret create', args: ['secret', 'create', '--replace', `key${n}`, join(s.base, 'two.tar')], again: ['secret', 'create', '--replace', `key${n}`, join(s.base, 'context/Containerfile')] },
    { what: 'image prune', args: ['image', 'prune', '-f'], again: ['image', 'prune', '-f'] },
  ];
}

/** By command: how long it takes if nobody kills it, milliseconds; and the points that it passes. */
const lasts = new Map<string, number>();
const points = new Map<string, readonly string[]>();

interface End {
  readonly killed: boolean;
  readonly milliseconds: number;
}

function run(args: readonly string[], env: Readonly<Record<string, string>>, killAfter?: number): Promise<End> {
  const [file, ...words] = productWithCrashPoints();
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...words, ...args], { env: { ...s.env, ...env }, cwd: s.base, stdio: 'ignore' });
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.once('error', reject);
    child.once('exit', (_status, signal) => {
      clearTimeout(timer);
      resolve({ killed: signal === 'SIGKILL', milliseconds: performance.now() - begun });
    });
  });
}

/** Learns, undisturbed, what passes where. */
async function learn(kind: Kind, log: string): Promise<void> {
  rmSync(log, { force: true });
  if (kind.before !== undefined) await s.ok(kind.before);
  const { milliseconds } = await run(kind.args, { SCULL_CRASH_LOG: log });
  lasts.set(kind.what, milliseconds);
  points.set(kind.what, readFileSync(log, { encoding: 'utf8', flag: 'a+' }).split('\n').filter((name) => name !== ''));
  await goOn(kind);
}

/** @returns what was not as it should be */
async function goOn(kind: Kind): Promise<string | undefined> {
  for (const args of [kind.again, kind.after]) {
    if (args === undefined) continue;
    const result = await s.scull(args, { timeout: 100_000 });
    if (result.status !== 0 && kind.done?.test(result.stderr) !== true) return `${kind.what}: then ${args.join(' ')} → ${result.status}: ${result.stderr.slice(0, 500)}`;
  }
  return undefined;
}

/** Kills one command, if it does not end before, and goes on. */
async function killOnce(kind: Kind, next: () => number): Promise<{ readonly killed: boolean; readonly wrong: string | undefined }> {
  if (kind.before !== undefined) {
    const made = await s.scull(kind.before, { timeout: 100_000 });
    if (made.status !== 0) return { killed: false, wrong: `${kind.what}: before it ${kind.before.join(' ')} → ${made.status}: ${made.stderr.slice(0, 500)}` };
  }
  const passed = points.get(kind.what) as readonly string[];
  const at = Math.floor(next() * passed.length);
  const turn = passed.slice(0, at + 1).filter((name) => name === passed[at]).length;
  const duration = lasts.get(kind.what) as number;
  const byPoint = passed.length > 0 && next() < 0.5;
  const { killed, milliseconds } = byPoint ? await run(kind.args, { SCULL_CRASH_AT: `${passed[at]}@${turn}` }) : await run(kind.args, {}, next() * duration * 1.1);
  // A machine that gets slower or faster meanwhile: kills go on to be spread over all of the command.
  if (!killed) lasts.set(kind.what, (duration + milliseconds) / 2);
  const wrong = await goOn(kind);
  return { killed, wrong: wrong === undefined ? undefined : `${wrong}\n  (${byPoint ? `at ${passed[at]}@${turn}` : 'after a time'})` };
}

test(`${KILLS} kills at random, four at a time: who was killed goes on at once, and the store is sound all the while`, async () => {
  const seed = testSeed();
  writeFileSync(join(s.base, 'two.tar'), dockerArchive({ tags: ['two:1'], layers: [busyboxEntries(), [{ path: 'own', content: 'own'.repeat(50_000) }, { path: 'etc/.wh.group', content: '' }]] }));
  mkdirSync(join(s.base, 'context'), { recursive: true });
  writeFileSync(join(s.base, 'context/Containerfile'), 'FROM busybox\nRUN echo new >/new; rm /etc/group\n');
  for (const kind of kinds(0)) await learn(kind, join(s.base, 'passed'));
  let kills = 0;
  const wrong: string[] = [];
  for (let quarter = 1; quarter <= 4; quarter++) {
    const lane = async (number: number): Promise<void> => {
      const next = random(seed + 1000 * number + quarter);
      const all = kinds(number);
      while (kills < (KILLS * quarter) / 4 && wrong.length === 0) {
        const result = await killOnce(all[Math.floor(next() * all.length)] as Kind, next);
        if (result.killed) kills += 1;
        if (result.wrong !== undefined) wrong.push(result.wrong);
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    expect(wrong, `SCULL_TEST_SEED=${seed}, after ${kills} kills`).toEqual([]);
    await expectSound(s, `SCULL_TEST_SEED=${seed}, after ${kills} kills`);
  }
  process.stderr.write(`random kills: ${kills}, SCULL_TEST_SEED=${seed}\n`);
  await s.ok(['rm', '-a', '-f', '-v', '-t', '0']);
  await expectUsageOfDu(s, `SCULL_TEST_SEED=${seed}`);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'alive'])).toBe('alive');
}, 900_000);

test('at the end nothing is left that a prune does not find', async () => {
  await s.ok(['secret', 'rm', '-a']);
  await expectEmpty(s, 'after all kills');
});
