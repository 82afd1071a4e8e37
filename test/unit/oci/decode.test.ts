import { describe, expect, test } from 'vitest';
import { decodeImageConfig, decodeIndex, decodeManifest, decodeManifestOrIndex, MAX_DOCUMENT, MAX_LAYERS } from '../../../src/oci/decode.ts';
import { MEDIA_TYPES } from '../../../src/oci/image.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest, size: 1 };
const config = { mediaType: MEDIA_TYPES.ociConfig, digest, size: 2 };
const manifest = { schemaVersion: 2, config, layers: [descriptor] };
const index = { schemaVersion: 2, manifests: [{ mediaType: MEDIA_TYPES.ociManifest, digest, size: 3 }] };
const bytes = (value: unknown): Uint8Array =>
  value instanceof Uint8Array ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

describe('a manifest', () => {
  test('is decoded to what it says, without what is unknown', () => {
    expect(decodeManifest(bytes({ ...manifest, surprise: 1, annotations: { a: 'b' } }))).toEqual({
      kind: 'manifest',
      mediaType: MEDIA_TYPES.ociManifest,
      manifest: { ...manifest, annotations: { a: 'b' } },
    });
  });

  test('takes its type from itself, else from how it was handed over', () => {
    expect(decodeManifest(bytes({ ...manifest, mediaType: MEDIA_TYPES.dockerManifest })).mediaType).toBe(MEDIA_TYPES.dockerManifest);
    expect(decodeManifest(bytes(manifest), `${MEDIA_TYPES.dockerManifest}; charset=utf-8`).mediaType).toBe(MEDIA_TYPES.dockerManifest);
    expect(decodeManifest(bytes(manifest), 'application/json').mediaType).toBe(MEDIA_TYPES.ociManifest);
  });

  test.each([
    ['both a manifest and an index (CVE-2021-41190)', { ...manifest, manifests: [] }, undefined, /ambiguous/],
    ['an index with layers of schema 1', { ...index, fsLayers: [] }, undefined, /ambiguous/],
    ['called an index by itself', { ...manifest, mediaType: MEDIA_TYPES.ociIndex }, undefined, /has the fields of a manifest/],
    ['called an index by the server', manifest, MEDIA_TYPES.dockerManifestList, /has the fields of a manifest/],
    ['of two different types', { ...manifest, mediaType: MEDIA_TYPES.ociManifest }, MEDIA_TYPES.dockerManifest, /was handed over as/],
    ['not JSON', '{', undefined, /not JSON/],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), undefined, /not JSON/],
    ['a list', [], undefined, /not an object/],
    ['of no version', { ...manifest, schemaVersion: '2' }, undefined, /schemaVersion is not 2/],
    ['without config', { schemaVersion: 2, layers: [] }, undefined, /config is not an object/],
    ['with a digest that is a path (CVE-2024-3727)', { ...manifest, config: { ...config, digest: 'sha256:../../etc/passwd' } }, undefined, /config\.digest is not a digest/],
    ['with a size that is no number', { ...manifest, layers: [{ ...descriptor, size: '1' }] }, undefined, /layers\[0\]\.size/],
    ['with a negative size', { ...manifest, layers: [{ ...descriptor, size: -1 }] }, undefined, /layers\[0\]\.size/],
    ['with a size beyond what can be counted', { ...manifest, layers: [{ ...descriptor, size: 2 ** 60 }] }, undefined, /layers\[0\]\.size/],
    ['with too many layers', { ...manifest, layers: Array.from({ length: MAX_LAYERS + 1 }, () => descriptor) }, undefined, /at most 1000/],
    ['with a media type that is none', { ...manifest, layers: [{ ...descriptor, mediaType: 'x\u001b[2J/y' }] }, undefined, /layers\[0\]\.mediaType is not a media type/],
    ['with annotations that are no strings', { ...manifest, annotations: { a: 1 } }, undefined, /annotations\.a is not a string/],
  ])('is refused when it is %s', (_what, value, type, message) => {
    expect(() => decodeManifestOrIndex(bytes(value), type)).toThrow(expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(message) }));
  });

  test('is not read at all beyond its greatest size', () => {
    expect(() => decodeManifest(Buffer.alloc(MAX_DOCUMENT + 1, ' '))).toThrow(/too large/);
  });

  test('of schema 1 is named as such', () => {
    expect(() => decodeManifest(bytes({ schemaVersion: 1, fsLayers: [] }))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining('schema 1') }));
  });

  test('of one image and an index are told apart', () => {
    expect(() => decodeIndex(bytes(manifest))).toThrow(/found the manifest of one image/);
    expect(() => decodeManifest(bytes(index))).toThrow(/found an index/);
    expect(decodeIndex(bytes({ ...index, mediaType: MEDIA_TYPES.dockerManifestList })).mediaType).toBe(MEDIA_TYPES.dockerManifestList);
  });

  test('may have a key called __proto__ without changing anything', () => {
    const decoded = decodeManifest(bytes(`{"schemaVersion":2,"__proto__":{"layers":[]},"config":${JSON.stringify(config)},"layers":[],"annotations":{"__proto__":"x"}}`));
    expect(({} as { layers?: unknown }).layers).toBeUndefined();
    expect(Object.keys(decoded.manifest.annotations ?? {})).toEqual(['__proto__']);
  });
});

describe('an image configuration', () => {
  const least = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digest] } };

  test('is decoded with Go’s nulls taken as nothing', () => {
    const decoded = decodeImageConfig(bytes({ ...least, config: { Env: null, Cmd: ['sh'], Volumes: { '/v': null }, Labels: { a: 'b' }, Domainname: 'x' }, history: null }));
    expect(decoded).toEqual({ ...least, config: { Cmd: ['sh'], Volumes: { '/v': {} }, Labels: { a: 'b' } } });
  });

  test.each([
    ['without architecture', { os: 'linux', rootfs: least.rootfs }, /architecture is not a string/],
    ['without root file system', { architecture: 'amd64', os: 'linux' }, /rootfs is not an object/],
    ['with a root file system of another kind', { ...least, rootfs: { type: 'base' } }, /rootfs\.type is not "layers"/],
    ['with a diff id that is a path', { ...least, rootfs: { type: 'layers', diff_ids: ['../x'] } }, /rootfs\.diff_ids\[0\]/],
    ['with an environment that is no list', { ...least, config: { Env: 'A=b' } }, /config\.Env is not a list/],
    ['with a command of numbers', { ...least, config: { Cmd: [1] } }, /config\.Cmd\[0\] is not a string/],
    ['with history that makes no sense', { ...least, history: [{ empty_layer: 'yes' }] }, /history\[0\]\.empty_layer is not true or false/],
  ])('is refused %s', (_what, value, message) => {
    expect(() => decodeImageConfig(bytes(value))).toThrow(expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(message) }));
  });
});

test('no mutilated document gives anything but a value or an error of ours', () => {
  const sound = JSON.stringify({ ...manifest, annotations: { a: 'b' } });
  let seed = 1;
  const random = (limit: number): number => (seed = (seed * 48271) % 2147483647) % limit;
  for (let round = 0; round < 3000; round += 1) {
    const mutilated = Buffer.from(sound);
    for (let change = 0; change <= round % 4; change += 1) mutilated[random(mutilated.length)] = random(256);
    try {
      decodeManifestOrIndex(mutilated.subarray(0, mutilated.length - (round % 3)));
    } catch (error) {
      expect(error).toMatchObject({ name: 'ScullError' });
    }
  }
});
