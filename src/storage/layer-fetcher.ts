/**
 * Getting the layers of one image: blobs are fetched a few at a time, in whatever order they end; unpacking goes from the
 * lowest layer up, because a layer's meaning depends on those below. A layer whose turn to be unpacked has come when its
 * download begins is unpacked while it arrives; one that is early waits as a blob, and is unpacked from there.
 */
import { PassThrough } from 'node:stream';
import type { Progress } from '../host/progress.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { hasBlob, openBlob, storeBlob } from './blobs.ts';
import type { ImageSource, LayerRef } from './image-types.ts';
import { readLayerRecord, type LayerRecord } from './layers/record.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

/** Blobs fetched at a time, as Docker does. */
const PARALLEL = 3;

/** What is known of an unpacked layer; undefined where it is not unpacked. @throws ScullError CORRUPT */
export function layerRecord(store: Store, layer: LayerRef): LayerRecord | undefined {
  return readLayerRecord(store.layout.layer(digestHex(layer.chainId)).record);
}

export function isUnpacked(store: Store, layer: LayerRef): boolean {
  return layerRecord(store, layer) !== undefined;
}

/** Unpacks layer `index` from its blob; those below must be there. @throws ScullError CORRUPT when the blob is missing */
export async function unpackStored(store: Store, layers: readonly LayerRef[], index: number, progress: Progress): Promise<void> {
  const { unpackLayer } = await import('./layers/unpack.ts');
  const layer = layers[index] as LayerRef;
  openBlob(store, layer.descriptor.digest).destroy(); // says clearly that it is missing, where it is
  await unpackLayer(store, { layer, parents: parentsOf(layers, index), compressed: { file: store.layout.blob(layer.descriptor.digest) }, progress });
}

/** One use per image: {@link LayerFetcher.run}. */
export class LayerFetcher {
  readonly #store: Store;
  readonly #staging: Staging;
  readonly #source: ImageSource;
  readonly #layers: readonly LayerRef[];
  readonly #progress: Progress;
  /** A blob that is in several places of the image is fetched once; the others wait for it. */
  readonly #blobs = new Map<Digest, Promise<void>>();
  /** The first layer not unpacked yet and not being unpacked. */
  #next = 0;
  #unpacking: Promise<void> | undefined;

  constructor(store: Store, staging: Staging, source: ImageSource, layers: readonly LayerRef[], progress: Progress) {
    this.#store = store;
    this.#staging = staging;
    this.#source = source;
    this.#layers = layers;
    this.#progress = progress;
  }

  /** Fetches and unpacks what is missing. After a failure nothing further is begun, and what runs is waited for. */
  async run(): Promise<void> {
    this.#skipUnpacked();
    await forEachLimited([...this.#layers.keys()], PARALLEL, (index) => this.#bring(index));
    while (this.#next < this.#layers.length) await this.#unpackNext();
  }

  /** Brings the blob of one layer, and unpacks the layer too if it is its turn. */
  async #bring(index: number): Promise<void> {
    const { descriptor } = this.#layers[index] as LayerRef;
    const underWay = this.#blobs.get(descriptor.digest);
    if (underWay !== undefined) return underWay;
    if (hasBlob(this.#store, descriptor)) {
      if (isUnpacked(this.#store, this.#layers[index] as LayerRef)) this.#progress({ kind: 'done', id: descriptor.digest, result: 'exists' });
      return this.#unpackWaiting();
    }
    const work = this.#fetch(index);
    this.#blobs.set(descriptor.digest, work);
    await work;
    await this.#unpackWaiting();
  }

  async #fetch(index: number): Promise<void> {
    const layer = this.#layers[index] as LayerRef;
    const { digest: id, size: total } = layer.descriptor;
    this.#progress({ kind: 'start', id, what: 'layer', total });
    const options = {
      resumable: this.#source.resumable,
      onBytes: (done: number): void => this.#progress({ kind: 'bytes', id, phase: 'download', done, total }),
    };
    const open = (offset: number): ReturnType<ImageSource['blob']> => this.#source.blob(layer.descriptor, offset);
    if (index !== this.#next || this.#unpacking !== undefined) {
      await storeBlob(this.#store, this.#staging, layer.descriptor, open, options);
      if (isUnpacked(this.#store, layer)) this.#progress({ kind: 'done', id, result: 'ok' });
      return;
    }
    const { unpackLayer } = await import('./layers/unpack.ts');
    const tee = new PassThrough({ highWaterMark: 1 << 20 });
    const unpacking = this.#begin(unpackLayer(this.#store, { layer, parents: parentsOf(this.#layers, index), compressed: tee, progress: this.#progress }));
    // The unpacking fails also when the fetching does: then the fetching's error is the one to tell.
    unpacking.catch((error: unknown) => tee.destroy(error as Error));
    const [fetched, unpacked] = await Promise.allSettled([storeBlob(this.#store, this.#staging, layer.descriptor, open, { ...options, tee }), unpacking]);
    if (fetched.status === 'rejected') throw fetched.reason;
    if (unpacked.status === 'rejected') throw unpacked.reason;
    this.#progress({ kind: 'done', id, result: 'ok' });
  }

  /** Unpacks the layers whose blobs are here and whose turn it is, unless somebody is at it already. */
  async #unpackWaiting(): Promise<void> {
    while (this.#unpacking === undefined && this.#next < this.#layers.length && hasBlob(this.#store, (this.#layers[this.#next] as LayerRef).descriptor)) {
      await this.#unpackNext();
    }
  }

  async #unpackNext(): Promise<void> {
    if (this.#unpacking !== undefined) return this.#unpacking;
    const index = this.#next;
    const id = (this.#layers[index] as LayerRef).descriptor.digest;
    await this.#begin(unpackStored(this.#store, this.#layers, index, this.#progress));
    this.#progress({ kind: 'done', id, result: 'ok' });
  }

  /** Notes that layer `#next` is being unpacked; when that ends well it is the turn of the next one. */
  #begin(work: Promise<unknown>): Promise<void> {
    const unpacking = work.then(() => {
      this.#unpacking = undefined;
      this.#next += 1;
      this.#skipUnpacked();
    });
    // A failure stays in #unpacking: nobody begins another one.
    this.#unpacking = unpacking;
    return unpacking;
  }

  #skipUnpacked(): void {
    while (this.#next < this.#layers.length && isUnpacked(this.#store, this.#layers[this.#next] as LayerRef)) this.#next += 1;
  }
}

function parentsOf(layers: readonly LayerRef[], index: number): readonly Digest[] {
  return layers.slice(0, index).map((below) => below.chainId);
}

/** Runs `action` on each item, at most `limit` at a time, in order; after a failure no further one is begun. */
async function forEachLimited<T>(items: readonly T[], limit: number, action: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (failed) return;
      try {
        await action(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  const failure = lanes.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
