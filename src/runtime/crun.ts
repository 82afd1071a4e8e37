/** The one wrapper around crun(1), the OCI runtime. Its state lives under our own --root and is found there by us too. */
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../host/errors.ts';
import { namesIn, readTextIfPresent, removeTree } from '../host/files.ts';
import { processStat } from '../host/identity.ts';
import { run, type RunResult } from '../host/process.ts';
import type { StoreLayout } from '../storage/layout.ts';
import type { CgroupPlan } from './cgroups.ts';

const CRUN = 'crun';

/** Arguments before the verb. */
export function crunGlobals(layout: StoreLayout, cgroup: CgroupPlan): string[] {
  const globals = [`--root=${layout.runtimeRoot}`];
  if (cgroup.manager === 'systemd') globals.push('--systemd-cgroup');
  else globals.push(`--cgroup-manager=${cgroup.manager === 'none' ? 'disabled' : 'cgroupfs'}`);
  return globals;
}

/**
 * Lets the init process of a created container execute its program. What `crun start` does is open the FIFO at which that
 * process waits, remove it, and write one byte; the same in every crun from 1.8 on. Doing it here saves half of what is left
 * of a start, which is loading crun once more. A crun without that FIFO is asked itself.
 * @throws ScullError TOOL_FAILED when the process ended before
 */
export async function crunStart(layout: StoreLayout, cgroup: CgroupPlan, id: string): Promise<void> {
  const fifo = join(layout.container(id).runtimeState, 'exec.fifo');
  let fd: number;
  try {
    // Without O_NONBLOCK this would wait for ever for a process that has ended.
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENXIO') throw endedBeforeStart(error);
    if (errnoOf(error) !== 'ENOENT') throw error;
    const result = await run(CRUN, [...crunGlobals(layout, cgroup), 'start', id]);
    if (result.status !== 0) throw explainRuntimeFailure(result.stderr);
    return;
  }
  try {
    unlinkSync(fifo);
    writeSync(fd, Buffer.of(0));
  } catch (error) {
    // Whoever ends or removes it may come between any two of these calls.
    if (errnoOf(error) === 'EPIPE' || errnoOf(error) === 'ENOENT') throw endedBeforeStart(error);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function endedBeforeStart(cause: unknown): ScullError {
  return new ScullError('TOOL_FAILED', 'the container ended before its command could be started', { cause });
}

export function crunCommand(layout: StoreLayout, cgroup: CgroupPlan, verb: string, args: readonly string[]): Promise<RunResult> {
  return run(CRUN, [...crunGlobals(layout, cgroup), verb, ...args]);
}

/** What crun recorded when it created the container, as far as we use it. */
export interface RuntimeState {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
  readonly cgroupPath: string;
  /** Created but not started: its init waits at the exec FIFO. */
  readonly waiting: boolean;
}

/** Reads crun's record; undefined when crun does not know the container (any more). */
export function readRuntimeState(runtimeState: string): RuntimeState | undefined {
  const text = readTextIfPresent(join(runtimeState, 'status'));
  if (text === undefined) return undefined;
  let status: { pid?: unknown; 'process-start-time'?: unknown; 'cgroup-path'?: unknown };
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    return undefined; // it is written by rename: what cannot be parsed was never a state of this boot's container
  }
  if (typeof status.pid !== 'number') return undefined;
  return {
    pid: status.pid,
    startTime: Number(status['process-start-time']),
    cgroupPath: typeof status['cgroup-path'] === 'string' ? status['cgroup-path'] : '',
    get waiting() {
      return hasExecFifo(runtimeState);
    },
  };
}

function hasExecFifo(runtimeState: string): boolean {
  return namesIn(runtimeState).includes('exec.fifo');
}

/** True while the container's first process lives. */
export function isRuntimeAlive(state: RuntimeState): boolean {
  const stat = processStat(state.pid);
  return stat !== undefined && stat.startTime === state.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * Forgets an ended container. Without cgroups nothing but crun's own record is left, and removing it ourselves saves a
 * start of crun; with cgroups crun must remove those too.
 */
export async function forgetRuntime(layout: StoreLayout, cgroup: CgroupPlan, id: string, runtimeState: string): Promise<void> {
  const state = readRuntimeState(runtimeState);
  if (state !== undefined && state.cgroupPath !== '') await crunCommand(layout, cgroup, 'delete', ['--force', id]);
  removeTree(runtimeState);
}

/**
 * Turns what crun says into an error with the right exit status: 127 command not found, 126 not executable.
 * Messages of crun 1.8 to 1.29; anything else is passed on with crun's own words.
 * @param command what was to be executed, for those messages of crun that do not name it
 */
export function explainRuntimeFailure(said: string, command?: string): ScullError {
  const line = said
    .trim()
    .split('\n')
    .map((text) => text.replace(/^(?:\d{4}-\d\d-\d\dT\S+: )?(?:\[conmon:\w\]: )?(?:runtime stderr: )?/, '').replace(/^(?:error|crun): /i, ''))
    .find((text) => text !== '');
  if (line === undefined) return new ScullError('TOOL_FAILED', 'crun failed without giving a reason');
  return explainSetUpFailure(line, said.trim()) ?? explainCommandFailure(line, command) ?? new ScullError('TOOL_FAILED', `crun: ${line}`, { detail: said.trim() });
}

const FAILURES: readonly { readonly pattern: RegExp; readonly explain: (named: string, reason: string) => [code: 'COMMAND_NOT_FOUND' | 'COMMAND_NOT_EXECUTABLE', message: string, hint?: string] }[] = [
  {
    pattern: /^(?:executable file `([^`]*)` not found|cannot find `([^`]*)` in \$PATH)()/,
    explain: (named) => ['COMMAND_NOT_FOUND', named.includes('/') ? `executable file ${named} not found in the container` : `executable file ${named} not found in the container's $PATH`],
  },
  // 1.15 and later say what is wrong with the file, but EPERM for all of it.
  { pattern: /^the path `([^`]*)` is not a regular file()/, explain: (named) => ['COMMAND_NOT_EXECUTABLE', `${named} can't be executed in the container: it is a directory or another special file`] },
  { pattern: /^the path `([^`]*)` exists but it is not executable()/, explain: (named) => ['COMMAND_NOT_EXECUTABLE', `${named} can't be executed in the container: Permission denied`] },
  { pattern: /^open executable: (Operation not permitted)/, explain: (named) => ['COMMAND_NOT_EXECUTABLE', `${named} can't be executed in the container: it is a directory or another special file`] },
  { pattern: /^(?:open|cannot open) (?:executable|`([^`]*)`): (No such file or directory|Not a directory)/, explain: (named) => ['COMMAND_NOT_FOUND', `executable file ${named} not found in the container`] },
  { pattern: /^(?:open|cannot open) (?:executable|`([^`]*)`): (.*)/, explain: (named, reason) => ['COMMAND_NOT_EXECUTABLE', `${named} can't be executed in the container: ${reason}`] },
  // The file was found: what is missing is what its first bytes name.
  {
    pattern: /^exec(?: container process)?(?: \(missing dynamic library\?\))?(?: `([^`]*)`)?: (No such file or directory)/,
    explain: (named) => ['COMMAND_NOT_FOUND', `${named} can't be executed in the container: its interpreter or dynamic loader does not exist there`, 'look at its #! line, or for which C library it was built'],
  },
  {
    pattern: /^exec(?: container process)?(?: `([^`]*)`)?: (Exec format error)/,
    explain: (named, reason) => ['COMMAND_NOT_EXECUTABLE', `${named} can't be executed in the container: ${reason}`, 'it may be built for another architecture, or be a script without a #! line'],
  },
  { pattern: /^exec(?: container process)?(?: `([^`]*)`)?: (.*)/, explain: (named, reason) => ['COMMAND_NOT_EXECUTABLE', `${named} can't be executed in the container: ${reason}`] },
  { pattern: /^chdir(?: to)? `([^`]*)`: (.*)/, explain: (named, reason) => [/^no such/i.test(reason) ? 'COMMAND_NOT_FOUND' : 'COMMAND_NOT_EXECUTABLE', `cannot change to the working directory ${named} in the container: ${reason}`] },
];

function explainCommandFailure(line: string, command: string | undefined): ScullError | undefined {
  for (const { pattern, explain } of FAILURES) {
    const match = pattern.exec(line);
    if (match === null) continue;
    const groups = match.slice(1).filter((group) => group !== undefined);
    const named = groups.length > 1 ? groups[0] : command;
    // crun opens much: only what was to be executed is the command.
    if (/^(?:cannot )?open `/.test(line) && named !== command && named?.endsWith(`/${command}`) !== true) continue;
    const [code, message, hint] = explain(named === undefined ? 'the command' : JSON.stringify(named), groups.at(-1) ?? '');
    return new ScullError(code, message, hint === undefined ? {} : { hint });
  }
  return undefined;
}

/** What of the user's wishes the container's own files, or the kernel, turned out not to have a place for. */
function explainSetUpFailure(line: string, detail: string): ScullError | undefined {
  const invalid = (message: string): ScullError => new ScullError('INVALID', message, { detail });
  const kinds = /^mount `([^`]+)` to `\/?([^`]+)`: Not a directory/.exec(line);
  if (kinds !== null) return invalid(`cannot mount ${JSON.stringify(kinds[1])} on ${JSON.stringify(`/${kinds[2]}`)}: one is a directory, the other is not`);
  const place = /^(?:mkdir|creat|create|make dir(?:ectory)?) `([^`]+)`: (Not a directory|File exists)/.exec(line);
  if (place !== null) return invalid(`cannot make the mount point ${JSON.stringify(place[1])} in the container: a part of that path is a file`);
  if (/^create keyring `[^`]*`: Disk quota exceeded/.test(line)) {
    return new ScullError('UNSUPPORTED', 'the kernel grants you no more keyrings (keyrings(7)), and each container that runs has one: 200 for a user, unless the administrator said otherwise', {
      hint: 'stop some containers, or have an administrator raise it: sysctl kernel.keys.maxkeys=20000 kernel.keys.maxbytes=2000000',
      detail,
    });
  }
  const namespace = explainNamespaceFailure(line, detail);
  if (namespace !== undefined) return namespace;
  const setting = /^open `?\/proc\/sys\/([^`:]+)`?: (No such file or directory|Permission denied)/.exec(line);
  if (setting !== null) return invalid(`cannot set ${(setting[1] as string).replaceAll('/', '.')}: ${/^No/.test(setting[2] as string) ? 'this kernel does not have it in a container' : 'it can only be set for the whole host'}`);
  return undefined;
}

/** `--network ns:PATH` and the like: setns(2) wants to be privileged in the user namespace that owns the other one, and a container's is its own. */
function explainNamespaceFailure(line: string, detail: string): ScullError | undefined {
  const match = /^open `(\/proc\/[^`]+\/ns\/[^`]+)`: (Permission denied|No such file or directory)/.exec(line) ?? /^(?:cannot )?setns `([^`]+)`: (Operation not permitted)/.exec(line);
  if (match === null) return undefined;
  const [, path, reason] = match as unknown as [string, string, string];
  if (reason.startsWith('No')) return new ScullError('NOT_FOUND', `there is no namespace ${JSON.stringify(path)}: its process has ended`, { detail });
  return new ScullError('PERMISSION', `cannot join the namespace ${JSON.stringify(path)}: it belongs to another user, or to another user namespace than the container's`, {
    hint: 'to share the namespace of a container, name that one: --network container:NAME (--pid, --ipc, --uts likewise)',
    detail,
  });
}
