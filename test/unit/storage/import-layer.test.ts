import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stageImportedLayer, type StagedBlob } from '../../../src/storage/import-layer.ts';
import { importPlainLayer } from '../../../src/storage/import-plain.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import { createStaging, type Staging } from '../../../src/storage/staging.ts';
import { sha256 } from '../../support/digest.ts';

let root: string;
let staging: Staging;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-import-'));
  staging = createStaging({ layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Large enough that every buffer on the way fills, and hard to compress. */
const content = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(8_000_000));
const inPieces = (bytes: Buffer, size: number): Readable => Readable.from(Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size)));
const stage = (input: Readable): Promise<StagedBlob> => stageImportedLayer(staging, input, 'the input');

test('a plain tar is kept as it is', async () => {
  const blob = await stage(inPieces(content, 100_000));
  expect(blob).toEqual({ file: blob.file, staged: true, admitted: false, diffId: sha256(content), descriptor: { mediaType: expect.stringMatching(/\.tar$/), digest: sha256(content), size: content.length } });
  expect(readFileSync(blob.file).equals(content)).toBe(true);
});

test.each([
  ['plain', content, /\.tar$/],
  ['compressed with gzip', gzipSync(content, { level: 1 }), /tar\+gzip$/],
])('a file that is %s is not copied', async (_how, bytes, mediaType) => {
  const file = join(root, 'given');
  writeFileSync(file, bytes);
  const blob = await stageImportedLayer(staging, createReadStream(file), 'the input', file);
  expect(blob).toEqual({ file, staged: false, admitted: false, diffId: sha256(content), descriptor: { mediaType: expect.stringMatching(mediaType), digest: sha256(bytes), size: bytes.length } });
  expect(readdirSync(staging.directory)).toEqual([]);
});

test('a file that cannot be read is told by its path', async () => {
  const store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' } as const;
  const fd = openSync(tmpdir(), 'r');
  await expect(importPlainLayer(store, staging, { fd, path: tmpdir() }, () => undefined)).rejects.toMatchObject({ code: 'EISDIR', path: tmpdir() });
  closeSync(fd);
});

test('a tar compressed as no layer may be is compressed with gzip', async () => {
  const tar = content.subarray(0, 1_000_000);
  const blob = await stage(inPieces(execFileSync('xz', ['-0'], { input: tar, maxBuffer: 1 << 26 }), 65_536));
  const stored = readFileSync(blob.file);
  expect(blob).toMatchObject({ diffId: sha256(tar), descriptor: { mediaType: expect.stringMatching(/tar\+gzip$/), digest: sha256(stored), size: stored.length } });
  expect(gunzipSync(stored).equals(tar)).toBe(true);
});

test.each([
  ['gzip', gzipSync(content, { level: 1 })],
  ['zstd', zstdCompressSync(content)],
])('a tar compressed with %s is kept as it is', async (kind, packed) => {
  const blob = await stage(inPieces(packed, 65_536));
  expect(blob).toEqual({ file: blob.file, staged: true, admitted: false, diffId: sha256(content), descriptor: { mediaType: expect.stringMatching(new RegExp(`tar\\+${kind}$`)), digest: sha256(packed), size: packed.length } });
  expect(readFileSync(blob.file).equals(packed)).toBe(true);
});

test.each([
  ['cut short', gzipSync(content, { level: 1 }).subarray(0, 3_000_000)],
  ['damaged in the middle', gzipSync(content, { level: 1 }).fill(0, 2_000_000, 2_000_100)],
])('compressed data that is %s is an error that names the input, and ends', async (_what, packed) => {
  await expect(stage(inPieces(packed, 65_536))).rejects.toMatchObject({ code: 'INVALID', message: expect.stringMatching(/^the input cannot be decompressed/) });
});

test('an input that breaks off is an error of its own', async () => {
  const breaking = Readable.from(
    (function* () {
      yield gzipSync(content, { level: 1 }).subarray(0, 2_000_000);
      throw new Error('the cable was pulled');
    })(),
  );
  await expect(stage(breaking)).rejects.toThrow('the cable was pulled');
});

test('nothing is a layer too, but an empty one', async () => {
  expect((await stage(Readable.from([]))).diffId).toBe(sha256(Buffer.alloc(0)));
});
