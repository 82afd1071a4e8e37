/** What all steps of one build share: the store's staging, claims, the number of steps at once, and whom to tell. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { ownerTag } from '../../host/identity.ts';
import { Turns } from '../../host/turns.ts';
import type { Containerfile } from '../../build/containerfile/file.ts';
import type { Digest } from '../../oci/digest.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { hasBlob } from '../../storage/blobs.ts';
import { findCached, writeCached, type CacheRecord, type FindOptions } from '../../storage/build-cache.ts';
import { addClaims } from '../../storage/claims.ts';
import { layerExists } from '../../storage/layers/store.ts';
import type { Staging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import type { BuildContext } from './context.ts';
import type { BuildOptions, StepLabel } from './options.ts';

export class BuildSession {
  readonly engine: Engine;
  readonly options: BuildOptions;
  readonly staging: Staging;
  readonly file: Containerfile;
  readonly context: BuildContext;
  /** Aborts all that is under way: the user's wish, or the first failure. */
  readonly abort = new AbortController();
  readonly gate: Turns;
  /** Results of steps that this build found or made, by their keys: what --cache-to exports. */
  readonly used = new Map<string, CacheRecord>();
  /** Places of --cache-from that nothing more is asked of. */
  readonly lostCaches = new Set<string>();
  readonly #claimed = new Set<Digest>();
  /** Found by looking, and not claimed: as long as nothing is made of it, that leaves the store as it is. Undefined from {@link hold} on. */
  #relied: { readonly layer: LayerRef; readonly blob: boolean }[] | undefined = [];
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #finishing = new Map<Digest, Promise<void>>();
  readonly #beside: Promise<void>[] = [];
  #turn: Promise<void> = Promise.resolve();
  #steps = 0;
  #places = 0;
  #keeper: Promise<void> | undefined;
  readonly #ends: (() => void)[] = [];

  constructor(given: { readonly engine: Engine; readonly options: BuildOptions; readonly staging: Staging; readonly file: Containerfile; readonly context: BuildContext }) {
    this.engine = given.engine;
    this.options = given.options;
    this.staging = given.staging;
    this.file = given.file;
    this.context = given.context;
    this.gate = new Turns(given.options.jobs === undefined || given.options.jobs === 0 ? availableParallelism() : given.options.jobs);
    const { abort } = given.options;
    if (abort.aborted) this.abort.abort(abort.reason);
    else abort.addEventListener('abort', () => this.abort.abort(abort.reason), { once: true });
  }

  /** From now on a garbage collection spares them. */
  claim(layers: readonly LayerRef[]): void {
    this.hold();
    const fresh = layers.filter((layer) => !this.#claimed.has(layer.chainId));
    if (fresh.length === 0) return;
    for (const layer of fresh) this.#claimed.add(layer.chainId);
    addClaims(this.staging, { blobs: fresh.map((layer) => layer.descriptor.digest), layers: fresh.map((layer) => layer.chainId) });
  }

  /** Layers of an image that a stage stands on. */
  rely(layers: readonly LayerRef[], { blob = false } = {}): void {
    if (this.#relied === undefined) this.claim(layers);
    else for (const layer of layers) this.#relied.push({ layer, blob });
  }

  /** The record of an earlier step, as {@link findCached}; its layer can be relied on. */
  find(key: string, options: Omit<FindOptions, 'claim'>): CacheRecord | undefined {
    if (options.blobOnly === true) this.hold(); // it is put upon others, which makes something
    const { store } = this.engine;
    const found = findCached(store, key, { ...options, claim: this.#relied === undefined ? (layer) => this.claim([layer]) : undefined });
    if (found?.layer !== undefined) this.rely([found.layer], { blob: true });
    return found;
  }

  /**
   * Before anything is made of what was found: it is claimed, and then looked at again, as it could have been removed until now.
   * @throws LostMeanwhile
   */
  hold(): void {
    const relied = this.#relied;
    if (relied === undefined) return;
    this.#relied = undefined;
    this.claim(relied.map(({ layer }) => layer));
    const { store } = this.engine;
    if (!relied.every(({ layer, blob }) => layerExists(store, layer.chainId) && (!blob || hasBlob(store, layer.descriptor)))) throw new LostMeanwhile();
  }

  /** For what may take long, as a pull does: were it not done at once, all that was found until now is claimed. */
  async waitFor<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    work.then(note, note);
    await new Promise((resolve) => setImmediate(resolve));
    if (!settled) this.hold();
    return work;
  }

  label(stage: string, number: string, title: string): StepLabel {
    return { id: ++this.#steps, stage, number, title };
  }

  /** A path of its own in the staging directory. */
  place(name: string): string {
    this.hold();
    return this.staging.path(`${name}-${++this.#places}`);
  }

  /** From now on something would go on without us: should this process be killed, it is ended at once. */
  keep(): Promise<void> {
    this.#keeper ??= import('../../runtime/keeper.ts').then(({ startOwnKeeper }) => startOwnKeeper(this.engine.store.layout, this.staging.directory, 'builder', 'cleanup'));
    return this.#keeper;
  }

  /** A path for what no disk shall see: in the runtime directory, under a name that is swept should we be killed. */
  privatePlace(): string {
    return join(this.engine.store.layout.claims, `.${ownerTag()}`);
  }

  /** Done when the build is over, however it ends. */
  atEnd(work: () => void): void {
    this.#ends.push(work);
  }

  end(): void {
    for (const work of this.#ends.splice(0)) work();
  }

  /** One at a time: what would be in its own way when done twice at once, and is soon over. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let finished: () => void = () => undefined;
    this.#turn = new Promise<void>((resolve) => (finished = resolve));
    await before;
    try {
      return await work();
    } finally {
      finished();
    }
  }

  /** A layer that can be mounted, but is not flushed yet. */
  finishing(layer: LayerRef, finish: () => Promise<void>): void {
    const work = finish();
    this.#finishing.set(layer.chainId, work);
    this.beside(work);
  }

  /** Waits until it is there for good, with its blob. */
  async finished(layer: LayerRef): Promise<void> {
    await this.#finishing.get(layer.chainId);
  }

  /** Notes the result of a step, once its layer is there for good. */
  remember(record: CacheRecord): void {
    this.used.set(record.key, record);
    const finished = record.layer === undefined ? undefined : this.#finishing.get(record.layer.chainId);
    if (finished === undefined) writeCached(this.engine.store, record);
    else this.beside(finished.then(() => writeCached(this.engine.store, record)));
  }

  /** Work that nothing waits for but the end of the build. */
  beside(work: Promise<void>): void {
    work.catch(() => undefined); // told in the end
    this.#beside.push(work);
  }

  /** Waits for all of it. @throws what failed first */
  async settled(): Promise<void> {
    for (let count = -1; count !== this.#beside.length; ) {
      count = this.#beside.length;
      await Promise.allSettled(this.#beside);
    }
    await Promise.all(this.#beside);
  }

  /** The same step of two stages is done once. */
  once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#underWay.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const promise = work();
    this.#underWay.set(key, promise);
    return promise;
  }

  checkAborted(): void {
    const { aborted, reason } = this.abort.signal;
    if (aborted) throw reason instanceof Error ? reason : new ScullError('INTERRUPTED', 'interrupted');
  }

  /** The time of what is made now, RFC 3339. */
  now(): string {
    const { timestamp } = this.options;
    return (timestamp === undefined ? new Date() : new Date(timestamp * 1000)).toISOString();
  }

  warn(text: string): void {
    this.options.onEvent({ kind: 'warning', text });
  }
}

/** What this build has found was removed before it had claimed it: it is to begin again. Nobody is told of it. */
export class LostMeanwhile extends Error {
  constructor() {
    super('what the build has found was removed before it was claimed');
  }
}
