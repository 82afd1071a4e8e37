/** How to start ourselves again, as another process: the single-file executable, or Node (or Bun) with our script. */
import { existsSync } from 'node:fs';
import { executableFile, isCompiled } from './product.ts';

export interface SelfCommand {
  readonly file: string;
  readonly args: readonly string[];
}

let script: string | undefined;

/** The entry points tell which script they are; the single-file executable has none. */
export function rememberScript(path: string): void {
  script = path;
}

/**
 * Program and arguments that run scull with `words`, e.g. `selfCommand('__worker', 'unpack')`. Start it with
 * host/process.ts, whose default environment passes nothing on that changes what runs: `BUN_BE_BUN` would turn the
 * executable into the `bun` tool, `NODE_OPTIONS` could load foreign code.
 */
export function selfCommand(...words: readonly string[]): SelfCommand {
  if (isCompiled()) return { file: executableFile(process.execPath), args: words };
  if (script !== undefined) return { file: process.execPath, args: [script, ...words] };
  return { file: checkout('node_modules/.bin/bun'), args: ['--no-env-file', checkout('bin/dev.ts'), ...words] };
}

/**
 * Without an entry point we are a library under test, in a source checkout: its Bun runs the sources as they are.
 */
function checkout(path: string): string {
  const found = new URL(`../../${path}`, import.meta.url).pathname;
  if (!existsSync(found)) throw new Error(`scull was started without its entry point, and ${found} does not exist`);
  return found;
}
