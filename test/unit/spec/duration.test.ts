import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/spec/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['10s', 10], ['1h30m', 5400], ['1.5h', 5400], ['500ms', 0.5], ['2m', 120], ['0', 0], ['30', 30], ['-1', -1], ['-1.5s', -1.5], ['1h1m1s', 3661], ['100us', 0.0001], ['100µs', 0.0001], ['.5s', 0.5],
  ])('reads %j as %d seconds', (text, seconds) => {
    expect(parseDuration(text, '--time')).toBeCloseTo(seconds, 9);
  });

  it.each(['', 's', 'ten', '10x', '1h 30m', '1d', '1h30', '--1s'])('refuses %j', (text) => {
    expect(() => parseDuration(text, '--time')).toThrow(`invalid duration ${JSON.stringify(text)} for --time`);
  });
});
