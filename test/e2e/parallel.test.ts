import { expect, test } from 'vitest';
import { productName } from '../support/product.ts';
import { remainsOf, useScull } from '../support/scull.ts';

const s = useScull();

/** All twenty rounds with the executable; the same code on Node gets enough of them to tell that it is the same. */
const rounds = productName() === 'executable' ? 20 : 4;

test(`fifty containers in parallel, ${rounds} rounds: none fails, nothing is left`, async () => {
  for (let round = 0; round < rounds; round++) {
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => s.scull(['run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', `echo ${i}; exit ${i}`])));
    results.forEach((result, i) => expect(result, `round ${round}`).toEqual({ status: i, stdout: `${i}\n`, stderr: '' }));
    expect(await s.ok(['ps', '-a', '-q'])).toBe('');
  }
  await expect.poll(() => remainsOf(s), { timeout: 5000 }).toEqual([]);
}, 300_000);

test('forty detached with the default network, then all stopped at once', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, i) => s.ok(['run', '-d', '--name', `many${i}`, '--stop-signal', 'KILL', 'busybox', 'sleep', '1000'])));
  expect((await s.ok(['ps', '-q'])).split('\n').length).toBe(40);
  await s.ok(['stop', '-a']);
  expect(await s.ok(['ps', '-q'])).toBe('');
  await s.ok(['rm', '-a']);
}, 120_000);

test('commands of every kind at once disturb nobody', async () => {
  await s.ok(['run', '-d', '--name', 'base', 'busybox', 'sleep', '1000']);
  const commands = Array.from({ length: 60 }, (_, i) => {
    switch (i % 6) {
      case 0: return ['run', '--rm', 'busybox', 'true'];
      case 1: return ['exec', 'base', 'true'];
      case 2: return ['ps', '-a'];
      case 3: return ['create', '--name', `c${i}`, 'busybox', 'true'];
      case 4: return ['volume', 'create', `v${i}`];
      default: return ['tag', 'busybox', `tagged:${i}`];
    }
  });
  const results = await Promise.all(commands.map((args) => s.scull(args)));
  results.forEach((result, i) => expect(result, commands[i]?.join(' ')).toMatchObject({ status: 0 }));
  expect((await s.ok(['images', '--format', '{{.Repository}}:{{.Tag}}'])).split('\n').filter((name) => name.includes('tagged:')).length).toBe(10);
}, 120_000);
