/**
 * Expanding variables in one word, as the Dockerfile reference's "Environment replacement" describes it: quotes, escapes,
 * `$name`, `${name}` and the modifiers `:-` `:+` `:?` (also without colon), `#` `##` `%` `%%` `/` `//`.
 */

/** The value of a variable; undefined where it is not set. */
export type Lookup = (name: string) => string | undefined;

/** What is wrong with a word; the caller knows where it stands. */
export class ExpansionError extends Error {}

export interface ExpandOptions {
  readonly escape: string;
  /** Gets the name of each variable that is used without being set, or a default for it. */
  readonly onUnset?: (name: string) => void;
}

/** One word expanded, quotes removed. @throws ExpansionError */
export function expand(word: string, lookup: Lookup, options: ExpandOptions): string {
  return new Expansion(word, lookup, options).word();
}

/** The words that it becomes: values outside of quotes are split at white space. @throws ExpansionError */
export function expandToWords(text: string, lookup: Lookup, options: ExpandOptions): string[] {
  const expansion = new Expansion(text, lookup, options);
  expansion.word();
  return expansion.words();
}

/** Expands variables and nothing else: quotes stay, an escaped `$` becomes a plain one. For here-documents. @throws ExpansionError */
export function expandText(text: string, lookup: Lookup, options: ExpandOptions): string {
  return new Expansion(text, lookup, options).text();
}

/** Variables that a word needs and that are not known: those with a default do not count. Of a word that can't be read, those before the mistake. */
export function unsetNames(word: string, escape: string, known: (name: string) => boolean): string[] {
  const unset: string[] = [];
  try {
    expand(word, (name) => (known(name) ? 'x' : undefined), { escape, onUnset: (name) => unset.push(name) });
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
  }
  return unset;
}

class Expansion {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #options: ExpandOptions;
  #index = 0;
  readonly #words: string[] = [];
  #current: string | undefined;

  constructor(text: string, lookup: Lookup, options: ExpandOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
  }

  word(): string {
    return this.#until('');
  }

  words(): string[] {
    return this.#current === undefined ? this.#words : [...this.#words, this.#current];
  }

  text(): string {
    const { escape } = this.#options;
    let result = '';
    while (this.#index < this.#text.length) {
      const character = this.#text[this.#index] as string;
      if (character === '$') result += this.#dollar();
      else if (character === escape && (this.#text[this.#index + 1] === '$' || this.#text[this.#index + 1] === escape)) {
        result += this.#text[this.#index + 1];
        this.#index += 2;
      } else {
        result += character;
        this.#index++;
      }
    }
    return result;
  }

  /** Up to an unquoted `stop`, which is left standing. @param keepEscapes for patterns, in which they mean something */
  #until(stop: string, keepEscapes = false): string {
    const { escape } = this.#options;
    let result = '';
    while (this.#index < this.#text.length) {
      const character = this.#text[this.#index] as string;
      if (stop.includes(character) && stop !== '') break;
      let piece: string;
      let splits = false;
      if (character === "'") piece = this.#singleQuoted();
      else if (character === '"') piece = this.#doubleQuoted();
      else if (character === '$') {
        piece = this.#dollar();
        splits = true;
      } else if (character === escape) {
        piece = (keepEscapes ? character : '') + (this.#text[this.#index + 1] ?? '');
        this.#index += 2;
      } else {
        piece = character;
        splits = true;
        this.#index++;
      }
      result += piece;
      if (stop === '') this.#collect(piece, splits);
    }
    return result;
  }

  #collect(piece: string, splits: boolean): void {
    if (!splits) {
      this.#current = (this.#current ?? '') + piece;
      return;
    }
    for (const part of piece.split(/(\s+)/)) {
      if (part === '') continue;
      if (!/^\s/.test(part)) this.#current = (this.#current ?? '') + part;
      else if (this.#current !== undefined) {
        this.#words.push(this.#current);
        this.#current = undefined;
      }
    }
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#index + 1);
    if (end < 0) throw new ExpansionError('a single quote is not closed');
    const inner = this.#text.slice(this.#index + 1, end);
    this.#index = end + 1;
    return inner;
  }

  #doubleQuoted(): string {
    const { escape } = this.#options;
    this.#index++;
    let result = '';
    while (this.#index < this.#text.length) {
      const character = this.#text[this.#index] as string;
      if (character === '"') {
        this.#index++;
        return result;
      }
      if (character === '$') {
        result += this.#dollar();
        continue;
      }
      if (character === escape) {
        const next = this.#text[this.#index + 1] ?? '';
        // Inside double quotes only these three can be escaped; before anything else the escape stands for itself.
        result += next === '"' || next === '$' || next === escape ? next : character + next;
        this.#index += 2;
        continue;
      }
      result += character;
      this.#index++;
    }
    throw new ExpansionError('a double quote is not closed');
  }

  #dollar(): string {
    this.#index++; // $
    if (this.#text[this.#index] !== '{') {
      const name = this.#name();
      return name === '' ? '$' : this.#value(name);
    }
    this.#index++; // {
    const name = this.#name();
    if (name === '') throw new ExpansionError(`"\${" is not followed by the name of a variable`);
    const next = this.#text[this.#index];
    if (next === '}') {
      this.#index++;
      return this.#value(name);
    }
    if (next === undefined) throw new ExpansionError(`"\${${name}" has no closing brace`);
    const result = this.#modified(name);
    if (this.#text[this.#index] !== '}') throw new ExpansionError(`"\${${name}" has no closing brace`);
    this.#index++;
    return result;
  }

  #name(): string {
    const match = /^(?:[A-Za-z_]\w*|[0-9]+|[@*#?$!-](?![A-Za-z_]))/.exec(this.#text.slice(this.#index, this.#index + 4096));
    if (match === null) return '';
    this.#index += match[0].length;
    return match[0];
  }

  #value(name: string): string {
    const value = this.#lookup(name);
    if (value === undefined) this.#options.onUnset?.(name);
    return value ?? '';
  }

  #modified(name: string): string {
    const colon = this.#text[this.#index] === ':';
    if (colon) this.#index++;
    const operator = this.#text[this.#index] ?? '';
    this.#index++;
    const value = this.#lookup(name);
    const isSet = value !== undefined && !(colon && value === '');
    switch (operator) {
      case '-': {
        const word = this.#until('}');
        return isSet ? value : word;
      }
      case '+': {
        const word = this.#until('}');
        return isSet ? word : '';
      }
      case '?': {
        const word = this.#until('}');
        if (isSet) return value;
        throw new ExpansionError(`${name}: ${word === '' ? 'is not set' : word}`);
      }
      case '#':
      case '%':
        if (!colon) return this.#trimmed(name, operator);
        break;
      case '/':
        if (!colon) return this.#replaced(name);
        break;
      default:
        break;
    }
    throw new ExpansionError(`${JSON.stringify(`${colon ? ':' : ''}${operator}`)} is no modifier of a variable (in "\${${name}…}")`);
  }

  #trimmed(name: string, end: '#' | '%'): string {
    const greedy = this.#text[this.#index] === end;
    if (greedy) this.#index++;
    const pattern = globPattern(this.#until('}', true), this.#options.escape);
    const value = this.#value(name);
    const whole = new RegExp(`^(?:${pattern})$`, 's');
    const lengths = Array.from({ length: value.length + 1 }, (_, length) => (greedy ? value.length - length : length));
    for (const length of lengths) {
      const part = end === '#' ? value.slice(0, length) : value.slice(value.length - length);
      if (whole.test(part)) return end === '#' ? value.slice(length) : value.slice(0, value.length - length);
    }
    return value;
  }

  #replaced(name: string): string {
    const all = this.#text[this.#index] === '/';
    if (all) this.#index++;
    const pattern = this.#until('/}', true);
    let replacement = '';
    if (this.#text[this.#index] === '/') {
      this.#index++;
      replacement = this.#until('}');
    }
    const value = this.#value(name);
    if (pattern === '') return value;
    return value.replace(new RegExp(globPattern(pattern, this.#options.escape), all ? 'gs' : 's'), () => replacement);
  }
}

/** A shell pattern (`*`, `?`, an escape before a character) as a regular expression. */
function globPattern(pattern: string, escape: string): string {
  let result = '';
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index] as string;
    if (character === escape && index + 1 < pattern.length) result += escapeRegExp(pattern[++index] as string);
    else if (character === '*') result += '.*';
    else if (character === '?') result += '.';
    else result += escapeRegExp(character);
  }
  return result;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
