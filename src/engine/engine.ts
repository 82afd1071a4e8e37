/** The engine: a store, and where progress goes. Opening one costs nothing: no file is touched before it is needed. */
import { join, resolve } from 'node:path';
import { environmentVariable } from '../host/environment.ts';
import { ScullError } from '../host/errors.ts';
import { readSettings, settingsFile, type Settings } from '../host/settings.ts';
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
  const settings = readSettings();
  const chosenRoot = options.root ?? settings.root;
  const root = chosenRoot === undefined ? dataDirectory() : resolve(chosenRoot);
  const runRoot = join(options.runRoot === undefined ? runtimeDirectory() : resolve(options.runRoot), bootId());
  return {
    store: { layout: storeLayout(root, runRoot), driver: options.storageDriver ?? wantedDriver(settings) },
    progress: options.progress ?? (() => undefined),
  };
}

const DRIVERS = ['auto', 'overlay', 'fuse-overlayfs', 'vfs'] as const;

/** From the environment (Podman's variable too), else from scull.toml. @throws ScullError INVALID for what is no driver */
function wantedDriver(settings: Settings): DriverName | 'auto' {
  for (const [where, name] of [['SCULL_STORAGE_DRIVER', environmentVariable('SCULL_STORAGE_DRIVER')], ['STORAGE_DRIVER', podmansDriver()], [settingsFile(), settings.driver]] as const) {
    if (name === undefined) continue;
    const driver = DRIVERS.find((known) => known === name);
    if (driver === undefined) throw new ScullError('INVALID', `${where} names ${JSON.stringify(name)}, which is no storage driver`, { hint: `drivers are ${DRIVERS.join(', ')}` });
    return driver;
  }
  return 'auto';
}

/** What it names for Podman may be nothing that we have (btrfs, zfs): then it is not meant for us. */
function podmansDriver(): string | undefined {
  const name = environmentVariable('STORAGE_DRIVER');
  return DRIVERS.find((known) => known === name);
}
