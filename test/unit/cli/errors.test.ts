import { describe, expect, test } from 'vitest';
import { ExitStatus, renderError } from '../../../src/cli/errors.ts';
import { ScullError } from '../../../src/host/errors.ts';

describe('renderError', () => {
  test('says what failed and what helps', () => {
    expect(renderError(new ScullError('NO_SUCH_IMAGE', 'no such image "x"', { hint: 'run `scull pull x`' }))).toMatchObject({
      text: 'Error: no such image "x"\nhint: run `scull pull x`\n',
      status: 125,
    });
  });

  test.each([
    ['COMMAND_NOT_FOUND', 127],
    ['COMMAND_NOT_EXECUTABLE', 126],
    ['INTERRUPTED', 130],
    ['USAGE', 125],
    ['CORRUPT', 125],
  ] as const)('%s ends with %i', (code, status) => {
    expect(renderError(new ScullError(code, 'x')).status).toBe(status);
  });

  test('a usage error points at the help of the command that was typed', () => {
    expect(renderError(new ScullError('USAGE', 'unknown flag: --foo'), { command: 'container run' }).text).toBe(
      "Error: unknown flag: --foo\nSee 'scull container run --help'.\n",
    );
    expect(renderError(new ScullError('USAGE', 'unknown flag: --foo'), { command: '' }).text).toContain("See 'scull --help'.");
  });

  test("a tool's words are shown once, indented", () => {
    const error = new ScullError('TOOL_FAILED', 'crun failed: one', { detail: 'one\ntwo\n' });
    expect(renderError(error).text).toBe('Error: crun failed: one\n  one\n  two\n');
    expect(renderError(new ScullError('TOOL_FAILED', 'crun failed: one', { detail: 'one' })).text).toBe('Error: crun failed: one\n');
  });

  test('nothing from outside steers the terminal', () => {
    const error = new ScullError('REGISTRY', 'said \u001b[2J', { detail: '\u001b]0;x\u0007', hint: 'try \u202e' });
    expect(renderError(error).text).not.toMatch(/[\u001b\u0007\u202e]/);
  });

  test('colour only where it is asked for', () => {
    const error = new ScullError('INVALID', 'x', { hint: 'y', detail: 'z' });
    expect(renderError(error).text).not.toContain('\u001b[');
    expect(renderError(error, { colour: true }).text).toContain('\u001b[1;31mError:\u001b[0m x');
  });

  test('anything else is a bug of ours: a stack, its cause and where to go', () => {
    const rendered = renderError(new TypeError('x is not a function', { cause: new Error('the reason') }));
    expect(rendered.status).toBe(125);
    expect(rendered.text).toMatch(/this is a bug in scull/);
    expect(rendered.text).toMatch(/x is not a function[^]*errors\.test\.ts[^]*caused by: Error: the reason/);
    expect(rendered.text).toMatch(/please report/);
    expect(renderError('a string').text).toMatch(/thrown: a string/);
  });

  test("a system call that fails because of the machine's state is no bug", () => {
    const error = Object.assign(new Error("EACCES: permission denied, mkdir '/x'"), { code: 'EACCES', syscall: 'mkdir', path: '/x' });
    expect(renderError(error)).toMatchObject({ text: 'Error: cannot mkdir "/x": permission denied\n', status: 125 });
    expect(renderError(Object.assign(new Error('EBADF: bad file descriptor, close'), { code: 'EBADF', syscall: 'close' })).text).toMatch(/this is a bug/);
  });

  test('the debug level shows the stack of an expected error too', () => {
    const error = new ScullError('INVALID', 'x', { cause: new Error('the reason') });
    expect(renderError(error).text).not.toContain('the reason');
    expect(renderError(error, { debug: true }).text).toMatch(/errors\.test\.ts[^]*the reason/);
  });

  test('a command that has said everything itself ends with its status and no more words', () => {
    expect(renderError(new ExitStatus(3))).toMatchObject({ text: '', status: 3 });
  });
});
