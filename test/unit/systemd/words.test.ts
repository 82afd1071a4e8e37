import { expect, test } from 'vitest';
import { joinWords, quoteWord, splitWords } from '../../../src/systemd/words.ts';

test.each([
  ['a  b\tc', ['a', 'b', 'c']],
  ['', []],
  ['"a b" \'c d\'', ['a b', 'c d']],
  ['FOO="a b"c', ['FOO=a bc']],
  ['""', ['']],
  ['"it\'s"', ["it's"]],
  ['\\x41 \\101 \\u00e4 \\n', ['A', 'A', 'ä', '\n']],
  ['a\\sb', ['a b']],
  ['\\q', ['\\q']],
  ['end\\', ['end\\']],
])('%j is parted', (text, words) => {
  expect(splitWords(text)).toEqual(words);
});

test('a quote that is not closed is a mistake', () => {
  expect(() => splitWords('"a b')).toThrow('a quote " is not closed');
});

test.each([
  ['plain', 'plain'],
  ['', '""'],
  ['a b', '"a b"'],
  ['say "hi"', '"say \\"hi\\""'],
  ['back\\slash', '"back\\\\slash"'],
  ['two\nlines\u0001', '"two\\nlines\\x01"'],
  [';', '\\;'],
  ['%i$X', '%i$X'],
])('%j is quoted', (word, quoted) => {
  expect(quoteWord(word)).toBe(quoted);
});

test('quoted words are parted into what they were', () => {
  const words = ['a', 'b c', '', 'd"e\'f', 'g\\h', 'i\tj\nk', 'ä'];
  expect(splitWords(joinWords(words))).toEqual(words);
});
