/**
 * Progress of pulling, pushing, loading and filling, on standard error: a line for each layer that changes in place on a
 * terminal, with bytes, rate and time left, then the unpacking; elsewhere one line for each finished layer, so that logs of
 * CI and of units stay readable; for programs one JSON object a line. Messages are not shown here, see {@link lazyProgress}.
 */
import type { Progress, ProgressEvent } from '../host/progress.ts';
import { escapeControl, escapeJson } from './escape.ts';
import { isTerminal, writeErr } from './output.ts';

export interface ProgressOptions {
  readonly terminal: boolean;
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
  /** Milliseconds. */
  now(): number;
}

/** Milliseconds between two drawings of bytes. */
const INTERVAL = 100;

/** Milliseconds over which a rate is the average. */
const WINDOW = 3000;
/** Milliseconds before there is anything to say about the rate. */
const FIRST_RATE = 500;

/** What --progress can be; without it `tty` on a terminal, else `plain`. */
export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

interface Line {
  readonly label: string;
  total: number | undefined;
  state: string;
  finished: boolean;
  /** Until all has come, that is what the line tells; the unpacking goes on beside it. */
  transferring: boolean;
  /** Bytes that were there at a time, oldest first. */
  readonly samples: { readonly at: number; readonly bytes: number }[];
}

/** Shows events as they come, each call at once. */
export function showProgress(options: ProgressOptions): Progress {
  const lines = new Map<string, Line>();
  let drawn = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const draw = (): void => {
    drawnAt = options.now();
    let shown = [...lines.values()];
    // What has scrolled off can't be changed any more: then only what is going on.
    if (shown.length >= options.rows) shown = shown.filter((line) => !line.finished).slice(0, options.rows - 1);
    const text = shown.map((line) => `${`${line.label}${line.state}`.slice(0, options.columns - 1)}\n`).join('');
    options.write(`${drawn > 0 ? `\u001b[${drawn}A\r` : ''}\u001b[J${text}`);
    drawn = shown.length;
  };
  return (event) => {
    switch (event.kind) {
      case 'message':
        // Somebody prints it: what stands above it stays, and drawing begins below.
        drawn = 0;
        return;
      case 'resolved':
        drawn = 0;
        options.write(`Using ${escapeControl(event.reference)} for ${escapeControl(event.name)}\n`);
        return;
    }
    const line = lineOf(lines, event);
    const urgent = note(line, event, options.now());
    if (options.terminal) {
      if (urgent || options.now() - drawnAt >= INTERVAL) draw();
    } else if (event.kind === 'done') {
      options.write(`${line.label}${line.state}\n`);
    }
  };
}

type LayerEvent = Exclude<ProgressEvent, { kind: 'message' | 'resolved' }>;

function lineOf(lines: Map<string, Line>, event: LayerEvent): Line {
  const known = lines.get(event.id);
  if (known !== undefined) return known;
  const what = event.kind === 'start' ? event.what : 'layer';
  const name = escapeControl(event.id.replace(/^sha256:/, '').slice(0, 12));
  const line: Line = { label: `${what} ${name}`.padEnd(23), total: undefined, state: 'waiting', finished: false, transferring: false, samples: [] };
  lines.set(event.id, line);
  return line;
}

/** @returns true for what is worth drawing at once */
function note(line: Line, event: LayerEvent, now: number): boolean {
  if (event.kind === 'done') {
    line.state = { ok: 'done', exists: 'already here', compressed: 'compressed' }[event.result];
    line.finished = true;
    return true;
  }
  line.total = event.total ?? line.total;
  if (event.kind === 'start') {
    line.finished = false;
    return true;
  }
  if (event.phase === 'unpack') {
    if (!line.transferring) line.state = `unpacking ${amount(event.done, line.total)}`;
    return false;
  }
  line.transferring = line.total === undefined || event.done < line.total;
  const verb = { download: 'downloading', upload: 'uploading', compress: 'compressing' }[event.phase];
  line.state = `${verb} ${amount(event.done, line.total)}${pace(line, event.done, now)}`;
  return false;
}

function amount(done: number, total: number | undefined): string {
  return `${size(done)}${total === undefined ? '' : ` / ${size(total)}`}`;
}

/** ` 5.2MB/s, 6s left`, once it can be told. What an earlier attempt had brought does not count as speed. */
function pace(line: Line, done: number, now: number): string {
  const { samples } = line;
  const last = samples.at(-1);
  if (last === undefined || now - last.at >= INTERVAL) samples.push({ at: now, bytes: done });
  while (samples.length > 1 && now - (samples[0]?.at ?? now) > WINDOW) samples.shift();
  const first = samples[0] ?? { at: now, bytes: done };
  const bytesPerSecond = ((done - first.bytes) * 1000) / (now - first.at);
  if (now - first.at < FIRST_RATE || bytesPerSecond <= 0) return '';
  const left = line.total === undefined || !line.transferring ? '' : `, ${span((line.total - done) / bytesPerSecond)} left`;
  return `  ${size(bytesPerSecond)}/s${left}`;
}

function span(seconds: number): string {
  if (seconds < 100) return `${Math.max(1, Math.round(seconds))}s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)}min` : `${Math.round(seconds / 3600)}h`;
}

/** Decimal units with at most three digits, as everywhere in the output. */
function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${Number(value.toPrecision(3))}${UNITS[unit]}`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/**
 * Every event as one JSON object on a line, messages too, for programs: `{"kind":"bytes","id":"sha256:…","phase":"download",
 * "done":1048576,"total":4194304}`. Bytes of one thing are told at most ten times a second, and when they are complete.
 */
export function jsonProgress(write: (text: string) => void, now: () => number): Progress {
  const toldAt = new Map<string, number>();
  return (event) => {
    if (event.kind === 'bytes') {
      const key = `${event.phase} ${event.id}`;
      const at = now();
      if (event.done !== event.total && at - (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < INTERVAL) return;
      toldAt.set(key, at);
    }
    write(escapeJson(`${JSON.stringify(event)}\n`));
  };
}

/**
 * Shows messages by `messages`, and the rest from the first event on that is no message: a command that has no progress
 * asks for no terminal.
 */
export function lazyProgress(messages: Progress, mode: ProgressMode = 'auto'): Progress {
  if (mode === 'none') return messages;
  if (mode === 'json') return Object.assign(jsonProgress(writeErr, Date.now), { isWatched: async () => true });
  const waiting: ProgressEvent[] = [];
  let show: Progress | undefined;
  const tell: Progress = (event) => {
    show?.(event);
    if (event.kind === 'message') messages(event);
  };
  const progress: Progress = (event) => {
    if (show !== undefined) return tell(event);
    if (event.kind === 'message' && waiting.length === 0) return messages(event);
    waiting.push(event);
    if (waiting.length > 1) return;
    void isTerminal(2).then((terminal) => {
      // A terminal's stream is opened anew by the runtime: the descriptor that we hand on stays as it is.
      const { columns = 80, rows = 24 } = terminal ? process.stderr : {};
      const inPlace = mode === 'tty' || (mode === 'auto' && terminal);
      show = showProgress({ terminal: inPlace, columns: columns || 80, rows: rows || 24, write: writeErr, now: Date.now });
      waiting.forEach(tell);
    });
  };
  progress.isWatched = async () => mode === 'tty' || (mode === 'auto' && (await isTerminal(2)));
  return progress;
}
