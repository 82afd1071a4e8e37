/** The caller's terminal. */

/**
 * Rows and columns of the terminal that standard output goes to; undefined where it is none. Loading node:tty costs
 * milliseconds, so only who gives a container a terminal asks.
 */
export function terminalSize(): { readonly height: number; readonly width: number } | undefined {
  const { isatty, WriteStream } = process.getBuiltinModule('node:tty');
  if (!isatty(1)) return undefined;
  const [width, height] = new WriteStream(1).getWindowSize();
  return width > 0 && height > 0 ? { height, width } : undefined;
}

/**
 * Does something while the terminal on standard input does not show what is typed; lines are still edited by the kernel. The
 * terminal is as it was before afterwards, also when a signal ends us meanwhile.
 * @throws ScullError TOOL_FAILED or MISSING_TOOL where the terminal goes on showing it: then nothing was done
 */
export async function withoutEcho<T>(work: () => Promise<T>): Promise<T> {
  const before = (await stty('-g')).trim();
  const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;
  const restore = async (): Promise<void> => void (await stty(before));
  const end = (signal: NodeJS.Signals): void => {
    void restore().finally(() => {
      for (const each of signals) process.off(each, end);
      // Not process.exit(), which waits for the read under way.
      process.kill(process.pid, signal);
    });
  };
  for (const signal of signals) process.on(signal, end);
  try {
    await stty('-echo');
    return await work();
  } finally {
    await restore();
    for (const signal of signals) process.off(signal, end);
  }
}

/** stty(1) on standard input. @returns what it prints */
async function stty(setting: string): Promise<string> {
  const [{ explainSpawnFailure, minimalEnvironment, start }, { ScullError }] = await Promise.all([import('./process.ts'), import('./errors.ts')]);
  return new Promise((resolve, reject) => {
    const child = start('stty', [setting], { env: minimalEnvironment(), stdio: [0, 'pipe', 'ignore'] });
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', (error) => reject(explainSpawnFailure('stty', error)));
    child.once('close', (code) => (code === 0 ? resolve(text) : reject(new ScullError('TOOL_FAILED', `stty ${setting} cannot set up the terminal`))));
  });
}
