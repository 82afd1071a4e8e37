import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, sleep } from '../support/eventually.ts';
import { top } from '../support/product.ts';
import { useScull, type Running } from '../support/scull.ts';

const s = useScull();

/** Kills scull after `delay` ms and waits for its own end: what it started may still keep its output open. */
async function killAfter(running: Running, delay: number): Promise<void> {
  const ended = new Promise((resolve) => running.child.once('exit', resolve));
  setTimeout(() => running.child.kill('SIGKILL'), delay);
  await ended;
}

async function everythingWorks(): Promise<void> {
  await s.ok(['ps', '-a']);
  await s.ok(['images']);
  expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'alive'])).toBe('alive');
  // What killed commands had begun is swept by those that come after them.
  for (const boot of readdirSync(s.runRoot)) {
    expect(readdirSync(`${s.runRoot}/${boot}/c`).filter((name) => name.startsWith('.'))).toEqual([]);
  }
}

/** Kills a fresh `scull …` with SIGKILL after `delay` ms, `rounds` times with delays spread over `span` ms. */
async function killAtManyMoments(args: (round: number) => readonly string[], span: number, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await killAfter(s.start(args(round)), (span * (round + 0.5)) / rounds);
    // Whatever there is of it now can be seen and removed by the next command.
    const name = `victim${round}`;
    const seen = await s.scull(['inspect', '--type', 'container', '--format', '{{.State.Status}}', name]);
    if (seen.status === 0) expect(seen.stdout.trim()).toMatch(/^(created|initialized|running|exited|stopped|removing)$/);
    await s.ok(['rm', '-f', '--ignore', '-t', '0', name]);
    expect(await s.ok(['create', '--name', name, 'busybox', 'true']), 'the name is free again').toMatch(/^[0-9a-f]{64}$/);
    await s.ok(['rm', name]);
  }
  await everythingWorks();
}

test('run --rm killed at any moment', async () => {
  await killAtManyMoments((round) => ['run', '--rm', '--name', `victim${round}`, 'busybox', 'true'], 120, 24);
}, 300_000);

test('run -d killed at any moment', async () => {
  await killAtManyMoments((round) => ['run', '-d', '--name', `victim${round}`, 'busybox', 'sleep', '100'], 100, 16);
}, 300_000);

test('what killed commands left in the store goes with the next removal of all', async () => {
  for (let round = 0; round < 20; round++) await killAfter(s.start(round % 2 === 0 ? ['create', '--name', `left${round}`, 'busybox'] : ['run', '-d', '--name', `left${round}`, 'busybox', 'sleep', '100']), 3 * round);
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await eventually('an empty store', async () => {
    await s.ok(['rm', '-a', '-f', '-t', '0']); // a monitor whose command was killed may have outlived the first
    return ['names', 'containers', 'staging', 'staging/trash'].every((folder) => readdirSync(`${s.storeRoot}/${folder}`).filter((name) => name !== 'trash').length === 0);
  });
}, 300_000);

test('start killed at any moment', async () => {
  for (let round = 0; round < 12; round++) {
    await s.ok(['create', '--name', 'st', 'busybox', 'sleep', '100']);
    await killAfter(s.start(['start', 'st']), 8 * round);
    await s.ok(['start', 'st']);
    expect(await s.ok(['exec', 'st', 'echo', 'up'])).toBe('up');
    await s.ok(['rm', '-f', '-t', '0', 'st']);
  }
}, 300_000);

test('rm -f and stop killed at any moment', async () => {
  for (let round = 0; round < 12; round++) {
    await s.ok(['run', '-d', '--name', 'going', 'busybox', 'sleep', '100']);
    await killAfter(s.start([...(round % 2 === 0 ? ['rm', '-f', '-t', '0'] : ['stop', '-t', '0']), 'going']), 4 * round);
    await s.ok(['rm', '-f', '--ignore', '-t', '0', 'going']);
  }
  await everythingWorks();
}, 300_000);

test('exec killed at any moment: the container goes on, and nothing of the session is left when it ends', async () => {
  await s.ok(['run', '-d', '--name', 'hosts', '--network', 'none', 'busybox', 'sleep', '1000']);
  for (let round = 0; round < 16; round++) {
    await killAfter(s.start(['exec', ...(round % 2 === 0 ? [] : ['-d']), 'hosts', 'sleep', '1']), 4 * round);
    expect(await s.ok(['exec', 'hosts', 'echo', 'on'])).toBe('on');
  }
  await s.ok(['rm', '-f', '-t', '0', 'hosts']);
  await everythingWorks();
}, 300_000);

test('create killed at any moment', async () => {
  await killAtManyMoments((round) => ['create', '--name', `victim${round}`, ...(round % 2 === 0 ? [] : ['--userns=auto']), 'busybox', 'true'], 60, 16);
}, 300_000);

test('load killed at any moment', async () => {
  await s.ok(['save', '-o', `${s.base}/b.tar`, 'busybox']);
  for (let round = 0; round < 10; round++) {
    await s.ok(['rmi', '-f', 'busybox']);
    await killAfter(s.start(['load', '-q', '-i', `${s.base}/b.tar`]), 15 * round);
    await s.ok(['load', '-q', '-i', `${s.base}/b.tar`]);
    await everythingWorks();
  }
}, 300_000);

test('what was to show the output of a container that a killed caller has not started ends with the caller', async () => {
  const helper = spawn(join(top, 'dist', 'scull-helper'), ['attach', '--socket', join(s.base, 'nobody-makes-it'), '--ready-fd', '3', '--patience', '30000'], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const ended = new Promise<string>((resolve) => {
    let said = '';
    helper.stderr?.on('data', (chunk) => (said += String(chunk)));
    helper.once('close', () => resolve(said));
  });
  await sleep(100);
  expect(helper.exitCode).toBeNull();
  helper.stdio[3]?.destroy();
  expect(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000, 'it goes on'))])).toMatch(/cannot attach/);
});

test('the caller killed while a foreground container runs: it goes on or ends, and can be removed', async () => {
  const running = s.start(['run', '--name', 'orphaned', 'busybox', 'sh', '-c', 'echo up; sleep 100']);
  await expect.poll(() => running.stdout()).toBe('up\n');
  await killAfter(running, 0);
  await s.ok(['rm', '-f', '-t', '0', 'orphaned']);
  await everythingWorks();
});
