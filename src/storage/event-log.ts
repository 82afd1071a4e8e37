/**
 * What happened, one line of JSON each, in events/log: a plain file that is only ever added to, by one write(2) with O_APPEND,
 * so that writers need no lock and no line is lost or mixed with another (write(2), "O_APPEND"). When it has grown, it becomes
 * events/log.1, and the one of that name goes.
 *
 * A line may be torn by a full disk or a power cut, and the next one then follows without a line break: a reader looks for
 * the last beginning of a record in what it can't read, which no text inside a record can look like.
 */
import { closeSync, fstatSync, openSync, readlinkSync, readSync, renameSync, statSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { errnoOf } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure } from '../host/files.ts';
import { ownerTag, parseOwnerTag } from '../host/identity.ts';
import { ownerMayLive } from './hosts.ts';
import type { Store } from './store.ts';

export type EventType = 'container' | 'image' | 'volume' | 'network' | 'secret' | 'pod' | 'system';

export interface EventRecord {
  /** RFC 3339 with milliseconds, UTC. */
  readonly time: string;
  readonly type: EventType;
  /** Podman's word: create, start, died … */
  readonly status: string;
  readonly id: string;
  readonly name: string;
  /** Name of the container's image. */
  readonly image?: string;
  /** Labels of a container, and what else belongs to the event: signal, driver, container … */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  /** healthy, unhealthy, starting */
  readonly health?: string;
  readonly error?: string;
}

/** Bytes after which a new file is begun: some ten thousand events. */
const FILE_SIZE = 2 << 20;
const BEGINNING = '{"time":"';

/** @throws ScullError NO_SPACE, PERMISSION */
export function appendEvent(store: Store, event: EventRecord): void {
  const { log } = store.layout.events;
  try {
    const fd = openLog(store);
    let size: number;
    try {
      writeSync(fd, `${JSON.stringify(event)}\n`);
      size = fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
    if (size > FILE_SIZE) rotate(store);
  } catch (error) {
    throw explainWriteFailure(error, log);
  }
}

function openLog(store: Store): number {
  try {
    return openSync(store.layout.events.log, 'a', 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    ensurePrivateDirectory(store.layout.events.directory);
    return openSync(store.layout.events.log, 'a', 0o600);
  }
}

/** Done by one of those who find the file grown; the link that says who is left by a killed one is taken away for the next. */
function rotate(store: Store): void {
  const { log, old, rotator } = store.layout.events;
  try {
    symlinkSync(ownerTag(), rotator);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const owner = parseOwnerTag(targetOf(rotator));
    if (owner === undefined || !ownerMayLive(store.layout, owner)) removeQuietly(rotator);
    return;
  }
  try {
    if (statSync(log).size > FILE_SIZE) renameSync(log, old);
  } finally {
    removeQuietly(rotator);
  }
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // gone meanwhile
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Reads the events in the order they were written, then those that come, as often as it is asked. */
export class EventReader {
  readonly #store: Store;
  #fd: number | undefined;
  #rest = '';
  #begun = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** From now on only what is still to come. */
  skipToEnd(): void {
    this.#fd = openForReading(this.#store.layout.events.log);
    this.#begun = true;
    if (this.#fd !== undefined) this.#drain();
    this.#rest = '';
  }

  /** What was written since the last call; the first call has everything that is kept. */
  read(): EventRecord[] {
    const { log, old } = this.#store.layout.events;
    const events: EventRecord[] = [];
    if (!this.#begun) {
      this.#begun = true;
      // Opened before the older one is looked for: whichever becomes the older one meanwhile is read once.
      this.#fd = openForReading(log);
      const before = openForReading(old);
      if (before !== undefined) {
        if (this.#fd === undefined || fstatSync(before).ino !== fstatSync(this.#fd).ino) events.push(...eventsIn(readAll(before)));
        closeSync(before);
      }
    }
    this.#fd ??= openForReading(log);
    if (this.#fd === undefined) return events;
    events.push(...this.#take(this.#drain()));
    if (fstatSync(this.#fd).ino === inodeOf(log)) return events;
    // Another file has been begun; what was written to this one since we read it is taken before it is left.
    events.push(...this.#take(`${this.#drain()}\n`));
    this.close();
    this.#fd = openForReading(log);
    if (this.#fd !== undefined) events.push(...this.#take(this.#drain()));
    return events;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#rest = '';
  }

  #drain(): string {
    return this.#fd === undefined ? '' : readAll(this.#fd);
  }

  #take(text: string): EventRecord[] {
    const whole = this.#rest + text;
    const end = whole.lastIndexOf('\n') + 1;
    this.#rest = whole.slice(end);
    return eventsIn(whole.slice(0, end));
  }
}

function openForReading(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** From where the descriptor is to the end. */
function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(1 << 16);
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks).toString();
    chunks.push(chunk.subarray(0, count));
  }
}

/** The records in whole lines; what is none is passed over. */
export function eventsIn(text: string): EventRecord[] {
  return text.split('\n').flatMap((line) => parse(line) ?? parse(line.slice(Math.max(line.lastIndexOf(BEGINNING), 0))) ?? []);
}

function parse(line: string): EventRecord | undefined {
  if (!line.startsWith(BEGINNING)) return undefined;
  try {
    const value = JSON.parse(line) as Partial<Record<keyof EventRecord, unknown>>;
    const fits = [value.time, value.type, value.status, value.id, value.name].every((member) => typeof member === 'string') && !Number.isNaN(Date.parse(value.time as string));
    return fits ? (value as unknown as EventRecord) : undefined;
  } catch {
    return undefined; // torn
  }
}
