import { describe, expect, test } from 'vitest';
import type { ScullError } from '../../../src/host/errors.ts';
import { parseToml } from '../../../src/host/toml.ts';

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parseToml(text, 'x.conf')));

test('a registries.conf is read', () => {
  const text = `# comment
unqualified-search-registries = ["docker.io", 'quay.io', # inner comment
  "registry.example:5000",]
short-name-mode="enforcing"

[[registry]]
prefix = "docker.io/library" # trailing
location = 'mirror.example/hub'
insecure = true

[[registry.mirror]]
location = "a.example"
[[registry.mirror]]
location = "b.example"
insecure = false

[[registry]]
location = "other.example"

[aliases]
"debian" = "docker.io/library/debian"
fedora = "registry.fedoraproject.org/fedora"
`;
  expect(plain(text)).toEqual({
    'unqualified-search-registries': ['docker.io', 'quay.io', 'registry.example:5000'],
    'short-name-mode': 'enforcing',
    registry: [
      { prefix: 'docker.io/library', location: 'mirror.example/hub', insecure: true, mirror: [{ location: 'a.example' }, { location: 'b.example', insecure: false }] },
      { location: 'other.example' },
    ],
    aliases: { debian: 'docker.io/library/debian', fedora: 'registry.fedoraproject.org/fedora' },
  });
});

describe('values', () => {
  test.each<[string, unknown]>([
    ['a = 1', { a: 1 }],
    ['a = -1_000', { a: -1000 }],
    ['a = 0x1F', { a: 31 }],
    ['a = true\r\nb = false\r\n', { a: true, b: false }],
    ['a.b.c = "x"', { a: { b: { c: 'x' } } }],
    ['a = "tab\\t \\"q\\" \\u00e9 \\U0001F600 \\\\"', { a: 'tab\t "q" é 😀 \\' }],
    ["a = 'C:\\path'", { a: 'C:\\path' }],
    [`a = ""\nb = ''\n"" = "x" # "`, { a: '', b: '', '': 'x' }],
    ['a = """\nline\n  "quoted" \\\n   joined"""', { a: 'line\n  "quoted" joined' }],
    ["a = '''\nraw\\n'''", { a: 'raw\\n' }],
    ['a = { b = 1, "c d" = [2, 3] }', { a: { b: 1, 'c d': [2, 3] } }],
    ['a = {}', { a: {} }],
    ['a = []', { a: [] }],
    ['[a.b]\nc = 1\n[a]\nd = 2', { a: { b: { c: 1 }, d: 2 } }],
    ['', {}],
    ['  # only a comment', {}],
    ['__proto__ = 1', JSON.parse('{"__proto__": 1}')],
  ])('%j', (text, value) => {
    expect(plain(text)).toEqual(value);
  });
});

describe('mistakes are named with their line', () => {
  test.each([
    ['a', 1, /"=" is missing/],
    ['a = ', 1, /value is missing/],
    ['a = 1 b = 2', 1, /line goes on/],
    ['\n\na = "x', 3, /not closed/],
    ['a = [1, 2', 1, /"]" is missing/],
    ['a = 1\na = 2', 2, /given twice/],
    ['[a]\n[a]', 2, /already given/],
    ['a = 1\n[a]', 2, /is not a table/],
    ['a = 1\n[[a]]', 2, /not a list of tables/],
    ['a = 1.5', 1, /not a value understood/],
    ['a = 2024-01-01', 1, /not a value understood/],
    ['a = "\\x"', 1, /not an escape/],
    ['= 1', 1, /key is missing/],
    [`a = ${'['.repeat(1000)}`, 1, /nested too deeply/],
  ])('%j', (text, line, why) => {
    let error: ScullError | undefined;
    try {
      parseToml(text, 'x.conf');
    } catch (caught) {
      error = caught as ScullError;
    }
    expect(error?.code).toBe('INVALID');
    expect(error?.message).toMatch(why);
    expect(error?.message.startsWith(`x.conf, line ${line}: `)).toBe(true);
  });
});
