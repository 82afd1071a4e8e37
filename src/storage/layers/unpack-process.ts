/**
 * The process that unpacks a layer (unpack-worker.ts), seen from outside: how it is started, told what to do, and listened to.
 * Starting it takes as long as unpacking a small layer, so it may be started before it is known what there is to unpack:
 * {@link prepareUnpacking}.
 */
import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { errnoOf, isScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { exitStatus, explainSpawnFailure, minimalEnvironment } from '../../host/process.ts';
import { selfCommand } from '../../host/self.ts';
import { launchFailure, startInUserNamespace } from '../../userns/launch.ts';
import { createStaging, type Staging } from '../staging.ts';
import type { Store } from '../store.ts';
import type { LayerNames, UnpackJob, WorkerMessage } from './unpack-worker.ts';

export interface UnpackProcess {
  /** Gets the compressed layer, unless its job names a file. */
  readonly stdin: Writable;
  /** Exit status. Rejects where it could not be started, with a ScullError. */
  readonly ended: Promise<number>;
  /** To be called once. */
  begin(job: UnpackJob, onMessage: (message: WorkerMessage) => void): void;
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

/** @param place the one directory that it can write to; it and the layer are to be in a staging directory */
export function startUnpackProcess(place: string): UnpackProcess {
  ensurePrivateDirectory(place);
  const self = selfCommand('__worker', 'unpack', place);
  const child = startInUserNamespace(self.file, self.args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], keepFds: [3], readOnlyExcept: [place], apart: [place], env: { ...minimalEnvironment(), ...FRUGAL } });
  const stdin = child.stdin as Writable;
  const control = child.stdio[3] as Writable;
  // It ended early and has said why.
  stdin.on('error', () => undefined);
  control.on('error', () => undefined);
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-4000)));
  const ended = endOf(child, self.file);
  ended.catch(() => undefined); // told to who waits for it
  return {
    stdin,
    ended: ended.then((status) => {
      const failure = launchFailure(status, complaint);
      if (failure !== undefined) throw failure;
      return status;
    }),
    begin(job, onMessage) {
      readLines(child, (line) => onMessage(JSON.parse(line) as WorkerMessage));
      control.write(`${JSON.stringify(job)}\n`);
    },
    proceed: () => void control.write('g'),
    name: (names) => void control.write(`${JSON.stringify(names)}\n`),
    kill: () => child.kill('SIGKILL'),
    complaint: () => complaint.trim(),
  };
}

function endOf(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawnFailure(file, error)));
    child.once('close', (code, signal) => resolve(exitStatus(code, signal)));
  });
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  let pending = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
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
 * @returns ends it, where there was nothing to unpack. Must be called.
 */
export function prepareUnpacking(store: Store): () => Promise<void> {
  const { root } = store.layout;
  const prepared = waiting.has(root) ? undefined : prepare(store);
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

function prepare(store: Store): Prepared | undefined {
  let staging: Staging | undefined;
  try {
    staging = createStaging(store);
    const process = startUnpackProcess(placeIn(staging));
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
