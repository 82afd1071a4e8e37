/** Quoting in values of unit files: systemd.syntax(7), and systemd.service(5) for command lines. */

const simpleEscapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', s: ' ', '\\': '\\', '"': '"', "'": "'" };

/**
 * Parts a value at white space; quotes group, C escapes are resolved, an unknown escape stays as it is.
 * @throws Error with what is wrong: a quote that is not closed
 */
export function splitWords(value: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < value.length; at++) {
    const character = value[at] as string;
    if (character === '\\' && at + 1 < value.length) {
      const { text, length } = escapeAt(value, at + 1);
      word = (word ?? '') + text;
      at += length;
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quote !== undefined) throw new Error(`a quote ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** @param at of the character behind the backslash @returns what it stands for, and how many characters behind the backslash it takes */
function escapeAt(value: string, at: number): { text: string; length: number } {
  const numeric = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(value.slice(at, at + 9));
  if (numeric !== null) {
    const code = numeric[4] === undefined ? Number.parseInt((numeric[1] ?? numeric[2] ?? numeric[3]) as string, 16) : Number.parseInt(numeric[4], 8);
    if (code > 0 && code <= 0x10ffff) return { text: String.fromCodePoint(code), length: numeric[0].length };
  }
  const character = value[at] as string;
  return { text: simpleEscapes[character] ?? `\\${character}`, length: 1 };
}

/** One word of a command line, quoted where it must be. `%` and `$` stay: in unit files they are the author's to use. */
export function quoteWord(word: string): string {
  if (word === ';') return '\\;';
  if (word !== '' && !/[\s"'\\\x00-\x1f\x7f]/.test(word)) return word;
  const escaped = word.replace(/["\\]/g, '\\$&').replace(/[\x00-\x1f\x7f]/g, (control) => named[control] ?? `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${escaped}"`;
}

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export function joinWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}
