/**
 * Space on disk as du(1) counts it: blocks, and what has several hard links once. Asked of du itself, within a user namespace
 * whose root may read everything that containers made.
 */
import { ScullError } from '../host/errors.ts';
import { runInUserNamespace } from '../userns/launch.ts';

/**
 * Bytes of a directory and of each directory in it, down to `depth` levels; a directory includes what is below it.
 * @returns path → bytes; empty where there is no such directory
 */
export function diskUsageBelow(directory: string, depth: number): Promise<Map<string, number>> {
  return du([`--max-depth=${depth}`, '--', directory]);
}

/** Bytes of each of several files and trees; what they share is counted with the first. What is not there is left out. */
export async function diskUsageOf(paths: readonly string[]): Promise<Map<string, number>> {
  return paths.length === 0 ? new Map() : du(['-s', '--files0-from=-'], paths.map((path) => `${path}\0`).join(''));
}

async function du(args: readonly string[], input?: string): Promise<Map<string, number>> {
  const result = await runInUserNamespace('du', ['-0', '-x', '-B1', ...args], input === undefined ? {} : { input });
  const failures = result.stderr.split('\n').filter((line) => line !== '' && !/No such file or directory/.test(line)); // removed meanwhile
  if (result.status !== 0 && (failures.length > 0 || result.status !== 1)) {
    throw new ScullError('TOOL_FAILED', `cannot measure the store: ${failures[0] ?? `du ended with status ${result.status}`}`, { detail: result.stderr.trim() });
  }
  const sizes = new Map<string, number>();
  for (const line of result.stdout.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab > 0) sizes.set(line.slice(tab + 1), Number(line.slice(0, tab)));
  }
  return sizes;
}
