import { describe, expect, test } from 'vitest';
import { choosePlatform, formatPlatform, hostPlatform, parsePlatform } from '../../../src/oci/platform.ts';

describe('of several images the best is chosen', () => {
  test.each<[string, string[], string | undefined]>([
    ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v2'], 'linux/amd64/v2'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64'],
    ['linux/arm64', ['linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/arm64/v8', ['linux/arm64'], 'linux/arm64'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v8'], 'linux/arm/v6'],
    ['linux/arm/v6', ['linux/arm/v5', 'linux/arm/v7'], 'linux/arm/v5'],
    ['linux/arm', ['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'], 'linux/arm/v7'],
    ['linux/s390x', ['linux/amd64', 'linux/arm64'], undefined],
    ['linux/amd64', ['windows/amd64'], undefined],
    ['linux/amd64', [], undefined],
  ])('for %s from %j: %s', (want, have, chosen) => {
    const candidates = have.map((text) => ({ text, platform: rawPlatform(text) }));
    expect(choosePlatform(candidates, parsePlatform(want))?.text).toBe(chosen);
  });
});

test('a word alone is an architecture or an operating system', () => {
  const host = formatPlatform(hostPlatform());
  expect(['arm64', 'x86_64', 'armhf', 'linux', 'Linux', 'windows'].map((text) => formatPlatform(parsePlatform(text)))).toEqual(['linux/arm64', 'linux/amd64', 'linux/arm/v7', host, host, host.replace('linux', 'windows')]);
  expect(() => parsePlatform('bogus')).toThrow('invalid platform "bogus": it is neither an operating system nor an architecture');
});

test('entries without a platform are never chosen', () => {
  expect(choosePlatform([{}, { platform: { os: 'unknown', architecture: 'unknown' } }], parsePlatform('linux/amd64'))).toBeUndefined();
});

/** As it stands in an index, not normalised. */
function rawPlatform(text: string): { os: string; architecture: string; variant?: string } {
  const [os = '', architecture = '', variant] = text.split('/');
  const platform = variant === undefined ? { os, architecture } : { os, architecture, variant };
  expect(formatPlatform(platform)).toBe(text);
  return platform;
}
