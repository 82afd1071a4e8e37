/**
 * Progress of pulling, loading and filling, for people, on standard error: a line for each layer that changes in place on
 * a terminal; elsewhere one line for each finished layer, so that logs of CI and of units stay readable. Messages are not
 * shown here, see {@link lazyProgress}.
 */
import type { Progress, ProgressEvent } from '../host/progress.ts';
import { escapeControl } from './escape.ts';
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

interface Line {
  readonly label: string;
  total: number | undefined;
  state: string;
  finished: boolean;
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
    const urgent = note(line, event);
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
  const line: Line = { label: `${what} ${name}`.padEnd(23), total: undefined, state: 'waiting', finished: false };
  lines.set(event.id, line);
  return line;
}

/** @returns true for what is worth drawing at once */
function note(line: Line, event: LayerEvent): boolean {
  if (event.kind === 'done') {
    line.state = event.result === 'exists' ? 'already here' : 'done';
    line.finished = true;
    return true;
  }
  line.total = event.total ?? line.total;
  if (event.kind === 'start') {
    line.finished = false;
    return true;
  }
  const verb = { download: 'downloading', unpack: 'unpacking', upload: 'uploading' }[event.phase];
  line.state = `${verb} ${size(event.done)}${line.total === undefined ? '' : ` / ${size(line.total)}`}`;
  return false;
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
 * Shows messages by `messages`, and the rest from the first event on that is no message: a command that has no progress
 * asks for no terminal.
 */
export function lazyProgress(messages: Progress): Progress {
  const waiting: ProgressEvent[] = [];
  let show: Progress | undefined;
  const tell: Progress = (event) => {
    show?.(event);
    if (event.kind === 'message') messages(event);
  };
  return (event) => {
    if (show !== undefined) return tell(event);
    if (event.kind === 'message' && waiting.length === 0) return messages(event);
    waiting.push(event);
    if (waiting.length > 1) return;
    void isTerminal(2).then((terminal) => {
      // A terminal's stream is opened anew by the runtime: the descriptor that we hand on stays as it is.
      const { columns = 80, rows = 24 } = terminal ? process.stderr : {};
      show = showProgress({ terminal, columns: columns || 80, rows: rows || 24, write: writeErr, now: Date.now });
      waiting.forEach(tell);
    });
  };
}
