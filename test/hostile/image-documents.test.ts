/** Manifests, indexes and configurations made to do harm, named after the advisory that inspired them. */
import { describe, expect, test } from 'vitest';
import { isScullError } from '../../src/host/errors.ts';
import { decodeImageConfig, decodeManifestOrIndex, MAX_DOCUMENT, MAX_LAYERS } from '../../src/oci/decode.ts';
import { MEDIA_TYPES } from '../../src/oci/image.ts';
import { formatReference, parseReference, candidateReferences } from '../../src/oci/reference.ts';
import { fuzz, mutate } from '../support/fuzz.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const descriptor = { mediaType: MEDIA_TYPES.ociLayerGzip, digest, size: 3 };
const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: { ...descriptor, mediaType: MEDIA_TYPES.ociConfig }, layers: [descriptor], annotations: { a: 'b' } };
const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [{ ...descriptor, mediaType: MEDIA_TYPES.ociManifest, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }] };
const config = { architecture: 'amd64', os: 'linux', config: { Env: ['A=b'], Cmd: ['sh'], Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {} } }, rootfs: { type: 'layers', diff_ids: [digest] }, history: [{ created_by: 'x' }] };

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const refuses = (value: unknown, message: RegExp, type?: string): void => {
  expect(() => decodeManifestOrIndex(Buffer.isBuffer(value) ? value : bytes(value), type)).toThrow(expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(message) as unknown }));
};

describe('CVE-2021-41190: one document that is two things', () => {
  test('the fields of a manifest and of an index together are refused, whatever it is called', () => {
    for (const mediaType of [MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex, undefined]) {
      refuses({ ...manifest, ...index, mediaType }, /ambiguous/);
      refuses({ ...index, layers: [], mediaType }, /ambiguous|called/);
    }
  });

  test('media type against content, and against how it was handed over', () => {
    refuses({ ...manifest, mediaType: MEDIA_TYPES.ociIndex }, /has the fields of a manifest/);
    refuses({ ...index, mediaType: MEDIA_TYPES.dockerManifest }, /has the fields of an index/);
    refuses(manifest, /handed over as/, MEDIA_TYPES.dockerManifest);
    refuses({ ...manifest, mediaType: undefined }, /has the fields of a manifest/, MEDIA_TYPES.ociIndex);
  });
});

describe('CVE-2024-3727: digests that are paths', () => {
  test.each(['sha256:../../../etc/passwd', `sha256:${'a'.repeat(63)}/`, `md5:${'a'.repeat(32)}`, `sha256:${'A'.repeat(64)}`, `${digest}\n`, 'sha256:', '..'])('%j is refused wherever it stands', (bad) => {
    refuses({ ...manifest, config: { ...manifest.config, digest: bad } }, /digest/);
    refuses({ ...manifest, layers: [{ ...descriptor, digest: bad }] }, /layers\[0\]\.digest/);
    refuses({ ...index, manifests: [{ ...index.manifests[0], digest: bad }] }, /manifests\[0\]\.digest/);
    refuses({ ...manifest, subject: { ...descriptor, digest: bad } }, /subject\.digest/);
    expect(() => decodeImageConfig(bytes({ ...config, rootfs: { type: 'layers', diff_ids: [bad] } }))).toThrow(/diff_ids\[0\]/);
  });
});

describe('CVE-2021-21285, CVE-2020-1702: documents that crash or exhaust their reader', () => {
  test('more bytes than any honest document has are not even parsed', () => {
    refuses(Buffer.alloc(MAX_DOCUMENT + 1, ' '), /too large/);
    expect(() => decodeImageConfig(Buffer.alloc(MAX_DOCUMENT + 1, ' '))).toThrow(/too large/);
  });

  test('nesting without end is an error about the document', () => {
    const deep = Buffer.from(`{"schemaVersion":2,"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`);
    for (const read of [() => decodeManifestOrIndex(deep), () => decodeImageConfig(deep)]) expect(read).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('more layers than can be stacked, sizes that are none, and negative ones', () => {
    refuses({ ...manifest, layers: Array.from({ length: MAX_LAYERS + 1 }, () => descriptor) }, /at most 1000 entries/);
    for (const size of [-1, 1.5, 2 ** 60, '3', null]) refuses({ ...manifest, layers: [{ ...descriptor, size }] }, /size/);
    expect(() => decodeImageConfig(bytes({ ...config, rootfs: { type: 'layers', diff_ids: Array.from({ length: MAX_LAYERS + 1 }, () => digest) } }))).toThrow(/at most 1000/);
  });

  test.each([null, 1, '"', [], {}, { schemaVersion: 2 }, { schemaVersion: '2' }, { schemaVersion: 2, manifests: {} }, { ...manifest, layers: null }])('the shape %j is refused', (value) => {
    refuses(value, /./);
  });

  test('configurations of another shape', () => {
    for (const bad of [{ Env: 'A=b' }, { Env: [1] }, { Cmd: 'sh' }, { Labels: { a: 1 } }, { User: 0 }, { ExposedPorts: [] }, { Healthcheck: [] }, { WorkingDir: null, Entrypoint: {} }]) {
      expect(() => decodeImageConfig(bytes({ ...config, config: bad })), JSON.stringify(bad)).toThrow(expect.objectContaining({ code: 'INVALID' }));
    }
  });
});

test('keys such as __proto__ are data', () => {
  const decoded = decodeManifestOrIndex(Buffer.from(JSON.stringify(manifest).replace('"a":"b"', '"__proto__":"b","constructor":"c"')));
  expect(Object.getPrototypeOf(decoded.kind === 'manifest' ? decoded.manifest.annotations : undefined)).toBe(Object.prototype);
  expect(({} as Record<string, unknown>)['b']).toBeUndefined();
});

test('text from a document never reaches a message raw', () => {
  for (const type of ['\x1b[2J', 'a/b\n\x07', `x/${'y'.repeat(5000)}`]) {
    try {
      decodeManifestOrIndex(bytes({ ...manifest, mediaType: type }));
      throw new Error('it was taken');
    } catch (error) {
      expect((error as Error).message).not.toMatch(/[\u0000-\u001f]/);
      expect((error as Error).message.length).toBeLessThan(500);
    }
  }
});

describe('fuzz', () => {
  const alphabet = '{}[]",:0129eE.-truefalsn\\u/\0\x7f ';
  const documents = [manifest, index, config].map(bytes);

  test('any document gives a value or an error about it', { timeout: 600_000 }, () => {
    fuzz((source) => {
      const document = mutate(source.pick(documents), source, alphabet);
      for (const read of [() => decodeManifestOrIndex(document), () => decodeManifestOrIndex(document, MEDIA_TYPES.dockerManifestList), () => decodeImageConfig(document)]) {
        try {
          read();
        } catch (error) {
          if (!isScullError(error, 'INVALID', 'UNSUPPORTED')) throw new Error(`document ${document.toString('base64')}: ${String(error)}`, { cause: error });
        }
      }
    });
  });

  test('any name gives a reference that reads back as itself, or an error about it', { timeout: 600_000 }, () => {
    const names = ['docker.io/library/debian:12', 'localhost:5000/a/b_c@sha256:'.concat('a'.repeat(64)), 'a--b.c/d:T.e_1', '[::1]:80/x'].map((name) => Buffer.from(name));
    fuzz((source) => {
      const text = mutate(source.pick(names), source, 'aA0.-_/:@[]% \0\n').toString('latin1');
      for (const read of [() => [parseReference(text)], () => candidateReferences(text)]) {
        try {
          for (const reference of read()) {
            const full = formatReference(reference);
            if (formatReference(parseReference(full)) !== full || /[^\x21-\x7e]|\.\.\/|^\//.test(full)) throw new Error(`it became ${full}`);
          }
        } catch (error) {
          if (!isScullError(error, 'INVALID')) throw new Error(`name ${JSON.stringify(text)}: ${String(error)}`, { cause: error });
        }
      }
    });
  });
});
