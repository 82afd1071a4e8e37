/**
 * Layers come into the store here. The work is done by a process of its own (unpack-worker.ts) in a user + mount
 * namespace; this side feeds it, listens, flushes, and makes the result visible by one rename.
 */
import { availableParallelism } from 'node:os';
import { crashPoint } from '../../host/crash-point.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, syncDirectory } from '../../host/files.ts';
import type { Progress } from '../../host/progress.ts';
import { Turns, type Turn } from '../../host/turns.ts';
import { digestHex, type Digest } from '../../oci/digest.ts';
import { flushBeside, flushStore } from '../flush-store.ts';
import type { GrowingFile } from '../growing-file.ts';
import type { LayerRef } from '../image-types.ts';
import { withLock } from '../locks.ts';
import { reserveIn } from '../space.ts';
import { createStaging, sweepStaging } from '../staging.ts';
import type { Store } from '../store.ts';
import type { UnpackLimits } from './extract.ts';
import { layerLimits } from './limits.ts';
import { linkOf, shortName } from './links.ts';
import type { LayerRecord } from './record.ts';
import { finishLayer, layerExists, nameLayer } from './store.ts';
import { placeIn, startUnpackProcess, takePrepared, type UnpackProcess } from './unpack-process.ts';
import type { LayerNames, UnpackJob, WorkerMessage } from './unpack-dialogue.ts';

export interface UnpackRequest {
  /** Only what to expect, where `found` tells which it is. */
  readonly layer: LayerRef;
  /** Which it turned out to be: of a layer that is not compressed, and has got its digest from the bytes that are unpacked. */
  readonly found?: Promise<LayerRef>;
  /** Chain ids of the layers below, lowest first; they must be in the store. */
  readonly parents: readonly Digest[];
  /**
   * The layer's blob. Its own digest is for the caller to check; a file that is still growing becomes whole only if that was right.
   */
  readonly compressed: { readonly file: string } | { readonly growing: GrowingFile };
  readonly progress: Progress;
  readonly limits?: Partial<UnpackLimits>;
}

export interface UnpackResult {
  readonly entries: number;
  /** Sum of file lengths. */
  readonly bytes: number;
}

/**
 * Unpacks one layer into the store. Several layers of an image may be unpacked at once by the same process: each waits
 * for those below it where it depends on them.
 * @throws ScullError INVALID (a damaged or hostile archive, owners that are not mapped), CORRUPT (another content than
 *   the image says), NO_SPACE, UNSUPPORTED; nothing is left in the store then
 */
export function unpackLayer(store: Store, request: UnpackRequest): Promise<UnpackResult> {
  const work = unpackAndAdmit(store, request);
  if (request.found === undefined) expectLayer(store, request.layer.chainId, work);
  return work;
}

/** Milliseconds to wait for another process that unpacks the same layer, which may itself wait for a registry. */
const OTHERS_PATIENCE = 10 * 60_000;

/**
 * Does `work`, which brings a layer, when no other process is bringing it: so nothing is unpacked twice. Who waited must look
 * whether it is still missing. From a process that died the turn is taken over at once (locks.ts).
 */
export async function whenNobodyElseUnpacks(store: Store, chainId: Digest, work: () => Promise<unknown>): Promise<void> {
  let begun = false;
  try {
    await withLock(store, `layer-${digestHex(chainId).slice(0, 64)}`, () => ((begun = true), work()), { timeout: OTHERS_PATIENCE });
  } catch (error) {
    if (begun || !isScullError(error, 'TIMEOUT')) throw error;
    // Another machine's, that may be gone for good. To unpack it twice is only a waste.
    await work();
  }
}

/** From now on those above this layer wait for `work`, which brings it. Whoever said so first is believed. */
export function expectLayer(store: Store, chainId: Digest, work: Promise<unknown>): void {
  const key = underWayKey(store, chainId);
  if (underWay.has(key)) return;
  underWay.set(key, work);
  failures.delete(key);
  work.then(
    () => underWay.delete(key),
    (error: unknown) => {
      failures.set(key, error);
      underWay.delete(key);
    },
  );
}

/** Milliseconds: what takes longer to unpack has much to be flushed. */
const LONG = 150;

/** Processes that unpack at a time: more than there are processors only take memory. */
const turns = new Turns(Math.min(3, Math.max(2, availableParallelism())));
/** The layers whose turn it is. */
const inTurn = new Set<string>();

async function unpackAndAdmit(store: Store, request: UnpackRequest): Promise<UnpackResult> {
  const { end } = await turns.take();
  const key = underWayKey(store, request.layer.chainId);
  const turn: Turn = { end: () => (inTurn.delete(key), end()) };
  inTurn.add(key);
  try {
    return await unpackInTurn(store, request, turn);
  } finally {
    turn.end();
  }
}

/**
 * Whether a layer that waits for those below has to give its turn away: unless those that are missing have theirs. So at least one turn is
 * always that of a layer that goes on, since who keeps his waits for another one's.
 */
function mustYield(store: Store, parents: readonly Digest[]): boolean {
  return parents.some((parent) => !layerExists(store, parent) && !inTurn.has(underWayKey(store, parent)));
}

async function unpackInTurn(store: Store, request: UnpackRequest, turn: Turn): Promise<UnpackResult> {
  const prepared = takePrepared(store);
  if (prepared === undefined) await sweepStaging(store);
  const staging = prepared?.staging ?? createStaging(store);
  const place = placeIn(staging);
  try {
    const worker = prepared?.process ?? startUnpackProcess(place);
    const flush = flushBeside(store, LONG);
    const record = await unpackBy(worker, store, request, turn).finally(flush.stop);
    warn(record, request.progress);
    crashPoint('layer:unpacked');
    await flush.done();
    // It has done its work and only ends.
    const [status] = await Promise.all([worker.ended, flushStore(store)]);
    if (status !== 0) throw endedEarly(request.layer, status, worker);
    crashPoint('layer:flushed');
    await admit(store, place, ((await request.found) ?? request.layer).chainId);
    return { entries: record.entries, bytes: record.size };
  } finally {
    await staging.remove();
  }
}

/** The layers that this process is bringing, and what failed. */
const underWay = new Map<string, Promise<unknown>>();
const failures = new Map<string, unknown>();

function underWayKey(store: Store, chainId: Digest): string {
  return `${store.layout.root}\0${chainId}`;
}

/** Milliseconds to wait for a layer that nobody here is unpacking: another caller may be about to. */
const PATIENCE = 60_000;

/** @throws ScullError when a layer below failed or does not come */
async function layersBelow(store: Store, parents: readonly Digest[]): Promise<void> {
  let hopeUntil = Date.now() + PATIENCE;
  for (;;) {
    const missing = parents.filter((parent) => !layerExists(store, parent));
    if (missing.length === 0) return;
    const working: Promise<unknown>[] = [];
    for (const parent of missing) {
      const key = underWayKey(store, parent);
      const work = underWay.get(key);
      if (work !== undefined) working.push(work);
      else if (failures.has(key)) throw new ScullError('CORRUPT', `the layer below, ${parent}, could not be unpacked`, { cause: failures.get(key) });
    }
    if (working.length > 0) {
      await Promise.race(working.map((work) => work.catch(() => undefined)));
      hopeUntil = Date.now() + PATIENCE;
    } else if (Date.now() > hopeUntil) {
      throw new ScullError('CORRUPT', `the layer below, ${String(missing[0])}, is not in the store`, { hint: 'pull or load the image again' });
    } else await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function admit(store: Store, unpacked: string, chainId: Digest): Promise<void> {
  const place = store.layout.layer(digestHex(chainId));
  ensurePrivateDirectory(store.layout.layers);
  try {
    if (!nameLayer(store, unpacked, chainId) && !layerExists(store, chainId)) {
      await flushStore(store); // a build's, which may not have come so far
      await finishLayer(store, chainId);
    }
    crashPoint('layer:named');
  } catch (error) {
    throw explainWriteFailure(error, place.directory);
  }
  linkOf(store, chainId);
  crashPoint('layer:linked');
  syncDirectory(store.layout.layers);
}

/** Feeds the worker, and returns when it has made the layer; its end is left to wait for. */
async function unpackBy(worker: UnpackProcess, store: Store, request: UnpackRequest, turn: Turn): Promise<LayerRecord> {
  const { layer } = request;
  const growing = 'growing' in request.compressed ? request.compressed.growing : undefined;
  let job: UnpackJob;
  try {
    job = jobOf(store, request);
  } catch (error) {
    worker.kill();
    await worker.ended.catch(() => undefined);
    throw error;
  }
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    let inputFailure: unknown;
    const fail = (error: unknown): void => {
      inputFailure = error;
      worker.kill();
    };
    worker.begin(job, (message) => {
      switch (message.kind) {
        case 'progress':
          request.progress({ kind: 'bytes', id: layer.descriptor.digest, phase: 'unpack', done: message.bytes, total: layer.descriptor.size });
          break;
        case 'opened':
          growing?.opened();
          break;
        case 'waiting':
          if (mustYield(store, request.parents)) turn.end();
          layersBelow(store, request.parents).then(
            () => worker.proceed(),
            (error: Error) => {
              failure = error;
              worker.kill();
            },
          );
          break;
        case 'unnamed':
          request.found?.then((found) => worker.name(namesOf(found)), fail);
          break;
        case 'done':
          if (inputFailure === undefined) resolve(message.record);
          break;
        default:
          failure = failureOf(message, layer);
      }
    });
    growing?.readBy({ grew: () => worker.grew(), whole: () => worker.whole(), failed: fail });
    worker.ended.then((status) => reject(inputFailure ?? failure ?? endedEarly(layer, status, worker)), (error: unknown) => reject(inputFailure ?? error));
  });
}

function jobOf(store: Store, { layer, found, parents, limits, compressed }: UnpackRequest): UnpackJob {
  const growing = 'growing' in compressed;
  return {
    file: growing ? compressed.growing.path : compressed.file,
    growing,
    ...namesOf(layer),
    named: found === undefined,
    checked: growing && layer.descriptor.digest === layer.diffId,
    parent: parents.at(-1) ?? null,
    lower: parents.map((parent) => store.layout.layer(digestHex(parent)).diff),
    limits: { ...layerLimits(layer.descriptor.size), freeSpace: reserveIn(store.layout.root), ...limits },
  };
}

function namesOf({ chainId, diffId, descriptor }: LayerRef): LayerNames {
  return { chainId, diffId, link: shortName(digestHex(chainId)), compressedSize: descriptor.size };
}

function failureOf(message: Extract<WorkerMessage, { kind: 'error' | 'bug' }>, layer: LayerRef): Error {
  if (message.kind === 'bug') return new Error(`unpacking layer ${layer.descriptor.digest} failed: ${message.stack}`);
  return new ScullError(message.code, `layer ${layer.descriptor.digest}: ${message.message}`, { hint: message.hint, detail: message.detail });
}

function endedEarly(layer: LayerRef, status: number, worker: UnpackProcess): ScullError {
  return new ScullError('TOOL_FAILED', `unpacking layer ${layer.descriptor.digest} ended with status ${status}`, {
    detail: worker.complaint(),
    ...(status === 137 ? { hint: 'it was killed: was the memory used up?' } : {}),
  });
}

/** What the user should know about a layer that is not quite what the archive held. */
function warn(record: LayerRecord, progress: Progress): void {
  const message = (text: string): void => progress({ kind: 'message', level: 'warning', text: `layer ${record.diffId.slice(7, 19)}: ${text}` });
  if (record.ownersSquashed) message('all files belong to root, because only one id is mapped (see `scull doctor`)');
  const devices = record.skippedDevices.filter((path) => !path.startsWith('dev/')); // /dev is always made anew
  if (devices.length > 0) message(`left out ${devices.length} device files, which only root can make: ${devices.slice(0, 3).join(', ')}`);
  if (record.lostXattrs.length > 0) message(`the file system does not take ${record.lostXattrs.length} extended attributes: ${record.lostXattrs[0] ?? ''}`);
}
