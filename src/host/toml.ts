/**
 * TOML 1.0 as far as the containers tools' configuration files need it: tables, arrays of tables, strings of all four kinds,
 * integers, booleans, arrays, inline tables. Floats and dates, which none of those files has, are refused, not guessed at.
 */
import { ScullError } from './errors.ts';

export type TomlValue = string | number | boolean | readonly TomlValue[] | TomlTable;
export interface TomlTable {
  readonly [key: string]: TomlValue;
}

type MutableTable = { [key: string]: TomlValue };

/** @param file named in errors, with the line. @throws ScullError INVALID */
export function parseToml(text: string, file: string): TomlTable {
  return new TomlReader(text, file).document();
}

export function isTomlTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value);
}

const MAX_DEPTH = 50;

/** On one line and without escapes, as nearly all are: taken at once, for a file of aliases is read by every pull. */
const PLAIN_STRING = /"(?!"")[^"\\\n]*"|'(?!'')[^'\n]*'/y;

class TomlReader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  document(): TomlTable {
    const root = emptyTable();
    let current = root;
    // Tables written out in full may not be opened twice; those made on the way may.
    const opened = new Set<TomlTable>();
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) return root;
      if (this.#text.startsWith('[[', this.#at)) current = this.#openArrayTable(root);
      else if (this.#peek() === '[') {
        current = this.#openTable(root);
        if (opened.has(current)) throw this.#wrong('this table was already given');
        opened.add(current);
      } else this.#assignment(current);
      this.#endOfLine();
    }
  }

  #openTable(root: MutableTable): MutableTable {
    this.#at += 1;
    const keys = this.#dottedKey();
    this.#expect(']');
    return this.#descend(root, keys);
  }

  #openArrayTable(root: MutableTable): MutableTable {
    this.#at += 2;
    const keys = this.#dottedKey();
    this.#expect(']');
    this.#expect(']');
    const parent = this.#descend(root, keys.slice(0, -1));
    const last = keys.at(-1) ?? '';
    const list = parent[last] ?? [];
    if (!Array.isArray(list)) throw this.#wrong(`${JSON.stringify(last)} is not a list of tables`);
    const table = emptyTable();
    parent[last] = [...(list as readonly TomlValue[]), table];
    return table;
  }

  /** The table at the end of `keys`, made where missing; of a list of tables, its last. */
  #descend(root: MutableTable, keys: readonly string[]): MutableTable {
    let table = root;
    for (const key of keys) {
      const found = (table[key] ??= emptyTable());
      const next = Array.isArray(found) ? (found as readonly TomlValue[]).at(-1) : found;
      if (!isTomlTable(next)) throw this.#wrong(`${JSON.stringify(key)} is not a table`);
      table = next as MutableTable;
    }
    return table;
  }

  #assignment(table: MutableTable): void {
    const keys = this.#dottedKey();
    this.#expect('=');
    const target = this.#descend(table, keys.slice(0, -1));
    const last = keys.at(-1) ?? '';
    if (last in target) throw this.#wrong(`${JSON.stringify(last)} is given twice`);
    target[last] = this.#value(0);
  }

  #dottedKey(): string[] {
    const keys: string[] = [];
    do {
      this.#skipSpace();
      const quote = this.#peek();
      if (quote === '"' || quote === "'") keys.push(this.#string());
      else {
        const bare = this.#take(/[A-Za-z0-9_-]+/y);
        if (bare === undefined) throw this.#wrong('a key is missing');
        keys.push(bare);
      }
      this.#skipSpace();
    } while (this.#accept('.'));
    return keys;
  }

  #value(depth: number): TomlValue {
    if (depth > MAX_DEPTH) throw this.#wrong('this is nested too deeply');
    this.#skipSpace();
    const first = this.#peek();
    if (first === '"' || first === "'") return this.#string();
    if (first === '[') return this.#array(depth);
    if (first === '{') return this.#inlineTable(depth);
    const word = this.#take(/[A-Za-z0-9_+.:-]+/y) ?? '';
    if (word === 'true' || word === 'false') return word === 'true';
    const number = /^(?:[+-]?[0-9](?:_?[0-9])*|0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+)$/.test(word) ? Number(word.replaceAll('_', '')) : NaN;
    if (Number.isSafeInteger(number)) return number;
    throw this.#wrong(word === '' ? 'a value is missing' : `${JSON.stringify(word.slice(0, 40))} is not a value understood here`);
  }

  #array(depth: number): TomlValue {
    this.#at += 1;
    const items: TomlValue[] = [];
    for (;;) {
      this.#skipBlank();
      if (this.#accept(']')) return items;
      items.push(this.#value(depth + 1));
      this.#skipBlank();
      if (this.#accept(',')) continue;
      this.#expect(']');
      return items;
    }
  }

  #inlineTable(depth: number): TomlValue {
    this.#at += 1;
    const table = emptyTable();
    this.#skipSpace();
    if (this.#accept('}')) return table;
    do {
      const keys = this.#dottedKey();
      this.#expect('=');
      const target = this.#descend(table, keys.slice(0, -1));
      target[keys.at(-1) ?? ''] = this.#value(depth + 1);
      this.#skipSpace();
    } while (this.#accept(','));
    this.#expect('}');
    return table;
  }

  #string(): string {
    const plain = this.#take(PLAIN_STRING);
    if (plain !== undefined) return plain.slice(1, -1);
    const quote = this.#peek();
    const literal = quote === "'";
    const triple = quote.repeat(3);
    if (this.#text.startsWith(triple, this.#at)) {
      const end = this.#findEnd(triple, this.#at + 3, literal);
      const body = this.#text.slice(this.#at + 3, end).replace(/^\r?\n/, '');
      this.#at = end + 3;
      return literal ? body : this.#unescape(body.replace(/\\[ \t]*\r?\n\s*/g, ''));
    }
    const end = this.#findEnd(quote, this.#at + 1, literal);
    const body = this.#text.slice(this.#at + 1, end);
    if (body.includes('\n')) throw this.#wrong('a string is not closed');
    this.#at = end + 1;
    return literal ? body : this.#unescape(body);
  }

  #findEnd(mark: string, from: number, literal: boolean): number {
    for (let at = from; at < this.#text.length; at++) {
      if (!literal && this.#text[at] === '\\') at += 1;
      else if (this.#text.startsWith(mark, at)) return at;
    }
    throw this.#wrong('a string is not closed');
  }

  #unescape(text: string): string {
    const named: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' };
    return text.replace(/\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^])/g, (_all, code: string) => {
      const plain = named[code];
      if (plain !== undefined) return plain;
      const point = /^[uU]/.test(code) && code.length > 1 ? Number.parseInt(code.slice(1), 16) : NaN;
      if (Number.isNaN(point) || point > 0x10ffff) throw this.#wrong(`\\${code.slice(0, 1)} is not an escape`);
      return String.fromCodePoint(point);
    });
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #accept(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    this.#skipSpace();
    if (!this.#accept(character)) throw this.#wrong(`${JSON.stringify(character)} is missing`);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skipSpace(): void {
    this.#take(/[ \t]*/y);
  }

  /** Spaces, line ends and comments. */
  #skipBlank(): void {
    this.#take(/(?:[ \t\r\n]+|#[^\n]*)*/y);
  }

  #endOfLine(): void {
    this.#take(/[ \t]*(?:#[^\n]*)?/y);
    if (this.#at < this.#text.length && this.#take(/\r?\n/y) === undefined) throw this.#wrong('the line goes on where it should end');
  }

  #wrong(why: string): ScullError {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    return new ScullError('INVALID', `${this.#file}, line ${line}: ${why}`);
  }
}

/** Without a prototype, so that no key is special. */
function emptyTable(): MutableTable {
  return Object.create(null) as MutableTable;
}
