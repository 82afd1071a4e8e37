import { expect, test } from 'vitest';
import { expand, expandText, expandToWords } from '../../../../src/build/containerfile/expand.ts';

const values: Record<string, string> = { a: 'one', path: '/usr/local/lib/x.tar.gz', empty: '', spaced: 'x  y' };
const lookup = (name: string): string | undefined => (Object.hasOwn(values, name) ? values[name] : undefined);
const options = { escape: '\\' };

test.each([
  ['plain', 'plain'],
  ['$a', 'one'],
  ['${a}', 'one'],
  ['x${a}y$a', 'xoneyone'],
  ['$missing.', '.'],
  ['$', '$'],
  ['a$ b', 'a$ b'],
  ['\\$a', '$a'],
  ["'$a'", '$a'],
  ['"$a"', 'one'],
  ['"\\$a \\"q\\" \\n"', '$a "q" \\n'],
  ['\\a', 'a'],
  ['${missing:-default}', 'default'],
  ['${empty:-default}', 'default'],
  ['${empty-default}', ''],
  ['${missing-default}', 'default'],
  ['${a:-default}', 'one'],
  ['${a:+set}', 'set'],
  ['${empty:+set}', ''],
  ['${empty+set}', 'set'],
  ['${missing:+set}', ''],
  ['${missing:-${a}}', 'one'],
  ['${missing:-"a b"}', 'a b'],
  ['${a:?needed}', 'one'],
  ['${path#*/}', 'usr/local/lib/x.tar.gz'],
  ['${path##*/}', 'x.tar.gz'],
  ['${path%.*}', '/usr/local/lib/x.tar'],
  ['${path%%.*}', '/usr/local/lib/x'],
  ['${path%nothing}', '/usr/local/lib/x.tar.gz'],
  ['${path/lib/LIB}', '/usr/local/LIB/x.tar.gz'],
  ['${path//l/L}', '/usr/LocaL/Lib/x.tar.gz'],
  ['${path/\\/usr/}', '/local/lib/x.tar.gz'],
  ['${path//\\//:}', ':usr:local:lib:x.tar.gz'],
  ['${path/l?b/?}', '/usr/local/?/x.tar.gz'],
  ['${a/$a/two}', 'two'],
])('%s becomes %s', (word, expected) => {
  expect(expand(word, lookup, options)).toBe(expected);
});

test.each([
  ['"open', /double quote is not closed/],
  ["'open", /single quote is not closed/],
  ['${a', /no closing brace/],
  ['${}', /not followed by the name/],
  ['${a:=x}', /no modifier/],
  ['${a^}', /no modifier/],
  ['${missing:?give it}', /missing: give it/],
  ['${empty:?}', /empty: is not set/],
])('%s is refused', (word, message) => {
  expect(() => expand(word, lookup, options)).toThrow(message);
});

test('values are split into words only outside of quotes', () => {
  expect(expandToWords('$spaced "$spaced" z', lookup, options)).toEqual(['x', 'y', 'x  y', 'z']);
  expect(expandToWords('', lookup, options)).toEqual([]);
  expect(expandToWords('""', lookup, options)).toEqual(['']);
});

test('in a here-document only variables mean something', () => {
  expect(expandText('"$a" \'$a\' \\$a \\n ${missing:-d}', lookup, options)).toBe('"one" \'one\' $a \\n d');
});

test('the backtick escapes where the file says so', () => {
  expect(expand('`$a C:\\x', lookup, { escape: '`' })).toBe('$a C:\\x');
});

test('names of variables that are not set are told', () => {
  const unset: string[] = [];
  expand('$a $nope ${other} ${third:-x}', lookup, { escape: '\\', onUnset: (name) => unset.push(name) });
  expect(unset).toEqual(['nope', 'other']);
});
