/** Turning the plain tar of a root file system into the one layer of an image: what is compressed is import-layer.ts's. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { crashPoint } from '../host/crash-point.ts';
import { isScullError } from '../host/errors.ts';
import { filePieces } from '../host/file-pieces.ts';
import { explainWriteFailure, writeAllSync } from '../host/files.ts';
import { createHash } from '../host/hash.ts';
import type { Progress } from '../host/progress.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/image.ts';
import { commitBlob, flushBlob } from './blobs.ts';
import { addClaims } from './claims.ts';
import { GrowingFile } from './growing-file.ts';
import type { LayerRef } from './image-types.ts';
import type { StagedBlob } from './import-layer.ts';
import { compressionAt } from './layers/decompress.ts';
import { layerExists } from './layers/store.ts';
import { unpackLayer } from './layers/unpack.ts';
import { LOOK_AFTER, requireRoom } from './space.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

/** In place of a digest that nobody knows yet. */
const UNKNOWN = `sha256:${'0'.repeat(64)}` as Digest;

/**
 * Takes a plain tar in as a layer, blob and files, in one pass: its bytes are unpacked while they are copied and hashed. Both
 * are claimed before they have their names.
 * @returns undefined where it is compressed, which is `stageImportedLayer`'s
 * @throws ScullError INVALID for what is no tar; NO_SPACE
 */
export async function importPlainLayer(store: Store, staging: Staging, source: { readonly fd: number; readonly path: string }, progress: Progress): Promise<StagedBlob | undefined> {
  if (compressionAt(source.fd, source.path) !== 'none') return undefined;
  const { size } = fstatSync(source.fd);
  requireRoom(store.layout.root, size, 'importing');
  const growing = new GrowingFile(staging.path('import'));
  const identify = (descriptor: Descriptor): LayerRef => {
    const { digest } = descriptor;
    addClaims(staging, { blobs: [digest], layers: [digest] });
    progress({ kind: 'start', id: digest, what: 'layer', total: size });
    if (layerExists(store, digest)) growing.failed(new Error('the layer is there'));
    else growing.whole();
    return { descriptor, diffId: digest, chainId: digest };
  };
  const copying = copyAndHash(source.fd, size, growing, identify);
  copying.catch((error: unknown) => growing.failed(error));
  const expected: LayerRef = { descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest: UNKNOWN, size }, diffId: UNKNOWN, chainId: UNKNOWN };
  const told: Progress = (event) => {
    if (event.kind === 'message') progress(event);
  };
  const unpacking = unpackLayer(store, { layer: expected, found: copying, parents: [], compressed: { growing }, progress: told });
  unpacking.catch((error: unknown) => growing.refused(error));
  const [copied, unpacked] = await Promise.allSettled([copying, unpacking]);
  // A full disk shows first where the larger part is written.
  if (unpacked.status === 'rejected' && isScullError(unpacked.reason, 'NO_SPACE')) throw unpacked.reason;
  if (copied.status === 'rejected') throw copied.reason;
  const { descriptor, diffId, chainId } = copied.value;
  if (unpacked.status === 'rejected' && !layerExists(store, chainId)) throw unpacked.reason;
  commitBlob(store, growing.path, descriptor.digest);
  progress({ kind: 'done', id: descriptor.digest, result: 'ok' });
  return { descriptor, diffId, file: source.path, staged: false, admitted: true };
}

/** @param identify is called when the digest is known, before what was written is flushed. @returns what that does */
async function copyAndHash<T>(from: number, size: number, growing: GrowingFile, identify: (descriptor: Descriptor) => T): Promise<T> {
  const to = openSync(growing.path, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    let copied = 0;
    for await (const piece of filePieces(from, 0, size)) {
      hash.update(piece);
      writeAllSync(to, piece);
      if (Math.floor(copied / LOOK_AFTER) < Math.floor((copied += piece.length) / LOOK_AFTER)) requireRoom(growing.path, 0, 'importing');
      growing.grew(piece.length);
    }
    const identified = identify({ mediaType: MEDIA_TYPES.ociLayer, digest: `sha256:${hash.digest('hex')}` as Digest, size: copied });
    crashPoint('blob:written');
    await flushBlob(to, growing.path);
    crashPoint('blob:flushed');
    return identified;
  } catch (error) {
    throw explainWriteFailure(error, growing.path);
  } finally {
    closeSync(to);
  }
}
