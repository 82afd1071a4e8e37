/**
 * Values as Go's text/template and fmt see them. Data is plain JSON-like JavaScript; two things Go knows from types are
 * told here by convention: an object is a struct (an unknown field is an error) unless it was reached through a field
 * that holds a map in Docker's API (an unknown key is just no value), and a JavaScript Map is always a map.
 */
import { escapeJson } from '../escape.ts';

/** What a missing map key evaluates to; prints as Go's `<no value>`. */
export const NO_VALUE: unique symbol = Symbol('no value');

/** Fields of Docker's and Podman's objects that are maps of free keys. */
const MAP_FIELDS: ReadonlySet<string> = new Set([
  'Annotations', 'Attributes', 'BuildArgs', 'Config.Labels', 'Data', 'DriverConfig', 'ExposedPorts', 'Labels', 'Networks', 'Options', 'OnBuildTriggers',
  'PortBindings', 'Ports', 'Plugins', 'Status', 'StorageOpt', 'Sysctls', 'Tmpfs', 'Volumes', 'annotations', 'labels', 'volumes', 'graphStatus', 'graphOptions',
]);

/** Which objects of one evaluation are maps. */
export class MapKnowledge {
  readonly #maps = new WeakSet<object>();

  /** To be called with every value reached through a field. */
  learn(field: string, value: unknown): void {
    if (isRecord(value) && MAP_FIELDS.has(field)) this.#maps.add(value);
  }

  isMap(value: unknown): boolean {
    return value instanceof Map || (isRecord(value) && this.#maps.has(value));
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Keys of a struct in declaration order, of a map sorted, as Go prints and ranges them. */
export function entriesOf(value: unknown, maps: MapKnowledge): readonly (readonly [string, unknown])[] {
  const entries: [string, unknown][] = value instanceof Map ? [...value].map(([key, item]) => [String(key), item as unknown]) : isRecord(value) ? Object.entries(value) : [];
  return maps.isMap(value) ? entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) : entries;
}

/** Go's truth: false, 0, nil and whatever is empty are false; structs are true. */
export function isTrue(value: unknown, maps: MapKnowledge): boolean {
  if (value === null || value === undefined || value === NO_VALUE) return false;
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0;
  if (maps.isMap(value)) return entriesOf(value, maps).length > 0;
  return typeof value === 'object' || Boolean(value);
}

export interface PrintStyle {
  /** Go's %+v: names of struct fields. */
  readonly names?: boolean;
  readonly quoted?: boolean;
}

/** Go's fmt.Print of one value: `map[a:b]`, `[a b]`, `{a b}`, `<nil>`. */
export function printValue(value: unknown, maps: MapKnowledge, style: PrintStyle = {}, depth = 0): string {
  if (value === NO_VALUE) return '<no value>';
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return style.quoted === true ? goQuote(value) : value;
  if (typeof value === 'number') return printNumber(value);
  if (typeof value !== 'object') return typeof value === 'function' ? '<func>' : String(value);
  if (depth > 100) return '...';
  if (Array.isArray(value)) return `[${value.map((item) => printValue(item, maps, style, depth + 1)).join(' ')}]`;
  const map = maps.isMap(value);
  const parts = entriesOf(value, maps)
    .filter(([, item]) => typeof item !== 'function')
    .map(([key, item]) => {
      maps.learn(key, item);
      const shown = printValue(item, maps, style, depth + 1);
      return map || style.names === true ? `${key}:${shown}` : shown;
    });
  return map ? `map[${parts.join(' ')}]` : `{${parts.join(' ')}}`;
}

/** Whole numbers as they are, others as strconv.FormatFloat(x, 'g', -1, 64). */
export function printNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString();
  const magnitude = Math.abs(value);
  const text = magnitude < 1e-4 || magnitude >= 1e21 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** strconv.Quote */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const short = ({ '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\v': '\\v' } as Record<string, string>)[character];
    if (short !== undefined) quoted += short;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code >= 0x80 && code < 0xa0) quoted += `\\u${code.toString(16).padStart(4, '0')}`;
    else quoted += character;
  }
  return `${quoted}"`;
}

/** What Go would call the value's type, for messages and %T. */
export function typeName(value: unknown, maps: MapKnowledge): string {
  if (value === null || value === undefined || value === NO_VALUE) return 'nil';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (Array.isArray(value)) return '[]any';
  return maps.isMap(value) ? 'map[string]any' : 'struct';
}

/** JSON as Go's encoder writes it: maps sorted, structs in order, no HTML escapes, nothing a terminal would obey. */
export function toJson(value: unknown, maps: MapKnowledge, indent = ''): string {
  const text = JSON.stringify(jsonValue(value, maps, 0), undefined, indent) ?? 'null';
  return escapeJson(text);
}

function jsonValue(value: unknown, maps: MapKnowledge, depth: number): unknown {
  if (value === NO_VALUE || value === undefined || typeof value === 'function') return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null || depth > 100) return depth > 100 ? null : value;
  if (Array.isArray(value)) return value.map((item) => jsonValue(item, maps, depth + 1));
  const entries = entriesOf(value, maps)
    .filter(([, item]) => typeof item !== 'function' && item !== undefined)
    .map(([key, item]) => {
      maps.learn(key, item);
      return [key, jsonValue(item, maps, depth + 1)] as const;
    });
  return Object.fromEntries(entries);
}
