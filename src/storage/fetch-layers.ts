/**
 * Getting the layers of one image, a few at a time. What arrives is written, hashed and unpacked at once; a layer whose
 * blob is here already is unpacked from there. (Unpacking waits for the layers below by itself, see layers/unpack.ts.)
 */
import { PassThrough } from 'node:stream';
import { forEachLimited } from '../host/for-each-limited.ts';
import type { Progress } from '../host/progress.ts';
import type { Digest } from '../oci/digest.ts';
import { hasBlob, openBlob, storeBlob } from './blobs.ts';
import type { ImageSource, LayerRef } from './image-types.ts';
import { layerExists } from './layers/store.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

/** Layers under way at a time, as Docker does. */
const PARALLEL = 3;

export interface LayerFetch {
  readonly store: Store;
  readonly staging: Staging;
  readonly source: ImageSource;
  /** All of the image, lowest first. */
  readonly layers: readonly LayerRef[];
  readonly progress: Progress;
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

/** Unpacks a layer from its blob; those below must be there, or under way. @throws ScullError CORRUPT when the blob is missing */
export async function unpackStored(store: Store, layers: readonly LayerRef[], layer: LayerRef, progress: Progress): Promise<void> {
  const { unpackLayer } = await import('./layers/unpack.ts');
  openBlob(store, layer.descriptor.digest).destroy(); // says clearly that it is missing, where it is
  await unpackLayer(store, { layer, parents: parentsOf(layers, layer), compressed: { file: store.layout.blob(layer.descriptor.digest) }, progress });
}

async function bringLayer(fetch: LayerFetch, layer: LayerRef): Promise<void> {
  const { store, progress } = fetch;
  const { digest: id, size: total } = layer.descriptor;
  const unpacked = layerExists(store, layer.chainId);
  const stored = hasBlob(store, layer.descriptor);
  if (unpacked && stored) return progress({ kind: 'done', id, result: 'exists' });
  progress({ kind: 'start', id, what: 'layer', total });
  if (stored) await unpackStored(store, fetch.layers, layer, progress);
  else if (unpacked) await storeFrom(fetch, layer);
  else await storeAndUnpack(fetch, layer);
  progress({ kind: 'done', id, result: 'ok' });
}

function storeFrom({ store, staging, source, progress }: LayerFetch, layer: LayerRef, tee?: PassThrough): Promise<void> {
  const { digest: id, size: total } = layer.descriptor;
  return storeBlob(store, staging, layer.descriptor, (offset) => source.blob(layer.descriptor, offset), {
    resumable: source.resumable,
    onBytes: (done) => progress({ kind: 'bytes', id, phase: 'download', done, total }),
    ...(tee === undefined ? {} : { tee }),
  });
}

async function storeAndUnpack(fetch: LayerFetch, layer: LayerRef): Promise<void> {
  const { unpackLayer } = await import('./layers/unpack.ts');
  const tee = new PassThrough({ highWaterMark: 1 << 20 });
  tee.on('error', () => undefined); // told by both promises below, also when nobody listens to the stream yet
  const unpacking = unpackLayer(fetch.store, { layer, parents: parentsOf(fetch.layers, layer), compressed: tee, progress: fetch.progress });
  unpacking.catch((error: unknown) => tee.destroy(error as Error));
  const [stored, unpacked] = await Promise.allSettled([storeFrom(fetch, layer, tee), unpacking]);
  // The unpacking fails also when the fetching does: then the fetching's error is the one to tell.
  if (stored.status === 'rejected') throw stored.reason;
  if (unpacked.status === 'rejected') throw unpacked.reason;
}

function parentsOf(layers: readonly LayerRef[], layer: LayerRef): readonly Digest[] {
  return layers.slice(0, layers.indexOf(layer)).map((below) => below.chainId);
}
