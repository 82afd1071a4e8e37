import { expect, test } from 'vitest';
import { decodeIndex } from '../../../src/oci/decode.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../src/oci/image.ts';
import { annotateIndex, annotateInstance, EMPTY_INDEX, encodeIndex, noteOn, withInstances, withoutInstance } from '../../../src/oci/index-edit.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const entry = (letter: string, architecture: string, mediaType: string = MEDIA_TYPES.ociManifest): Descriptor => ({ mediaType, digest: digest(letter), size: 7, platform: { os: 'linux', architecture } });
const two = withInstances(EMPTY_INDEX, [entry('a', 'amd64'), entry('b', 'arm64')]);

test('an image that is in the list already is described anew in its place', () => {
  expect(withInstances(two, [entry('a', 'riscv64'), entry('c', 's390x')]).manifests.map((one) => one.platform?.architecture)).toEqual(['riscv64', 'arm64', 's390x']);
  expect(withoutInstance(two, digest('a')).manifests).toEqual([entry('b', 'arm64')]);
});

test('notes change what they name and nothing else', () => {
  const noted = annotateInstance(two, digest('b'), { annotations: { a: '1' }, variant: 'v8', features: ['x'] });
  expect(noted.manifests[0]).toEqual(entry('a', 'amd64'));
  expect(noted.manifests[1]).toEqual({ ...entry('b', 'arm64'), platform: { os: 'linux', architecture: 'arm64', variant: 'v8', features: ['x'] }, annotations: { a: '1' } });
  expect(annotateInstance(noted, digest('b'), { annotations: { c: '2' }, architecture: 'aarch64' }).manifests[1]).toMatchObject({ annotations: { a: '1', c: '2' }, platform: { architecture: 'arm64', variant: 'v8' } });
  expect(noteOn(entry('a', 'amd64'), {})).toEqual(entry('a', 'amd64'));
  const artifact: Descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digest('d'), size: 1, artifactType: 'a/b' };
  expect(noteOn(artifact, { annotations: {} })).toEqual(artifact);
});

test('what is written is read back as it was', () => {
  const subject = { mediaType: MEDIA_TYPES.ociManifest, digest: digest('e'), size: 3 };
  const index = annotateIndex(two, { x: 'y' }, subject);
  expect(decodeIndex(encodeIndex(index) as Uint8Array).index).toEqual(index);
});

test('Docker’s kind of list holds images of Docker’s kind, and no annotations', () => {
  const docker = withInstances(EMPTY_INDEX, [entry('a', 'amd64', MEDIA_TYPES.dockerManifest)]);
  expect(decodeIndex(encodeIndex(docker, 'docker') as Uint8Array).mediaType).toBe(MEDIA_TYPES.dockerManifestList);
  expect(encodeIndex(two, 'docker')).toBeUndefined();
  expect(encodeIndex(annotateIndex(docker, { a: 'b' }), 'docker')).toBeUndefined();
});
