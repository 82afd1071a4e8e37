/** YAML as `info` prints it: block style, two spaces, text quoted only where YAML would read it as something else. */
import { escapeControl } from '../escape.ts';

/** Plain JSON-like data as a YAML document, without a head line. Undefined fields are left out. */
export function renderYaml(value: unknown): string {
  return block(value, 0).join('\n') + '\n';
}

/** The lines of a value that stands on its own lines. */
function block(value: unknown, depth: number): string[] {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => {
      const lines = isNested(item) ? block(item, depth + 1) : [`${indent}  ${scalar(item)}`];
      const [first = '', ...rest] = lines;
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && isNested(value)) {
    return Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .flatMap(([key, item]) => {
        const name = `${indent}${scalar(key)}:`;
        if (typeof item === 'string' && isLines(item)) return [`${name} |-`, ...item.split('\n').map((line) => `${indent}  ${line}`.trimEnd())];
        return isNested(item) ? [name, ...block(item, Array.isArray(item) ? depth : depth + 1)] : [`${name} ${scalar(item)}`];
      });
  }
  return [indent + scalar(value)];
}

function isNested(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' && value !== null && Object.values(value).some((item) => item !== undefined);
}

function scalar(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object') return '{}';
  if (typeof value !== 'string') return String(value);
  return needsQuotes(value) ? quoted(value) : value;
}

/** Text that a literal block shows best: lines, none of which begins with white space that would be taken for indentation. */
function isLines(text: string): boolean {
  return /^[^\s][^]*\n/.test(text) && !/\s$/.test(text) && !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

/** YAML 1.2 plain scalars, and the words that 1.1 readers take for booleans. */
function needsQuotes(text: string): boolean {
  if (text === '' || text !== text.trim()) return true;
  if (/^(?:true|false|yes|no|on|off|y|n|null|~)$/i.test(text)) return true;
  if (/^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(text)) return true;
  if (/^0[xob][0-9a-f_]+$/i.test(text) || /^[0-9]+(?::[0-9.]+)+$/.test(text) || /^[-+]?\.(?:inf|nan)$/i.test(text)) return true;
  if (/^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]|$)/.test(text)) return true;
  if (/^[-?:](?:\s|$)/.test(text) || /^[,[\]{}#&*!|>'"%@`]/.test(text)) return true;
  return /: |:$| #|[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

function quoted(text: string): string {
  if (!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  return `"${escapeControl(text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))}"`;
}
