/**
 * Starting a container, from top to bottom:
 *
 *   claim the container  →  prepare (files, config.json, steps)  →  monitor: root, conmon, crun create
 *                                                                    ├─ as soon as the namespaces stand: network
 *                                                                    └─ as soon as its socket is there: attach
 *   created and connected  →  crun start  →  the container runs
 *
 * The monitor's namespaces are made while this goes on; `run` begins them before the container exists (beginEarly).
 * See docs/run.md for the dialogue of processes.
 */
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { crashPoint } from '../../host/crash-point.ts';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { identityOf } from '../../host/identity.ts';
import { passedSockets } from '../../host/service-manager.ts';
import { requireTool } from '../../host/tools.ts';
import { trace } from '../../host/trace.ts';
import { startAttach, type Attachment } from '../../runtime/attach.ts';
import { cgroupPlan, cgroupPlanFor, type CgroupPlan } from '../../runtime/cgroups.ts';
import { claimContainer, killQuietly, recordMonitor, releaseClaim } from '../../runtime/claim.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { crunStart, isRuntimeAlive, readRuntimeState } from '../../runtime/crun.ts';
import { endSurvivors, refuseElsewhere } from '../../runtime/last-run.ts';
import { killProcessesNaming } from '../../runtime/strays.ts';
import { keepCompiledSeccomp } from '../../runtime/seccomp-cache.ts';
import { beginMonitor, type Capture, type Monitor, type NamespaceRequest, type PendingMonitor } from '../../runtime/monitor.ts';
import { startKeeper } from '../../runtime/keeper.ts';
import { forgetRestarts } from '../../runtime/restart-state.ts';
import type { ContainerSpec } from '../../spec/container-spec.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent, recordEnd } from '../events/record.ts';
import { tellOfLogout } from './logout.ts';
import { prepareContainer, writeBundle, type Preparation } from './prepare.ts';
import { proxiedSocket, tellStarted } from './service-manager.ts';
import { sharedNamespaces } from './shared-namespaces.ts';

export interface AttachStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: readonly number[];
}

export interface StartOptions {
  /** Connect our own standard streams. */
  readonly attach?: AttachStreams;
  /** Gets the output of a container with the log driver passthrough, for a caller that stays until the end. */
  readonly capture?: Capture;
  /** `K=V` that the container's process gets and no record keeps. */
  readonly secretEnvironment?: readonly string[];
  /** Aborts a start that is under way; what was made is taken back. */
  readonly abort?: AbortSignal;
  /** Called with the pid of the first process when its command is about to be executed: a signal is the container's from now on. */
  readonly onStart?: (pid: number) => void;
  /** Its restart policy wants it, nobody else: what that counts goes on. */
  readonly byPolicy?: boolean;
  /** This process has claimed the container already. */
  readonly claimed?: boolean;
  /** Its namespaces are being made already, see {@link beginEarly}. */
  readonly pending?: PendingMonitor | undefined;
}

export interface Running {
  readonly record: ContainerRecord;
  readonly monitor: Monitor;
  readonly attachment: Attachment | undefined;
  /** Pid of the container's first process. */
  readonly pid: number;
}

/**
 * Starts a container that does not run.
 * @returns 'running' when it already does
 * @throws ScullError as the cause is; the container is then not running and nothing of the attempt is left
 */
export async function startContainer(engine: Engine, record: ContainerRecord, options: StartOptions = {}): Promise<Running | 'running'> {
  const { layout } = engine.store;
  let cgroup = cgroupPlan();
  refuseElsewhere(layout.container(record.id));
  const claim = options.claimed === true ? 'claimed' : await claimContainer(layout, cgroup, record.id, { autoRemove: record.spec.autoRemove, stays: options.attach !== undefined });
  trace('claimed');
  if (claim === 'running') return 'running';
  if (claim === 'busy') throw new ScullError('IN_USE', `another command is working on container ${record.name}`);
  let pending = options.pending;
  let monitor: Monitor | undefined;
  const underWay: Promise<unknown>[] = [];
  try {
    await endSurvivors(layout.container(record.id));
    cgroup = cgroupPlanFor(record.spec.resources);
    forgetLastRun(engine, record, options.byPolicy === true);
    const shared = sharedNamespaces(engine, record);
    pending ??= beginMonitor(namespacesOf(engine, record.spec, shared.joinUser, options.capture));
    if (pending.pid !== undefined) recordMonitor(layout, record.id, pending.pid);
    crashPoint('start:monitor');
    const preparation = await prepareContainer(engine, record, cgroup, { attached: options.attach !== undefined, network: pending.network, shared, secretEnvironment: options.secretEnvironment ?? [] });
    trace('prepared');
    crashPoint('start:prepared');
    options.abort?.throwIfAborted();
    writeBundle(layout.container(record.id), preparation);
    trace('bundle written');
    crashPoint('start:bundle');
    monitor = launchMonitor(engine, record, preparation, pending, cgroup, options.attach?.stdin === true);
    trace('monitor launched');
    const running = await bringUp(engine, record, monitor, preparation, cgroup, options, underWay);
    return running;
  } catch (error) {
    if (monitor === undefined) await pending?.abandon();
    await takeBack(engine, record, monitor, cgroup, underWay);
    if (isScullError(error) && error.code !== 'INTERRUPTED') noteFailure(engine, record, error.message);
    throw error;
  }
}

/** Whose it is, for when nothing else tells any more. A full disk makes it empty: its time still says when. */
function noteStart(file: string, pid: number): void {
  closeSync(openSync(file, 'w', 0o600));
  try {
    writeFileSync(file, JSON.stringify(identityOf(pid)));
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw error;
  }
}

function forgetLastRun(engine: Engine, record: ContainerRecord, byPolicy: boolean): void {
  const paths = engine.store.layout.container(record.id);
  recordEnd(engine, record);
  for (const file of [paths.exitFile, paths.startedFile, paths.errorFile, paths.oomFile]) rmSync(file, { force: true });
  if (record.config.health !== undefined) rmSync(paths.healthFile, { force: true });
  if (record.spec.restart !== undefined && !byPolicy) forgetRestarts(paths);
}

function noteFailure(engine: Engine, record: ContainerRecord, message: string): void {
  try {
    writeFileSync(engine.store.layout.container(record.id).errorFile, message, { mode: 0o600 });
  } catch {
    // Only for `inspect` to show later; the error itself is on its way to the user, and a full disk must not hide it.
  }
}

/**
 * Begins a container's namespaces before the container exists, where its wish alone says which they are.
 * @returns undefined where another container has to be looked at first
 */
export function beginEarly(engine: Engine, spec: ContainerSpec, capture?: Capture): PendingMonitor | undefined {
  const { user, pid, ipc, uts, cgroup } = spec.namespaces;
  if ([user, pid, ipc, uts, cgroup, spec.network.mode].some((wish) => wish.mode === 'container')) return undefined;
  return beginMonitor(namespacesOf(engine, spec, undefined, capture));
}

function namespacesOf(engine: Engine, spec: ContainerSpec, joinUser: number | undefined, capture: Capture | undefined): NamespaceRequest {
  const ownNetwork = ['default', 'pasta', 'none'].includes(spec.network.mode.mode);
  return {
    layout: engine.store.layout,
    cgroup: cgroupPlan(),
    maps: defaultIdMaps(),
    keepGroups: spec.groupAdd.includes('keep-groups'),
    ...(joinUser === undefined ? {} : { joinUser }),
    // A network namespace must belong to the innermost user namespace; where crun makes that one, it makes both.
    network: ownNetwork && spec.namespaces.user.mode === 'host' && joinUser === undefined,
    passthrough: spec.log.driver === 'passthrough',
    passedSockets: capture === undefined ? passedSockets().count : 0,
    capture,
  };
}

function launchMonitor(engine: Engine, record: ContainerRecord, preparation: Preparation, pending: PendingMonitor, cgroup: CgroupPlan, attachesInput: boolean): Monitor {
  const { spec } = record;
  const { layout } = engine.store;
  const notifySocket = proxiedSocket(spec);
  const monitor = pending.proceed({
    id: record.id,
    name: record.name,
    layout,
    paths: layout.container(record.id),
    cgroup,
    steps: preparation.steps,
    command: preparation.runtimeSpec.process.args[0],
    terminal: spec.tty,
    stdin: spec.interactive,
    stdinOnce: attachesInput && !spec.tty,
    log: spec.log,
    ...(spec.timeout === undefined ? {} : { timeout: spec.timeout }),
    runtimePath: requireTool('crun', 'starting a container').path,
    ...(notifySocket === undefined ? {} : { notifySocket }),
  });
  if (pending.pid === undefined) recordMonitor(layout, record.id, monitor.pid);
  return monitor;
}

/** Before the command is executed: who waits for the file (systemd.service(5) PIDFile=) finds a process. */
function writePidFile(path: string, pid: number): void {
  try {
    writeFileSync(path, String(pid), { mode: 0o644 });
  } catch (cause) {
    throw new ScullError('NOT_FOUND', `cannot write the --pidfile ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
}

async function bringUp(engine: Engine, record: ContainerRecord, monitor: Monitor, preparation: Preparation, cgroup: CgroupPlan, options: StartOptions, underWay: Promise<unknown>[]): Promise<Running> {
  const paths = engine.store.layout.container(record.id);
  const attachment = options.attach === undefined || record.spec.log.driver === 'passthrough' ? undefined : attachWhileStarting(record, paths, options.attach);
  const aborted = abortion(options.abort);
  let volumesFilled = false;
  try {
    const network = connectNetwork(engine, record, monitor, preparation);
    underWay.push(network);
    const work = Promise.all([monitor.created, network, attachment?.connected]);
    work.catch(() => undefined);
    // A failed start shows first at the monitor; the others only suffer from it.
    const [pid] = await Promise.race([work, aborted.promise, monitor.created.then(() => work)]);
    trace('created, connected and attached');
    crashPoint('start:created');
    if (preparation.compiledSeccomp !== undefined && preparation.runtimeSpec.linux.seccomp !== undefined) keepCompiledSeccomp(preparation.compiledSeccomp, paths.runtimeState);
    preparation.firstUses.done();
    volumesFilled = true;
    crashPoint('start:filled');
    startKeeper(engine.store.layout, record, monitor.pid, options.attach !== undefined || options.capture !== undefined);
    options.abort?.throwIfAborted();
    if (record.spec.pidFile !== undefined) writePidFile(record.spec.pidFile, pid);
    options.onStart?.(pid);
    // Not after its end, should that be quick.
    const time = new Date().toISOString();
    await Promise.race([crunStart(engine.store.layout, cgroup, record.id), aborted.promise]);
    trace('started');
    crashPoint('start:executed');
    noteStart(paths.startedFile, monitor.pid);
    crashPoint('start:noted');
    await tellStarted(record.spec, monitor.pid);
    recordContainerEvent(engine, record, 'start', { time });
    if (options.attach !== undefined) recordContainerEvent(engine, record, 'attach', { time });
    else tellOfLogout(engine, record.name, cgroup);
    return { record, monitor, attachment, pid };
  } catch (error) {
    attachment?.process.kill('SIGTERM');
    if (!volumesFilled) preparation.firstUses.failed();
    throw error;
  } finally {
    aborted.dispose();
  }
}

function attachWhileStarting(record: ContainerRecord, paths: Parameters<typeof startAttach>[0]['paths'], streams: AttachStreams): Attachment {
  return startAttach({
    paths,
    terminal: record.spec.tty,
    stdin: streams.stdin && record.spec.interactive,
    stdout: streams.stdout,
    stderr: streams.stderr,
    detachKeys: streams.detachKeys,
    patience: 30_000,
  });
}

/** pasta takes longer to start than crun: it begins as soon as there is a namespace to connect. */
async function connectNetwork(engine: Engine, record: ContainerRecord, monitor: Monitor, preparation: Preparation): Promise<void> {
  if (preparation.network.mode !== 'pasta') return;
  const { startPasta } = await import('../../network/drivers/pasta.ts');
  let target = monitor.pid;
  if (preparation.earlyNetwork) await monitor.namespaces;
  else target = await monitor.created;
  trace('namespaces ready');
  const stateFile = engine.store.layout.container(record.id).networkState;
  await startPasta(preparation.network, { targetPid: target, watchPid: monitor.pid, stateFile }).catch(async (error: unknown) => {
    await monitor.created; // namespaces that are gone are the consequence of a failure there
    throw error;
  });
}

function abortion(signal: AbortSignal | undefined): { promise: Promise<never>; dispose: () => void } {
  let onAbort: () => void = () => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal?.reason instanceof Error ? signal.reason : new ScullError('INTERRUPTED', 'interrupted'));
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort);
  });
  promise.catch(() => undefined);
  return { promise, dispose: () => signal?.removeEventListener('abort', onAbort) };
}

/** Ends whatever a failed start left, so that nothing half-made remains. */
async function takeBack(engine: Engine, record: ContainerRecord, monitor: Monitor | undefined, cgroup: CgroupPlan, underWay: readonly Promise<unknown>[]): Promise<void> {
  const { layout } = engine.store;
  if (monitor !== undefined && monitor.pid > 0) {
    const runtime = readRuntimeState(layout.container(record.id).runtimeState);
    killQuietly(monitor.pid);
    if (runtime !== undefined && isRuntimeAlive(runtime)) killQuietly(runtime.pid);
    await monitor.ended.catch(() => undefined);
    await killProcessesNaming(layout.container(record.id).bundle);
  }
  // A network that is still being connected has files in the bundle; it fails or ends now that the monitor is gone.
  await Promise.allSettled(underWay);
  for (const file of [layout.container(record.id).exitFile, layout.container(record.id).startedFile]) rmSync(file, { force: true });
  await releaseClaim(layout, cgroup, record.id);
}
