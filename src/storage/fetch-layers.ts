/**
 * Getting the layers of one image, a few at a time. What arrives is written, hashed and unpacked at once; a layer whose
 * blob is here already is unpacked from there. (Unpacking waits for the layers below by itself, see layers/unpack.ts.)
 */
import { crashPoint } from '../host/crash-point.ts';
import { isScullError } from '../host/errors.ts';
import { removeFile } from '../host/files.ts';
import { forEachLimited } from '../host/for-each-limited.ts';
import type { Progress } from '../host/progress.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { hasBlob, isIntact, openBlob, storeBlob, type BlobFile } from './blobs.ts';
import { GrowingFile } from './growing-file.ts';
import type { ImageSource, LayerRef } from './image-types.ts';
import { layerExists } from './layers/store.ts';
import { takePartialBlob } from './partial-blobs.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

/** Layers under way at a time, as Docker does. */
const PARALLEL = 3;

export interface BlobFetch {
  readonly store: Store;
  readonly staging: Staging;
  readonly source: ImageSource;
  readonly progress: Progress;
}

export interface LayerFetch extends BlobFetch {
  /** All of the image, lowest first. */
  readonly layers: readonly LayerRef[];
}

/** Fetches the blobs that are missing, without unpacking any: the content of an artifact. */
export async function fetchBlobs(fetch: BlobFetch, descriptors: readonly Descriptor[]): Promise<void> {
  const distinct = new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor]));
  await forEachLimited([...distinct.values()], PARALLEL, async (descriptor) => {
    const { digest: id, size: total } = descriptor;
    if (hasBlob(fetch.store, descriptor)) return fetch.progress({ kind: 'done', id, result: 'exists' });
    fetch.progress({ kind: 'start', id, what: 'layer', total });
    await bringBlob(fetch, descriptor);
    fetch.progress({ kind: 'done', id, result: 'ok' });
  });
}

/** Fetches and unpacks what is missing. After a failure no further layer is begun, and what runs is waited for. */
export async function fetchLayers(fetch: LayerFetch): Promise<void> {
  // A blob that is in several places of the image is fetched once; the others wait for it.
  const underWay = new Map<Digest, Promise<void>>();
  await forEachLimited(fetch.layers, PARALLEL, async (layer) => {
    const { digest } = layer.descriptor;
    const work = (underWay.get(digest) ?? Promise.resolve()).then(() => bringLayer(fetch, layer));
    underWay.set(digest, work);
    await work;
  });
}

/**
 * Unpacks a layer from its blob, unless another process does; those below must be there, or under way.
 * @throws ScullError CORRUPT when the blob is missing
 */
export async function unpackStored(store: Store, layers: readonly LayerRef[], layer: LayerRef, progress: Progress): Promise<void> {
  const { unpackLayer, whenNobodyElseUnpacks } = await import('./layers/unpack.ts');
  await whenNobodyElseUnpacks(store, layer.chainId, async () => {
    if (layerExists(store, layer.chainId)) return;
    openBlob(store, layer.descriptor.digest).destroy(); // says clearly that it is missing, where it is
    await unpackLayer(store, { layer, parents: parentsOf(layers, layer), compressed: { file: store.layout.blob(layer.descriptor.digest) }, progress });
  });
}

async function bringLayer(fetch: LayerFetch, layer: LayerRef): Promise<void> {
  const { store, progress } = fetch;
  const { digest: id, size: total } = layer.descriptor;
  const unpacked = layerExists(store, layer.chainId);
  if (unpacked && hasBlob(store, layer.descriptor)) return progress({ kind: 'done', id, result: 'exists' });
  progress({ kind: 'start', id, what: 'layer', total });
  if (unpacked) await bringBlob(fetch, layer.descriptor);
  else {
    const { expectLayer } = await import('./layers/unpack.ts');
    const work = bringBoth(fetch, layer);
    // Those above must not give up on it while its blob is still being fetched, maybe by another process.
    expectLayer(store, layer.chainId, work);
    await work;
  }
  progress({ kind: 'done', id, result: 'ok' });
}

async function bringBoth(fetch: LayerFetch, layer: LayerRef): Promise<void> {
  if (hasBlob(fetch.store, layer.descriptor) && (await unpackKept(fetch, layer))) return;
  const { whenNobodyElseUnpacks } = await import('./layers/unpack.ts');
  const came = await fetchBlob(fetch, layer.descriptor, (into) =>
    whenNobodyElseUnpacks(fetch.store, layer.chainId, () => (layerExists(fetch.store, layer.chainId) ? storeFrom(fetch, layer.descriptor, into) : storeAndUnpack(fetch, layer, into))),
  );
  if (came === 'otherwise' && !layerExists(fetch.store, layer.chainId)) await unpackStored(fetch.store, fetch.layers, layer, fetch.progress);
}

/** @returns false where the blob that is here is not what its name says: it is removed, to be fetched anew */
async function unpackKept({ store, layers, progress }: LayerFetch, layer: LayerRef): Promise<boolean> {
  try {
    await unpackStored(store, layers, layer, progress);
    return true;
  } catch (error) {
    if (!isScullError(error, 'INVALID', 'CORRUPT') || (await isIntact(store, layer.descriptor.digest))) throw error;
    progress({ kind: 'message', level: 'warning', text: `the blob ${layer.descriptor.digest} was damaged in the store: fetching it again` });
    removeFile(store.layout.blob(layer.descriptor.digest));
    return false;
  }
}

async function bringBlob(fetch: BlobFetch, descriptor: Descriptor): Promise<void> {
  await fetchBlob(fetch, descriptor, (into) => storeFrom(fetch, descriptor, into));
}

/**
 * Fetches a blob unless another process does, then waits for that one. What an earlier attempt has left is continued; should
 * the whole prove wrong, it is fetched once more from its beginning.
 */
async function fetchBlob({ store, staging, source, progress }: BlobFetch, descriptor: Descriptor, fetchInto: (into?: BlobFile) => Promise<void>): Promise<'fetched' | 'otherwise'> {
  // What can only be read from its beginning leaves nothing to go on with.
  if (!source.resumable) return fetchInto().then(() => 'fetched');
  const { digest: id, size: total } = descriptor;
  for (;;) {
    const partial = await takePartialBlob(store, staging, descriptor, (done) => progress({ kind: 'bytes', id, phase: 'download', done, total }));
    if (partial === undefined) return 'otherwise';
    if (partial.kept > 0) progress({ kind: 'bytes', id, phase: 'download', done: partial.kept, total });
    try {
      await fetchInto(partial);
      crashPoint('partial:written');
      partial.finish();
      return 'fetched';
    } catch (error) {
      const wrong = isScullError(error, 'INVALID', 'CORRUPT');
      if (wrong || isScullError(error, 'NO_SPACE')) partial.discard();
      else partial.release();
      if (!wrong || partial.kept === 0) throw error;
      progress({ kind: 'message', level: 'warning', text: `what an earlier attempt had left of ${id} does not fit together with the rest: fetching it whole` });
    }
  }
}

function storeFrom({ store, staging, source, progress }: BlobFetch, descriptor: Descriptor, into: BlobFile | undefined, growing?: GrowingFile): Promise<void> {
  const { digest: id, size: total } = descriptor;
  return storeBlob(store, staging, descriptor, (offset) => source.blob(descriptor, offset), {
    into,
    resumable: source.resumable,
    onBytes: (done) => progress({ kind: 'bytes', id, phase: 'download', done, total }),
    ...(growing === undefined ? {} : { growing }),
  });
}

async function storeAndUnpack(fetch: LayerFetch, layer: LayerRef, into: BlobFile | undefined): Promise<void> {
  const { unpackLayer } = await import('./layers/unpack.ts');
  const { store, staging, progress } = fetch;
  const file = into ?? { path: staging.path(digestHex(layer.descriptor.digest)), kept: 0 };
  const growing = new GrowingFile(file.path);
  // First: the file is there when this returns. What it fails of the other hears as well, or would wait for ever.
  const storing = storeFrom(fetch, layer.descriptor, file, growing);
  storing.catch((error: unknown) => growing.failed(error));
  const unpacking = unpackLayer(store, { layer, parents: parentsOf(fetch.layers, layer), compressed: { growing }, progress });
  unpacking.catch((error: unknown) => growing.refused(error));
  const [stored, unpacked] = await Promise.allSettled([storing, unpacking]);
  // A full disk shows first where the larger part is written.
  if (unpacked.status === 'rejected' && isScullError(unpacked.reason, 'NO_SPACE')) throw unpacked.reason;
  // The unpacking fails also when the fetching does: then the fetching's error is the one to tell.
  if (stored.status === 'rejected') throw stored.reason;
  if (unpacked.status === 'rejected') throw unpacked.reason;
}

function parentsOf(layers: readonly LayerRef[], layer: LayerRef): readonly Digest[] {
  return layers.slice(0, layers.indexOf(layer)).map((below) => below.chainId);
}
