/** The functions a --format template may call: those of Go's text/template and those Docker and Podman add. */
import { isRecord, isTrue, NO_VALUE, printNumber, printValue, goQuote, toJson, typeName, entriesOf, type MapKnowledge } from './template-values.ts';

/** @throws Error with what is wrong, in a few words; the evaluator adds function and place. */
export type TemplateFunction = (args: readonly unknown[], maps: MapKnowledge) => unknown;

/** Widths and repetitions beyond this are refused: they only serve to fill memory. */
const MAX_WIDTH = 1_000_000;

/** `and` and `or` are not here: they do not evaluate all their arguments, the evaluator knows them. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  not: (args, maps) => !isTrue(only(args), maps),
  len: (args, maps) => lengthOf(only(args), maps),
  index: (args, maps) => indexInto(args, maps),
  slice: (args) => sliceOf(args),
  eq: (args) => equalsAny(args),
  ne: (args) => !equalTwo(args),
  lt: (args) => compare(args) < 0,
  le: (args) => compare(args) <= 0,
  gt: (args) => compare(args) > 0,
  ge: (args) => compare(args) >= 0,
  print: (args, maps) => sprint(args, maps),
  println: (args, maps) => `${args.map((arg) => printValue(arg, maps)).join(' ')}\n`,
  printf: ([format, ...args], maps) => sprintf(text(format), args, maps),
  html: (args, maps) => replaced(args, maps, /[\0"'&<>]/g, { '\0': '\ufffd', '"': '&#34;', "'": '&#39;', '&': '&amp;', '<': '&lt;', '>': '&gt;' }),
  js: (args, maps) => replaced(args, maps, /[\\'"<>&=\n\r\t]/g, { '\\': '\\\\', "'": "\\'", '"': '\\"', '<': '\\u003C', '>': '\\u003E', '&': '\\u0026', '=': '\\u003D', '\n': '\\u000A', '\r': '\\u000D', '\t': '\\u0009' }),
  urlquery: (args, maps) => encodeURIComponent(sprint(args, maps)).replaceAll('%20', '+').replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  json: (args, maps) => toJson(only(args), maps),
  join: ([list, separator], maps) => joinList(list, text(separator), maps),
  split: ([value, separator]) => (text(separator) === '' ? [...text(value)] : text(value).split(text(separator))),
  lower: (args) => text(only(args)).toLowerCase(),
  upper: (args) => text(only(args)).toUpperCase(),
  title: (args) => text(only(args)).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_all, before: string, letter: string) => before + letter.toUpperCase()),
  truncate: ([value, length]) => [...text(value)].slice(0, Math.max(0, whole(length))).join(''),
  pad: ([value, before, after]) => (text(value) === '' ? '' : ' '.repeat(width(before)) + text(value) + ' '.repeat(width(after))),
};

function exactly(args: readonly unknown[], count: number): void {
  if (args.length !== count) throw new Error(`wrong number of args: want ${count} got ${args.length}`);
}

function only(args: readonly unknown[]): unknown {
  exactly(args, 1);
  return args[0];
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(value === undefined ? 'missing argument' : `wrong type for value; expected string; got ${simpleType(value)}`);
}

function whole(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new Error(value === undefined ? 'missing argument' : `wrong type for value; expected int; got ${simpleType(value)}`);
}

function width(value: unknown): number {
  const count = whole(value);
  if (count < 0 || count > MAX_WIDTH) throw new Error(`padding ${count} is out of range`);
  return count;
}

function simpleType(value: unknown): string {
  if (value === null || value === NO_VALUE) return 'nil';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  return Array.isArray(value) ? '[]any' : typeof value === 'boolean' ? 'bool' : typeof value;
}

function lengthOf(value: unknown, maps: MapKnowledge): number {
  if (typeof value === 'string') return Buffer.byteLength(value); // Go counts bytes
  if (Array.isArray(value)) return value.length;
  if (maps.isMap(value) || isRecord(value)) return entriesOf(value, maps).length;
  throw new Error(value === null || value === NO_VALUE ? 'len of nil pointer' : `len of type ${simpleType(value)}`);
}

/** `index .Map "key" 0`: a key a map does not have gives the zero value of what it holds, a list too short is an error. */
function indexInto([start, ...keys]: readonly unknown[], maps: MapKnowledge): unknown {
  let value = start;
  for (const key of keys) {
    if (value === null || value === undefined || value === NO_VALUE) throw new Error('index of untyped nil');
    if (typeof value === 'string') {
      const bytes = Buffer.from(value);
      value = bytes[within(key, bytes.length)];
    } else if (Array.isArray(value)) {
      value = value[within(key, value.length)] as unknown;
    } else if (value instanceof Map || isRecord(value)) {
      value = mapEntry(value, key, maps);
    } else {
      throw new Error(`can't index item of type ${simpleType(value)}`);
    }
  }
  return value;
}

function within(index: unknown, length: number): number {
  if (typeof index !== 'number' || !Number.isInteger(index)) throw new Error(`cannot index slice/array with type ${simpleType(index)}`);
  if (index < 0 || index >= length) throw new Error(`index out of range: ${index}`);
  return index;
}

function mapEntry(map: unknown, key: unknown, maps: MapKnowledge): unknown {
  const name = typeof key === 'number' ? String(key) : text(key);
  if (map instanceof Map) {
    if (map.has(name)) return map.get(name) as unknown;
  } else if (isRecord(map) && Object.hasOwn(map, name)) {
    return map[name];
  }
  const sample = entriesOf(map, maps).map(([, item]) => item);
  if (sample.some(Array.isArray)) return [];
  if (sample.every((item) => typeof item === 'string')) return '';
  return sample.every((item) => typeof item === 'number') ? 0 : null;
}

function sliceOf([value, from, to]: readonly unknown[]): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new Error(`can't slice item of type ${simpleType(value)}`);
  const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  const start = from === undefined ? 0 : whole(from);
  const end = to === undefined ? length : whole(to);
  if (start < 0 || end > length || start > end) throw new Error(`index out of range: ${start < 0 || start > length ? start : end}`);
  return typeof value === 'string' ? Buffer.from(value).subarray(start, end).toString() : value.slice(start, end);
}

function equalsAny([first, ...others]: readonly unknown[]): boolean {
  if (others.length === 0) throw new Error('missing argument for comparison');
  return others.some((other) => equal(first, other));
}

function equalTwo(args: readonly unknown[]): boolean {
  exactly(args, 2);
  return equal(args[0], args[1]);
}

function equal(a: unknown, b: unknown): boolean {
  const [left, right] = [plain(a), plain(b)];
  if (left === null || right === null) return left === right;
  if (typeof left === 'object' || typeof right === 'object') throw new Error('non-comparable type');
  if (typeof left !== typeof right) throw new Error('incompatible types for comparison');
  return left === right;
}

function compare(args: readonly unknown[]): number {
  exactly(args, 2);
  const [a, b] = args;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  throw new Error(typeof a === typeof b ? 'invalid type for comparison' : 'incompatible types for comparison');
}

function plain(value: unknown): unknown {
  return value === undefined || value === NO_VALUE ? null : value;
}

/** fmt.Sprint: a space between two operands when neither is a string. */
function sprint(args: readonly unknown[], maps: MapKnowledge): string {
  let out = '';
  args.forEach((arg, position) => {
    if (position > 0 && typeof arg !== 'string' && typeof args[position - 1] !== 'string') out += ' ';
    out += printValue(arg, maps);
  });
  return out;
}

function replaced(args: readonly unknown[], maps: MapKnowledge, pattern: RegExp, by: Readonly<Record<string, string>>): string {
  return sprint(args, maps).replace(pattern, (character) => by[character] ?? character);
}

function joinList(list: unknown, separator: string, maps: MapKnowledge): string {
  if (list === null || list === NO_VALUE) return '';
  if (typeof list === 'string') return list;
  if (!Array.isArray(list)) throw new Error(`wrong type for value; expected []string; got ${simpleType(list)}`);
  return list.map((item) => printValue(item, maps)).join(separator);
}

const VERB = /%([-+# 0]*)(\d+|\*)?(?:\.(\d*|\*))?(.)/gsu;

/** fmt.Sprintf for the verbs people use; mistakes are marked in the output as Go does (`%!d(string=x)`). */
function sprintf(format: string, args: readonly unknown[], maps: MapKnowledge): string {
  let used = 0;
  const number = (given: string | undefined): number | undefined => {
    if (given === undefined) return undefined;
    const value = given === '*' ? Number(args[used++]) : Number(given);
    if (!Number.isInteger(value) || value > MAX_WIDTH) throw new Error(`width ${given} is out of range`);
    return value;
  };
  const out = format.replace(VERB, (_all, flags: string, wide: string | undefined, precise: string | undefined, verb: string) => {
    const minimum = number(wide);
    const precision = number(precise === '' ? '0' : precise);
    if (verb === '%') return '%';
    if (used >= args.length) return `%!${verb}(MISSING)`;
    const arg = args[used++];
    const body = formatVerb(verb, flags, precision, arg, maps);
    return aligned(body ?? `%!${verb}(${typeName(arg, maps)}=${printValue(arg, maps)})`, flags, minimum ?? 0, typeof arg === 'number');
  });
  if (used >= args.length) return out;
  const extra = args.slice(used).map((arg) => `${typeName(arg, maps)}=${printValue(arg, maps)}`);
  return `${out}%!(EXTRA ${extra.join(', ')})`;
}

function aligned(body: string, flags: string, minimum: number, isNumber: boolean): string {
  const missing = minimum - [...body].length;
  if (missing <= 0) return body;
  if (flags.includes('-')) return body + ' '.repeat(missing);
  if (!flags.includes('0')) return ' '.repeat(missing) + body;
  const sign = isNumber ? (/^[+-]/.exec(body)?.[0] ?? '') : '';
  return sign + '0'.repeat(missing) + body.slice(sign.length);
}

/** undefined where the verb does not fit the value. */
function formatVerb(verb: string, flags: string, precision: number | undefined, arg: unknown, maps: MapKnowledge): string | undefined {
  switch (verb) {
    case 'v':
      if (typeof arg === 'number') return signed(printNumber(arg), flags);
      return printValue(arg, maps, { names: flags.includes('+') || flags.includes('#'), quoted: flags.includes('#') });
    case 'T':
      return typeName(arg, maps);
    case 't':
      return typeof arg === 'boolean' ? String(arg) : undefined;
    case 's':
      if (typeof arg === 'number' || typeof arg === 'boolean') return undefined;
      return cut(printValue(arg, maps), precision);
    case 'q':
      if (typeof arg === 'number') return `'${String.fromCodePoint(codePoint(arg))}'`;
      return typeof arg === 'string' ? goQuote(cut(arg, precision)) : Array.isArray(arg) ? printValue(arg, maps, { quoted: true }) : undefined;
    case 'x':
    case 'X': {
      const hex = typeof arg === 'string' ? Buffer.from(arg).toString('hex') : integer(arg, 16, flags.includes('#') ? '0x' : '');
      return verb === 'X' ? hex?.toUpperCase() : hex;
    }
    default:
      return typeof arg === 'number' ? formatNumber(verb, flags, precision, arg) : undefined;
  }
}

function formatNumber(verb: string, flags: string, precision: number | undefined, value: number): string | undefined {
  const digits = Math.min(precision ?? 6, 100);
  switch (verb) {
    case 'd':
      return Number.isInteger(value) ? signed(printNumber(value), flags) : undefined;
    case 'b':
      return integer(value, 2, '');
    case 'o':
      return integer(value, 8, flags.includes('#') ? '0' : '');
    case 'c':
      return String.fromCodePoint(codePoint(value));
    case 'U':
      return `U+${codePoint(value).toString(16).toUpperCase().padStart(4, '0')}`;
    case 'f':
    case 'F':
      return signed(value.toFixed(digits), flags);
    case 'e':
      return signed(value.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2'), flags);
    case 'g':
      return signed(precision === undefined ? printNumber(value) : printNumber(Number(value.toPrecision(Math.max(1, digits)))), flags);
    default:
      return undefined;
  }
}

function codePoint(value: number): number {
  return Number.isInteger(value) && value >= 0 && value <= 0x10ffff ? value : 0xfffd;
}

function integer(value: unknown, radix: number, prefix: string): string | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  return `${value < 0 ? '-' : ''}${prefix}${Math.abs(value).toString(radix)}`;
}

function signed(body: string, flags: string): string {
  if (body.startsWith('-') || body.startsWith('+')) return body;
  return flags.includes('+') ? `+${body}` : flags.includes(' ') ? ` ${body}` : body;
}

function cut(value: string, precision: number | undefined): string {
  return precision === undefined ? value : [...value].slice(0, precision).join('');
}
