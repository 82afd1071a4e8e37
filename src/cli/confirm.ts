/** Asking before something that cannot be undone. */
import { readSync } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';
import { writeOut } from './output.ts';

/**
 * Prints the warning and reads a line from standard input.
 * @returns true for an answer that begins with y
 * @throws ScullError INVALID when nobody answers
 */
export function confirm(warning: string): boolean {
  writeOut(`${warning}\nAre you sure you want to continue? [y/N] `);
  const answer = readLine();
  if (answer === undefined) {
    writeOut('\n');
    throw new ScullError('INVALID', 'nobody answered on standard input', { hint: 'use --force to go on without being asked' });
  }
  return /^\s*y/i.test(answer);
}

/** One line of standard input, byte by byte so that nothing after it is lost to who reads next; undefined at its end. */
function readLine(): string | undefined {
  const byte = Buffer.alloc(1);
  const bytes: number[] = [];
  for (;;) {
    let count: number;
    try {
      count = readSync(0, byte, 0, 1, null);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        continue;
      }
      if (errno === 'EOF' || errno === 'EBADF') return bytes.length === 0 ? undefined : Buffer.from(bytes).toString();
      throw error;
    }
    if (count === 0) return bytes.length === 0 ? undefined : Buffer.from(bytes).toString();
    if (byte[0] === 10) return Buffer.from(bytes).toString();
    if (bytes.length < 4096) bytes.push(byte[0] as number);
  }
}
