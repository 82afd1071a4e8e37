/** What the user reads when a command fails, and with which status we end. Libraries throw facts; wording is here. */
import { exitStatusOf, ScullError } from '../host/errors.ts';
import { VERSION } from '../host/version.ts';
import { machineFailure } from '../host/errno.ts';
import { explainVanished } from '../storage/vanished.ts';
import { escapeControl, escapeControlLines } from './escape.ts';

export interface RenderOptions {
  /** The words of the command that failed, e.g. `container run`, for the pointer to its help. */
  readonly command?: string;
  readonly colour?: boolean;
  /** --log-level debug: show the stack and the causes of every error. */
  readonly debug?: boolean;
}

export interface RenderedError {
  readonly text: string;
  /** What happened, in one line or a few, without colours, hints and causes. */
  readonly message: string;
  readonly status: number;
}

/** A status that a command ends with after it has said everything itself; nothing is printed. */
export class ExitStatus extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit status ${status}`);
    this.name = 'ExitStatus';
    this.status = status;
  }
}

/** Text for standard error (with the last newline) and the exit status, after docker-run(1): 125, 126, 127, 130. */
export function renderError(error: unknown, options: RenderOptions = {}): RenderedError {
  if (error instanceof ExitStatus) return { text: '', message: '', status: error.status };
  const paint = options.colour === true ? colours : plain;
  if (!(error instanceof ScullError)) {
    const vanished = explainVanished(error);
    if (vanished !== undefined) return renderError(vanished, options);
    const failure = machineFailure(error);
    if (failure === undefined) return { text: renderBug(error, paint), message: `bug: ${escapeControlLines(stackOf(error))}`, status: 125 };
    return renderError(new ScullError('PERMISSION', failure, { cause: error }), options);
  }
  const lines = [`${paint.red('Error:')} ${escapeControlLines(error.message)}`];
  const detail = error.detail?.trim();
  if (detail !== undefined && detail !== '' && !error.message.includes(detail)) {
    for (const line of escapeControlLines(detail).split('\n')) lines.push(paint.dim(`  ${line}`));
  }
  if (error.hint !== undefined) {
    const [first = '', ...rest] = escapeControlLines(error.hint).split('\n');
    lines.push(`${paint.bold('hint:')} ${first}`, ...rest.map((line) => `      ${line}`));
  }
  if (error.code === 'USAGE' && options.command !== undefined) lines.push(usagePointer(options.command));
  if (options.debug === true) lines.push(paint.dim(escapeControlLines(stackOf(error))));
  return { text: `${lines.join('\n')}\n`, message: escapeControlLines(error.message), status: exitStatusOf(error.code) };
}

/** `See 'scull run --help'.` */
function usagePointer(command: string): string {
  return `See '${escapeControl(`scull ${command}`.trim())} --help'.`;
}

function renderBug(error: unknown, paint: Paint): string {
  return [
    `${paint.red('Error:')} this is a bug in scull, not something you did`,
    escapeControlLines(stackOf(error)),
    `${paint.bold('hint:')} please report it with the lines above and what you ran (scull ${VERSION})`,
    '',
  ].join('\n');
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const own = error.stack ?? `${error.name}: ${error.message}`;
  // Bun's stacks may lack the first line that Node's have.
  const text = own.includes(error.message) ? own : `${error.name}: ${error.message}\n${own}`;
  return error.cause === undefined ? text : `${text}\ncaused by: ${stackOf(error.cause)}`;
}

interface Paint {
  red(text: string): string;
  bold(text: string): string;
  dim(text: string): string;
}

const plain: Paint = { red: (text) => text, bold: (text) => text, dim: (text) => text };
const colours: Paint = {
  red: (text) => `\u001b[1;31m${text}\u001b[0m`,
  bold: (text) => `\u001b[1m${text}\u001b[0m`,
  dim: (text) => `\u001b[2m${text}\u001b[0m`,
};
