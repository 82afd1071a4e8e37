import { describe, expect, it } from 'vitest';
import { parseDuration, parseTime } from '../../../src/cli/time.ts';

const now = Date.parse('2024-05-31T12:00:00Z');

describe('times', () => {
  it.each([
    ['2024-05-31T10:00:00Z', '2024-05-31T10:00:00.000Z'],
    ['2024-05-31T10:00:00.123456789Z', '2024-05-31T10:00:00.123Z'],
    ['2024-05-31T10:00:00+02:00', '2024-05-31T08:00:00.000Z'],
    ['2024-05-31T10:00:00', '2024-05-31T10:00:00.000Z'],
    ['2024-05-31 10:00', '2024-05-31T10:00:00.000Z'],
    ['2024-05-31', '2024-05-31T00:00:00.000Z'],
    ['1717149600', '2024-05-31T10:00:00.000Z'],
    ['1717149600.5', '2024-05-31T10:00:00.500Z'],
    ['10m', '2024-05-31T11:50:00.000Z'],
    ['1h30m', '2024-05-31T10:30:00.000Z'],
  ])('%s', (text, expected) => {
    expect(new Date(parseTime(text, '--since', { now, spans: 'past' })).toISOString()).toBe(expected);
  });
  it('count spans forward where that is meant', () => {
    expect(parseTime('5s', '--until', { now, spans: 'future' })).toBe(now + 5000);
  });
  it.each(['', 'yesterday', '2024-13-45', '10 minutes', '5d'])('%j is refused, naming the flag', (text) => {
    expect(() => parseTime(text, '--since', { now, spans: 'past' })).toThrow(`invalid time ${JSON.stringify(text)} for --since`);
  });
});

describe('spans', () => {
  it.each([
    ['250ms', 250],
    ['1.5s', 1500],
    ['2h45m', 9_900_000],
    ['-1s', -1000],
    ['0', 0],
    ['500us', 0.5],
    ['5', undefined],
    ['s', undefined],
    ['1x', undefined],
  ])('%s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});
