/** Splitting the text of an instruction into words and JSON lists, nothing expanded yet. */

export interface Word {
  /** With its quotes and escapes, for {@link import('./expand.ts').expand}. */
  readonly word: string;
  readonly offset: number;
}

/** Words separated by white space outside of quotes. An unfinished quote reaches to the end: expanding it will say so. */
export function splitWords(text: string, escape: string): Word[] {
  const words: Word[] = [];
  let index = 0;
  while (index < text.length) {
    while (/\s/.test(text[index] ?? '')) index++;
    if (index >= text.length) break;
    const offset = index;
    index = endOfWord(text, index, escape);
    words.push({ word: text.slice(offset, index), offset });
  }
  return words;
}

function endOfWord(text: string, start: number, escape: string): number {
  let quote = '';
  let index = start;
  for (; index < text.length; index++) {
    const character = text[index] as string;
    if (quote === '') {
      if (/\s/.test(character)) break;
      if (character === '"' || character === "'") quote = character;
      else if (character === escape) index++;
    } else if (character === quote) quote = '';
    else if (character === escape && quote === '"') index++;
  }
  return Math.min(index, text.length);
}

/** The list where the text is a JSON array of strings; undefined for any other text. */
export function jsonWords(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const words = JSON.parse(text) as unknown;
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : undefined;
  } catch {
    return undefined; // as in every builder: then it is a line for the shell
  }
}
