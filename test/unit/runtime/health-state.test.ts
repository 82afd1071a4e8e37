import { describe, expect, test } from 'vitest';
import { checkCommand, mergeHealth, type HealthPlan } from '../../../src/runtime/health-config.ts';
import { afterCheck, firstCheckAfter, firstHealth, type HealthState } from '../../../src/runtime/health-state.ts';

const STARTED = Date.parse('2026-01-01T00:00:00Z');
const plan = (wish: Parameters<typeof mergeHealth>[0], image?: Parameters<typeof mergeHealth>[1]): HealthPlan => mergeHealth({ test: ['CMD', 'true'], ...wish }, image) as HealthPlan;

/** States and actions after checks with these exit codes, a second apart. */
function after(health: HealthPlan, ...codes: number[]) {
  let state: HealthState = firstHealth(health);
  return codes.map((exitCode, index) => {
    const start = new Date(STARTED + (index + 1) * 1000);
    const checked = afterCheck(state, { start, end: start, exitCode, output: `said ${index}` }, health, STARTED);
    state = checked.state;
    return { ...checked, summary: `${state.Status} ${state.FailingStreak} ${checked.action}` };
  });
}
const summaries = (health: HealthPlan, ...codes: number[]) => after(health, ...codes).map(({ summary }) => summary);

describe('what checks make of the health', () => {
  test('one success is healthy, as many failures in a row as --health-retries says are unhealthy', () => {
    expect(summaries(plan({ retries: 2 }), 0, 1, 1, 0, 1)).toEqual(['healthy 0 none', 'healthy 1 none', 'unhealthy 2 none', 'healthy 0 none', 'healthy 1 none']);
    expect(summaries(plan({ retries: 3 }), 1, 1, 1)).toEqual(['starting 1 none', 'starting 2 none', 'unhealthy 3 none']);
    expect(summaries(plan({ retries: 1 }), -1)).toEqual(['unhealthy 1 none']);
  });

  test('failures in the start period do not count, a success does', () => {
    expect(summaries(plan({ retries: 1, startPeriod: 2.5 }), 1, 1, 1)).toEqual(['starting 0 none', 'starting 0 none', 'unhealthy 1 none']);
    expect(summaries(plan({ retries: 1, startPeriod: 60 }), 1, 0)).toEqual(['starting 0 none', 'healthy 0 none']);
  });

  test('what is to be done is said when it is unhealthy', () => {
    expect(summaries(plan({ retries: 2, onFailure: 'kill' }), 1, 1)).toEqual(['starting 1 none', 'unhealthy 2 kill']);
  });

  test('a startup check comes first; what it says does not count, and the others follow at once', () => {
    const health = plan({ retries: 1, interval: 30, startup: { test: ['CMD', 'x'], interval: 5, success: 2, retries: 3 } });
    const checked = after(health, 1, 0, 0, 1);
    expect(checked.map(({ summary }) => summary)).toEqual(['starting 0 none', 'starting 0 none', 'starting 0 none', 'unhealthy 1 none']);
    expect(checked.map(({ next }) => next)).toEqual([5000, 5000, 0, 30_000]);
    expect(summaries(health, 1, 1, 1)).toEqual(['starting 0 none', 'starting 0 none', 'starting 0 restart']);
  });

  test('no more is kept than was asked for', () => {
    const [, , last] = after(plan({ maxLogCount: 2, maxLogSize: 4 }), 0, 1, 0);
    expect(last?.state.Log.map(({ ExitCode, Output }) => [ExitCode, Output])).toEqual([[1, 'said'], [0, 'said']]);
    expect(after(plan({ maxLogCount: 0, maxLogSize: 0 }), ...Array<number>(9).fill(0)).at(-1)?.state.Log).toHaveLength(9);
  });

  test('the first check comes soon, or never', () => {
    expect(firstCheckAfter(plan({}))).toBe(100);
    expect(firstCheckAfter(plan({ interval: 0.05 }))).toBe(50);
    expect(firstCheckAfter(plan({ interval: 0 }))).toBeUndefined();
  });
});

describe('the wish and the image become one', () => {
  test("what is not asked for is the image's, then the default", () => {
    const image = { Test: ['CMD-SHELL', 'curl x'], Interval: 5e9, Retries: 7, StartPeriod: 2e9 };
    expect(mergeHealth(undefined, image)?.healthcheck).toEqual({ Test: ['CMD-SHELL', 'curl x'], Interval: 5e9, Timeout: 30e9, StartPeriod: 2e9, Retries: 7 });
    expect(mergeHealth({ interval: 1, retries: 2 }, image)?.healthcheck).toEqual({ Test: ['CMD-SHELL', 'curl x'], Interval: 1e9, Timeout: 30e9, StartPeriod: 2e9, Retries: 2 });
  });

  test.each([[undefined, undefined], [undefined, { Test: ['NONE'] }], [{ test: ['NONE'] }, { Test: ['CMD', 'x'] }], [{ interval: 3 }, {}], [undefined, { Test: ['CMD-SHELL'] }]])('nothing is checked with %j and %j', (wish, image) => {
    expect(mergeHealth(wish, image)).toBeUndefined();
  });

  test('a startup check needs another one', () => {
    expect(() => mergeHealth({ startup: { test: ['CMD', 'x'] } }, undefined)).toThrow('a startup health check needs a health check');
  });

  test('a line is for the shell, words are executed as they are', () => {
    expect(checkCommand(['CMD-SHELL', 'a && b'])).toEqual(['/bin/sh', '-c', 'a && b']);
    expect(checkCommand(['CMD', 'a', '&&'])).toEqual(['a', '&&']);
  });
});
