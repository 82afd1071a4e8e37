/**
 * logs: what the monitor wrote down, in conmon's k8s-file format (the Kubernetes CRI log format):
 *
 *     2026-01-31T12:00:00.000000000+01:00 stdout F the line\n      F: a full line, P: a part without its newline
 *
 * Built for speed: a chunk is read, the prefixes are cut out of it in place, and what remains is written in one go.
 */
import { closeSync, fstatSync, openSync, readSync, watch, type FSWatcher } from 'node:fs';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { withPath, writeAllSync } from '../../host/files.ts';
import { readerGone } from '../../host/output-reader.ts';
import { exitStatus, explainSpawnFailure, start } from '../../host/process.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { Engine } from '../engine.ts';

export interface LogOptions {
  readonly follow?: boolean;
  /** The last n lines; all unless given or negative. */
  readonly tail?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly timestamps?: boolean;
  /** Begin each line with the container's name. */
  readonly names?: boolean;
}

interface Output {
  readonly outFd: number;
  readonly errFd: number;
  /** Nobody reads `outFd` any more. */
  readonly gone: AbortSignal | undefined;
}

const CHUNK = 1 << 20;
const NEWLINE = 10;

/**
 * Writes logs to descriptors, each line to the one of its own stream. With several containers lines begin with a name.
 * @throws ScullError NO_SUCH_CONTAINER, UNSUPPORTED for a log driver that keeps nothing; EPIPE as the system error it is
 */
export async function streamLogs(engine: Engine, names: readonly string[], options: LogOptions, outFd: number, errFd: number): Promise<void> {
  const records = names.map((name) => findContainer(engine.store.layout, name));
  const several = records.length > 1;
  const output: Output = { outFd, errFd, gone: options.follow === true ? readerGone(outFd) : undefined };
  await Promise.all(records.map((record) => streamOne(engine, record, { ...options, names: options.names ?? several }, output)));
}

async function streamOne(engine: Engine, record: ContainerRecord, options: LogOptions, output: Output): Promise<void> {
  switch (record.spec.log.driver) {
    case 'none':
    case 'passthrough':
      throw new ScullError('UNSUPPORTED', `container ${record.name} keeps no log: it was made with --log-driver=${record.spec.log.driver}`);
    case 'journald':
      return streamJournal(record, options);
    default:
      return streamFile(engine, record, options, output);
  }
}

async function streamFile(engine: Engine, record: ContainerRecord, options: LogOptions, { outFd, errFd, gone }: Output): Promise<void> {
  const paths = engine.store.layout.container(record.id);
  const path = record.spec.log.path ?? paths.log;
  let fd = openLog(path);
  const changes = options.follow === true ? watchFile(path) : undefined;
  const cutter = new LogCutter(options, options.names === true ? record.name : undefined, outFd, errFd);
  try {
    let offset = fd === undefined || options.tail === undefined || options.tail < 0 ? 0 : tailOffset(fd, path, options.tail);
    for (;;) {
      // Asked before reading: what is written until then is read in this round.
      const running = options.follow === true && isRunning(readContainerState(paths));
      fd ??= openLog(path);
      if (fd !== undefined) {
        // conmon starts over in the same file when --log-opt max-size is reached.
        if (fstatSync(fd).size < offset) offset = 0;
        offset = cutter.cutFrom(fd, path, offset);
      }
      if (!running || cutter.past || gone?.aborted === true) return;
      await changes?.next();
    }
  } finally {
    changes?.close();
    if (fd !== undefined) closeSync(fd);
  }
}

/** A container that was never started has no log yet. */
function openLog(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Cuts prefixes off and writes lines out, in order, with as few writes as streams change. */
class LogCutter {
  /** A line after `until` was seen: nothing further can be of interest. */
  past = false;
  readonly #buffer = Buffer.allocUnsafe(CHUNK + 65536);
  readonly #options: LogOptions;
  readonly #name: Buffer | undefined;
  readonly #outFd: number;
  readonly #errFd: number;
  /** The last line written was a part: the next one goes on with it. */
  #open = false;

  constructor(options: LogOptions, name: string | undefined, outFd: number, errFd: number) {
    this.#options = options;
    this.#name = name === undefined ? undefined : Buffer.from(`${name} `);
    this.#outFd = outFd;
    this.#errFd = errFd;
  }

  /** Reads from `offset` to the end of the last whole line. @returns the new offset */
  cutFrom(fd: number, path: string, offset: number): number {
    const plain = this.#options.timestamps !== true && this.#name === undefined && this.#options.since === undefined && this.#options.until === undefined;
    for (;;) {
      const length = readAt(fd, path, this.#buffer, CHUNK, offset);
      if (length === 0) return offset;
      const end = this.#buffer.lastIndexOf(NEWLINE, length - 1) + 1;
      if (end === 0) return offset; // the monitor is in the middle of a line; they are far shorter than a chunk
      if (plain) this.#cutInPlace(end);
      else this.#cutLineByLine(end);
      offset += end;
      if (this.past) return offset;
    }
  }

  #cutInPlace(end: number): void {
    const buffer = this.#buffer;
    let target = 0;
    let stream = 0;
    for (let start = 0; start < end; ) {
      const stop = buffer.indexOf(NEWLINE, start) + 1;
      const mark = streamMark(buffer, start, stop);
      if (mark > 0) {
        const current = buffer[mark + 3] === 0x6f ? this.#outFd : this.#errFd; // "stdout" or "stderr": s-t-d-o
        if (current !== stream && target > 0) {
          writeAllSync(stream, buffer.subarray(0, target));
          target = 0;
        }
        stream = current;
        const full = buffer[mark + 7] !== 0x50; // P
        const from = mark + 9;
        const to = full ? stop : stop - 1;
        buffer.copyWithin(target, from, to);
        target += to - from;
      }
      start = stop;
    }
    if (target > 0) writeAllSync(stream, buffer.subarray(0, target));
  }

  #cutLineByLine(end: number): void {
    const buffer = this.#buffer;
    const { since, until, timestamps } = this.#options;
    for (let start = 0; start < end; ) {
      const stop = buffer.indexOf(NEWLINE, start) + 1;
      const mark = streamMark(buffer, start, stop);
      if (mark > 0) {
        const time = buffer.toString('latin1', start, mark - 1);
        const at = since === undefined && until === undefined ? 0 : Date.parse(time);
        if (until !== undefined && at > until) {
          this.past = true;
          return;
        }
        if (since === undefined || at >= since) {
          const full = buffer[mark + 7] !== 0x50;
          const parts: Uint8Array[] = [];
          if (!this.#open && this.#name !== undefined) parts.push(this.#name);
          if (!this.#open && timestamps === true) parts.push(Buffer.from(`${time} `));
          parts.push(buffer.subarray(mark + 9, full ? stop : stop - 1));
          writeAllSync(buffer[mark + 3] === 0x6f ? this.#outFd : this.#errFd, Buffer.concat(parts));
          this.#open = !full;
        }
      }
      start = stop;
    }
  }
}

/** Where `stdout F ` or `stderr P ` begins in a line, or 0 for what is not a line of a log. The time has 35 characters, or 30 in UTC. */
function streamMark(buffer: Buffer, start: number, stop: number): number {
  for (let at = start + 36; at > start + 20; at -= 1) {
    if (at + 9 <= stop && buffer[at] === 0x73 && buffer[at + 1] === 0x74 && buffer[at + 2] === 0x64 && buffer[at - 1] === 0x20) return at;
  }
  return 0;
}

/** A read that fails names the file. */
function readAt(fd: number, path: string, buffer: Buffer, length: number, offset: number): number {
  try {
    return readSync(fd, buffer, 0, length, offset);
  } catch (error) {
    throw withPath(error, path);
  }
}

/** The offset at which the last `lines` full lines begin, found from the end. */
function tailOffset(fd: number, path: string, lines: number): number {
  const { size } = fstatSync(fd);
  if (lines === 0) return size;
  const buffer = Buffer.allocUnsafe(CHUNK);
  let missing = lines;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - CHUNK);
    const length = readAt(fd, path, buffer, end - begin, begin);
    for (let at = length - 1; at >= 0; at -= 1) {
      at = buffer.lastIndexOf(NEWLINE, at);
      if (at < 0) break;
      // The newline of the very last line ends it; each further one begins a line after it.
      if (begin + at !== size - 1 && --missing === 0) return begin + at + 1;
    }
    end = begin;
  }
  return 0;
}

/** Wakes up when a file changes, and four times a second for the end of the container. */
function watchFile(path: string): { next(): Promise<void>; close(): void } {
  let wake: (() => void) | undefined;
  let pending = false;
  const notify = (): void => {
    pending = true;
    wake?.();
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(path, notify);
    watcher.on('error', () => undefined); // the timer below goes on
  } catch {
    watcher = undefined; // no log yet, or no inotify left: the timer alone does it
  }
  return {
    next: () =>
      new Promise((resolve) => {
        const timer = setTimeout(done, 100);
        function done(): void {
          clearTimeout(timer);
          wake = undefined;
          pending = false;
          resolve();
        }
        wake = done;
        if (pending) done();
      }),
    close: () => watcher?.close(),
  };
}

/** The journal is read by its own tool. */
function streamJournal(record: ContainerRecord, options: LogOptions): Promise<void> {
  const args = [`CONTAINER_ID_FULL=${record.id}`, '--output', options.timestamps === true ? 'short-iso' : 'cat', '--no-pager', '--quiet'];
  if (options.follow === true) args.push('--follow', '--no-tail');
  if (options.tail !== undefined && options.tail >= 0) args.push('--lines', String(options.tail));
  if (options.since !== undefined) args.push('--since', `@${Math.floor(options.since / 1000)}`);
  if (options.until !== undefined) args.push('--until', `@${Math.ceil(options.until / 1000)}`);
  return new Promise((resolve, reject) => {
    const child = start('journalctl', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (error) => reject(explainSpawnFailure('journalctl', error)));
    child.once('exit', (code, signal) => {
      const status = exitStatus(code, signal);
      if (status === 0) resolve();
      else reject(new ScullError('TOOL_FAILED', `journalctl failed with status ${status}`));
    });
  });
}
