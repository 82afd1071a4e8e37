/** run: create, start, and in the foreground stay until the end. */
import { existsSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { trace } from '../../host/trace.ts';
import { DEFAULT_DETACH_KEYS, OUTPUT_CLOSED, parseDetachKeys } from '../../runtime/attach.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { releaseClaim } from '../../runtime/claim.ts';
import { hasOverlayMounts, type ContainerRecord } from '../../runtime/container-record.ts';
import { lateFailure, unnotedEnd } from '../../runtime/late-failure.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import type { ContainerSpec } from '../../spec/container-spec.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import type { Engine } from '../engine.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { createContainer } from './create.ts';
import { removeClaimed, removeContainer } from './removal.ts';
import { keepPatient, tellWhenHealthy } from './service-manager.ts';
import { forwardSignals } from './signals.ts';
import { waitForEnd } from './stop.ts';
import { beginEarly, forsake, type Beginning } from './beginning.ts';
import { startContainer, type AttachStreams, type Running } from './launch.ts';

export interface RunOptions {
  readonly replace?: boolean;
  /** The words of the command line. */
  readonly createCommand?: readonly string[];
  /** How to talk to the registry of the image. */
  readonly registry?: RegistryChoices;
  readonly detach?: boolean;
  /** -a; in the foreground stdout and stderr (and stdin with -i) unless given. */
  readonly attach?: readonly ('stdin' | 'stdout' | 'stderr')[];
  /** Signals that reach us go to the container. */
  readonly sigProxy?: boolean;
  readonly detachKeys?: string;
  /** Descriptors of ours that its first process gets too. */
  readonly descriptors?: readonly number[];
  /** --rmi: remove the image too, unless another container uses it. */
  readonly removeImage?: boolean;
}

export interface RunOutcome {
  readonly id: string;
  /** Undefined when the container was left running: detached from the beginning or later. {@link OUTPUT_CLOSED} is no end of it. */
  readonly exitCode: number | undefined;
}

/** podman-run(1). @throws ScullError with the exit status 125, 126 or 127 it stands for */
export async function runContainer(engine: Engine, spec: ContainerSpec, options: RunOptions = {}): Promise<RunOutcome> {
  const streams = options.detach === true ? undefined : attachStreams(spec, options.attach, options.detachKeys);
  const interruption = new AbortController();
  const signals = options.detach === true ? undefined : forwardSignals(interruption, options.sigProxy ?? true);
  const patience = keepPatient(spec, engine.progress);
  try {
    trace('engine entered');
    const { record, beginning } = await createBeside({ ...engine, progress: patience.progress }, spec, options, interruption.signal);
    trace('container recorded');
    const running = await startNew(engine, record, beginning, streams, { ...(options.descriptors === undefined ? {} : { descriptors: options.descriptors }), abort: interruption.signal, onStart: (pid) => signals?.to(pid) });
    const ready = tellWhenHealthy(engine, record, patience.say);
    if (streams === undefined) {
      await ready;
      return { id: record.id, exitCode: undefined };
    }
    ready.catch(() => undefined); // the container's own end tells more
    const { exitCode, ended } = await stayUntilEnd(engine, running);
    if (options.removeImage === true && ended) await removeImageOf(engine, record);
    return { id: record.id, exitCode };
  } finally {
    patience.stop();
    signals?.dispose();
  }
}

/** Creates the container while its namespaces are being made. */
async function createBeside(engine: Engine, spec: ContainerSpec, options: RunOptions, abort: AbortSignal): Promise<{ record: ContainerRecord; beginning: Beginning | undefined }> {
  const beginning = beginEarly(engine, spec, options);
  try {
    return { record: await createContainer(engine, spec, { ...options, abort, claim: { autoRemove: spec.autoRemove, stays: options.detach !== true } }), beginning };
  } catch (error) {
    await forsake(beginning);
    throw error;
  }
}

/** A container that could not be started is kept for `start` or `inspect`, unless it was to be removed or was interrupted. */
async function startNew(engine: Engine, record: ContainerRecord, beginning: Beginning | undefined, attach: AttachStreams | undefined, control: { descriptors?: readonly number[]; abort: AbortSignal; onStart: (pid: number) => void }): Promise<Running> {
  try {
    const running = await startContainer(engine, record, { ...control, claimed: true, beginning, ...(attach === undefined ? {} : { attach }) });
    if (running === 'running') throw new ScullError('WRONG_STATE', `container ${record.name} was started by another command`);
    return running;
  } catch (error) {
    if (record.spec.autoRemove || control.abort.aborted) await removeContainer(engine, record, { force: true, volumes: true });
    throw error;
  }
}

function attachStreams(spec: ContainerSpec, attach: readonly ('stdin' | 'stdout' | 'stderr')[] | undefined, detachKeys: string | undefined): AttachStreams {
  const wanted = attach ?? ['stdin', 'stdout', 'stderr'];
  return {
    stdin: spec.interactive && wanted.includes('stdin'),
    stdout: wanted.includes('stdout'),
    stderr: wanted.includes('stderr'),
    detachKeys: parseDetachKeys(detachKeys ?? DEFAULT_DETACH_KEYS),
  };
}

/**
 * Waits for the end of a container in the foreground, and tidies up after it.
 * @returns its exit code; undefined when the user detached, {@link OUTPUT_CLOSED} when nobody reads our output any more
 */
export async function stayUntilEnd(engine: Engine, running: Running): Promise<{ readonly exitCode: number | undefined; readonly ended: boolean }> {
  const { record, monitor, attachment } = running;
  // The socket closes with the last of the output, so that all of it is shown before we leave.
  const left = await attachment?.ended;
  if (left === 'detached') return { exitCode: undefined, ended: false };
  if (left === 'output-closed') return { exitCode: OUTPUT_CLOSED, ended: false };
  trace('output ended');
  const paths = engine.store.layout.container(record.id);
  const status = isDoneWith(record, paths) ? undefined : await monitor.ended;
  trace('exit code there');
  let state = readContainerState(paths);
  if (record.config.ports.length > 0 || state.status !== 'exited') {
    // Ports are still being let go of; or --timeout has just killed it, and its last process is on its way out.
    await waitForEnd(engine, record.id, 5000);
    state = readContainerState(paths);
  }
  const failure = lateFailure(record, paths, state.exitCode) ?? (state.status === 'exited' && state.error !== '' ? unnotedEnd(record, paths, status) : undefined);
  await tidyUp(engine, record);
  trace('tidied up');
  if (failure !== undefined) throw failure;
  if (left instanceof ScullError) throw left;
  return { exitCode: state.status === 'exited' ? state.exitCode : status, ended: true };
}

/**
 * A monitor that has written the exit code takes milliseconds to go. Where it holds nothing that could be used again, neither the
 * container's root nor an address or port, nobody waits for it.
 */
function isDoneWith({ spec, config }: ContainerRecord, { exitFile }: ContainerPaths): boolean {
  return spec.autoRemove && config.networkMode.mode !== 'networks' && config.ports.length === 0 && existsSync(exitFile);
}

async function tidyUp(engine: Engine, record: ContainerRecord): Promise<void> {
  if (record.config.networkMode.mode === 'networks') await giveAddressesBack(engine, record);
  if (record.spec.autoRemove) await removeClaimed(engine, record, true);
  else {
    if (hasOverlayMounts(record)) await (await import('./overlay-mounts.ts')).discardOverlays(engine, record);
    await releaseClaim(engine.store.layout, cgroupPlan(), record.id);
  }
  if (record.pod?.stops === true) await (await import('../pods/exit-policy.ts')).stopAfterLast(engine, record.pod.id);
}

/** While the claim is ours: with it the right to its addresses ends. */
async function giveAddressesBack(engine: Engine, record: ContainerRecord): Promise<void> {
  const [{ giveBack }, { readNetworkState }] = await Promise.all([import('../networks/addresses.ts'), import('../../network/state.ts')]);
  const state = readNetworkState(engine.store.layout.container(record.id).networkState);
  if (state?.driver === 'switch') giveBack(engine, record.id, state.attachments);
}

async function removeImageOf(engine: Engine, record: ContainerRecord): Promise<void> {
  if (record.image === undefined) return;
  const { removeImages } = await import('../images/remove.ts');
  await removeImages(engine, [record.image.id], { ignore: true });
}

