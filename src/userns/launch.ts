/**
 * Starting a program in a user + mount namespace of its own. The order of things is told in native/scull-helper/launch.c; here
 * is its argument list, and what its failures mean.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { ScullError } from '../host/errors.ts';
import { NO_SPACE_HINT } from '../host/files.ts';
import { exitStatus, explainSpawnFailure, minimalEnvironment, start, type RunResult } from '../host/process.ts';
import { nativeProgram } from '../host/product.ts';
import { defaultIdMaps, formatIdMap, userName } from './id-maps.ts';
import type { LaunchRequest, LaunchStep } from './launch-request.ts';
import { portableLaunchCommand } from './portable-launch.ts';
import { explainMapRefusal, explainNamespaceRefusal, isWithoutCapabilities } from './preflight.ts';
import { isUnshared, refuseUnshared } from './unshared.ts';

let helper: string | null | undefined;

/** Path of the native helper, or undefined where none was built. */
export function helperPath(): string | undefined {
  if (helper === undefined) helper = nativeProgram('scull-helper') ?? null;
  return helper ?? undefined;
}

/**
 * The command line that brings `request` about: the native helper's, or without one util-linux's tools. Inside `scull unshare` there
 * is a user namespace with the right ids already: work on files is done in that one, behind mounts of its own.
 * @throws ScullError UNSUPPORTED for root, and inside of unshare for what is to outlive it or joins others
 */
export function launchCommand(request: LaunchRequest): { file: string; args: string[] } {
  refuseRealRoot();
  if (request.readyFd !== undefined || request.network === true || request.joinUser !== undefined) refuseUnshared();
  const program = helperPath();
  const steps = (request.steps ?? []).flatMap(stepWords);
  if (program === undefined) return portableLaunchCommand(request, steps);
  const maps = request.maps ?? defaultIdMaps();
  const args = ['launch', '--uid-map', formatIdMap(maps.uids), '--gid-map', formatIdMap(maps.gids)];
  if (isUnshared()) args.push('--inside');
  if (request.joinUser !== undefined) args.push('--join-user', String(request.joinUser));
  if (request.within !== undefined) args.push('--within', String(request.within));
  if (request.network === true) args.push('--net');
  if (request.cgroup === true) args.push('--cgroup');
  if (request.divide !== undefined) args.push('--divide', request.divide);
  if (request.keepGroups === true) args.push('--keep-groups');
  if (request.keepIds === true) args.push('--keep-ids');
  if (request.readyFd !== undefined) args.push('--ready-fd', String(request.readyFd));
  for (const fd of request.keepFds ?? []) args.push('--keep-fd', String(fd));
  for (const path of request.writable ?? []) args.push('--writable', path);
  for (const path of request.apart ?? []) args.push('--apart', path);
  for (const word of steps) args.push('--step', word);
  if (request.restFrom !== undefined) args.push('--rest-from', String(request.restFrom));
  else args.push('--', ...request.program);
  return { file: program, args };
}

/** Steps and program for a launch begun with `restFrom`. */
export function restOfLaunch(steps: readonly LaunchStep[], program: readonly string[]): string {
  return [...steps.flatMap(stepWords), '--', ...program].map((word) => `${word}\0`).join('');
}

function stepWords(step: LaunchStep): string[] {
  switch (step.kind) {
    case 'overlay':
      return ['overlay', step.directory, step.options, step.target];
    case 'fuse':
      return ['fuse', step.program, step.options, step.target];
    case 'bind':
      return ['bind', step.source, step.target];
    case 'beneath':
      return ['beneath', step.base, step.path, step.target];
    case 'fill':
      return ['fill', step.root, step.path, step.volume];
    case 'append':
      return ['append', step.root, step.path, step.text];
    case 'chown':
      return ['chown', step.owner, step.path];
    case 'protect':
      return ['protect', step.program];
    case 'cgroup2':
      return ['cgroup2'];
  }
}

/** Root of the machine gains nothing here, and its container 0 would be the real root. @throws ScullError UNSUPPORTED */
export function refuseRealRoot(): void {
  if (process.getuid?.() !== 0 || isUnshared()) return;
  throw new ScullError('UNSUPPORTED', 'scull runs containers for unprivileged users, not for root', {
    hint: 'run it as an ordinary user, for example with `runuser -u USER -- scull …` or `su - USER`',
  });
}

export interface NamespaceOptions {
  readonly stdio?: StdioOptions;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly readOnlyExcept?: readonly string[];
  readonly apart?: readonly string[];
  readonly keepFds?: readonly number[];
}

/** Starts a program as root of a fresh user + mount namespace with the default maps (container 0 = the caller). */
export function startInUserNamespace(file: string, args: readonly string[], options: NamespaceOptions = {}): ChildProcess {
  const command = launchCommand({
    program: [file, ...args],
    ...(options.readOnlyExcept === undefined ? {} : { writable: options.readOnlyExcept }),
    ...(options.apart === undefined ? {} : { apart: options.apart }),
    ...(options.keepFds === undefined ? {} : { keepFds: options.keepFds }),
  });
  return start(command.file, command.args, { stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'], env: options.env, cwd: options.cwd });
}

/** Like {@link startInUserNamespace}, waiting for the end; a failure of the namespaces themselves throws. */
export function runInUserNamespace(file: string, args: readonly string[], options: NamespaceOptions & { readonly input?: string | Uint8Array } = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = startInUserNamespace(file, args, { ...options, stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', (error) => reject(explainSpawnFailure(file, error)));
    child.once('close', (code, signal) => {
      const result = { status: exitStatus(code, signal), stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
      const failure = launchFailure(result.status, result.stderr);
      if (failure !== undefined) reject(failure);
      else resolve(result);
    });
    if (options.input !== undefined && child.stdin !== null) {
      child.stdin.on('error', () => undefined); // EPIPE: the exit status tells why
      child.stdin.end(options.input);
    }
  });
}

/** Exit status of the helper for failures of its own. */
const SETUP_FAILED = 119;

/** Recognises a failed set-up of namespaces and explains it; undefined when PROGRAM itself ran. */
export function launchFailure(status: number, stderr: string): ScullError | undefined {
  if (status !== SETUP_FAILED) return undefined;
  const line = /^scull-helper: (.*)$/m.exec(stderr)?.[1] ?? 'the helper gave no reason';
  const detail = stderr.trim();
  if (line.startsWith('cannot map ids')) return explainMapRefusal(stderr, userName());
  if (line.startsWith('cannot create a user namespace') || isWithoutCapabilities(line)) return explainNamespaceRefusal(stderr);
  if (/No space left on device|Disk quota exceeded/.test(line)) return new ScullError('NO_SPACE', line, { hint: NO_SPACE_HINT, detail });
  const subpath = /^cannot open the subpath (.*) of (.*): No such file or directory$/.exec(line);
  if (subpath !== null) return new ScullError('NOT_FOUND', `the subpath ${JSON.stringify(subpath[1])} does not exist in ${JSON.stringify(subpath[2])}`, { hint: 'make it first, or mount the whole' });
  if (/^cannot join .*No such (file or directory|process)/.test(line)) {
    return new ScullError('WRONG_STATE', 'the container whose namespaces were to be joined is gone: its process has ended', { hint: 'see what runs with `scull ps`, and start it again', detail });
  }
  const owner = explainOwner(line, detail);
  if (owner !== undefined) return owner;
  return new ScullError('TOOL_FAILED', line, { hint: 'run `scull doctor` to test each part', detail });
}

/** `--network ns:PATH` and the like: setns(2) wants to be privileged in the user namespace that owns the other one, so the container must live in that. */
function explainOwner(line: string, detail: string): ScullError | undefined {
  const [, path, reason] = /^cannot join the owner of (\/.*): ([^:]+)$/.exec(line) ?? [];
  if (path === undefined || reason === undefined) return undefined;
  const refused = (why: string, hint: string): ScullError => new ScullError('PERMISSION', `cannot join the namespace ${JSON.stringify(path)}: ${why}`, { hint, detail });
  switch (reason) {
    case 'it has other ids':
      return refused('it belongs to a user namespace whose ids are not those of your containers', 'make it where they are the same: within `scull unshare`, or by a container');
    case 'we are in it':
      return refused('it belongs to the host, where only root may join', 'make it within `scull unshare`, or by a container');
    case 'Permission denied':
    case 'Operation not permitted':
      return refused('it belongs to another user', 'what can be joined is of your own containers (--network container:NAME does the same), or was made within `scull unshare`');
    default:
      return undefined;
  }
}

export function launchEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...minimalEnvironment(), ...extra };
}
