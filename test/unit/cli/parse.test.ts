import { describe, expect, test } from 'vitest';
import { ScullError } from '../../../src/host/errors.ts';
import { nearest, resolveWords, scanWords, type ArgDeclaration, type FlagDeclaration } from '../../../src/cli/parse.ts';

const flags: Record<string, FlagDeclaration> = {
  interactive: { type: 'boolean', char: 'i' },
  tty: { type: 'boolean', char: 't' },
  rm: { type: 'boolean' },
  'http-proxy': { type: 'boolean', default: true },
  colour: { type: 'boolean', allowNo: true },
  env: { type: 'option', char: 'e', multiple: true },
  name: { type: 'option', char: 'n', aliases: ['called'] },
  network: { type: 'option', multiple: true, aliases: ['net'] },
  sort: { type: 'option', options: ['name', 'size'] },
  color: { type: 'option', valueIfBare: 'always' },
  tail: { type: 'option', parse: async (input: never) => Number(input) },
  platform: { type: 'option', exclusive: ['arch'] },
  arch: { type: 'option' },
};

const scan = (words: string[], stopAtFirstWord = false) => {
  const { tokens, words: positional, help } = scanWords(words, { flags, stopAtFirstWord });
  return { flags: tokens.map(({ name, value }) => [name, value]), words: positional, help };
};

const parse = (words: string[], args: Record<string, ArgDeclaration> = {}, strict = false) =>
  resolveWords(scanWords(words, { flags, stopAtFirstWord: false }), { flags, args, strict, stopAtFirstWord: false }, undefined);

describe('scanWords', () => {
  test.each<[string[], (string | boolean)[][], string[]]>([
    [['-it', 'img'], [['interactive', true], ['tty', true]], ['img']],
    [['-ite', 'A=1'], [['interactive', true], ['tty', true], ['env', 'A=1']], []],
    [['-eA=1'], [['env', 'A=1']], []],
    [['-e=A=1'], [['env', 'A=1']], []],
    [['-e', 'A=1', '--env=B=2', '--env', 'C'], [['env', 'A=1'], ['env', 'B=2'], ['env', 'C']], []],
    [['-e', '-i'], [['env', '-i']], []],
    [['--env', '--'], [['env', '--']], []],
    [['--rm=false', 'img'], [['rm', false]], ['img']],
    [['--rm', 'false'], [['rm', true]], ['false']],
    [['-t=0', '-i=T'], [['tty', false], ['interactive', true]], []],
    [['--no-colour'], [['colour', false]], []],
    [['--no-colour=false'], [['colour', true]], []],
    [['--name=a', '--called', 'b'], [['name', 'a'], ['name', 'b']], []],
    [['--name='], [['name', '']], []],
    [['--name', ''], [['name', '']], []],
    [['--net', 'none'], [['network', 'none']], []],
    [['--color', 'img'], [['color', 'always']], ['img']],
    [['--color=never'], [['color', 'never']], []],
    [['a', '-i', 'b'], [['interactive', true]], ['a', 'b']],
    [['a', '--', '-i', '--'], [], ['a', '-i', '--']],
    [['-', 'a'], [], ['-', 'a']],
    [['', 'a'], [], ['', 'a']],
  ])('%j', (words, expected, positional) => {
    expect(scan(words)).toEqual({ flags: expected, words: positional, help: false });
  });

  test.each<[string[], (string | boolean)[][], string[]]>([
    [['-i', 'img', 'ls', '-l', '--help', '-it', '--', 'a', 'a'], [['interactive', true]], ['img', 'ls', '-l', '--help', '-it', '--', 'a', 'a']],
    [['img', '--', 'x'], [], ['img', '--', 'x']],
    [['--', 'img', '--', 'x'], [], ['img', '--', 'x']],
    [['--rm', '--', '-odd', 'x'], [['rm', true]], ['-odd', 'x']],
    [['img', 'b', 'a', 'b'], [], ['img', 'b', 'a', 'b']],
  ])('the first word ends the flags where the command says so: %j', (words, expected, positional) => {
    expect(scan(words, true)).toEqual({ flags: expected, words: positional, help: false });
  });

  test('help is found before the words of the container, never in them', () => {
    expect(scan(['-i', '--help', 'img'], true).help).toBe(true);
    expect(scan(['-h'], true).help).toBe(true);
    expect(scan(['img', '--help', '-h'], true).help).toBe(false);
    expect(scan(['a', '--help']).help).toBe(true);
    expect(scan(['--', '--help']).help).toBe(false);
    expect(scan(['-e', '--help']).help).toBe(false);
  });

  test('-h is no help where a command gives it a meaning, as run does for --hostname', () => {
    const own = { ...flags, hostname: { type: 'option', char: 'h' } } as const;
    expect(scanWords(['-h', 'box', 'img'], { flags: own, stopAtFirstWord: true })).toMatchObject({ help: false, words: ['img'] });
  });

  test.each<[string[], string]>([
    [['--foo'], 'unknown flag: --foo'],
    [['--foo=bar'], 'unknown flag: --foo'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['-ix'], "unknown shorthand flag: 'x' in -ix"],
    [['-5'], "unknown shorthand flag: '5' in -5"],
    [['---'], 'bad flag syntax: ---'],
    [['--=x'], 'bad flag syntax: --=x'],
    [['--name'], 'flag needs an argument: --name'],
    [['-in'], "flag needs an argument: 'n' in -in"],
    [['--rm=maybe'], 'invalid argument "maybe" for "--rm" flag: it is true or false'],
    [['-t=no'], 'invalid argument "no" for "-t" flag: it is true or false'],
  ])('%j is a usage error', (words, message) => {
    expect(() => scan(words)).toThrow(expect.objectContaining({ code: 'USAGE', message }));
  });

  test('a misspelt flag names the nearest one', () => {
    expect(() => scan(['--interacitve'])).toThrow(expect.objectContaining({ hint: 'did you mean --interactive?' }));
    expect(() => scan(['--zzzzzz'])).toThrow(expect.objectContaining({ hint: undefined }));
  });
});

describe('resolveWords', () => {
  test('the last of a repeated single flag wins, repeated lists collect in order', async () => {
    const { flags: values } = await parse(['--name', 'a', '-e', 'X=1', '--name=b', '-e', 'X=1', '-e', 'A']);
    expect(values).toMatchObject({ name: 'b', env: ['X=1', 'X=1', 'A'] });
  });

  test('defaults are filled in, and given values go before them', async () => {
    expect((await parse([])).flags).toEqual({ 'http-proxy': true });
    expect((await parse(['--http-proxy=false'])).flags).toEqual({ 'http-proxy': false });
  });

  test('repeated words stay as they are', async () => {
    expect((await parse(['b', 'a', 'b', 'b'])).argv).toEqual(['b', 'a', 'b', 'b']);
  });

  test('a value outside the declared options is refused with the list', async () => {
    await expect(parse(['--sort', 'age'])).rejects.toMatchObject({ code: 'USAGE', message: 'invalid argument "age" for "--sort" flag: it is one of name, size' });
  });

  test('exclusive flags cannot be used together', async () => {
    await expect(parse(['--platform', 'linux/arm64', '--arch', 'arm64'])).rejects.toMatchObject({ code: 'USAGE', message: '--platform and --arch cannot be used together' });
  });

  test("a declaration's own parser converts, and its complaint names flag and value", async () => {
    expect((await parse(['--tail', '7'])).flags['tail']).toBe(7);
    const strict = { size: { type: 'option', char: 's', parse: async () => Promise.reject(new Error('Expected a size')) } } as const;
    const scanned = scanWords(['-s', 'x'], { flags: strict, stopAtFirstWord: false });
    await expect(resolveWords(scanned, { flags: strict, args: {}, strict: true, stopAtFirstWord: false }, undefined)).rejects.toMatchObject({
      code: 'USAGE',
      message: 'invalid argument "x" for "-s, --size" flag: expected a size',
    });
  });

  test('a bug in a parser stays a bug', async () => {
    const broken = { size: { type: 'option', parse: async () => Promise.reject(new TypeError('x is undefined')) } } as const;
    const scanned = scanWords(['--size', 'x'], { flags: broken, stopAtFirstWord: false });
    await expect(resolveWords(scanned, { flags: broken, args: {}, strict: true, stopAtFirstWord: false }, undefined)).rejects.toBeInstanceOf(TypeError);
  });

  test('arguments are taken in order, a variadic one leaves words for those after it', async () => {
    const source: Record<string, ArgDeclaration> = { sources: { required: true, multiple: true }, target: { required: true } };
    expect((await parse(['a', 'b', 'c'], source, true)).args).toEqual({ sources: ['a', 'b'], target: 'c' });
    await expect(parse(['a'], source, true)).rejects.toMatchObject({ message: 'SOURCES is missing' });
  });

  test('words that nothing takes are refused, unless the command allows them', async () => {
    await expect(parse(['a'], {}, true)).rejects.toMatchObject({ code: 'USAGE', message: 'unexpected argument "a": this command takes none' });
    await expect(parse(['a', 'b'], { one: {} }, true)).rejects.toMatchObject({ message: 'unexpected argument "b"' });
    expect((await parse(['a', 'b'], { one: {} }, false)).argv).toEqual(['a', 'b']);
  });

  test('a missing argument is an error at once, without waiting for standard input', async () => {
    await expect(parse([], { container: { required: true } }, true)).rejects.toBeInstanceOf(ScullError);
  });
});

test.each([
  ['renam', 'rename'],
  ['rnu', 'run'],
  ['pss', 'ps'],
  ['imagse', 'images'],
  ['xyz', undefined],
  ['', undefined],
])('the nearest word to %j is %j', (word, expected) => {
  expect(nearest(word, ['run', 'rename', 'ps', 'images', 'volume create'])).toBe(expected);
});
