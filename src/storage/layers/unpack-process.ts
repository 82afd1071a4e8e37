/**
 * The process that unpacks a layer (unpack-worker.ts), seen from outside: how it is started, told what to do, and listened to.
 * Starting it takes as long as unpacking a small layer, so it may be started before it is known what there is to unpack:
 * {@link prepareUnpacking}.
 */
import { startChild } from '../../host/child.ts';
import { errnoOf, isScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { minimalEnvironment } from '../../host/process.ts';
import { selfCommand } from '../../host/self.ts';
import { launchCommand, launchFailure } from '../../userns/launch.ts';
import { createStaging, type Staging } from '../staging.ts';
import type { Store } from '../store.ts';
import { CONTROL, INFLATING, SIGNS, type LayerNames, type UnpackJob, type WorkerMessage } from './unpack-dialogue.ts';

export interface UnpackProcess {
  /** Exit status, after all that it had to say. Rejects where it could not be started, with a ScullError. */
  readonly ended: Promise<number>;
  /** To be called once. */
  begin(job: UnpackJob, onMessage: (message: WorkerMessage) => void): void;
  /** The growing file has grown. */
  grew(): void;
  /** The growing file is whole. */
  whole(): void;
  /** The layers below are there. */
  proceed(): void;
  /** Which layer it was. */
  name(names: LayerNames): void;
  kill(): void;
  /** The end of what it said on standard error. */
  complaint(): string;
}

/**
 * The executable's engine lets garbage grow to tens of megabytes where the machine has many. With this little it collects earlier, and what a
 * worker takes does not grow with its layer.
 */
const FRUGAL = { BUN_JSC_forceRAMSize: `${16 << 20}` };

/**
 * @param place the one directory that it can write to; it and the layer are to be in a staging directory
 * @param compressed whether its layer is likely to be
 * @throws ScullError where it cannot be started
 */
export function startUnpackProcess(place: string, compressed = false): UnpackProcess {
  ensurePrivateDirectory(place);
  const self = selfCommand('__worker', 'unpack', place, ...(compressed ? [INFLATING] : []));
  const { file, args } = launchCommand({ program: [self.file, ...self.args], keepFds: [CONTROL, SIGNS], writable: [place], apart: [place] });
  const child = startChild(file, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], env: { ...minimalEnvironment(), ...FRUGAL } });
  let take: (message: WorkerMessage) => void = () => undefined;
  let complaint = '';
  const texts = new TextDecoder();
  const said = [child.read(1, lines((line) => take(JSON.parse(line) as WorkerMessage))), child.read(2, (chunk) => (complaint = (complaint + texts.decode(chunk, { stream: true })).slice(-4000)))];
  const ended = Promise.all([child.ended, ...said]).then(([status]) => {
    for (const fd of [CONTROL, SIGNS]) child.close(fd);
    const failure = launchFailure(status, complaint);
    if (failure !== undefined) throw failure;
    return status;
  });
  ended.catch(() => undefined); // told to who waits for it
  return {
    ended,
    begin(job, onMessage) {
      take = onMessage;
      child.send(CONTROL, `${JSON.stringify(job)}\n`);
    },
    grew: () => child.nudge(SIGNS),
    whole: () => child.close(SIGNS),
    proceed: () => child.send(CONTROL, 'g'),
    name: (names) => child.send(CONTROL, `${JSON.stringify(names)}\n`),
    kill: () => child.kill('SIGKILL'),
    complaint: () => complaint.trim(),
  };
}

function lines(onLine: (line: string) => void): (chunk: Uint8Array) => void {
  const texts = new TextDecoder();
  let pending = '';
  return (chunk) => {
    const complete = (pending + texts.decode(chunk, { stream: true })).split('\n');
    pending = complete.pop() ?? '';
    for (const line of complete) onLine(line);
  };
}

/** A process that waits for its job, and the staging directory that it can write to. */
export interface Prepared {
  readonly staging: Staging;
  readonly process: UnpackProcess;
}

/** By the root of the store. */
const waiting = new Map<string, Prepared>();

/** The path of the layer in a staging directory. */
export function placeIn(staging: Staging): string {
  return staging.path('layer');
}

/**
 * Starts the process that will unpack the next layer, while it is still being found out which that is. Where that fails it is no
 * error yet: whoever has something to unpack will hear of it.
 * @param compressed whether its layer is likely to be
 * @returns ends it, where there was nothing to unpack. Must be called.
 */
export function prepareUnpacking(store: Store, compressed = false): () => Promise<void> {
  const { root } = store.layout;
  const prepared = waiting.has(root) ? undefined : prepare(store, compressed);
  if (prepared === undefined) return async () => undefined;
  waiting.set(root, prepared);
  return async () => {
    if (waiting.get(root) !== prepared) return;
    waiting.delete(root);
    prepared.process.kill();
    await prepared.process.ended.catch(() => undefined);
    await prepared.staging.remove();
  };
}

function prepare(store: Store, compressed: boolean): Prepared | undefined {
  let staging: Staging | undefined;
  try {
    staging = createStaging(store);
    const process = startUnpackProcess(placeIn(staging), compressed);
    process.ended.catch(() => undefined); // told to who takes it
    return { staging, process };
  } catch (error) {
    void staging?.remove();
    if (isScullError(error) || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** The process that was prepared, if there is one; it is the caller's now. */
export function takePrepared(store: Store): Prepared | undefined {
  const prepared = waiting.get(store.layout.root);
  waiting.delete(store.layout.root);
  return prepared;
}
