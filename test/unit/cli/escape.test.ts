import { expect, test } from 'vitest';
import { escapeControl, escapeControlLines } from '../../../src/cli/escape.ts';

test.each([
  ['plain text, ümläut, 日本語, 🚣', 'plain text, ümläut, 日本語, 🚣'],
  ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
  ['a\rb\nc\td\0', 'a\\rb\\nc\\td\\x00'],
  ['\u009b2J\u007f', '\\x9b2J\\x7f'],
  ['safe\u202etxt.exe', 'safe\\u202etxt.exe'],
  ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
])('%j is shown as %j', (text, shown) => {
  expect(escapeControl(text)).toBe(shown);
});

test('several lines keep their line breaks and tabs, and lose everything else', () => {
  expect(escapeControlLines('a\n\tb\r\u001b]0;title\u0007')).toBe('a\n\tb\\r\\x1b]0;title\\x07');
});
