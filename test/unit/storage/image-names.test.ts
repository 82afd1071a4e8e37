import { describe, expect, test } from 'vitest';
import { parseDigest, type Digest } from '../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../src/oci/image.ts';
import { dropImage, dropNames, putNames } from '../../../src/storage/image-names.ts';
import type { IndexEntry } from '../../../src/storage/index-file.ts';

const digest = (digit: string): Digest => parseDigest(`sha256:${digit.repeat(64)}`);
/** `a1` is manifest 1 of image a. */
function entry(which: string, name?: string, repoDigests: readonly string[] = []): IndexEntry {
  const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digest(which[1] as string), size: 1 };
  return { descriptor, imageId: digest(which[0] as string), repoDigests, ...(name === undefined ? {} : { name }) };
}
const shown = (entries: readonly IndexEntry[]): string[] => entries.map((one) => `${one.imageId?.[7]}${one.descriptor.digest[7]} ${one.name ?? '-'}`);

describe('giving names', () => {
  test('adds one entry for each name', () => {
    expect(shown(putNames([], entry('a1'), ['x', 'y']))).toEqual(['a1 x', 'a1 y']);
  });

  test('without any lists the image as dangling, once', () => {
    expect(shown(putNames([], entry('a1'), []))).toEqual(['a1 -']);
    expect(shown(putNames([entry('a1')], entry('a1'), []))).toEqual(['a1 -']);
    expect(shown(putNames([entry('a1', 'x')], entry('a1'), []))).toEqual(['a1 x']);
  });

  test('to a dangling image ends its dangling', () => {
    expect(shown(putNames([entry('a1')], entry('a1'), ['x']))).toEqual(['a1 x']);
  });

  test('takes them from the image that had them, which stays', () => {
    expect(shown(putNames([entry('a1', 'x'), entry('b2', 'y')], entry('b2'), ['x']))).toEqual(['b2 x', 'b2 y', 'a1 -']);
    expect(shown(putNames([entry('a1', 'x'), entry('a1', 'z')], entry('b2'), ['x']))).toEqual(['b2 x', 'a1 z']);
  });

  test('to another manifest of the same image leaves nothing of the old one', () => {
    expect(shown(putNames([entry('a1', 'x')], entry('a2'), ['x']))).toEqual(['a2 x']);
  });

  test('keeps what is known about where a manifest came from', () => {
    const entries = putNames([entry('a1', 'x', ['r@1'])], entry('a1', undefined, ['s@1']), ['y']);
    expect(entries.map((one) => one.repoDigests)).toEqual([['r@1', 's@1'], ['r@1', 's@1']]);
  });
});

test('taking the last name leaves a dangling image, taking one of several does not', () => {
  expect(shown(dropNames([entry('a1', 'x'), entry('a1', 'y')], ['x']))).toEqual(['a1 y']);
  expect(shown(dropNames([entry('a1', 'x'), entry('a1', 'y'), entry('b2', 'z')], ['x', 'y']))).toEqual(['b2 z', 'a1 -']);
});

test('dropping an image drops all its names and manifests', () => {
  expect(shown(dropImage([entry('a1', 'x'), entry('a2'), entry('b3', 'y')], digest('a')))).toEqual(['b3 y']);
});
