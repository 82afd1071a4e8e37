/** Which storage driver a store uses. `auto` is decided by trying, once, and remembered until the host changes. */
import { accessSync, constants } from 'node:fs';
import { release } from 'node:os';
import { ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, readJson, writeJsonAtomic } from '../../host/files.ts';
import type { Progress } from '../../host/progress.ts';
import { findTool } from '../../host/tools.ts';
import { refuseRealRoot } from '../../userns/launch.ts';
import type { DriverName, Store } from '../store.ts';
import type { StorageDriver } from './driver.ts';

/** In the order of preference. */
const DRIVER_NAMES: readonly DriverName[] = ['overlay', 'fuse-overlayfs', 'vfs'];

interface RememberedDriver {
  readonly format: 1;
  readonly driver: DriverName;
  /** {@link hostOf} at the time of trying. */
  readonly host: string;
  /** Why the drivers before it did not work. */
  readonly refused: Readonly<Record<string, string>>;
}

export async function storageDriver(name: DriverName): Promise<StorageDriver> {
  switch (name) {
    case 'overlay':
      return (await import('./overlay.ts')).overlay;
    case 'fuse-overlayfs':
      return (await import('./fuse-overlayfs.ts')).fuseOverlayfs;
    case 'vfs':
      return (await import('./vfs.ts')).vfs;
  }
}

/**
 * The driver of this store: the one asked for, or the best that works. One small read once it has been tried.
 * @param progress is told when it has to be a slow one
 * @throws ScullError UNSUPPORTED when none works
 */
export async function resolveDriver(store: Store, progress?: Progress): Promise<DriverName> {
  if (store.driver !== 'auto') return store.driver;
  const remembered = readRemembered(store);
  if (remembered !== undefined && remembered.host === hostOf(remembered.driver)) return remembered.driver;
  return findDriver(store, progress);
}

async function findDriver(store: Store, progress: Progress | undefined): Promise<DriverName> {
  // Who can't start anything in namespaces (root) can't try either, and must not remember that.
  refuseRealRoot();
  const refused: Record<string, string> = {};
  for (const name of DRIVER_NAMES) {
    const reason = await (await storageDriver(name)).whyNot(store);
    if (reason !== undefined) {
      refused[name] = reason;
      continue;
    }
    remember(store, { format: 1, driver: name, host: hostOf(name), refused });
    if (name !== 'overlay') progress?.({ kind: 'message', level: 'warning', text: slowDriverMessage(name, refused) });
    return name;
  }
  throw new ScullError('UNSUPPORTED', 'no storage driver works here', {
    detail: Object.entries(refused)
      .map(([name, reason]) => `${name}: ${reason}`)
      .join('\n'),
    hint: 'run `scull doctor`',
  });
}

function slowDriverMessage(name: DriverName, refused: Readonly<Record<string, string>>): string {
  const cost = name === 'vfs' ? 'every container is a full copy of its image' : 'writing many files is about 20 times slower';
  const reasons = Object.entries(refused).map(([other, reason]) => `${other}: ${reason}`);
  return `using the storage driver ${name}, with which ${cost} (${reasons.join('; ')})`;
}

/** What the answer depends on; only a driver that is not the best depends on what may be installed later. */
function hostOf(driver: DriverName): string {
  const kernel = `linux ${release()}`;
  if (driver === 'overlay') return kernel;
  return `${kernel}, fuse-overlayfs ${findTool('fuse-overlayfs')?.path ?? 'missing'}, /dev/fuse ${isUsable('/dev/fuse') ? 'usable' : 'not usable'}`;
}

function isUsable(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A damaged or foreign file is no answer: it is tried again. */
function readRemembered(store: Store): RememberedDriver | undefined {
  let value: Partial<RememberedDriver> | undefined;
  try {
    value = readJson(store.layout.driverFile) as Partial<RememberedDriver> | undefined;
  } catch (error) {
    if (error instanceof ScullError && error.code === 'CORRUPT') return undefined;
    throw error;
  }
  if (value === undefined || value === null || value.format !== 1 || typeof value.host !== 'string') return undefined;
  return DRIVER_NAMES.includes(value.driver as DriverName) ? (value as RememberedDriver) : undefined;
}

function remember(store: Store, value: RememberedDriver): void {
  ensurePrivateDirectory(store.layout.root);
  writeJsonAtomic(store.layout.driverFile, value, { durable: false });
}
