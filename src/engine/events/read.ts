/** events: those that were noted, and the ends of containers, which are known from what their monitors left (see record.ts). */
import { isScullError, ScullError } from '../../host/errors.ts';
import { containerIds, readContainer } from '../../runtime/container-store.ts';
import { knownToRuntime } from '../../runtime/lifecycle.ts';
import { EventReader, type EventRecord } from '../../storage/event-log.ts';
import type { Engine } from '../engine.ts';
import { endOf, endTime } from './record.ts';

export interface EventOptions {
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Values of one key are alternatives, different keys must all match. */
  readonly filters?: Readonly<Record<string, readonly string[]>>;
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
}

export const EVENT_FILTERS = ['container', 'event', 'status', 'image', 'label', 'network', 'pod', 'secret', 'type', 'volume', 'artifact'] as const;

/** Milliseconds between looks for what is new. */
const PAUSE = 100;

/** What is known to have happened, the oldest first. @throws ScullError INVALID for an unknown filter */
export function pastEvents(engine: Engine, options: EventOptions = {}): EventRecord[] {
  const matches = matcher(options);
  const reader = new EventReader(engine.store);
  const noted = reader.read();
  reader.close();
  return inOrder(withoutDoubles([...noted, ...endsNotNoted(engine, noted)])).filter(matches);
}

/**
 * What happens from now on (with `since`, also what happened), as it comes, until `until` has passed or the signal is given.
 * @throws ScullError INVALID for an unknown filter
 */
export async function* followEvents(engine: Engine, options: EventOptions = {}): AsyncGenerator<EventRecord> {
  const matches = matcher(options);
  const reader = new EventReader(engine.store);
  const ends = new Set<string>();
  const isNew = (event: EventRecord): boolean => event.status !== 'died' || !ends.has(keyOf(event));
  try {
    if (options.since === undefined) reader.skipToEnd();
    const begun = Date.now();
    const noted = options.since === undefined ? [] : reader.read();
    const known = endsNotNoted(engine, noted);
    // Who does not ask for the past gets no end of the past either, now or when it is noted.
    const past = options.since === undefined ? known.filter(({ time }) => Date.parse(time) >= begun) : [...noted, ...known];
    for (const event of known) ends.add(keyOf(event));
    for (const event of inOrder(withoutDoubles(past))) {
      if (event.status === 'died') ends.add(keyOf(event));
      if (matches(event)) yield event;
    }
    for (;;) {
      const last = options.signal?.aborted === true || (options.until !== undefined && Date.now() >= options.until);
      // The files of ends are looked at first: an end that is noted in between is then found by one of the two.
      const found = [...newEnds(engine, ends), ...reader.read()];
      for (const event of inOrder(found).filter(isNew)) {
        if (event.status === 'died') ends.add(keyOf(event));
        if (matches(event)) yield event;
      }
      if (last) return;
      await pause(options.signal);
    }
  } finally {
    reader.close();
  }
}

function pause(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PAUSE);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function keyOf({ id, time }: Pick<EventRecord, 'id' | 'time'>): string {
  return `${id} ${time}`;
}

/** How far the clock of file times may be behind the one of the other events: a tick of the slowest kernel, and its rounding. Milliseconds. */
const TICK = 12;
/** What an end can't come before, when it seems to by less than a tick. */
const BEFORE_END = new Set(['create', 'start', 'attach', 'kill']);

/** By time; what has the same one stays as it was written. */
export function inOrder(events: readonly EventRecord[]): EventRecord[] {
  const times = new Map(events.map((event) => [event, Date.parse(event.time)]));
  const causes = new Map<string, number[]>();
  for (const [{ id, status }, time] of times) if (BEFORE_END.has(status)) causes.set(id, [...(causes.get(id) ?? []), time]);
  for (const event of events) {
    if (event.status !== 'died') continue;
    const own = times.get(event) as number;
    const before = (causes.get(event.id) ?? []).filter((time) => time >= own && time <= own + TICK);
    if (before.length > 0) times.set(event, Math.max(...before) + 0.5);
  }
  return events.toSorted((a, b) => (times.get(a) as number) - (times.get(b) as number));
}

function withoutDoubles(events: readonly EventRecord[]): EventRecord[] {
  const ends = new Set<string>();
  return events.filter((event) => {
    if (event.status !== 'died') return true;
    if (ends.has(keyOf(event))) return false;
    ends.add(keyOf(event));
    return true;
  });
}

/** Of all containers. */
function endsNotNoted(engine: Engine, noted: readonly EventRecord[]): EventRecord[] {
  const known = new Set(noted.filter(({ status }) => status === 'died').map(keyOf));
  return ends(engine, containerIds(engine.store.layout), known);
}

/** Of those that ran a moment ago: crun has a record of them until somebody tidies up. */
function newEnds(engine: Engine, known: ReadonlySet<string>): EventRecord[] {
  return ends(engine, knownToRuntime(engine.store.layout), known);
}

function ends(engine: Engine, ids: Iterable<string>, known: ReadonlySet<string>): EventRecord[] {
  const found: EventRecord[] = [];
  for (const id of ids) {
    const paths = engine.store.layout.container(id);
    const time = endTime(paths);
    if (time === undefined || known.has(keyOf({ id, time }))) continue;
    try {
      const record = readContainer(engine.store.layout, id);
      const end = record === undefined ? undefined : endOf(record, paths);
      if (end !== undefined) found.push(end);
    } catch (error) {
      if (!isScullError(error)) throw error; // a damaged container has no name to tell
    }
  }
  return found;
}

function matcher(options: EventOptions): (event: EventRecord) => boolean {
  const filters = Object.entries(options.filters ?? {}).map(([key, values]) => {
    const tests = values.map((value) => filterBy(key, value));
    return (event: EventRecord): boolean => tests.some((test) => test(event));
  });
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = options;
  return (event) => {
    const time = Date.parse(event.time);
    return time >= since && time <= until && filters.every((test) => test(event));
  };
}

function filterBy(key: string, value: string): (event: EventRecord) => boolean {
  switch (key) {
    case 'container':
    case 'pod':
    case 'secret':
    case 'network':
    case 'artifact':
      return (event) => event.type === key && isNamed(event, value);
    case 'image':
      return (event) => (event.type === 'image' ? isNamed(event, value) : event.image === value);
    case 'volume':
      return (event) => event.type === 'volume' && event.name.startsWith(value);
    case 'event':
    case 'status': {
      const status = DOCKER_WORDS[value] ?? value;
      return (event) => event.status === status;
    }
    case 'type':
      return (event) => event.type === value;
    case 'label': {
      const equals = value.indexOf('=');
      const name = equals < 0 ? value : value.slice(0, equals);
      return ({ attributes = {} }) => Object.hasOwn(attributes, name) && (equals < 0 || attributes[name] === value.slice(equals + 1));
    }
    default:
      throw new ScullError('INVALID', `unknown filter ${JSON.stringify(key)}`, { hint: `filters of events are ${EVENT_FILTERS.join(', ')}` });
  }
}

/** Docker's word → ours, which is Podman's. */
const DOCKER_WORDS: Readonly<Record<string, string>> = { die: 'died', destroy: 'remove', delete: 'remove', load: 'loadFromArchive', exec_start: 'exec', exec_die: 'exec_died' };

function isNamed(event: EventRecord, value: string): boolean {
  return event.name === value || (value !== '' && event.id.replace(/^sha256:/, '').startsWith(value.replace(/^sha256:/, '')));
}
