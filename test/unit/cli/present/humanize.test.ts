import { describe, expect, it } from 'vitest';
import { binarySize, goTime, humanAgo, humanDuration, humanSize, humanSizeSpaced, shortId, truncate } from '../../../../src/cli/present/humanize.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

describe('sizes', () => {
  it.each([
    [0, '0B', '0 B'],
    [999, '999B', '999 B'],
    [1000, '1kB', '1 kB'],
    [1234, '1.23kB', '1.23 kB'],
    [72_800_000, '72.8MB', '72.8 MB'],
    [127_456_789, '127MB', '127 MB'],
    [999_600, '1MB', '1 MB'],
    [1_860_000_000, '1.86GB', '1.86 GB'],
  ])('%d bytes', (bytes, tight, spaced) => {
    expect(humanSize(bytes)).toBe(tight);
    expect(humanSizeSpaced(bytes)).toBe(spaced);
  });
  it('in powers of two for memory', () => {
    expect(binarySize(1_610_612_736)).toBe('1.5GiB');
  });
});

describe('spans of time', () => {
  it.each([
    [0, 'Less than a second'],
    [999, 'Less than a second'],
    [SECOND, '1 second'],
    [59 * SECOND, '59 seconds'],
    [60 * SECOND, 'About a minute'],
    [3 * 60 * SECOND, '3 minutes'],
    [HOUR, 'About an hour'],
    [2 * HOUR, '2 hours'],
    [47 * HOUR, '47 hours'],
    [2 * DAY, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [60 * DAY, '2 months'],
    [729 * DAY, '24 months'],
    [730 * DAY, '2 years'],
    [-5 * SECOND, 'Less than a second'],
  ])('%d ms', (span, text) => {
    expect(humanDuration(span)).toBe(text);
  });
  it('count from a time, and say nothing of one that never was', () => {
    const now = Date.parse('2024-05-01T12:00:00Z');
    expect(humanAgo('2024-05-01T10:00:00.123Z', now)).toBe('2 hours ago');
    expect(humanAgo('', now)).toBe('');
    expect(humanAgo('0001-01-01T00:00:00Z', now)).toBe('');
    expect(humanAgo('rubbish', now)).toBe('');
  });
});

describe('ids and texts', () => {
  it('are cut to what people read', () => {
    expect(shortId(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab');
    expect(shortId(`sha256:${'ab'.repeat(32)}`, true)).toBe('ab'.repeat(32));
    expect(truncate('sh -c sleep 100 & wait', 17)).toBe('sh -c sleep 100 &...');
    expect(truncate('true', 17)).toBe('true');
  });
  it('show times as Go prints them', () => {
    expect(goTime('2024-05-01T10:20:30.500Z')).toBe('2024-05-01 10:20:30.5 +0000 UTC');
    expect(goTime('2024-05-01T10:20:30Z')).toBe('2024-05-01 10:20:30 +0000 UTC');
    expect(goTime('nonsense')).toBe('nonsense');
  });
});
