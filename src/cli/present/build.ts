/** How a build goes on, on standard error: lines as they come, a picture on a terminal, JSON, or nothing. */
import type { BuildEvent, StepLabel } from '../../engine/builds/options.ts';
import { escapeControl, escapeControlLines } from '../escape.ts';

export interface BuildScreen {
  readonly write: (text: string) => void;
  /** Milliseconds. */
  readonly now: () => number;
  readonly columns: number;
  readonly rows: number;
}

export interface BuildPresenter {
  show(event: BuildEvent): void;
  /** Nothing more will come. */
  finish(): void;
}

function name({ stage, number }: StepLabel): string {
  return `[${[stage, number].filter((word) => word !== '').join(' ')}]`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`;
}

/** `#3 [build 2/4] RUN make`, `#3 0.412 output`, `#3 DONE 1.2s`: BuildKit's plain progress. */
export function plainBuild(screen: BuildScreen): BuildPresenter {
  const started = new Map<number, number>();
  const rest = new Map<string, string>();
  const line = (step: StepLabel, text: string): void => screen.write(`#${step.id} ${text}\n`);
  const flush = (step: StepLabel): void => {
    for (const stream of ['stdout', 'stderr']) {
      const key = `${step.id} ${stream}`;
      const left = rest.get(key) ?? '';
      rest.delete(key);
      if (left !== '') line(step, `${time(step)} ${escapeControlLines(left)}`);
    }
  };
  const time = (step: StepLabel): string => ((screen.now() - (started.get(step.id) ?? screen.now())) / 1000).toFixed(3);
  return {
    show(event) {
      switch (event.kind) {
        case 'start':
          started.set(event.step.id, screen.now());
          line(event.step, `${name(event.step)} ${escapeControl(event.step.title)}`);
          break;
        case 'output': {
          const key = `${event.step.id} ${event.stream}`;
          const lines = ((rest.get(key) ?? '') + Buffer.from(event.chunk).toString()).split('\n');
          rest.set(key, lines.pop() ?? '');
          for (const text of lines) line(event.step, `${time(event.step)} ${escapeControlLines(text.replace(/\r$/, ''))}`);
          break;
        }
        case 'done':
          flush(event.step);
          line(event.step, event.result === 'cached' ? 'CACHED' : `DONE ${seconds(screen.now() - (started.get(event.step.id) ?? 0))}`);
          break;
        case 'canceled':
          flush(event.step);
          line(event.step, 'CANCELED');
          break;
        case 'failed':
          flush(event.step);
          line(event.step, `ERROR: ${escapeControl(event.message)}`);
          break;
        case 'warning':
          screen.write(`WARNING: ${escapeControl(event.text)}\n`);
      }
    },
    finish: () => undefined,
  };
}

/** Each event as one JSON object on a line; output as text. */
export function jsonBuild(screen: BuildScreen): BuildPresenter {
  return {
    show: (event) => {
      const shown = event.kind === 'output' ? { kind: event.kind, step: event.step, stream: event.stream, text: Buffer.from(event.chunk).toString() } : event;
      screen.write(`${JSON.stringify({ time: new Date(screen.now()).toISOString(), ...shown })}\n`);
    },
    finish: () => undefined,
  };
}

/** Warnings, and what a failing step has said. */
export function quietBuild(screen: BuildScreen): BuildPresenter {
  const said = new Map<number, Uint8Array[]>();
  return {
    show(event) {
      if (event.kind === 'output') keep(said, event.step.id, event.chunk);
      else if (event.kind === 'done' || event.kind === 'canceled') said.delete(event.step.id);
      else if (event.kind === 'failed') screen.write(escapeControlLines(Buffer.concat(said.get(event.step.id) ?? []).toString()));
      else if (event.kind === 'warning') screen.write(`WARNING: ${escapeControl(event.text)}\n`);
    },
    finish: () => undefined,
  };
}

const KEPT = 64 * 1024;

function keep(said: Map<number, Uint8Array[]>, id: number, chunk: Uint8Array): void {
  const chunks = said.get(id) ?? [];
  said.set(id, chunks);
  chunks.push(Buffer.from(chunk));
  for (let size = chunks.reduce((sum, one) => sum + one.length, 0); size > KEPT && chunks.length > 1; ) size -= (chunks.shift() as Uint8Array).length;
}

interface Row {
  readonly step: StepLabel;
  readonly since: number;
  state: 'running' | 'done' | 'cached' | 'failed' | 'canceled';
  until: number;
  readonly lines: string[];
  rest: string;
}

/** A tab is as wide as the terminal likes: the picture must know how wide. */
function shownLine(text: string): string {
  return escapeControl(text.replace(/\r$/, '').replaceAll('\t', '    '));
}

const SHOWN_LINES = 4;
const INTERVAL = 100;

/** The graph as it is worked on: what is done above, what is going on below with the last of its output. */
export function terminalBuild(screen: BuildScreen): BuildPresenter {
  const rows = new Map<number, Row>();
  let drawn = 0;
  let drawnAt = 0;
  const begin = screen.now();
  const erase = (): void => {
    if (drawn > 0) screen.write(`\u001b[${drawn}A\r\u001b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    drawnAt = screen.now();
    const lines = picture();
    erase();
    screen.write(lines.map((line) => `${line.slice(0, screen.columns - 1)}\n`).join(''));
    drawn = lines.length;
  };
  const picture = (): string[] => {
    const done = [...rows.values()].filter((row) => row.state === 'done' || row.state === 'cached');
    const lines = [`Building ${seconds(screen.now() - begin)} (${done.length}/${rows.size})`];
    for (const row of rows.values()) if (row.state === 'running') lines.push(describe(row), ...row.lines.slice(-SHOWN_LINES).map((text) => `    ${text}`));
    return lines.slice(0, Math.max(1, screen.rows - 1));
  };
  const describe = (row: Row): string => {
    const took = seconds((row.state === 'running' ? screen.now() : row.until) - row.since);
    const word = row.state === 'cached' ? 'CACHED' : row.state === 'failed' ? 'ERROR' : row.state === 'canceled' ? 'CANCELED' : '';
    const head = ` ${row.state === 'running' ? '…' : row.state === 'failed' || row.state === 'canceled' ? '✗' : '✓'} ${word === '' ? '' : `${word} `}${name(row.step)} `;
    const title = escapeControl(row.step.title);
    const room = Math.max(8, screen.columns - 1 - head.length - took.length - 2);
    return `${head}${title.length > room ? `${title.slice(0, room - 1)}…` : title}  ${took}`;
  };
  const settle = (row: Row, state: Row['state']): void => {
    row.state = state;
    row.until = screen.now();
    if (row.rest !== '') row.lines.push(shownLine(row.rest));
    erase();
    screen.write(`${describe(row).slice(0, screen.columns - 1)}\n`);
    if (state === 'failed') screen.write(row.lines.map((text) => `    ${text}\n`).join(''));
    draw();
  };
  return {
    show(event) {
      if (event.kind === 'warning') {
        erase();
        screen.write(`WARNING: ${escapeControl(event.text)}\n`);
        draw();
        return;
      }
      if (event.kind === 'start') rows.set(event.step.id, { step: event.step, since: screen.now(), until: 0, state: 'running', lines: [], rest: '' });
      const row = rows.get(event.step.id);
      if (row === undefined) return;
      if (event.kind === 'done') settle(row, event.result === 'cached' ? 'cached' : 'done');
      else if (event.kind === 'failed' || event.kind === 'canceled') settle(row, event.kind);
      else if (event.kind === 'output') {
        const lines = (row.rest + Buffer.from(event.chunk).toString()).split('\n');
        row.rest = lines.pop() ?? '';
        row.lines.push(...lines.map(shownLine));
        if (row.lines.length > 1000) row.lines.splice(0, row.lines.length - 500);
      }
      if (screen.now() - drawnAt >= INTERVAL) draw();
    },
    finish: erase,
  };
}
