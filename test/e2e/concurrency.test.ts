/**
 * Sixty-four commands at a time, of every kind, on few names: each is done, or refused for a reason that a user understands; some
 * are killed at random. Seconds and seed: SCULL_TEST_SECONDS, SCULL_TEST_SEED.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { random, testSeed } from '../support/random.ts';
import { useScull, type Result } from '../support/scull.ts';
import { expectEmpty, expectSound, expectUsageOfDu } from '../support/store-facts.ts';

const s = useScull();
const seconds = Number(process.env['SCULL_TEST_SECONDS'] ?? '15');
const PROCESSES = 64;

const commands = (pick: (count: number) => number): string[] => {
  const [container, volume, tag] = [`c${pick(12)}`, `v${pick(6)}`, `t:${pick(8)}`];
  const all: string[][] = [
    ['run', '--rm', '--network', 'none', 'busybox', 'true'],
    ['run', '-d', '--network', 'none', '--name', container, '-v', `${volume}:/data`, 'busybox', 'sleep', '1000'],
    ['create', '--name', container, 'busybox', 'true'],
    ['start', container],
    ['stop', '-t', '0', container],
    ['rm', container],
    ['rm', '-f', '-t', '0', container],
    ['rename', container, `c${pick(12)}`],
    ['exec', container, 'true'],
    ['inspect', container],
    ['ps', '-a'],
    ['images'],
    ['volume', 'create', volume],
    ['volume', 'rm', volume],
    ['volume', 'ls'],
    ['tag', 'busybox', tag],
    ['rmi', tag],
    ['load', '-q', '-i', join(s.base, `image${pick(3)}.tar`)],
    ['rmi', `made${pick(3)}:1`],
    ['rmi', '-f', `made${pick(3)}:1`],
    ['run', '--rm', '--network', 'none', `made${pick(3)}:1`, 'true'],
    ['image', 'prune', '-f'],
    ['container', 'prune', '-f', '--filter', 'label=none'],
    ['system', 'df'],
    ['system', 'check', '--quick'],
  ];
  return all[pick(all.length)] as string[];
};

/** What a user expects to hear when others work on the same names. */
const REFUSALS = /no container with name|no such container|no such image|no such object|no such volume|no image|is already in use|already exists|already has the name|is used by|is running|cannot remove container|not running|can only (exec|kill)|another command is working|was removed while|keep being created|cannot pull|has more than one name|not known|is not in the store|removed meanwhile|ended while|ended or removed/i;

/** Registries are out of reach: what would be pulled is refused at once. */
function refused(result: Result): boolean {
  return REFUSALS.test(result.stderr) && !/this is a bug|^\s+at /m.test(result.stderr);
}

async function crowd(seed: number, kills: boolean): Promise<{ readonly done: number; readonly killed: number; readonly strange: string[] }> {
  const next = random(seed);
  const pick = (count: number): number => Math.floor(next() * count);
  const end = Date.now() + seconds * 1000;
  const strange: string[] = [];
  let [done, killed] = [0, 0];
  const lane = async (): Promise<void> => {
    while (Date.now() < end) {
      const args = commands(pick);
      const running = s.start(args, { timeout: 100_000 });
      const kill = kills && next() < 0.3;
      if (kill) setTimeout(() => running.child.kill('SIGKILL'), next() * 300);
      const ended = new Promise<void>((resolve) => running.child.once('exit', () => resolve()));
      const result = kill ? await ended.then(() => undefined) : await running.ended;
      if (kill) killed += 1;
      else done += 1;
      // `rmi -f` ends the containers of its image.
      const byRmi = args.includes('run') && result?.status === 137 && result.stderr === '';
      if (result !== undefined && result.status !== 0 && !byRmi && !refused(result)) strange.push(`${args.join(' ')} → ${result.status}: ${result.stderr.slice(0, 600)}`);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, lane));
  return { done, killed, strange };
}

test.each([['none killed', false], ['a third killed at random', true]] as const)('sixty-four at a time, %s: each is done or refused for a reason, and the store is sound', async (_what, kills) => {
  const seed = testSeed();
  for (const number of [0, 1, 2]) {
    writeFileSync(join(s.base, `image${number}.tar`), dockerArchive({ tags: [`made${number}:1`], layers: [busyboxEntries(), [{ path: 'own', content: `${number}`.repeat(200_000) }]] }));
  }
  const { done, killed, strange } = await crowd(seed, kills);
  process.stderr.write(`concurrency: seed ${seed}, ${done} commands, ${killed} killed\n${strange.map((line) => `strange: ${line}\n`).join('')}`); // a retry would hide it
  expect(strange, `seed ${seed}`).toEqual([]);
  expect(done).toBeGreaterThan(PROCESSES);
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await expectSound(s, `seed ${seed}`);
  await expectUsageOfDu(s, `seed ${seed}`);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'alive'])).toBe('alive');
}, 600_000);

test('at the end nothing is left that a prune does not find', async () => {
  await expectEmpty(s, 'after the crowds');
});
