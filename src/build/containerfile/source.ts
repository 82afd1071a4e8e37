/** Where something stands in a Containerfile, and errors that show it. */
import { ScullError, type ErrorCode } from '../../host/errors.ts';

/** Both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceText {
  /** As the user knows it: `Containerfile`, `docker/web.Dockerfile`, `-`. */
  readonly name: string;
  readonly lines: readonly string[];
}

/** Splits into lines; a byte order mark and carriage returns at line ends do not count. */
export function sourceText(name: string, text: string): SourceText {
  const lines = text.replace(/^\uFEFF/, '').split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  return { name, lines };
}

export interface MistakeOptions {
  readonly hint?: string | undefined;
  readonly code?: ErrorCode;
  readonly cause?: unknown;
  /** More lines, after the one that is shown. */
  readonly detail?: string | undefined;
}

/** An error about one place: `FILE:LINE:COLUMN: MESSAGE`, and below it the line with a mark under the place. */
export function mistake(source: SourceText, at: Position, message: string, options: MistakeOptions = {}): ScullError {
  return new ScullError(options.code ?? 'INVALID', `${source.name}:${at.line}:${at.column}: ${message}`, {
    detail: [excerpt(source, at), ...(options.detail === undefined || options.detail === '' ? [] : [options.detail])].join('\n'),
    ...(options.hint === undefined ? {} : { hint: options.hint }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}

/** The same for an error from elsewhere, which keeps its code, hint and detail. One that names a place already is kept as it is. */
export function mistakeAt(source: SourceText, at: Position, error: unknown): unknown {
  if (!(error instanceof ScullError) || error.code === 'INTERRUPTED' || /^\S+:\d+:\d+: /.test(error.message)) return error;
  return mistake(source, at, error.message, { code: error.code, hint: error.hint, detail: error.detail, cause: error });
}

const SHOWN = 160;

function excerpt(source: SourceText, at: Position): string {
  const line = source.lines[at.line - 1] ?? '';
  // Of a very long line the part around the place.
  const from = at.column > SHOWN - 20 ? at.column - 40 : 0;
  const shown = line.slice(from, from + SHOWN);
  const number = String(at.line);
  const before = shown.slice(0, at.column - 1 - from).replace(/[^\t]/g, ' ');
  return `${number} | ${shown}\n${' '.repeat(number.length)} | ${before}^`;
}
