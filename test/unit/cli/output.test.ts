import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const top = fileURLToPath(new URL('../../../', import.meta.url));
const bun = `${top}node_modules/.bin/bun`;

/** Runs a few lines that import output.ts in a shell pipeline; vitest's own standard output is no place for this. */
function pipeline(code: string, after: string) {
  const script = `import { isTerminal, writeErr, writeOut } from '${top}src/cli/output.ts'; import { ClosedOutputError } from '${top}src/host/errors.ts'; ${code}`;
  return spawnSync('bash', ['-o', 'pipefail', '-c', `'${bun}' -e "$1" ${after}`, 'bash', script], { encoding: 'utf8' });
}

test('everything arrives through a pipe that is full most of the time', () => {
  const result = pipeline("writeOut('x'.repeat(3_000_000)); writeOut(new Uint8Array([10]))", '| (sleep 0.3; wc -c)');
  expect(result.stdout.trim()).toBe('3000001');
  expect(result.status).toBe(0);
});

test('a reader that has gone is told apart from other failures', () => {
  const result = pipeline("try { for (;;) writeOut('line\\n'); } catch (error) { process.exit(error instanceof ClosedOutputError ? 7 : 1) }", '| head -1');
  expect(result).toMatchObject({ status: 7, stdout: 'line\n', stderr: '' });
});

test('a standard output that was closed from the beginning is like one that nobody reads, or nothing at all', () => {
  // Some runtimes put /dev/null in its place.
  expect(pipeline("try { writeOut('x') } catch (error) { process.exit(error instanceof ClosedOutputError ? 0 : 1) }", '>&-')).toMatchObject({ status: 0, stderr: '' });
});

test('nobody reading standard error stops nothing', () => {
  expect(pipeline("for (let n = 0; n < 9999; n += 1) writeErr('warning\\n'); writeOut('went on')", '2> >(head -1 > /dev/null)')).toMatchObject({ status: 0, stdout: 'went on' });
});

test('pipes, files and /dev/null are no terminals', () => {
  expect(pipeline('writeOut(JSON.stringify([await isTerminal(0), await isTerminal(1), await isTerminal(2)]))', '< /dev/null 2> /dev/null | cat').stdout).toBe('[false,false,false]');
});

test('a terminal is one', () => {
  const script = `import { isTerminal, writeOut } from '${top}src/cli/output.ts'; writeOut(String(await isTerminal(1)))`;
  const result = spawnSync('script', ['-qec', `'${bun}' -e "$CODE"`, '/dev/null'], { encoding: 'utf8', env: { ...process.env, CODE: script } });
  expect(result.stdout.trim()).toBe('true');
});

test('a full disk is told', () => {
  const code = "try { writeOut('x') } catch (error) { writeErr(`${error.code}: ${error.message}`) }";
  expect(pipeline(code, '> /dev/full').stderr).toBe('NO_SPACE: cannot write standard output: no space left on the device');
});
