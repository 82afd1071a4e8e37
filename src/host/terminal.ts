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
