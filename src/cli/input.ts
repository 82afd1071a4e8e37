/** Standard input as a stream of bytes, without process.stdin: that one changes the mode of a terminal and of a pipe. */
import type { Readable } from 'node:stream';
import { errnoOf, ScullError } from '../host/errors.ts';

const CHUNK = 1 << 20;

/** Ends where standard input does; fails with a ScullError where that can't be read. */
export async function inputStream(): Promise<Readable> {
  const [{ read }, { Readable }] = await Promise.all([import('node:fs'), import('node:stream')]);
  return new Readable({
    highWaterMark: CHUNK,
    read(): void {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const attempt = (): void => {
        read(0, buffer, 0, CHUNK, null, (error, count) => {
          const errno = error === null ? undefined : errnoOf(error);
          // Whoever started us may share a descriptor that does not block.
          if (errno === 'EAGAIN') setTimeout(attempt, 5);
          else if (error === null) this.push(count === 0 ? null : buffer.subarray(0, count));
          else if (errno === 'EOF') this.push(null);
          else this.destroy(new ScullError('INVALID', `cannot read standard input: ${errno === 'EISDIR' ? 'it is a directory' : error.message}`, { cause: error }));
        });
      };
      attempt();
    },
  });
}

/**
 * Standard input for who can also read a file: its path where a whole regular file is redirected to it (which then need not
 * be copied in order to be read in pieces), else the stream.
 */
export async function inputFileOrStream(): Promise<string | Readable> {
  const { fstatSync, readFileSync } = await import('node:fs');
  try {
    if (fstatSync(0).isFile() && /^pos:\s*0$/m.test(readFileSync('/proc/self/fdinfo/0', 'utf8'))) return '/proc/self/fd/0';
  } catch {
    // It is closed, or /proc is not there: the stream says what is wrong, if anything is.
  }
  return inputStream();
}
