/**
 * The only place that starts programs, with child.ts. {@link run} waits for a program and captures what it says (short
 * tools); {@link start} hands back the running child with Node's streams (workers); startChild the same without them, for
 * where milliseconds count (monitors, attach). All take an argument list, never a shell line, an explicit environment, and
 * close every descriptor that is not asked for.
 */
import type { ChildProcess, SpawnOptions, StdioOptions } from 'node:child_process';
import { exitStatus, explainSpawnFailure, startChild } from './child.ts';
import { crashEnvironment } from './crash-point.ts';
import { userRuntimeDirectory } from './directories.ts';
import { ScullError } from './errors.ts';

export { exitStatus, explainSpawnFailure };

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** Milliseconds; the program is killed then and TIMEOUT thrown. */
  readonly timeout?: number;
}

export interface RunResult {
  /** Exit code; 128+n after signal n. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a short program to its end. A non-zero exit is a result, not an exception. @throws ScullError MISSING_TOOL, TIMEOUT */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  if (options.input !== undefined) return runWithInput(file, args, options, options.input);
  const child = startChild(file, args, { env: options.env ?? minimalEnvironment(), cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let timedOut = false;
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
        }, options.timeout);
  const output: [Uint8Array[], Uint8Array[]] = [[], []];
  try {
    const [status] = await Promise.all([child.ended, child.read(1, (chunk) => output[0].push(chunk)), child.read(2, (chunk) => output[1].push(chunk))]);
    if (timedOut) throw new ScullError('TIMEOUT', `${file} did not finish within ${options.timeout} ms`);
    return { status, stdout: Buffer.concat(output[0]).toString(), stderr: Buffer.concat(output[1]).toString() };
  } finally {
    clearTimeout(timer);
  }
}

function runWithInput(file: string, args: readonly string[], options: RunOptions, input: string | Uint8Array): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = start(file, args, { env: options.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = options.timeout === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), options.timeout);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(explainSpawnFailure(file, error));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL' && options.timeout !== undefined) reject(new ScullError('TIMEOUT', `${file} did not finish within ${options.timeout} ms`));
      else resolve({ status: exitStatus(code, signal), stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin?.on('error', () => undefined); // EPIPE: its exit status tells why
    child.stdin?.end(input);
  });
}

/** Like {@link run}, but a non-zero exit throws TOOL_FAILED with what the program said. */
export async function runOrThrow(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await run(file, args, options);
  if (result.status === 0) return result;
  throw new ScullError('TOOL_FAILED', `${file} failed with exit status ${result.status}: ${firstLine(result.stderr) || 'it gave no reason'}`, {
    detail: result.stderr.trim(),
  });
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly stdio: StdioOptions;
  /** A session of its own: terminal signals do not reach it and it outlives us. */
  readonly detached?: boolean;
}

/** Starts a program. The caller listens for 'error' ({@link explainSpawnFailure}) and 'exit'. */
export function start(file: string, args: readonly string[], options: StartOptions): ChildProcess {
  const spawnOptions: SpawnOptions = { stdio: options.stdio, env: { ...(options.env ?? minimalEnvironment()) } };
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd;
  if (options.detached === true) spawnOptions.detached = true;
  return process.getBuiltinModule('node:child_process').spawn(file, [...args], spawnOptions);
}

/** What every tool of ours gets unless told otherwise: nothing of the caller's but what finding programs needs. */
export function minimalEnvironment(): Record<string, string> {
  const kept: Record<string, string> = { PATH: toolPath() };
  for (const name of ['HOME', 'DBUS_SESSION_BUS_ADDRESS', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  const runtime = userRuntimeDirectory() ?? process.env['XDG_RUNTIME_DIR'];
  if (runtime !== undefined) kept['XDG_RUNTIME_DIR'] = runtime;
  return { ...kept, ...crashEnvironment() };
}

/** The caller's PATH with the administrator's folders, where crun, newuidmap and others may live. */
export function toolPath(): string {
  const given = process.env['PATH'] ?? '';
  const folders = given.split(':').filter((folder) => folder.startsWith('/'));
  for (const folder of ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    if (!folders.includes(folder)) folders.push(folder);
  }
  return folders.join(':');
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
