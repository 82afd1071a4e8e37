/**
 * Starting a container, from top to bottom:
 *
 *   claim the container  →  prepare (files, config.json, steps)  →  monitor: root, conmon, crun create
 *                                                                    ├─ as soon as the namespaces stand: network
 *                                                                    └─ as soon as its socket is there: attach
 *   created and connected  →  crun start  →  the container runs
 *
 * The monitor's namespaces are made while this goes on, begun before the claim; `run` begins them before the container exists (beginning.ts).
 * See docs/run.md for the dialogue of processes.
 */
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { crashPoint } from '../../host/crash-point.ts';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { removeFile, removeFiles, withPath, writeAllSync } from '../../host/files.ts';
import { identityOf } from '../../host/identity.ts';
import { requireTool } from '../../host/tools.ts';
import { trace } from '../../host/trace.ts';
import { killQuietly } from '../../host/kill.ts';
import { startAttach, type Attachment } from '../../runtime/attach.ts';
import { cgroupPlan, cgroupPlanFor, distrustSystemd, type CgroupPlan } from '../../runtime/cgroups.ts';
import { claimExisting, type ClaimRefusal, recordMonitor, releaseClaim } from '../../runtime/claim.ts';
import { hasOverlayMounts, type ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { crunStart, isRuntimeAlive, readRuntimeState } from '../../runtime/crun.ts';
import { endSurvivors, refuseElsewhere } from '../../runtime/last-run.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { killProcessesNaming } from '../../runtime/strays.ts';
import { keepCompiledSeccomp } from '../../runtime/seccomp-cache.ts';
import type { Capture, Monitor, PendingMonitor } from '../../runtime/monitor.ts';
import { startKeeper } from '../../runtime/keeper.ts';
import { countsRestarts, forgetRestarts, writeRestarts, type RestartState } from '../../runtime/restart-state.ts';
import { explainFullDisk } from '../../storage/space.ts';
import type { NetworkPlan } from '../../network/plan.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent, recordEnd } from '../events/record.ts';
import { tellOfLogout } from './logout.ts';
import type { Engaged } from '../networks/switch.ts';
import { beginEarly, beginLaunch, forsake, type Beginning } from './beginning.ts';
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
  /** Gets the output of a container with the log driver passthrough, for a caller that stays until the end and removes it; such a container has no keeper. */
  readonly capture?: Capture;
  /** Descriptors of ours that its first process gets too, this time. */
  readonly descriptors?: readonly number[];
  /** `K=V` that the container's process gets and no record keeps. */
  readonly secretEnvironment?: readonly string[];
  /** Aborts a start that is under way; what was made is taken back. */
  readonly abort?: AbortSignal;
  /** Called with the pid of the first process when its command is about to be executed: a signal is the container's from now on. */
  readonly onStart?: (pid: number) => void;
  /** Its restart policy wants it, nobody else: what that counts goes on. */
  readonly byPolicy?: boolean;
  /** What is counted of its restarts from now on; otherwise that begins anew. */
  readonly restarts?: RestartState;
  /** This process has claimed the container already. */
  readonly claimed?: boolean;
  /** A process in the user namespace in which its own is made, see userns/nursery.ts. */
  readonly within?: number | undefined;
  /** Its namespaces are being made already, see beginning.ts. */
  readonly beginning?: Beginning | undefined;
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
  try {
    return await startOnce(engine, record, options);
  } catch (error) {
    if (!isScullError(error, 'TOOL_FAILED') || options.abort?.aborted === true || !distrustSystemd(error.message)) throw error;
    engine.progress({ kind: 'message', level: 'warning', text: `${error.message}: until your next login containers go without scopes of systemd` });
    return startOnce(engine, record, { ...options, claimed: false, beginning: undefined });
  }
}

/** Ids of containers that were there before, so none of them requires this one. @throws ScullError as the cause is */
async function startRequired(engine: Engine, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    if (!isRunning(readContainerState(engine.store.layout.container(id)))) await startContainer(engine, findContainer(engine.store.layout, id));
  }
}

async function startOnce(engine: Engine, record: ContainerRecord, options: StartOptions): Promise<Running | 'running'> {
  const { layout } = engine.store;
  let cgroup = cgroupPlan();
  refuseElsewhere(layout.container(record.id));
  let beginning = options.beginning ?? beginEarly(engine, record.spec, options, record.config.networkMode);
  const claim = await claimForStart(engine, record, cgroup, options).catch(async (error: unknown) => {
    await forsake(beginning);
    throw error;
  });
  trace('claimed');
  if (claim !== 'claimed') {
    await forsake(beginning);
    if (claim === 'running') return 'running';
    throw new ScullError('IN_USE', `another command is working on container ${record.name}`);
  }
  let monitor: Monitor | undefined;
  let preparation: Preparation | undefined;
  const underWay: Promise<unknown>[] = [];
  try {
    if (record.spec.requires !== undefined) await startRequired(engine, record.spec.requires);
    await endSurvivors(layout.container(record.id));
    cgroup = cgroupPlanFor(record.spec.resources);
    await forgetLastRun(engine, record, options);
    if (hasOverlayMounts(record)) await (await import('./overlay-mounts.ts')).discardOverlays(engine, record);
    if (record.pod !== undefined && record.pod.infra !== true) await (await import('../pods/infra.ts')).prepareForMember(engine, record);
    const shared = sharedNamespaces(engine, record);
    beginning ??= beginLaunch(engine, record.spec, record.config.networkMode, shared, options);
    const { pending, engaged } = await beginning.ready;
    if (pending.pid !== undefined) recordMonitor(layout, record.id, pending.pid);
    crashPoint('start:monitor');
    preparation = await prepareContainer(engine, record, cgroup, { attached: options.attach !== undefined, network: pending.network, shared, secretEnvironment: options.secretEnvironment ?? [] });
    trace('prepared');
    crashPoint('start:prepared');
    options.abort?.throwIfAborted();
    writeBundle(layout.container(record.id), preparation);
    trace('bundle written');
    crashPoint('start:bundle');
    monitor = launchMonitor(engine, record, preparation, pending, cgroup, options.attach?.stdin === true);
    trace('monitor launched');
    return await bringUp(engine, record, monitor, preparation, cgroup, { ...options, engaged }, underWay);
  } catch (cause) {
    const error = explainFullDisk(cause, layout.root);
    if (monitor === undefined) await beginning?.abandon();
    if (preparation !== undefined) await giveAddressesBack(engine, record, preparation);
    await takeBack(engine, record, monitor, cgroup, underWay);
    if (isScullError(error) && error.code !== 'INTERRUPTED') noteFailure(engine, record, error.message);
    // For it alone the pod may have been started.
    if (record.pod?.stops === true) await (await import('../pods/exit-policy.ts')).stopAfterLast(engine, record.pod.id);
    throw error;
  } finally {
    beginning?.leave();
  }
}

async function claimForStart(engine: Engine, record: ContainerRecord, cgroup: CgroupPlan, options: StartOptions): Promise<'claimed' | ClaimRefusal> {
  if (options.claimed === true) return 'claimed';
  return claimExisting(engine.store.layout, cgroup, record.id, { autoRemove: record.spec.autoRemove, stays: options.attach !== undefined });
}

/** Whose it is, for when nothing else tells any more. A full disk makes it empty: its time still says when. */
function noteStart(file: string, pid: number): void {
  const fd = openSync(file, 'w', 0o600);
  try {
    writeAllSync(fd, JSON.stringify(identityOf(pid)));
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw withPath(error, file);
  } finally {
    closeSync(fd);
  }
}

/** Should nothing come of this start, boot still knows that it has run. A full disk must not keep it from starting. */
function noteRun(file: string): void {
  try {
    closeSync(openSync(file, 'w', 0o600));
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw withPath(error, file);
  }
}

async function giveAddressesBack(engine: Engine, record: ContainerRecord, { planned }: Preparation): Promise<void> {
  if (planned.length === 0) return;
  const { giveBack } = await import('../networks/addresses.ts');
  giveBack(engine, record.id, planned.map(({ attachment }) => attachment));
}

/**
 * Beside everything else: where a file system discards what it frees (mount(8), "discard"), each removal waits for the device, and while
 * many are started at once all the others would wait with this one.
 */
async function forgetLastRun(engine: Engine, record: ContainerRecord, { byPolicy = false, restarts }: StartOptions): Promise<void> {
  const paths = engine.store.layout.container(record.id);
  recordEnd(engine, record);
  if (record.spec.restart !== undefined && existsSync(paths.startedFile) && !existsSync(paths.hasRunFile)) noteRun(paths.hasRunFile);
  await removeFiles([paths.exitFile, paths.startedFile, paths.errorFile, paths.oomFile]);
  if (record.config.health !== undefined) await removeFiles([paths.healthFile]);
  if (countsRestarts(record) && !byPolicy) await forgetRestarts(paths);
  if (restarts !== undefined) writeRestarts(paths, restarts);
}

function noteFailure(engine: Engine, record: ContainerRecord, message: string): void {
  try {
    writeFileSync(engine.store.layout.container(record.id).errorFile, message, { mode: 0o600 });
  } catch {
    // Only for `inspect` to show later; the error itself is on its way to the user, and a full disk must not hide it.
  }
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
function writePidFile(path: string, option: string, pid: number): void {
  try {
    writeFileSync(path, String(pid), { mode: 0o644 });
  } catch (cause) {
    throw new ScullError('NOT_FOUND', `cannot write the ${option} ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
}

async function bringUp(engine: Engine, record: ContainerRecord, monitor: Monitor, preparation: Preparation, cgroup: CgroupPlan, options: StartOptions & { readonly engaged: Engaged | undefined }, underWay: Promise<unknown>[]): Promise<Running> {
  const paths = engine.store.layout.container(record.id);
  const attachment = options.attach === undefined || record.spec.log.driver === 'passthrough' ? undefined : attachWhileStarting(record, paths, options.attach, monitor);
  const aborted = abortion(options.abort);
  let volumesFilled = false;
  try {
    const network = connectNetwork(engine, record, monitor, preparation, options.engaged);
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
    // Who captures stays, and is watched itself.
    const keep = (): void => {
      if (options.capture === undefined) startKeeper(engine.store.layout, record, monitor.pid, options.attach !== undefined);
    };
    if (!isSwept(record)) keep();
    options.abort?.throwIfAborted();
    if (record.spec.pidFile !== undefined) writePidFile(record.spec.pidFile, '--pidfile', pid);
    if (record.spec.monitorPidFile !== undefined) writePidFile(record.spec.monitorPidFile, record.pod?.infra === true ? '--infra-conmon-pidfile' : '--conmon-pidfile', monitor.pid);
    options.onStart?.(pid);
    // Not after its end, should that be quick.
    const time = new Date().toISOString();
    await Promise.race([crunStart(engine.store.layout, cgroup, record.id), aborted.promise]);
    trace('started');
    crashPoint('start:executed');
    if (isSwept(record)) keep();
    noteStart(paths.startedFile, monitor.pid);
    crashPoint('start:noted');
    await tellStarted(record.spec, monitor.pid);
    recordContainerEvent(engine, record, 'start', { time });
    if (options.attach !== undefined) recordContainerEvent(engine, record, 'attach', { time });
    else tellOfLogout(engine, record.name);
    return { record, monitor, attachment, pid };
  } catch (error) {
    attachment?.process.kill('SIGTERM');
    if (!volumesFilled) preparation.firstUses.failed();
    throw error;
  } finally {
    aborted.dispose();
  }
}

/** Its keeper would do nothing that the next command does not do for one of a command that was killed (cleanup.ts): it may come later. */
function isSwept(record: ContainerRecord): boolean {
  return record.spec.autoRemove && record.config.health === undefined && record.pod?.stops !== true;
}

function attachWhileStarting(record: ContainerRecord, paths: Parameters<typeof startAttach>[0]['paths'], streams: AttachStreams, monitor: Monitor): Attachment {
  return startAttach({
    paths,
    terminal: record.spec.tty,
    stdin: streams.stdin && record.spec.interactive,
    stdout: streams.stdout,
    stderr: streams.stderr,
    detachKeys: streams.detachKeys,
    patience: 30_000,
    untilExitCode: { file: paths.exitFile, monitor: monitor.pid },
  });
}

/** Networks take longer to connect than crun takes: that begins as soon as there is a namespace. */
async function connectNetwork(engine: Engine, record: ContainerRecord, monitor: Monitor, preparation: Preparation, engaged: Engaged | undefined): Promise<void> {
  const { network } = preparation;
  if (network.mode !== 'pasta' && network.mode !== 'switch') return;
  let target = monitor.pid;
  if (preparation.earlyNetwork) await monitor.namespaces;
  else target = await monitor.created;
  trace('namespaces ready');
  const connect = engaged === undefined ? connectPasta(engine, record, network, target, monitor) : connectSwitch(engine, record, preparation, target, monitor, engaged);
  await connect.catch(async (error: unknown) => {
    await monitor.created; // namespaces that are gone are the consequence of a failure there
    throw error;
  });
  trace('network connected');
}

async function connectPasta(engine: Engine, record: ContainerRecord, network: NetworkPlan, targetPid: number, monitor: Monitor): Promise<void> {
  const { layout } = engine.store;
  const [{ startPasta }, { refreshCommand }] = await Promise.all([import('../../network/drivers/pasta.ts'), import('../networks/refresh-command.ts')]);
  await startPasta(network, { targetPid, watchPid: monitor.pid, stateFile: layout.container(record.id).networkState, onChange: refreshCommand(layout, record.id) });
}

async function connectSwitch(engine: Engine, record: ContainerRecord, { network, planned }: Preparation, target: number, monitor: Monitor, engaged: Engaged): Promise<void> {
  const { connectContainer } = await import('../networks/attachments.ts');
  await connectContainer(engine, engaged, record, planned, { ports: network.ports, addresses: network.addresses, target, watchPid: monitor.pid });
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
  for (const file of [layout.container(record.id).exitFile, layout.container(record.id).startedFile]) removeFile(file);
  await releaseClaim(layout, cgroup, record.id);
}
