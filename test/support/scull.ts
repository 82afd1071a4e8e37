/**
 * The e2e harness: `const s = useScull()` at the top of a suite gives it a store, a home and a runtime directory of its
 * own, the busybox image loaded, and, when the suite is through, a look at whether anything was left behind.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { killQuietly } from '../../src/host/kill.ts';
import { eventually } from './eventually.ts';
import { busyboxEntries, dockerArchive, type ImageRecipe } from './images.ts';
import { leftovers, mountsOf, processesOf } from './leaks.ts';
import { productCommand, productWithoutHelpers } from './product.ts';

export interface CallOptions {
  readonly input?: string | Uint8Array;
  /** Standard input is a pipe that the test writes to and ends (`running.child.stdin`). */
  readonly openInput?: boolean;
  /** Added to the sandbox's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Milliseconds until the command is killed and the test fails. */
  readonly timeout?: number;
}

export interface Result {
  /** Exit code, 128+n after signal n. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running scull whose output is collected as it comes. */
export interface Running {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Result>;
}

export interface Sandbox {
  /** The directory everything of this suite is in; short, as socket paths are limited. */
  readonly base: string;
  readonly home: string;
  readonly runtimeDirectory: string;
  readonly storeRoot: string;
  readonly runRoot: string;
  readonly env: Readonly<Record<string, string>>;
  /** The words that start scull. */
  readonly command: readonly [string, ...string[]];
  /** Runs scull to its end. */
  scull(args: readonly string[], options?: CallOptions): Promise<Result>;
  /** Runs scull, expects success, and returns standard output without its last line end. */
  ok(args: readonly string[], options?: CallOptions): Promise<string>;
  /** Runs scull and expects it to fail with one clean error: `status`, and a message that matches. */
  fails(args: readonly string[], status: number, message: RegExp | string, options?: CallOptions): Promise<Result>;
  start(args: readonly string[], options?: CallOptions): Running;
  /** Makes an image archive below the sandbox and loads it. */
  load(recipe: ImageRecipe): Promise<void>;
  /** A new empty directory below the sandbox. */
  directory(name: string): string;
  /** A file below the sandbox. */
  file(name: string, content: string | Uint8Array): string;
  /** `inspect` of one container or image, parsed. */
  inspect(name: string): Promise<any>;
}

export interface SandboxOptions {
  /** Do not load the busybox image. */
  readonly empty?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Run a copy that lies without the native helpers. */
  readonly withoutHelpers?: boolean;
  /** Words before scull's own. */
  readonly prefix?: readonly string[];
}

/**
 * Registers the set-up and the final check of a suite; the sandbox may be used inside tests and hooks only. A test that is
 * tried again (`retry`) finds the containers, pods and volumes that it found at first: what the failed attempt added is removed.
 */
export function useScull(options: SandboxOptions = {}): Sandbox {
  const sandbox = makeSandbox(options);
  beforeAll(async () => {
    if (!options.empty) await sandbox.load({ tags: ['busybox:latest'], layers: [busyboxEntries()], settings: { Cmd: ['sh'] } });
  });
  let before = standing(sandbox);
  beforeEach(async ({ task }) => {
    if ((task.result?.retryCount ?? 0) === 0) before = standing(sandbox);
    else await removeAdded(sandbox, before);
  });
  afterAll(() => dismantle(sandbox));
  return sandbox;
}

interface Standing {
  readonly containers: readonly string[];
  readonly pods: readonly string[];
  readonly volumes: readonly string[];
}

/** What is in the store, as the disk has it: no process is started for it before each test. */
function standing(sandbox: Sandbox): Standing {
  const list = (folder: string): string[] => {
    const path = join(sandbox.storeRoot, folder);
    return existsSync(path) ? readdirSync(path) : [];
  };
  return { containers: list('containers'), pods: list('pods'), volumes: list('volumes') };
}

async function removeAdded(sandbox: Sandbox, before: Standing): Promise<void> {
  const pods = standing(sandbox).pods.filter((id) => !before.pods.includes(id));
  if (pods.length > 0) await sandbox.ok(['pod', 'rm', '-f', '-t', '0', ...pods]);
  const containers = standing(sandbox).containers.filter((id) => !before.containers.includes(id));
  if (containers.length > 0) await sandbox.ok(['rm', '-f', '-v', '-i', '-t', '0', ...containers]);
  const volumes = standing(sandbox).volumes.filter((name) => !before.volumes.includes(name));
  if (volumes.length > 0) await sandbox.ok(['volume', 'rm', '-f', ...volumes]);
}

/** A sandbox without hooks; whoever makes it calls {@link dismantle}. */
export function makeSandbox(options: SandboxOptions = {}): Sandbox {
  const base = mkdtempSync('/var/tmp/sc-');
  const home = join(base, 'h');
  const runtimeDirectory = join(base, 'r');
  mkdirSync(home, { mode: 0o700 });
  mkdirSync(runtimeDirectory, { mode: 0o700 });
  const env = withoutUndefined({
    HOME: home,
    USER: process.env['USER'] ?? 'user',
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    XDG_RUNTIME_DIR: runtimeDirectory,
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    ...options.env,
  });
  const product = options.withoutHelpers === true ? productWithoutHelpers(base) : productCommand();
  const command = [...(options.prefix ?? []), ...product] as [string, ...string[]];
  const sandbox: Sandbox = {
    base,
    home,
    runtimeDirectory,
    command,
    storeRoot: join(home, '.local', 'share', 'scull'),
    runRoot: join(runtimeDirectory, 'scull'),
    env,
    start: (args, callOptions = {}) => startScull(command, args, { ...callOptions, cwd: callOptions.cwd ?? base, env: { ...env, ...callOptions.env } }),
    scull: (args, callOptions) => sandbox.start(args, callOptions).ended,
    async ok(args, callOptions) {
      const result = await sandbox.scull(args, callOptions);
      expect(result.status, `scull ${args.join(' ')}\n${result.stderr}`).toBe(0);
      return result.stdout.replace(/\n$/, '');
    },
    async fails(args, status, message, callOptions) {
      const result = await sandbox.scull(args, callOptions);
      expect(result.status, `scull ${args.join(' ')}\n${result.stderr}`).toBe(status);
      expectCleanError(result, message);
      return result;
    },
    async load(recipe) {
      await sandbox.ok(['load', '-q'], { input: dockerArchive(recipe) });
    },
    directory(name) {
      const path = join(base, name);
      mkdirSync(path, { recursive: true });
      return path;
    },
    file(name, content) {
      const path = join(base, name);
      writeFileSync(path, content);
      return path;
    },
    inspect: async (name) => JSON.parse(await sandbox.ok(['inspect', name]))[0],
  };
  return sandbox;
}

/** One line "Error: …", perhaps a hint; never a stack trace, never an internal name. */
export function expectCleanError(result: Result, message: RegExp | string): void {
  expect(result.stderr).toMatch(message);
  expect(result.stderr.match(/^Error: /gm)?.length, `one error line in: ${result.stderr}`).toBe(1);
  expect(result.stderr).not.toMatch(/^\s+at .+:\d+|\[object |undefined|TypeError|ENOENT:/m);
}

/** Removes every container, then checks that nothing of the sandbox lives or lies around, then removes the sandbox. */
export async function dismantle(sandbox: Sandbox): Promise<void> {
  const problems: string[] = [];
  try {
    const removal = await sandbox.scull(['rm', '-a', '-f', '-v', '-t', '0']);
    if (removal.status !== 0) problems.push(`rm -a -f: ${removal.stderr}`);
    await eventually('nothing left over', () => remainsOf(sandbox).length === 0).catch(() => problems.push(...remainsOf(sandbox)));
  } finally {
    for (const description of processesOf(sandbox.base)) {
      killQuietly(Number(/^process (\d+)/.exec(description)?.[1]));
    }
    removeTree(sandbox.base);
  }
  expect(problems).toEqual([]);
}

export function remainsOf(sandbox: Sandbox): string[] {
  return [...processesOf(sandbox.base), ...mountsOf(sandbox.base), ...leftovers(sandbox.storeRoot, sandbox.runRoot)];
}

/** Removes a directory whose files may belong to subordinate ids, which only their namespace's root may remove. */
function removeTree(base: string): void {
  const removal = spawnSync('unshare', ['--user', '--map-auto', '--map-root-user', 'rm', '-rf', base], { encoding: 'utf8' });
  if (removal.status !== 0) rmSync(base, { recursive: true, force: true });
}

function startScull(command: readonly [string, ...string[]], args: readonly string[], options: CallOptions): Running {
  const [file, ...words] = [...command, ...args];
  const timeout = options.timeout ?? 45_000;
  const child = spawn(file as string, words, {
    cwd: options.cwd,
    env: withoutUndefined({ ...options.env }),
    stdio: [options.input !== undefined || options.openInput === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on('error', () => undefined); // a program that does not read its input is no failure of the test
  if (options.input !== undefined) child.stdin?.end(options.input);
  const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString();
  const ended = new Promise<Result>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`scull ${args.join(' ')} did not end within ${timeout} ms\nstdout: ${text(stdout)}\nstderr: ${text(stderr)}`));
    }, timeout);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ status: code ?? 128 + constants.signals[signal as NodeJS.Signals], stdout: text(stdout), stderr: text(stderr) });
    });
  });
  ended.catch(() => undefined); // a test that fails earlier must not turn this into an unhandled rejection
  return { child, stdout: () => text(stdout), stderr: () => text(stderr), ended };
}

function withoutUndefined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
