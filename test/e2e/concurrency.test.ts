/**
 * Many commands at a time, of every kind, on few names: each is done, or refused for a reason that a user understands; some
 * are killed at random. Seconds and seed: SCULL_TEST_SECONDS, SCULL_TEST_SEED.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { random, testSeed } from '../support/random.ts';
import { useScull, type Result } from '../support/scull.ts';
import { expectEmpty, expectSound, expectUsageOfDu } from '../support/store-facts.ts';

const s = useScull();
const seconds = Number(process.env['SCULL_TEST_SECONDS'] ?? '60');
const PROCESSES = 64;

type Pick = (count: number) => number;

/** What works on the store alone. */
const ofTheStore = (pick: Pick): string[] => {
  // No hex digits, as `c1` is: what has no such name would be looked for among the beginnings of ids.
  const [container, volume, tag] = [`n${pick(12)}`, `v${pick(6)}`, `t:${pick(8)}`];
  const all: string[][] = [
    ['run', '--rm', '--network', 'none', 'busybox', 'true'],
    ['run', '-d', '--network', 'none', '--name', container, '-v', `${volume}:/data`, 'busybox', 'sleep', '1000'],
    ['create', '--name', container, 'busybox', 'true'],
    ['start', container],
    ['stop', '-t', '0', container],
    ['rm', container],
    ['rm', '-f', '-t', '0', container],
    ['rename', container, `n${pick(12)}`],
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

/** What starts more than a container: networks, ports, pods, keepers, sessions, builds. */
const withHelpers = (pick: Pick): string[] => {
  const [container, network, pod, volume] = [`x${pick(6)}`, `n${pick(2)}`, `p${pick(3)}`, `v${pick(3)}`];
  const all: string[][] = [
    ['run', '-d', '--name', container, '-p', '80', 'busybox', 'sleep', '1000'],
    ['run', '-d', '--name', container, '--network', network, '-p', '80', 'busybox', 'sleep', '1000'],
    ['run', '--rm', '--network', network, 'busybox', 'true'],
    ['run', '--rm', 'busybox', 'true'],
    ['run', '-d', '--restart', 'always', '--name', container, 'busybox', 'sleep', '0.3'],
    ['run', '-d', '--health-cmd', 'true', '--health-interval', '1s', '--name', container, '-v', `${volume}:/data`, 'busybox', 'sleep', '1000'],
    ['network', 'create', network],
    ['network', 'rm', '-f', '-t', '0', network],
    ['network', 'connect', network, container],
    ['network', 'disconnect', network, container],
    ['pod', 'create', '-p', '81', pod],
    ['run', '-d', '--pod', pod, 'busybox', 'sleep', '1000'],
    ['pod', 'start', pod],
    ['pod', 'stop', '-t', '0', pod],
    ['pod', 'rm', '-f', '-t', '0', pod],
    ['exec', container, 'true'],
    ['exec', '-d', container, 'sleep', '2'],
    ['start', container],
    ['restart', '-t', '0', container],
    ['stop', '-t', '0', container],
    ['kill', container],
    ['rm', '-f', '-t', '0', container],
    ['cp', `${container}:/bin/busybox`, join(s.base, `copy${pick(5)}`)],
    ['commit', '-q', container, `committed${pick(3)}`],
    ['build', '-q', '-t', `built${pick(2)}`, ...(pick(2) === 0 ? ['--no-cache'] : []), join(s.base, 'context')],
    ['save', '-q', '-o', join(s.base, `saved${pick(4)}`), 'busybox'],
    ['rmi', '-f', `built${pick(2)}`],
    ['container', 'prune', '-f'],
    ['volume', 'rm', '-f', volume],
  ];
  return all[pick(all.length)] as string[];
};

/** What a user expects to hear when others work on the same names. */
const REFUSALS = /no container with name|no such container|no such image|no such object|no such volume|no image|is already in use|already exists|already has the name|is used by|is running|cannot remove container|not running|can only (exec|kill)|another command is working|was removed while|keep being created|cannot pull|has more than one name|not known|is not in the store|removed meanwhile|ended while|ended or removed/i;

/** Registries are out of reach: what would be pulled is refused at once. */
function refused(result: Result): boolean {
  return REFUSALS.test(result.stderr) && isClean(result);
}

function isClean({ stderr }: Result): boolean {
  return /^Error: /m.test(stderr) && !/this is a bug|^\s+at |ENOENT|undefined/m.test(stderr);
}

interface Crowd {
  readonly seed: number;
  readonly processes: number;
  readonly commands: (pick: Pick) => string[];
  /** Part of them, 0 to 1. */
  readonly killed: number;
  readonly isRefusal: (result: Result) => boolean;
}

async function crowd({ seed, processes, commands, killed: part, isRefusal }: Crowd): Promise<{ readonly done: number; readonly killed: number; readonly strange: string[] }> {
  const next = random(seed);
  const pick = (count: number): number => Math.floor(next() * count);
  const end = Date.now() + seconds * 1000;
  const strange: string[] = [];
  let [done, killed] = [0, 0];
  const lane = async (): Promise<void> => {
    while (Date.now() < end) {
      const args = commands(pick);
      const running = s.start(args, { timeout: 100_000 });
      const kill = next() < part;
      if (kill) setTimeout(() => running.child.kill('SIGKILL'), next() * 300);
      const exited = new Promise<void>((resolve) => running.child.once('exit', () => resolve()));
      const result = kill ? await exited.then(() => undefined) : await running.ended;
      if (kill) killed += 1;
      else done += 1;
      // `rmi -f` ends the containers of its image, `network rm -f` those on it, `stop` what exec has started.
      const killedToo = ['run', 'exec'].includes(args[0] as string) && result?.status === 137 && result.stderr === '';
      if (result !== undefined && result.status !== 0 && !killedToo && !isRefusal(result)) strange.push(`${args.join(' ')} → ${result.status}: ${result.stderr.slice(0, 600)}`);
    }
  };
  await Promise.all(Array.from({ length: processes }, lane));
  return { done, killed, strange };
}

test.each([['none killed', 0], ['a third killed at random', 0.3]] as const)('sixty-four at a time, %s: each is done or refused for a reason, and the store is sound', async (_what, part) => {
  const seed = testSeed();
  for (const number of [0, 1, 2]) {
    writeFileSync(join(s.base, `image${number}.tar`), dockerArchive({ tags: [`made${number}:1`], layers: [busyboxEntries(), [{ path: 'own', content: `${number}`.repeat(200_000) }]] }));
  }
  const { done, killed, strange } = await crowd({ seed, processes: PROCESSES, commands: ofTheStore, killed: part, isRefusal: refused });
  process.stderr.write(`concurrency: seed ${seed}, ${done} commands, ${killed} killed\n${strange.map((line) => `strange: ${line}\n`).join('')}`); // a retry would hide it
  expect(strange, `seed ${seed}`).toEqual([]);
  expect(done).toBeGreaterThan(PROCESSES);
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await expectSound(s, `seed ${seed}`);
  await expectUsageOfDu(s, `seed ${seed}`);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'alive'])).toBe('alive');
}, 600_000);

test('twelve at a time that start more than a container, networks, pods, keepers and builds, some killed: nothing of it goes on', async () => {
  const seed = testSeed();
  mkdirSync(join(s.base, 'context'), { recursive: true });
  writeFileSync(join(s.base, 'context', 'Containerfile'), 'FROM busybox\nRUN echo a > /a\nCOPY Containerfile /c\nRUN --mount=type=cache,target=/x echo b > /b\n');
  const { done, killed, strange } = await crowd({ seed, processes: 12, commands: withHelpers, killed: 0.4, isRefusal: isClean });
  process.stderr.write(`concurrency: seed ${seed}, ${done} commands, ${killed} killed\n${strange.map((line) => `strange: ${line}\n`).join('')}`);
  expect(strange, `seed ${seed}`).toEqual([]);
  await s.ok(['pod', 'rm', '-a', '-f', '-t', '0']);
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await s.ok(['network', 'prune', '-f']);
  await expectSound(s, `seed ${seed}`);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'alive'])).toBe('alive');
}, 600_000);

test('at the end nothing is left that a prune does not find', async () => {
  await expectEmpty(s, 'after the crowds');
});
