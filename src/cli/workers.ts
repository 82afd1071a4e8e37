/**
 * Programs of our own that we start as another process, e.g. inside a user namespace: `scull __worker NAME …`. They are
 * no commands: no help, no flags but their own, and their words may change with every version.
 */
import { ScullError } from '../host/errors.ts';

export interface Worker {
  /** @param args the words after the worker's name. @returns the exit status; nothing means 0. */
  main(args: string[]): Promise<number | void>;
}

/** Name → module. Add yours; keep sorted. */
const WORKERS: Readonly<Record<string, () => Promise<Worker>>> = {
  attach: () => import('../runtime/portable-attach-worker.ts'),
  'build-files': () => import('../build/files/copy-worker.ts'),
  'check-layers': () => import('../storage/layers/check-worker.ts'),
  exec: () => import('../runtime/portable-exec-worker.ts'),
  unpack: () => import('../storage/layers/unpack-worker.ts'),
  'vfs-copy': () => import('../storage/drivers/vfs-worker.ts'),
};

/** @throws ScullError USAGE for a worker that does not exist */
export async function runWorker(name: string | undefined, args: string[]): Promise<number> {
  const load = name !== undefined && Object.hasOwn(WORKERS, name) ? WORKERS[name] : undefined;
  if (load === undefined) throw new ScullError('USAGE', `there is no worker ${JSON.stringify(name ?? '')}`);
  return (await (await load()).main(args)) ?? 0;
}
