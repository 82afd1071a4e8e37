/** Whether anybody still reads what we write: a command that follows something may have nothing to write for hours. */
import { fstatSync } from 'node:fs';
import { startChild } from './child.ts';
import { nativeProgram } from './product.ts';

/**
 * Given when nobody reads the pipe or socket `fd` any more (`scull logs -f web | grep -m1 ready`). JavaScript cannot ask; a process of
 * ours waits for it, which ends with us.
 * @returns undefined where nobody can leave: a file, a terminal; and without the native helper, where the next write tells
 */
export function readerGone(fd: number): AbortSignal | undefined {
  const helper = nativeProgram('scull-helper');
  if (helper === undefined || !isPipe(fd)) return undefined;
  const gone = new AbortController();
  const child = startChild(helper, ['watch-reader'], { env: {}, stdio: ['ignore', fd, 'ignore'] });
  child.unref();
  void child.ended.then((status) => {
    if (status === 0) gone.abort();
  });
  return gone.signal;
}

function isPipe(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false; // closed: the first write tells
  }
}
