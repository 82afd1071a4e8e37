import { expect, test } from 'vitest';
import { Turns } from '../../../src/host/turns.ts';

test('no more than so many have their turn, in the order in which they came', async () => {
  const turns = new Turns(2);
  const log: number[] = [];
  const first = await turns.take();
  const second = await turns.take();
  const third = turns.take().then((turn) => (log.push(3), turn));
  const fourth = turns.take().then((turn) => (log.push(4), turn));
  await Promise.resolve();
  expect(log).toEqual([]);
  first.end();
  first.end(); // gives away one turn all the same
  const turn = await third;
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual([3]);
  second.end();
  (await fourth).end();
  turn.end();
  expect(log).toEqual([3, 4]);
  await turns.take();
  await turns.take();
});
