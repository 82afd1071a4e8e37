import { describe, expect, test } from 'vitest';
import { nextRestart, startsOnBoot } from '../../../src/runtime/restart-state.ts';
import type { RestartSpec } from '../../../src/spec/container-spec.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const ended = (exitCode: number, seconds: number, count = 0, streak = 0, endWanted = false) => ({
  state: { exitCode, startedAt: new Date(START).toISOString(), finishedAt: new Date(START + seconds * 1000).toISOString() },
  restarts: { count, streak },
  endWanted,
});
const next = (policy: RestartSpec, ...facts: Parameters<typeof ended>) => nextRestart(policy, ended(...facts));

describe('restart policies', () => {
  test('always and unless-stopped start whatever ended, on-failure what failed, as often as it may', () => {
    for (const name of ['always', 'unless-stopped'] as const) expect(next({ name }, 0, 60)).toEqual({ after: 0, restarts: { count: 1, streak: 1 } });
    expect(next({ name: 'on-failure' }, 0, 60)).toBeUndefined();
    expect(next({ name: 'on-failure' }, 3, 60)?.restarts.count).toBe(1);
    expect(next({ name: 'on-failure', maxRetries: 2 }, 3, 60, 1)?.restarts.count).toBe(2);
    expect(next({ name: 'on-failure', maxRetries: 2 }, 3, 60, 2)).toBeUndefined();
    expect(next({ name: 'no' }, 3, 60)).toBeUndefined();
  });

  test('nobody starts what was stopped on purpose', () => {
    expect(next({ name: 'always' }, 137, 60, 0, 0, true)).toBeUndefined();
  });

  test('at once the first time, then later and later while it ends soon, a minute at most, and anew when it has lived', () => {
    const pauses: number[] = [];
    let restarts = { count: 0, streak: 0 };
    for (let turn = 0; turn < 13; turn += 1) {
      const step = nextRestart({ name: 'always' }, { ...ended(1, 1), restarts });
      pauses.push(step?.after ?? -1);
      restarts = step?.restarts ?? restarts;
    }
    expect(pauses).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
    expect(restarts.count).toBe(13);
    expect(next({ name: 'always' }, 1, 10, 13, 13)).toEqual({ after: 0, restarts: { count: 14, streak: 1 } });
  });

  test('what boots', () => {
    expect([startsOnBoot({ name: 'always' }, true), startsOnBoot({ name: 'unless-stopped' }, false), startsOnBoot({ name: 'unless-stopped' }, true), startsOnBoot({ name: 'on-failure' }, false), startsOnBoot(undefined, false)]).toEqual([true, true, false, false, false]);
  });
});
