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

/** Of the terminal that we read from, or else of the one that shows our output. */
export async function windowSize(): Promise<{ readonly rows: number; readonly columns: number } | undefined> {
  // Opened by its name only where it must be: a terminal may belong to another user (su).
  const text = isatty(0) ? await stty('size') : (await run('stty', ['-F', `/proc/${process.pid}/fd/1`, 'size'])).stdout;
  const [rows = 0, columns = 0] = text.trim().split(' ').map(Number);
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}
