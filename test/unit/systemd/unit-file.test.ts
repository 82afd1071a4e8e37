import { expect, test } from 'vitest';
import { dropInFolders, formatUnitFile, lastOf, parseBoolean, parseUnitFile, sectionOf, valuesOf, withDropIns } from '../../../src/systemd/unit-file.ts';

const parse = (text: string) => parseUnitFile('/u/x.container', text);

test('sections, keys and values are read with their lines', () => {
  const { file, problems } = parse('# hello\n\n[Unit]\nDescription = a b \n; more\n[Container]\nImage=x\n');
  expect(problems).toEqual([]);
  expect(file.sections).toEqual([
    { name: 'Unit', entries: [{ key: 'Description', value: 'a b', line: 4 }] },
    { name: 'Container', entries: [{ key: 'Image', value: 'x', line: 7 }] },
  ]);
});

test('a line goes on behind a backslash, comments in between are dropped, and its number is the first', () => {
  const { file } = parse('[A]\nExec=one \\\n# not this\n  two \\\n  three\nNext=1\n');
  expect(sectionOf(file, 'A').entries).toEqual([
    { key: 'Exec', value: 'one  two  three', line: 2 },
    { key: 'Next', value: '1', line: 6 },
  ]);
});

test('a section that comes twice is one', () => {
  expect(parse('[A]\nx=1\n[B]\ny=1\n[A]\nx=2\n').file.sections.map(({ name, entries }) => [name, entries.length])).toEqual([['A', 2], ['B', 1]]);
});

test.each([
  ['x=1\n', 1, 'x= stands before the first [Section]'],
  ['[A]\nnonsense\n', 2, '"nonsense" is neither a comment, a [Section] nor Key=value'],
  ['[A\n', 1, '"[A" looks like a section, but its "]" is missing'],
  ['[ ]\n', 1, 'a section has no name'],
  ['[A]\n=value\n', 2, '"=value" is neither'],
  ['[A]\nk\u001bey=value\n', 2, 'is neither'],
])('%j is a mistake on line %i', (text, line, message) => {
  const { problems } = parse(text);
  expect(problems).toMatchObject([{ line, severity: 'error' }]);
  expect(problems[0]?.message).toContain(message);
});

test('an empty value forgets those before it', () => {
  const section = sectionOf(parse('[A]\nk=1\nk=2\nk=\nk=3\nl=1\nl=\n').file, 'A');
  expect(valuesOf(section, 'k').map((entry) => entry.value)).toEqual(['3']);
  expect(lastOf(section, 'l')).toBeUndefined();
});

test('drop-ins come behind the file', () => {
  const merged = withDropIns(parse('[A]\nk=1\n').file, [parse('[A]\nk=2\n[B]\nl=1\n').file]);
  expect(merged.sections.map(({ name, entries }) => [name, entries.map((entry) => entry.value)])).toEqual([['A', ['1', '2']], ['B', ['1']]]);
});

test.each([
  ['web.container', ['web.container.d', 'container.d']],
  ['a-b-c.pod', ['a-b-c.pod.d', 'a-b-.pod.d', 'a-.pod.d', 'pod.d']],
  ['a-b@.kube', ['a-b@.kube.d', 'a-@.kube.d', 'a-.kube.d', 'kube.d']],
  ['a-b@c-d.kube', ['a-b@c-d.kube.d', 'a-b@.kube.d', 'a-@.kube.d', 'a-.kube.d', 'kube.d']],
])('the drop-ins of %s are looked for in %j', (name, folders) => {
  expect(dropInFolders(name)).toEqual(folders);
});

test.each([['yes', true], ['On', true], ['1', true], ['no', false], ['FALSE', false], ['0', false], ['maybe', undefined], ['', undefined]])('%j as a boolean', (text, value) => {
  expect(parseBoolean(text)).toBe(value);
});

test('what is written can be read again', () => {
  const { file } = parse('[Unit]\nAfter=a b\n[Empty]\n[Service]\nExecStart=/bin/x "a b"\n');
  const text = formatUnitFile(file.sections);
  expect(text).toBe('[Unit]\nAfter=a b\n\n[Service]\nExecStart=/bin/x "a b"\n');
});
