/** The caller's terminal by stty(1), for the workers that stand in for the native helper. */
import { isatty } from 'node:tty';
import { run, start } from '../host/process.ts';

/** stty on our standard input. @returns what it prints; nothing where that is no terminal */
export function stty(...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = start('stty', args, { stdio: ['inherit', 'pipe', 'ignore'] });
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', () => resolve(''));
    child.once('close', () => resolve(text));
  });
}

/**
 * Of the terminal that we read from, or else of the one that shows our output. Opened anew: whoever starts a child with the terminal
 * as its standard input takes O_NONBLOCK off it, for all that have it open. crun sets that to copy a terminal, and would wait in
 * read(2) for the next key while nothing is shown. One that belongs to another user (su) can be opened as our controlling terminal.
 */
export async function windowSize(): Promise<{ readonly rows: number; readonly columns: number } | undefined> {
  const fd = isatty(0) ? 0 : 1;
  if (!isatty(fd)) return undefined;
  for (const device of [`/proc/${process.pid}/fd/${fd}`, '/dev/tty']) {
    const [rows = 0, columns = 0] = (await run('stty', ['-F', device, 'size'])).stdout.trim().split(' ').map(Number);
    if (rows > 0 && columns > 0) return { rows, columns };
  }
  return undefined;
}
