/**
 * Layers come into the store here. The work is done by a process of its own (unpack-worker.ts) in a user + mount
 * namespace; this side feeds it, listens, flushes, and makes the result visible by one rename.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { crashPoint } from '../../host/crash-point.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, syncDirectory } from '../../host/files.ts';
import { flushes } from '../../host/flush.ts';
import { exitStatus, explainSpawnFailure, runOrThrow, start } from '../../host/process.ts';
import type { Progress } from '../../host/progress.ts';
import { selfCommand } from '../../host/self.ts';
import { digestHex, type Digest } from '../../oci/digest.ts';
import { launchFailure, startInUserNamespace } from '../../userns/launch.ts';
import type { LayerRef } from '../image-types.ts';
import { withLock } from '../locks.ts';
import { reserveIn } from '../space.ts';
import { createStaging, sweepStaging, type Staging } from '../staging.ts';
import type { Store } from '../store.ts';
import { detectCompression, inflatingProgram, MAGIC_LENGTH } from './decompress.ts';
import type { UnpackLimits } from './extract.ts';
import { layerLimits } from './limits.ts';
import { linkOf, shortName } from './links.ts';
import type { LayerRecord } from './record.ts';
import { layerExists, nameLayer } from './store.ts';
import type { UnpackJob, WorkerMessage } from './unpack-worker.ts';

export interface UnpackRequest {
  readonly layer: LayerRef;
  /** Chain ids of the layers below, lowest first; they must be in the store. */
  readonly parents: readonly Digest[];
  /** The layer's blob, as a stream or (faster) as a file. Its own digest is for the caller to check. */
  readonly compressed: Readable | { readonly file: string };
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
  expectLayer(store, request.layer.chainId, work);
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

async function unpackAndAdmit(store: Store, request: UnpackRequest): Promise<UnpackResult> {
  await sweepStaging(store);
  const staging = createStaging(store);
  try {
    const record = await runWorker(store, staging, request);
    warn(record, request.progress);
    crashPoint('layer:unpacked');
    await flushStore(store);
    crashPoint('layer:flushed');
    admit(store, staging, request.layer.chainId);
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

let flushing: Promise<unknown> | undefined;
let nextFlush: Promise<unknown> | undefined;

/**
 * Flushes everything written to the store's file system, syncfs(2): once per layer, not per file. Layers that are ready
 * while a flush runs share the next one.
 */
export async function flushStore(store: Store): Promise<void> {
  if (!flushes) return;
  if (flushing !== undefined) {
    nextFlush ??= flushing.catch(() => undefined).then(() => {
      nextFlush = undefined;
      return beginFlush(store);
    });
    await nextFlush;
  } else await beginFlush(store);
}

function beginFlush(store: Store): Promise<unknown> {
  const work = runOrThrow('sync', ['-f', store.layout.root]).finally(() => {
    if (flushing === work) flushing = undefined;
  });
  flushing = work;
  return work;
}

function admit(store: Store, staging: Staging, chainId: Digest): void {
  const place = store.layout.layer(digestHex(chainId));
  ensurePrivateDirectory(store.layout.layers);
  try {
    nameLayer(store, staging.path('layer'), chainId);
    crashPoint('layer:named');
  } catch (error) {
    throw explainWriteFailure(error, place.directory);
  }
  linkOf(store, chainId);
  crashPoint('layer:linked');
  syncDirectory(store.layout.layers);
}

async function runWorker(store: Store, staging: Staging, request: UnpackRequest): Promise<LayerRecord> {
  const { layer } = request;
  const place = staging.path('layer');
  ensurePrivateDirectory(place);
  const job: UnpackJob = {
    staging: place,
    chainId: layer.chainId,
    diffId: layer.diffId,
    parent: request.parents.at(-1) ?? null,
    link: shortName(digestHex(layer.chainId)),
    compressedSize: layer.descriptor.size,
    lower: request.parents.map((parent) => store.layout.layer(digestHex(parent)).diff),
    limits: { ...layerLimits(layer.descriptor.size), freeSpace: reserveIn(store.layout.root), ...request.limits },
  };
  const input = await workerInput(request.compressed);
  const self = selfCommand('__worker', 'unpack', JSON.stringify(job));
  const child = startInUserNamespace(self.file, self.args, { stdio: [input.stdio, 'pipe', 'pipe', 'pipe'], keepFds: [3], readOnlyExcept: [place] });
  input.started();
  const go = child.stdio[3] as Writable;
  go.on('error', () => undefined); // it ended early and has said why
  return new Promise((resolve, reject) => {
    let outcome: LayerRecord | ScullError | Error | undefined;
    let inputFailure: unknown;
    let stderr = '';
    const onLine = (line: string): void => {
      const message = JSON.parse(line) as WorkerMessage;
      switch (message.kind) {
        case 'progress':
          request.progress({ kind: 'bytes', id: layer.descriptor.digest, phase: 'unpack', done: message.bytes, total: layer.descriptor.size });
          break;
        case 'waiting':
          layersBelow(store, request.parents).then(
            () => go.end('g'),
            (error: Error) => {
              outcome = error;
              child.kill('SIGKILL');
            },
          );
          break;
        case 'done':
          outcome = message.record;
          break;
        case 'error':
          outcome = new ScullError(message.code, `layer ${layer.descriptor.digest}: ${message.message}`, { hint: message.hint, detail: message.detail });
          break;
        case 'bug':
          outcome = new Error(`unpacking layer ${layer.descriptor.digest} failed: ${message.stack}`);
      }
    };
    let pending = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
    if (input.stream !== undefined && child.stdin !== null) {
      const stdin = child.stdin;
      stdin.on('error', () => undefined); // it ended early and has said why
      const fail = (error: unknown): void => {
        inputFailure = error;
        child.kill('SIGKILL');
      };
      input.stream.once('error', fail);
      // It may have failed while the worker was being started; that is not told again.
      if (input.stream.destroyed) fail(input.stream.errored ?? new ScullError('INVALID', `layer ${layer.descriptor.digest} was closed before it was read`));
      input.stream.pipe(stdin);
      child.once('close', () => input.stream?.unpipe(stdin).destroy());
    }
    child.once('error', (error) => reject(explainSpawnFailure(self.file, error)));
    child.once('close', (code, signal) => {
      const status = exitStatus(code, signal);
      if (inputFailure !== undefined) reject(inputFailure);
      else if (outcome !== undefined && !(outcome instanceof Error) && status === 0) resolve(outcome);
      else if (outcome instanceof Error) reject(outcome);
      else reject(launchFailure(status, stderr) ?? endedEarly(layer, status, stderr));
    });
  });
}

function endedEarly(layer: LayerRef, status: number, stderr: string): ScullError {
  return new ScullError('TOOL_FAILED', `unpacking layer ${layer.descriptor.digest} ended with status ${status}`, {
    detail: stderr.trim(),
    ...(status === 137 ? { hint: 'it was killed: was the memory used up?' } : {}),
  });
}

interface WorkerInput {
  readonly stdio: 'pipe' | number;
  readonly stream?: Readable;
  /** The worker has the descriptor now. */
  started(): void;
}

/** Where the worker reads from: the file itself, or a pipe; through a program where node:zlib can't inflate it. */
async function workerInput(compressed: UnpackRequest['compressed']): Promise<WorkerInput> {
  if (!('file' in compressed)) return { stdio: 'pipe', stream: compressed, started: () => undefined };
  const fd = openSync(compressed.file, 'r');
  const program = inflatingProgram(detectCompression(readStart(fd)));
  if (program === undefined) return { stdio: fd, started: () => closeSync(fd) };
  const [file, ...args] = program as [string, ...string[]];
  const child = start(file, args, { stdio: [fd, 'pipe', 'ignore'] });
  closeSync(fd);
  const stream = child.stdout as Readable;
  child.once('error', (error) => stream.destroy(explainSpawnFailure(file, error)));
  return { stdio: 'pipe', stream, started: () => undefined };
}

function readStart(fd: number): Buffer {
  const start = Buffer.alloc(MAGIC_LENGTH);
  return start.subarray(0, readSync(fd, start, 0, MAGIC_LENGTH, 0));
}

/** What the user should know about a layer that is not quite what the archive held. */
function warn(record: LayerRecord, progress: Progress): void {
  const message = (text: string): void => progress({ kind: 'message', level: 'warning', text: `layer ${record.diffId.slice(7, 19)}: ${text}` });
  if (record.ownersSquashed) message('all files belong to root, because only one id is mapped (see `scull doctor`)');
  const devices = record.skippedDevices.filter((path) => !path.startsWith('dev/')); // /dev is always made anew
  if (devices.length > 0) message(`left out ${devices.length} device files, which only root can make: ${devices.slice(0, 3).join(', ')}`);
  if (record.lostXattrs.length > 0) message(`the file system does not take ${record.lostXattrs.length} extended attributes: ${record.lostXattrs[0] ?? ''}`);
}
