import { expect, test } from 'vitest';
import { parseContainerfile } from '../../../../src/build/containerfile/file.ts';
import type { Copy, Healthcheck, Run, StepInstruction } from '../../../../src/build/containerfile/instructions.ts';
import { isScullError, type ScullError } from '../../../../src/host/errors.ts';

function parse(text: string) {
  return parseContainerfile('Containerfile', text);
}

function steps(...lines: string[]): readonly StepInstruction[] {
  return parse(['FROM scratch', ...lines].join('\n')).stages[0]!.steps;
}

function failure(text: string): ScullError {
  try {
    parse(text);
  } catch (error) {
    if (isScullError(error)) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

test('lines are joined at the escape character, comments and empty lines between them left out', () => {
  const [run] = steps('RUN echo a \\', '# a comment', '  b \\', '', '  # another', '  c') as [Run];
  expect(run.command).toEqual({ shell: 'echo a   b   c' });
  expect(run.statement.at).toEqual({ line: 2, column: 1 });
  expect(run.statement.endLine).toBe(7);
  expect(run.statement.emptyContinuation).toBe(7);
});

test('an escaped escape at the end of a line continues nothing', () => {
  const [run, other] = steps('RUN echo a\\\\', 'RUN b') as [Run, Run];
  expect(run.command).toEqual({ shell: 'echo a\\\\' });
  expect(other.command).toEqual({ shell: 'b' });
});

test('the escape directive makes the backtick continue lines', () => {
  const file = parse('# escape=`\nFROM scratch\nRUN dir C:\\ `\n  D:\\');
  expect(file.directives.escape).toBe('`');
  expect((file.stages[0]!.steps[0] as Run).command).toEqual({ shell: 'dir C:\\   D:\\' });
});

test('directives end with the first other line', () => {
  const file = parse('# syntax=docker/dockerfile:1\n# check=skip=all\n# a comment\n# escape=`\nFROM scratch');
  expect(file.directives).toEqual({ escape: '\\', syntax: 'docker/dockerfile:1', check: 'skip=all' });
});

test('carriage returns and a byte order mark do not count', () => {
  expect(parse('\uFEFFFROM scratch\r\nRUN a \\\r\n b\r\n').stages[0]!.steps).toMatchObject([{ command: { shell: 'a  b' } }]);
});

test('here-documents', () => {
  const [script, fed, copied, quoted, stripped] = steps(
    'RUN <<EOF', 'echo a', 'echo b', 'EOF',
    'RUN cat <<A - <<"B" > /x', 'a', 'A', 'b', 'B',
    'COPY <<one <<two /files/', '1', 'one', '2', 'two',
    "COPY <<'three' /three", '$x', 'three',
    'RUN <<-E', '\ttabs', '\tE',
  ) as [Run, Run, Copy, Copy, Run];
  expect(script.statement.heredocs).toMatchObject([{ name: 'EOF', content: 'echo a\necho b\n', expand: true }]);
  expect(fed.command).toEqual({ shell: 'cat <<A - <<"B" > /x' });
  expect(fed.statement.heredocs).toMatchObject([{ name: 'A', content: 'a\n' }, { name: 'B', content: 'b\n', expand: false }]);
  expect(copied.sources).toMatchObject([{ heredoc: { name: 'one', content: '1\n' } }, { heredoc: { name: 'two', content: '2\n' } }]);
  expect(quoted.sources).toMatchObject([{ heredoc: { name: 'three', content: '$x\n', expand: false } }]);
  expect(stripped.statement.heredocs).toMatchObject([{ content: 'tabs\n' }]);
});

test('<< of a shell that is no here-document is left to the shell', () => {
  const [run, json, shift] = steps('RUN cat <<<word', 'RUN ["cat", "<<EOF"]', 'RUN echo $((1 << 2))') as [Run, Run, Run];
  for (const one of [run, json, shift]) expect(one.statement.heredocs).toEqual([]);
});

test('the JSON form, and what only looks like it', () => {
  const [json, shell] = steps('RUN ["a", "b c"]', "RUN ['a']") as [Run, Run];
  expect(json.command).toEqual({ exec: ['a', 'b c'] });
  expect(shell.command).toEqual({ shell: "['a']" });
});

test('ENV and LABEL, old form and new', () => {
  expect(steps('ENV a=1 b="2 3" c=x\\ y', 'ENV old some value', 'LABEL "k v"=w')).toMatchObject([
    { pairs: [{ key: 'a', value: '1' }, { key: 'b', value: '"2 3"' }, { key: 'c', value: 'x\\ y' }] },
    { legacy: true, pairs: [{ key: 'old', value: 'some value' }] },
    { kind: 'LABEL', pairs: [{ key: '"k v"', value: 'w' }] },
  ]);
});

test('flags', () => {
  const [copy, add, run, health] = steps(
    'COPY --from=build --chown=1:2 --chmod=755 --link --exclude=*.o --exclude=x --parents a b /c/',
    'ADD --keep-git-dir --checksum=sha256:00 --link=false https://x/y.tar /',
    'RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --network=none --security=sandbox make',
    'HEALTHCHECK --interval=5s --retries=3 CMD ["true"]',
  ) as [Copy, Copy, Run, Healthcheck];
  expect(copy).toMatchObject({ from: 'build', chown: '1:2', chmod: '755', link: true, parents: true, exclude: ['*.o', 'x'], target: '/c/', sources: [{ path: 'a' }, { path: 'b' }] });
  expect(add).toMatchObject({ keepGitDir: true, checksum: 'sha256:00', link: false });
  expect(run).toMatchObject({ mounts: ['type=cache,target=/c', 'type=tmpfs,target=/t'], network: 'none', security: 'sandbox', command: { shell: 'make' } });
  expect(health).toMatchObject({ interval: '5s', retries: '3', command: { exec: ['true'] } });
});

test('stages, their names and platforms, and arguments before the first', () => {
  const file = parse('ARG v=1\nARG w\nFROM --platform=linux/arm64 a:$v AS Build\nRUN x\nfrom build');
  expect(file.globalArgs).toMatchObject([{ items: [{ name: 'v', value: '1' }] }, { items: [{ name: 'w' }] }]);
  expect(file.stages).toMatchObject([{ from: { image: 'a:$v', name: 'build', platform: 'linux/arm64' } }, { index: 1, from: { image: 'build' } }]);
});

test.each([
  ['FORM x', /^Containerfile:1:1: unknown instruction "FORM"$/, 'did you mean FROM?'],
  ['FROM scratch\n\nRNU x', /^Containerfile:3:1: unknown instruction "RNU"$/, 'did you mean RUN?'],
  ['RUN x\nFROM y', /^Containerfile:1:1: RUN stands before the first FROM$/, /only ARG/],
  ['', /the file is empty/, /begin with FROM/],
  ['ARG x', /the file has no stage/, /begin with FROM/],
  ['FROM', /^Containerfile:1:1: FROM needs an argument/, undefined],
  ['FROM a b', /^Containerfile:1:8: FROM takes an image/, /AS build/],
  ['FROM a AS 1x', /^Containerfile:1:11: invalid name for a stage "1x"/, /begins with a letter/],
  ['FROM a\nCOPY --form=x a b', /^Containerfile:2:6: COPY has no flag --form/, 'did you mean --from?'],
  ['FROM a\nCOPY x', /^Containerfile:2:6: COPY needs at least one source and a target/, /source… target/],
  ['FROM a\nCOPY --from x y', /--from needs a value/, undefined],
  ['FROM a\nENV x', /^Containerfile:2:5: ENV needs a name and a value/, 'ENV x=value'],
  ['FROM a\nENV x=1 \\\n  y', /^Containerfile:3:3: "y" is no pair/, /name=value/],
  ['FROM a\nSHELL bash', /SHELL needs its words as a JSON list/, /SHELL \[/],
  ['FROM a\nRUN <<EOF\nx', /^Containerfile:2:5: the here-document "EOF" does not end/, /a line that is EOF/],
  ['FROM a\nONBUILD ONBUILD RUN x', /ONBUILD in an ONBUILD/, undefined],
  ['FROM a\nONBUILD FROM x', /FROM is not allowed as a trigger/, undefined],
  ['FROM a\nONBUILD CPOY a b', /unknown instruction "CPOY"/, 'did you mean COPY?'],
  ['FROM a\nHEALTHCHECK curl', /HEALTHCHECK takes CMD or NONE, not "curl"/, /for example/],
  ['FROM a\nUSER a b', /^Containerfile:2:8: USER takes one argument/, undefined],
  ['# escape=x\nFROM a', /invalid escape character "x"/, /or `/],
  ['# escape=`\n# escape=`\nFROM a', /given twice/, undefined],
])('%j is refused', (text, message, hint) => {
  const error = failure(text);
  expect(error.code).toBe('INVALID');
  expect(error.message).toMatch(message);
  if (hint !== undefined) expect(error.hint).toMatch(hint);
});

test('the error shows the line, and marks the place', () => {
  expect(failure('FROM a\n\tCOPY --form=x a b').detail).toBe('2 | \tCOPY --form=x a b\n  | \t     ^');
});
