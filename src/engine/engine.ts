/** The engine: a store, and where progress goes. Opening one costs nothing: no file is touched before it is needed. */
import { join, resolve } from 'node:path';
import { dataDirectory, runtimeDirectory } from '../host/directories.ts';
import { bootId } from '../host/identity.ts';
import type { Progress } from '../host/progress.ts';
import { storeLayout } from '../storage/layout.ts';
import type { DriverName, Store } from '../storage/store.ts';

export interface Engine {
  readonly store: Store;
  readonly progress: Progress;
}

export interface EngineOptions {
  /** Directory of what lasts; the caller's own data directory unless given. */
  readonly root?: string | undefined;
  /** Directory of what need not survive a reboot; the boot id is appended to it. */
  readonly runRoot?: string | undefined;
  readonly storageDriver?: DriverName | 'auto' | undefined;
  readonly progress?: Progress | undefined;
}

export function openEngine(options: EngineOptions = {}): Engine {
  const root = options.root === undefined ? dataDirectory() : resolve(options.root);
  const runRoot = join(options.runRoot === undefined ? runtimeDirectory() : resolve(options.runRoot), bootId());
  return {
    store: { layout: storeLayout(root, runRoot), driver: options.storageDriver ?? 'auto' },
    progress: options.progress ?? (() => undefined),
  };
}
