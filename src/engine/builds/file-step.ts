/** Starting the worker that changes a stage's files (src/build/files/copy-worker.ts) in a namespace with those mounted. */
import { mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { FileJob, FileMessage } from '../../build/files/copy-worker.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { randomHex } from '../../host/identity.ts';
import { exitStatus, explainSpawnFailure, start } from '../../host/process.ts';
import { selfCommand } from '../../host/self.ts';
import { trace } from '../../host/trace.ts';
import { mountPlan } from '../../storage/drivers/plan.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { launchCommand, launchFailure, runInUserNamespace } from '../../userns/launch.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { BuildSession } from './session.ts';

export interface FileWork {
  /** The stage's. */
  readonly layers: readonly LayerRef[];
  /** A file system to read from, mounted where {@link FileStep.source} says. */
  readonly source?: readonly LayerRef[];
  /** What the worker shall do, given where things are mounted. */
  readonly job: (places: FilePlaces) => FileJob;
  /** Hears the digest of files only the worker can see. @returns false to stop: nothing needs to be done */
  readonly onDigest?: (digest: string) => boolean;
}

export interface FilePlaces {
  readonly root: string;
  readonly source: string;
  readonly scratch: (index: number) => string;
  /** Where the root is an overlay. */
  readonly aside: string | undefined;
}

/** @returns the upper directory with the changes; undefined where `onDigest` said that there is nothing to do */
export async function runFileWork(session: BuildSession, work: FileWork): Promise<string | undefined> {
  const place = session.place('files');
  const paths = { upper: `${place}/upper`, work: `${place}/work`, root: `${place}/root`, source: `${place}/source`, scratch: `${place}/scratch`, aside: `${place}/aside`, tree: `${place}/aside/${randomHex(4)}`, job: `${place}/job.json` };
  mkdirSync(place, { mode: 0o700 });
  for (const directory of [paths.work, paths.root, paths.source, paths.scratch, paths.aside]) mkdirSync(directory, { mode: 0o700 });
  mkdirSync(paths.upper, { mode: 0o755 });
  const steps = await mounts(session, work, paths);
  const scratch = (index: number): string => `${paths.scratch}/${index}`;
  const isOverlay = steps.some((step) => step.kind === 'overlay' && step.target === paths.root);
  writeFileSync(paths.job, JSON.stringify(work.job({ root: paths.root, source: paths.source, scratch, aside: isOverlay ? paths.tree : undefined })), { mode: 0o600 });
  const self = selfCommand('__worker', 'build-files', paths.job);
  // The fence is not for fuse-overlayfs: its own process would stand inside it.
  const fence = steps.some((step) => step.kind === 'fuse') ? {} : { writable: [paths.root, paths.scratch, paths.aside] };
  const command = launchCommand({ program: [self.file, ...self.args], steps, ...fence, keepFds: [3] });
  const child = start(command.file, command.args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const go = child.stdio[3] as Writable;
  go.on('error', () => undefined); // it ended early and has said why
  const stop = (): void => void child.kill('SIGKILL');
  session.abort.signal.addEventListener('abort', stop, { once: true });
  try {
    const end = await new Promise<(FileMessage & { readonly kind: 'done' }) | 'needless'>((resolve, reject) => {
      let outcome: (FileMessage & { readonly kind: 'done' }) | 'needless' | Error | undefined;
      let stderr = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-16_000)));
      onLines(child.stdout as Readable, (line) => {
        const message = JSON.parse(line) as FileMessage;
        if (message.kind === 'digest') {
          if (work.onDigest?.(message.digest) === false) {
            outcome = 'needless';
            go.end();
          } else go.end('g');
        } else if (message.kind === 'done') outcome = message;
        else if (message.kind === 'error') outcome = new ScullError(message.code, message.message, { ...(message.hint === undefined ? {} : { hint: message.hint }), ...(message.detail === undefined ? {} : { detail: message.detail }) });
        else outcome = new Error(`a step of the build failed: ${message.stack}`);
      });
      child.once('error', (error) => reject(explainSpawnFailure(command.file, error)));
      child.once('close', (code, signal) => {
        const status = exitStatus(code, signal);
        if (session.abort.signal.aborted) reject(session.abort.signal.reason);
        else if (outcome !== undefined && !(outcome instanceof Error)) resolve(outcome);
        else reject(outcome ?? launchFailure(status, stderr) ?? new ScullError('TOOL_FAILED', `the worker of a build ended with status ${status}`, { detail: stderr.trim() }));
      });
    });
    trace('files made');
    if (end === 'needless') return undefined;
    for (const lost of end.lost ?? []) session.warn(`an extended attribute is lost: ${lost}`);
    if (end.moveTo !== undefined) await moveTree(place, paths, end.moveTo);
    return paths.upper;
  } finally {
    session.abort.signal.removeEventListener('abort', stop);
  }
}

/** No file of what became a layer is younger than the build's time, as in the layer's blob. Nothing runs there any more. */
export async function clampTimes(session: BuildSession, directory: string, time: number): Promise<void> {
  const place = session.place('clamp.json');
  const job: FileJob = { root: directory, time, clamp: true };
  writeFileSync(place, JSON.stringify(job), { mode: 0o600 });
  const self = selfCommand('__worker', 'build-files', place);
  const { status, stdout, stderr } = await runInUserNamespace(self.file, self.args, { readOnlyExcept: [directory] });
  if (status !== 0) throw new ScullError('TOOL_FAILED', 'cannot set the times of a layer', { detail: `${stdout}${stderr}`.trim() });
}

/**
 * Into the place of an empty directory, in the upper directory of an overlay that nobody has mounted any more.
 * @param work holds both
 */
async function moveTree(work: string, { tree, upper }: { readonly tree: string; readonly upper: string }, path: string): Promise<void> {
  const place = `${upper}${path}`;
  try {
    // The worker has made these directories, or copied them up: none of them is a link.
    if (realpathSync(dirname(place)) !== `${realpathSync(upper)}${dirname(path) === '/' ? '' : dirname(path)}`) throw new ScullError('INVALID', `${JSON.stringify(path)} leads elsewhere`);
    renameSync(tree, place);
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
    // A directory on the way belongs to another user of the image.
    const { status, stderr } = await runInUserNamespace('mv', ['-T', '--', tree, place], { readOnlyExcept: [work] });
    if (status !== 0) throw new ScullError('TOOL_FAILED', `cannot move a copied tree to its place: ${stderr.trim()}`);
  }
}

async function mounts(session: BuildSession, work: FileWork, paths: { readonly upper: string; readonly work: string; readonly root: string; readonly source: string }): Promise<LaunchStep[]> {
  const { store } = session.engine;
  const source = work.source === undefined || work.source.length === 0 ? [] : await mountPlan(store, { lowers: work.source.map((layer) => layer.chainId), target: paths.source });
  if (work.layers.length === 0) return [...source, { kind: 'bind', source: paths.upper, target: paths.root }];
  const root = await mountPlan(store, { lowers: work.layers.map((layer) => layer.chainId), upper: paths.upper, work: paths.work, target: paths.root, flushesItself: true });
  return [...source, ...root];
}

function onLines(stream: Readable, take: (line: string) => void): void {
  let pending = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(line);
  });
}
