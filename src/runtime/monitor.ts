/**
 * The one wrapper around conmon(8), the monitor of a container: it keeps the container's standard streams, writes its
 * log, and leaves its exit code in a file.
 *
 * With --sync conmon does not fork: the process that we start makes the namespaces (native/scull-helper/launch.c), becomes conmon
 * and is the container's monitor, one pid from first to last. Its descriptors:
 *
 *   2  what the helper, or conmon before it detaches, has to say
 *   3  first a line "n" from the helper: the namespaces stand; then conmon's sync pipe: {"data": PID} once crun has created
 *      the container, {"data": -1, "message": …} if it could not
 *
 * Sockets that a service manager hands on to the container (sd_listen_fds(3)) must be 3 and up; then the pipe comes behind them.
 */
import { startChild, type Child } from '../host/child.ts';
import { isScullError, ScullError } from '../host/errors.ts';
import { signOfLife } from '../storage/hosts.ts';
import type { ContainerPaths, StoreLayout } from '../storage/layout.ts';
import type { IdMaps } from '../userns/id-maps.ts';
import { helperPath, launchCommand, launchEnvironment, launchFailure, restOfLaunch } from '../userns/launch.ts';
import type { LaunchRequest, LaunchStep, UserNamespaceOf } from '../userns/launch-request.ts';
import type { LogSpec } from '../spec/container-spec.ts';
import { divideCgroup, type CgroupPlan } from './cgroups.ts';
import { crunGlobals, explainRuntimeFailure } from './crun.ts';
import { passedStreams } from './passed-descriptors.ts';

const CONMON = 'conmon';

export interface MonitorRequest {
  readonly id: string;
  readonly name: string;
  readonly layout: StoreLayout;
  readonly paths: ContainerPaths;
  readonly cgroup: CgroupPlan;
  readonly steps: readonly LaunchStep[];
  /** First word of what it executes, for errors. */
  readonly command: string | undefined;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Standard input ends with the first client that gives some, as in a pipe; else it stays open for the next one. */
  readonly stdinOnce: boolean;
  readonly log: LogSpec;
  /** Seconds of life. */
  readonly timeout?: number;
  /** Absolute path of crun. */
  readonly runtimePath: string;
  /** Of a service manager: what the container sends to its own socket, in the bundle, is passed on to this one. */
  readonly notifySocket?: string;
}

export interface Monitor {
  readonly pid: number;
  readonly process: Child;
  /** The namespaces stand and may be joined through `/proc/PID/ns`. */
  readonly namespaces: Promise<void>;
  /** Pid of the container's first process, which waits to be started. */
  readonly created: Promise<number>;
  /** Exit status of the container, once the monitor has ended too. */
  readonly ended: Promise<number>;
  /** All that was to be captured has been handed out. */
  readonly captured: Promise<void>;
}

/** @param descriptors how many from 3 on the container gets besides the sockets of a service manager, which crun counts itself */
function monitorArguments(request: MonitorRequest, descriptors = 0): string[] {
  const { paths, log } = request;
  const args = [CONMON, '--sync', '--api-version', '1', '-c', request.id, '-u', request.id, '-n', request.name];
  args.push('-r', request.runtimePath, '-b', paths.bundle, '-p', paths.pidFile, '--exit-dir', paths.exitDirectory, '--persist-dir', paths.exitDirectory);
  args.push('--full-attach', '--no-sync-log', '--log-level', 'error', '-l', logTarget(log, paths));
  if (log.maxSize !== undefined) args.push('--log-size-max', String(log.maxSize));
  if (log.tag !== undefined) args.push('--log-tag', log.tag);
  if (request.cgroup.manager === 'systemd') args.push('-s');
  for (const global of crunGlobals(request.layout, request.cgroup)) if (global !== '--systemd-cgroup') args.push('--runtime-arg', global);
  if (descriptors > 0) args.push('--runtime-opt', '--preserve-fds', '--runtime-opt', String(descriptors));
  if (request.terminal) args.push('-t');
  // With a terminal conmon makes the input side by itself, but only -i lets an attached client use it.
  if (request.stdin) args.push('-i');
  if (!request.stdinOnce) args.push('--leave-stdin-open');
  if (request.timeout !== undefined && request.timeout > 0) args.push('-T', String(request.timeout));
  if (request.notifySocket !== undefined) args.push('--sdnotify-socket', request.notifySocket);
  return args;
}

function logTarget(log: LogSpec, paths: ContainerPaths): string {
  switch (log.driver) {
    case 'k8s-file':
      return `k8s-file:${log.path ?? paths.log}`;
    case 'journald':
      return 'journald';
    case 'passthrough':
      return 'passthrough';
    case 'none':
      return 'none';
  }
}

/** What must be known to make a container's namespaces. */
export interface NamespaceRequest {
  readonly layout: StoreLayout;
  readonly cgroup: CgroupPlan;
  readonly maps: IdMaps;
  readonly keepGroups: boolean;
  /** Join the user namespace of this process (of a container with which a namespace is shared). */
  readonly joinUser?: UserNamespaceOf;
  /** Make the user namespace in that of this process, see nursery.ts. */
  readonly within?: number | undefined;
  /** Make a network namespace together with the user namespace. */
  readonly network: boolean;
  /** The cgroup that is to be divided, see {@link cgroupToDivide}. */
  readonly divide?: string | undefined;
  /** With log driver passthrough the container has our own standard streams. */
  readonly passthrough: boolean;
  /** How many of our descriptors from 3 on are sockets of a service manager's for the container. */
  readonly passedSockets: number;
  /** Other descriptors of ours that its process gets too. */
  readonly descriptors?: readonly number[] | undefined;
  /** With passthrough, pipes of ours instead, whose content goes here. */
  readonly capture?: Capture | undefined;
}

/** Gets what a container writes, as it comes. */
export type Capture = (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void;

/** A monitor whose namespaces are being made while the rest is still being worked out. */
export interface PendingMonitor {
  /** Undefined where nothing was begun yet. */
  readonly pid: number | undefined;
  readonly network: boolean;
  proceed(request: MonitorRequest): Monitor;
  /** Nothing comes of it. */
  abandon(): Promise<void>;
}

/** Making namespaces and writing id maps takes as long as preparing a container: both are done at once. */
export function beginMonitor(request: NamespaceRequest): PendingMonitor {
  const { network } = request;
  const descriptors = passedOn(request).length - request.passedSockets;
  if (helperPath() === undefined) {
    if (request.divide !== undefined) divideCgroup(request.divide);
    const proceed = (rest: MonitorRequest): Monitor => watchMonitor(spawnMonitor(request, { steps: rest.steps, program: monitorArguments(rest, descriptors) }), request, () => rest.command);
    return { pid: undefined, network, proceed, abandon: async () => undefined };
  }
  const restFd = syncFd(request) + 1;
  const child = spawnMonitor(request, { restFrom: restFd, program: [] });
  let command: string | undefined;
  const monitor = watchMonitor(child, request, () => command);
  return {
    pid: child.pid,
    network,
    proceed: (rest) => {
      command = rest.command;
      // A crun that nobody can write need not copy itself before it starts a container, 2 ms.
      child.write(restFd, restOfLaunch([...rest.steps, { kind: 'protect', program: rest.runtimePath }], monitorArguments(rest, descriptors)));
      return monitor;
    },
    abandon: async () => {
      child.kill('SIGKILL');
      await child.ended.catch(() => undefined);
    },
  };
}

/** The container's streams from 3 on. */
function passedOn({ passedSockets, descriptors = [] }: NamespaceRequest): ('ignore' | number)[] {
  const sockets = Array.from({ length: passedSockets }, (_, index) => 3 + index);
  return passedStreams([...sockets, ...descriptors]);
}

function syncFd(request: NamespaceRequest): number {
  return 3 + passedOn(request).length;
}

function spawnMonitor(request: NamespaceRequest, rest: Pick<LaunchRequest, 'steps' | 'program' | 'restFrom'>): Child {
  const passed = passedOn(request);
  const pipes = rest.restFrom === undefined ? (['pipe'] as const) : (['pipe', 'pipe'] as const);
  const sign = signOfLife(request.layout);
  const command = launchCommand({
    maps: request.maps,
    keepGroups: request.keepGroups,
    ...(request.joinUser === undefined ? {} : { joinUser: request.joinUser }),
    ...(request.within === undefined ? {} : { within: request.within }),
    network: request.network,
    cgroup: request.cgroup.mountOwn,
    ...(request.divide === undefined ? {} : { divide: request.divide }),
    readyFd: syncFd(request),
    keepFds: [...passed.map((_, index) => 3 + index), syncFd(request), ...(sign === undefined ? [] : [syncFd(request) + pipes.length])],
    ...rest,
  });
  const streams = request.capture !== undefined ? (['ignore', 'pipe', 'pipe'] as const) : request.passthrough ? (['inherit', 'inherit', 'inherit'] as const) : (['ignore', 'ignore', 'pipe'] as const);
  return startChild(command.file, command.args, {
    stdio: [...streams, ...passed, ...pipes, ...(sign === undefined ? [] : [sign])],
    // crun hands on as many descriptors as LISTEN_FDS says.
    env: launchEnvironment({ _OCI_SYNCPIPE: String(syncFd(request)), TMPDIR: consoleDirectory(request.layout), ...(request.passedSockets === 0 ? {} : { LISTEN_FDS: String(request.passedSockets) }) }),
    detached: true,
  });
}

/** Where conmon makes its console socket, `conmon-term.XXXXXX`: it cuts off what is longer than a socket's address. */
function consoleDirectory(layout: StoreLayout): string {
  return Buffer.byteLength(layout.runRoot) + '/conmon-term.XXXXXX'.length < 108 ? layout.runRoot : '/tmp';
}

/** @param command what the container is to execute, asked for when that fails */
function watchMonitor(child: Child, request: NamespaceRequest, command: () => string | undefined): Monitor {
  const { passthrough, capture } = request;
  let stderr = '';
  const written = capture === undefined ? Promise.resolve() : child.read(1, (chunk) => capture('stdout', chunk));
  const said =
    passthrough && capture === undefined
      ? Promise.resolve()
      : child.read(2, (chunk) => {
          if (stderr.length < 65536) stderr += Buffer.from(chunk).toString();
          capture?.('stderr', chunk);
        });
  // A pipe that closes without the awaited word: the helper or conmon itself failed, and said why on stderr.
  const failure = async (): Promise<never> => {
    const status = await child.ended;
    await said;
    throw launchFailure(status, stderr) ?? earlyEnd(status, stderr);
  };
  const report = readReport(child, syncFd(request), command);
  const namespaces = report.namespaces.catch(failure);
  const created = report.created.catch((cause: unknown) => {
    if (isScullError(cause)) throw cause;
    return failure();
  });
  // Whoever waits for one of these hears of the failure there; nobody may be waiting for the others.
  for (const promise of [child.ended, namespaces, created]) promise.catch(() => undefined);
  return { pid: child.pid, process: child, namespaces, created, ended: child.ended, captured: Promise.all([written, said]).then(() => undefined) };
}

function earlyEnd(status: number, stderr: string): ScullError {
  const reason = stderr.trim().split('\n').at(-1) ?? '';
  return new ScullError('TOOL_FAILED', `conmon ended early with status ${status}${reason === '' ? '' : `: ${reason}`}`, { detail: stderr.trim() });
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Line by line: "n" from the helper, then conmon's `write_or_close_sync_fd`, one JSON object a line. */
function readReport(child: Child, fd: number, command: () => string | undefined): { namespaces: Promise<void>; created: Promise<number> } {
  const namespaces = deferred<void>();
  const created = deferred<number>();
  let text = '';
  const takeLine = (line: string): void => {
    if (line === 'n') namespaces.resolve();
    else settleCreated(line, created, command());
  };
  void child
    .read(fd, (chunk) => {
      text += Buffer.from(chunk).toString();
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        takeLine(text.slice(0, end));
        text = text.slice(end + 1);
      }
    })
    .finally(() => {
      namespaces.reject(new Error('the report ended'));
      created.reject(new Error('the report ended'));
    });
  return { namespaces: namespaces.promise, created: created.promise };
}

function settleCreated(line: string, created: Deferred<number>, command: string | undefined): void {
  let answer: { data?: unknown; message?: unknown };
  try {
    answer = JSON.parse(line) as typeof answer;
  } catch (cause) {
    created.reject(new ScullError('TOOL_FAILED', 'conmon answered something that is not JSON', { cause, detail: line }));
    return;
  }
  if (typeof answer.data === 'number' && answer.data > 0) created.resolve(answer.data);
  else created.reject(explainRuntimeFailure(typeof answer.message === 'string' ? answer.message : '', command));
}
