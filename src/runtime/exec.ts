/**
 * Running a further process in a container with crun(1). The native helper starts crun and stands between the process and our
 * streams (native/scull-helper/exec.c): no descriptor of the caller's enters the container.
 */
import { closeSync, fstatSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { startChild, type Child } from '../host/child.ts';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { randomHex } from '../host/identity.ts';
import { minimalEnvironment } from '../host/process.ts';
import { remedyFor } from '../host/remedies.ts';
import { compareVersions, rememberedVersion, requireTool, type Tool } from '../host/tools.ts';
import { killQuietly } from '../host/kill.ts';
import type { ProcessSpec } from '../oci/runtime-spec.ts';
import type { StoreLayout } from '../storage/layout.ts';
import { helperPath } from '../userns/launch.ts';
import { joiningWords, type CgroupPlan } from './cgroups.ts';
import { crunGlobals, explainRuntimeFailure } from './crun.ts';
import { passedStreams } from './passed-descriptors.ts';
import { portableExecCommand } from './portable-exec.ts';

export interface ExecRequest {
  readonly layout: StoreLayout;
  readonly cgroup: CgroupPlan;
  /** Of the container. */
  readonly id: string;
  readonly process: ProcessSpec;
  readonly stdin: boolean;
  /** Return once the command is executed; its streams are nobody's. */
  readonly background: boolean;
  /** Bytes that leave the session, empty for none. With a terminal and stdin only. */
  readonly detachKeys: readonly number[];
  /** Descriptors of ours that the process gets too. */
  readonly descriptors: readonly number[];
  /** Gets what the process writes, instead of our own standard output and error. */
  readonly capture?: (chunk: Uint8Array) => void;
}

export interface ExecSession {
  /** Passes a signal on to the process, or ends the session where the caller's terminal is the process's. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL to the process itself, if it has been started. */
  kill(): void;
  /** The command's exit status; 0 when it runs in the background or was left. */
  readonly ended: Promise<number>;
}

/** @throws ScullError; `ended` rejects with COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, TOOL_FAILED */
export async function startExec(request: ExecRequest): Promise<ExecSession> {
  const crun = requireTool('crun', 'exec');
  const ownLog = await closesItsLog(crun, request.layout);
  const passed = passedStreams(request.descriptors);
  const files = new ExecFiles(request);
  try {
    files.writeProcess(request.process);
    const { detached = false, ...command } = execCommand(request, files, { path: crun.path, closesItsLog: ownLog }, passed.length);
    const [file, ...args] = [...joiningWords(request.cgroup), command.file, ...command.args] as [string, ...string[]];
    const background = request.background;
    const output = background ? 'ignore' : request.capture === undefined ? 'inherit' : 'pipe';
    const child = startChild(file, args, {
      stdio: [request.stdin && !background ? 'inherit' : 'ignore', output, output, ...passed],
      env: minimalEnvironment(),
      detached,
    });
    if (output === 'pipe') for (const fd of [1, 2]) void child.read(fd, request.capture as (chunk: Uint8Array) => void);
    const ended = child.ended.then((status) => outcome(request, files, status)).finally(() => files.remove());
    ended.catch(() => undefined); // told to whoever waits for it
    return { signal: (name) => passSignal(child, name), kill: () => killRecorded(files.pid), ended };
  } catch (error) {
    files.remove();
    throw error;
  }
}

/** The helper's FORWARDED, the first real-time signal: added to the number of the signal meant, see there. */
const FORWARDED = 34;

function passSignal(child: Child, name: NodeJS.Signals): void {
  if (helperPath() === undefined) child.kill(name);
  else killQuietly(child.pid, FORWARDED + constants.signals[name]);
}

function killRecorded(pidFile: string): void {
  const pid = Number(readTextIfPresent(pidFile) ?? '');
  if (pid > 1) killQuietly(pid);
}

class ExecFiles {
  readonly process: string;
  readonly pid: string;
  readonly log: string;
  /** Not in the bundle: a socket's path must be short. */
  readonly console: string | undefined;

  readonly #bundle: string;
  readonly #inode: number;
  #pidFile: number | undefined;

  constructor(request: ExecRequest) {
    const name = `exec-${randomHex(6)}`;
    const { bundle } = request.layout.container(request.id);
    this.#bundle = bundle;
    this.#inode = statSync(bundle).ino;
    this.process = join(bundle, `${name}.json`);
    this.pid = join(bundle, `${name}.pid`);
    this.log = join(bundle, `${name}.log`);
    this.console = request.process.terminal ? join(request.layout.runRoot, name) : undefined;
  }

  /** @throws the system's error: the container ended, its bundle is gone */
  writeProcess(process: ProcessSpec): void {
    writeFileSync(this.process, JSON.stringify(process), { mode: 0o600 });
    this.#pidFile = openSync(this.pid, 'wx', 0o600);
  }

  /** Whether crun got as far as the command; by a descriptor, which nobody takes away. */
  get started(): boolean {
    return this.#pidFile !== undefined && fstatSync(this.#pidFile).size > 0;
  }

  /** The container ended, and who came to remove it or to start it anew was quicker: that they are gone tells nothing. */
  get taken(): boolean {
    return statSync(this.#bundle, { throwIfNoEntry: false })?.ino !== this.#inode;
  }

  remove(): void {
    if (this.#pidFile !== undefined) closeSync(this.#pidFile);
    this.#pidFile = undefined;
    for (const path of [this.process, this.pid, this.log, this.console]) if (path !== undefined) rmSync(path, { force: true });
  }
}

/**
 * From 1.14.1 on crun closes whatever it has open before it executes the command (CVE-2024-21626), its log too: when that fails, it
 * can say so to nobody but the command's standard error. From 1.13 on the log is closed by the execve in any case.
 */
async function closesItsLog(crun: Tool, layout: StoreLayout): Promise<boolean> {
  const version = await rememberedVersion(crun, layout.runRoot);
  return version !== undefined && compareVersions(version, '1.13') >= 0;
}

interface ExecCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** In a session of its own. */
  readonly detached?: boolean;
}

function execCommand(request: ExecRequest, files: ExecFiles, runtime: { readonly path: string; readonly closesItsLog: boolean }, passed: number): ExecCommand {
  const crun = [runtime.path, `--log=file:${files.log}`, ...crunGlobals(request.layout, request.cgroup)];
  crun.push('exec', '--process', files.process, '--pid-file', files.pid);
  const helper = helperPath();
  if (files.console !== undefined && helper !== undefined) crun.push('--console-socket', files.console);
  if (request.background) crun.push('--detach');
  // The first descriptor that is free is its log's, which the execve closes.
  const kept = passed + (runtime.closesItsLog ? 1 : 0);
  if (kept > 0) crun.push('--preserve-fds', String(kept));
  crun.push(request.id);
  if (helper === undefined) return withoutHelper(request, files, crun, passed);
  const args = ['exec', '--log', files.log, '--pid-file', files.pid];
  if (files.console !== undefined) args.push('--console', files.console);
  if (request.stdin && !request.background) args.push('--stdin');
  if (request.background) args.push('--background');
  if (passed > 0) args.push('--preserve-fds', String(passed));
  if (request.detachKeys.length > 0) args.push('--detach-keys', Buffer.from(request.detachKeys).toString('hex'));
  return { file: helper, args: [...args, '--', ...crun] };
}

function withoutHelper(request: ExecRequest, files: ExecFiles, crun: readonly string[], preserveFds: number): ExecCommand {
  if (request.background && request.process.terminal) {
    throw new ScullError('UNSUPPORTED', 'exec --detach --tty needs the native helper, which was not built', { hint: remedyFor({ kind: 'no-helper' }) });
  }
  if (request.background) return { file: crun[0] as string, args: crun.slice(1) };
  return portableExecCommand({ command: crun, log: files.log, pidFile: files.pid, terminal: files.console !== undefined, stdin: request.stdin, preserveFds });
}

const CRUN_CHILD_KILLED = 255;

/** crun's log tells its own failures from the command's. */
function outcome(request: ExecRequest, files: ExecFiles, status: number): number {
  const log = readTextIfPresent(files.log) ?? '';
  // The helper makes the log as soon as it can take signals.
  if (status === 1 && !exists(files.log) && joiningWords(request.cgroup).length > 0) {
    throw new ScullError('TOOL_FAILED', 'systemd-run could not put the command into your systemd, which alone can let it join the container', { hint: 'check `systemctl --user status`' });
  }
  if (log === '' && helperPath() !== undefined && !exists(files.log) && !files.taken) throw new ScullError('INTERRUPTED', 'interrupted before the command was started');
  if (log === 'detached\n') return 0;
  const own = /^scull-helper: (.*)/m.exec(log);
  if (own !== null) throw new ScullError('TOOL_FAILED', `exec: ${own[1]}`);
  if (log !== '' && (status !== 0 || request.background)) throw explainRuntimeFailure(log, request.process.args[0]);
  // crun ends with 255, without a word, when its child is killed before it has become the command: with the container, that is.
  if (((status > 0 && status < 128) || status === CRUN_CHILD_KILLED) && !files.started) throw new ScullError('TOOL_FAILED', `crun ended with status ${status} before it had started the command`);
  return status;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
