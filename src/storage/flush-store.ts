/**
 * Flushing everything that was written to the store's file system, syncfs(2): once per layer, not per file. Who is ready while
 * a flush runs shares the next one.
 */
import { flushes } from '../host/flush.ts';
import { runOrThrow } from '../host/process.ts';
import type { Store } from './store.ts';

let flushing: Promise<unknown> | undefined;
let nextFlush: Promise<unknown> | undefined;

/** @throws ScullError TOOL_FAILED where the disk failed */
export async function flushStore(store: Store): Promise<void> {
  if (!flushes) return;
  if (flushing !== undefined) {
    nextFlush ??= flushing.catch(() => undefined).then(() => {
      nextFlush = undefined;
      return beginFlush(store);
    });
    await nextFlush;
  } else await beginFlush(store);
}

function beginFlush(store: Store): Promise<unknown> {
  const work = runOrThrow('sync', ['-f', store.layout.root]).finally(() => {
    if (flushing === work) flushing = undefined;
  });
  flushing = work;
  return work;
}

export interface FlushBeside {
  /** Waits for what runs, and tells its failure, which the kernel tells only once. Does not begin any more. */
  done(): Promise<void>;
  /** Does not begin any more. */
  stop(): void;
}

/**
 * Begins to flush while much is still being written, after `delay` milliseconds: less is left then to be waited for at the end.
 */
export function flushBeside(store: Store, delay: number): FlushBeside {
  let flush: Promise<void> | undefined;
  const timer = setTimeout(() => {
    flush = flushStore(store);
    flush.catch(() => undefined); // told where it is awaited
  }, delay);
  const stop = (): void => clearTimeout(timer);
  return {
    stop,
    async done() {
      stop();
      await flush;
    },
  };
}
