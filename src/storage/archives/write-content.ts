/**
 * Writing content by digest into files and folders: OCI image layouts (image-layout.md), new ones and ones that hold other images, and
 * skopeo's `dir:`. What it belongs to (an image, a list) only the documents know.
 */
import { closeSync, createReadStream, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, readJson, writeAllSync, writeFileAtomic } from '../../host/files.ts';
import { decodeIndex } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import { REF_NAME } from '../index-file.ts';
import type { FileSink } from './file-sink.ts';
import { blobName, instanceName } from './names.ts';

/** Manifests, indexes, and all that they lead to. */
export interface Content {
  readonly documents: ReadonlyMap<Digest, Uint8Array>;
  readonly blobs: ReadonlyMap<Digest, ContentBlob>;
}

export interface ContentBlob {
  readonly size: number;
  /** A descriptor of a file that holds it, or a stream of its bytes; either is closed by who asked for it. @throws ScullError CORRUPT */
  open(): number | Readable;
}

const LAYOUT_VERSION = '{"imageLayoutVersion":"1.0.0"}';

/**
 * A new layout. What is small and tells of the rest comes first: readers look for it from the beginning.
 * @param entries of index.json
 * @param more files that other formats want beside
 * @throws ScullError CORRUPT when a blob is missing or damaged
 */
export async function writeLayout(sink: FileSink, entries: readonly Descriptor[], { documents, blobs }: Content, more: readonly (readonly [name: string, bytes: Uint8Array])[] = []): Promise<void> {
  sink.addBytes('oci-layout', Buffer.from(LAYOUT_VERSION));
  sink.addBytes('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: entries })));
  for (const [name, bytes] of more) sink.addBytes(name, bytes);
  const digests = [...documents.keys(), ...blobs.keys()];
  for (const folder of ['blobs', ...new Set(digests.map((digest) => `blobs/${digestAlgorithm(digest)}`))]) sink.addFolder(folder);
  for (const [digest, bytes] of documents) sink.addBytes(blobName(digest), bytes);
  for (const [digest, blob] of blobs) if (!documents.has(digest)) await addBlob(sink, blobName(digest), blob);
  sink.finish();
}

async function addBlob(sink: FileSink, name: string, { size, open }: ContentBlob): Promise<void> {
  const from = open();
  await (typeof from === 'number' ? sink.addFile(name, size, from) : sink.addStream(name, size, from));
}

/**
 * A new `dir:` (containers-transports(5)), in which what `top` leads to is manifest.json.
 * @throws ScullError CORRUPT when a blob is missing or damaged
 */
export async function writeFolder(sink: FileSink, top: Digest, { documents, blobs }: Content): Promise<void> {
  sink.addBytes('version', Buffer.from('Directory Transport Version: 1.1\n'));
  for (const [digest, blob] of blobs) await addBlob(sink, digestHex(digest), blob);
  for (const [digest, bytes] of documents) sink.addBytes(digest === top ? 'manifest.json' : instanceName(digest), bytes);
  sink.finish();
}

/**
 * Adds to the layout in `directory`, which is made if need be. An entry of the same name is replaced; blobs stay.
 * @param top what the name stands for, one of the documents
 * @throws ScullError INVALID when the folder holds something else; CORRUPT, NO_SPACE, PERMISSION
 */
export async function addToLayout(directory: string, top: Descriptor, name: string | undefined, { documents, blobs }: Content): Promise<void> {
  const index = existingIndex(directory);
  try {
    for (const digest of [...documents.keys(), ...blobs.keys()]) mkdirSync(join(directory, 'blobs', digestAlgorithm(digest)), { recursive: true });
    for (const [digest, blob] of blobs) await addBlobFile(join(directory, blobName(digest)), blob);
    for (const [digest, bytes] of documents) writeFileAtomic(join(directory, blobName(digest)), bytes, { mode: 0o644 });
    if (index === undefined) writeFileAtomic(join(directory, 'oci-layout'), LAYOUT_VERSION, { mode: 0o644 });
    writeFileAtomic(join(directory, 'index.json'), JSON.stringify(withEntry(index, top, name)), { mode: 0o644 });
  } catch (error) {
    throw explainWriteFailure(error, directory);
  }
}

/** index.json as it stands there, whatever else is in it; undefined for a folder that is empty or missing. @throws ScullError INVALID, CORRUPT */
function existingIndex(directory: string): LayoutIndex | undefined {
  const index = readJson(join(directory, 'index.json'));
  if (index === undefined) {
    if (namesIn(directory).length === 0) return undefined;
    throw new ScullError('INVALID', `${JSON.stringify(directory)} exists, and is neither empty nor an OCI image layout`);
  }
  decodeIndex(Buffer.from(JSON.stringify(index)), MEDIA_TYPES.ociIndex);
  return index as LayoutIndex;
}

interface LayoutIndex {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[];
}

/** Without a name an entry stands for its digest alone, and once is enough. */
function withEntry(index: LayoutIndex | undefined, descriptor: Descriptor, name: string | undefined): object {
  const others = (index?.manifests ?? []).filter((entry) => (name === undefined ? entry.digest !== descriptor.digest || entry.annotations?.[REF_NAME] !== undefined : entry.annotations?.[REF_NAME] !== name));
  const added = name === undefined ? descriptor : { ...descriptor, annotations: { [REF_NAME]: name } };
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, ...index, manifests: [...others, added] };
}

/** A blob that is there in its size is not written again. */
async function addBlobFile(path: string, { size, open }: ContentBlob): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.size === size) return;
  const from = open();
  const content = typeof from === 'number' ? createReadStream('', { fd: from, highWaterMark: 1 << 20 }) : from;
  const beside = `${path}.${process.pid}.part`;
  const fd = openSync(beside, 'w', 0o644);
  try {
    for await (const chunk of content as AsyncIterable<Uint8Array>) writeAllSync(fd, chunk);
    fsyncSync(fd);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new ScullError('INVALID', `cannot read the folder ${JSON.stringify(directory)}: ${(error as Error).message}`, { cause: error });
  }
}
