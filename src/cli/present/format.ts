/**
 * What --format means, the same for every command that has it: `json`, `table TEMPLATE`, a template per object, or
 * (as Podman allows) one template with a `{{range .}}` of its own. After Podman's pkg/report, seen in use.
 *
 * `\t` and `\n` reach us as two characters, since shells do not turn them into tabs and newlines within quotes; they are
 * replaced, as Docker and Podman do. Where that spoils a template (`{{printf "a\n"}}`), it is taken as it came.
 */
import { isScullError } from '../../host/errors.ts';
import { renderTable } from './table.ts';
import { compileTemplate, type Template } from './template.ts';
import { escapeJson } from '../escape.ts';

/**
 * True for `--format json`: one document in Podman's shape. `{{json .}}` is a template like any other: one line of JSON
 * per object in Docker's shape, which is what scripts written for Docker read.
 */
export function isJsonFormat(format: string | undefined): boolean {
  return format?.trim() === 'json';
}

/** JSON indented by that many spaces, with a newline at the end, harmless on a terminal. */
export function renderJson(value: unknown, indent: 0 | 1 | 2 | 4): string {
  return `${escapeJson(JSON.stringify(value, undefined, indent))}\n`;
}

export interface RowsFormat {
  /** Headings that are not the field name spelt out, e.g. `ID: 'CONTAINER ID'`. */
  readonly headings: Readonly<Record<string, string>>;
  /** --noheading: a table without its first row. */
  readonly noHeading?: boolean;
}

/** Objects through a user's template. @throws ScullError INVALID */
export function renderRows(rows: readonly object[], format: string, options: RowsFormat): string {
  if (format.startsWith('table ')) return renderTemplateTable(rows, format.slice('table '.length), options);
  const template = compileUserTemplate(format, (text) => text);
  if (hasOwnRange(format)) return template.execute(rows);
  return rows.map((row) => template.execute(row)).join('');
}

/** One object through a user's template. @throws ScullError INVALID */
export function renderObject(value: object, format: string): string {
  return compileUserTemplate(format, (text) => text).execute(value);
}

function renderTemplateTable(rows: readonly object[], format: string, options: RowsFormat): string {
  const template = compileUserTemplate(format, spacesToTabs);
  const lines = rows.map((row) => template.execute(row));
  if (options.noHeading !== true) lines.unshift(template.execute({}, { headings: options.headings }));
  const cells = lines.join('').split('\n').map((line) => line.split('\t'));
  cells.pop(); // what stands after the last newline: nothing
  return renderTable(cells, { escaped: true });
}

function compileUserTemplate(format: string, layout: (text: string) => string): Template {
  const text = layout(format.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
  try {
    return compileTemplate(endedLine(text));
  } catch (error) {
    if (!isScullError(error, 'INVALID') || text === format) throw error;
    return compileTemplate(endedLine(layout(format)));
  }
}

function endedLine(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function hasOwnRange(format: string): boolean {
  return /\{\{-?\s*range\s*\.\s*-?\}\}[^]*\{\{-?\s*end\s*-?\}\}/.test(format);
}

/** In a table, a space between two columns parts them just as a tab does; those within `{{…}}` stay. */
function spacesToTabs(format: string): string {
  return format
    .split(/(\{\{[^]*?\}\})/)
    .map((part) => (part.startsWith('{{') ? part : part.replaceAll(' ', '\t')))
    .join('');
}
