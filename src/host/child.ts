/**
 * A running child process, as little as the engine needs of one. Two doors to the same thing: Bun's own spawn takes 0.5 ms
 * where its imitation of node:child_process takes 5 to 10 at the first use, which every start of a container would pay.
 */
import type { SpawnOptions } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { errnoOf, ScullError } from './errors.ts';
import { writeAllSync } from './files.ts';

export type StandardStream = 'ignore' | 'inherit' | 'pipe' | number;

export interface ChildOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** From descriptor 0 on. Pipes are for reading what the child writes, from descriptor 1 on. */
  readonly stdio: readonly StandardStream[];
  /** A session of its own: terminal signals do not reach it and it outlives us. */
  readonly detached?: boolean;
}

export interface Child {
  readonly pid: number;
  /** Exit status as shells count it: 128+n after signal n. */
  readonly ended: Promise<number>;
  /** Does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Hands out what the child writes to a piped descriptor, until it is closed. */
  read(fd: number, take: (chunk: Uint8Array) => void): Promise<void>;
  /** Writes to a piped descriptor from 3 on, and closes it. */
  write(fd: number, text: string): void;
  /** Writes to a piped descriptor from 3 on, which stays open. Nobody who reads it any more is no error. */
  send(fd: number, text: string): void;
  /** The same with one byte that only says "look again": it is left out where many lie there that nobody has read yet. */
  nudge(fd: number): void;
  /** Closes our end of a piped descriptor from 3 on; closed already is fine. */
  close(fd: number): void;
  /** Our own end does not wait for its. */
  unref(): void;
}

interface BunProcess {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly signalCode: NodeJS.Signals | null;
  readonly exitCode: number | null;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly stdio: readonly (number | null)[];
  kill(signal: NodeJS.Signals): void;
  unref(): void;
}

interface BunRuntime {
  spawn(command: readonly string[], options: object): BunProcess;
  file(fd: number): { stream(): ReadableStream<Uint8Array> };
}

/** @param file absolute, or looked up in env.PATH @throws ScullError MISSING_TOOL, TOOL_FAILED */
export function startChild(file: string, args: readonly string[], options: ChildOptions): Child {
  const bun = (globalThis as { Bun?: BunRuntime }).Bun;
  return bun === undefined ? startInNode(file, args, options) : startInBun(bun, file, args, options);
}

function startInBun(bun: BunRuntime, file: string, args: readonly string[], options: ChildOptions): Child {
  let child: BunProcess;
  try {
    child = bun.spawn([file, ...args], {
      env: options.env,
      stdio: options.stdio,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.detached === true ? { detached: true } : {}),
    });
  } catch (cause) {
    throw explainSpawnFailure(file, cause);
  }
  const closed = new Set<number>();
  const write = (fd: number, text: string, mayBeLost: readonly string[]): void => {
    if (closed.has(fd)) return;
    try {
      if (mayBeLost.includes('EAGAIN')) writeSync(child.stdio[fd] as number, text);
      else writeAllSync(child.stdio[fd] as number, text);
    } catch (error) {
      if (!mayBeLost.includes(errnoOf(error) ?? '')) throw error;
    }
  };
  const close = (fd: number): void => {
    if (closed.has(fd)) return;
    closed.add(fd);
    closeSync(child.stdio[fd] as number);
  };
  return {
    pid: child.pid,
    ended: child.exited.then(() => exitStatus(child.exitCode, child.signalCode)),
    kill: (signal) => child.kill(signal),
    read: async (fd, take) => {
      const stream = fd === 1 ? child.stdout : fd === 2 ? child.stderr : bun.file(child.stdio[fd] as number).stream();
      const reader = stream.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        take(value);
      }
    },
    // Where nobody reads it any more, the exit status tells why.
    write: (fd, text) => {
      try {
        write(fd, text, ['EPIPE']);
      } finally {
        close(fd);
      }
    },
    send: (fd, text) => write(fd, text, ['EPIPE']),
    nudge: (fd) => write(fd, '+', ['EPIPE', 'EAGAIN']),
    close,
    unref: () => child.unref(),
  };
}

function startInNode(file: string, args: readonly string[], options: ChildOptions): Child {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const spawnOptions: SpawnOptions = { env: { ...options.env }, stdio: [...options.stdio] };
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd;
  if (options.detached === true) spawnOptions.detached = true;
  const child = spawn(file, [...args], spawnOptions);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => {
      if (child.pid === undefined || errnoOf(error) === 'ENOENT') reject(explainSpawnFailure(file, error));
    });
    child.once('exit', (code, signal) => resolve(exitStatus(code, signal)));
  });
  ended.catch(() => undefined); // told to whoever waits for it
  const pipe = (fd: number): Writable => child.stdio[fd] as Writable;
  for (const [fd, kind] of options.stdio.entries()) if (fd > 2 && kind === 'pipe') pipe(fd).on('error', () => undefined); // EPIPE: its exit status tells why
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    read: (fd, take) =>
      new Promise((resolve) => {
        const stream = child.stdio[fd] as Readable;
        stream.on('data', take);
        stream.once('error', () => resolve());
        stream.once('close', () => resolve());
      }),
    write: (fd, text) => void pipe(fd).end(text),
    send: (fd, text) => void pipe(fd).write(text),
    nudge: (fd) => void (pipe(fd).writableLength === 0 && pipe(fd).write('+')),
    close: (fd) => void pipe(fd).end(),
    unref: () => {
      child.unref();
      for (const stream of child.stdio) (stream as { unref?: () => void } | null)?.unref?.();
    },
  };
}

/** Exit status as shells count it. */
export function exitStatus(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

export function explainSpawnFailure(file: string, cause: unknown): ScullError {
  if (errnoOf(cause) === 'ENOENT') return new ScullError('MISSING_TOOL', `${file} is not installed`, { cause, hint: 'run `scull doctor` to see what is missing' });
  return new ScullError('TOOL_FAILED', `cannot start ${file}: ${(cause as Error).message}`, { cause });
}
