/** The files of a container as a root for copying: of a running one what it sees itself, of another one its layers mounted. */
import { chmodSync, closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, removeTree } from '../../host/files.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { claimExisting, releaseClaim } from '../../runtime/claim.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { chainIds } from '../../runtime/root-file-system.ts';
import type { FileRoot } from '../../storage/copy-program.ts';
import { mountPlan } from '../../storage/drivers/plan.ts';
import { resolveDriver } from '../../storage/drivers/resolve.ts';
import { createStaging, sweepStaging } from '../../storage/staging.ts';
import { refuseUnshared } from '../../userns/unshared.ts';
import type { Engine } from '../engine.ts';

/** Opens a directory only as a place: it need not be readable. Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * What is done to a container that does not run. `unpack`: hard links of an archive may lead to files of the image, whose content overlay copies
 * then, and must flush.
 */
export type Access = 'read' | 'write' | 'unpack';

/**
 * Gives `work` the container's files. While it works on one that does not run, nobody can start it.
 * @param path the path in question, to refuse what can't be reached without starting the container
 * @throws ScullError IN_USE when other commands work on it, UNSUPPORTED; and what `work` throws
 */
export async function withContainerFiles<T>(engine: Engine, record: ContainerRecord, { path, access }: { readonly path: string; readonly access: Access }, work: (root: FileRoot) => Promise<T>): Promise<T> {
  for (;;) {
    const state = readContainerState(engine.store.layout.container(record.id));
    if (isRunning(state)) {
      const fd = openRunningRoot(engine, record, state.pid);
      if (fd === undefined) continue; // it has just ended
      try {
        return await work({ root: { fd }, idsOf: state.pid, ...(await namespaceOf(engine, record, state.monitorPid)) });
      } finally {
        closeSync(fd);
      }
    }
    const claim = await claimExisting(engine.store.layout, cgroupPlan(), record.id);
    if (claim === 'running') continue;
    if (claim === 'busy') throw new ScullError('IN_USE', `another command is working on container ${record.name}`);
    try {
      return await withMountedFiles(engine, record, { path, access }, work);
    } finally {
      await releaseClaim(engine.store.layout, cgroupPlan(), record.id);
    }
  }
}

/** The monitor is in the user namespace in which the root was mounted. FUSE lets nobody else in. */
async function namespaceOf(engine: Engine, record: ContainerRecord, monitor: number): Promise<Pick<FileRoot, 'namespace'>> {
  if (monitor === 0) return {};
  const mapped = record.spec.namespaces.user.mode !== 'host';
  return { namespace: { pid: monitor, only: mapped || (await resolveDriver(engine.store)) === 'fuse-overlayfs' } };
}

/** Its root as its own first process has it, mounts and all; undefined when that process has ended. */
function openRunningRoot(engine: Engine, record: ContainerRecord, pid: number): number | undefined {
  refuseUnshared();
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
  // The number may belong to another process by now: it was the container's if it still is.
  if (readContainerState(engine.store.layout.container(record.id)).pid === pid) return fd;
  closeSync(fd);
  return undefined;
}

async function withMountedFiles<T>(engine: Engine, record: ContainerRecord, { path, access }: { readonly path: string; readonly access: Access }, work: (root: FileRoot) => Promise<T>): Promise<T> {
  const mounts = mountsOf(record, path);
  if (record.image === undefined) return work({ root: record.spec.rootfs ?? '/nonexistent', mounts });
  ensurePrivateDirectory(engine.store.layout.root);
  await sweepStaging(engine.store);
  const staging = createStaging(engine.store);
  const [target, scratch] = [staging.path('root'), staging.path('work')];
  const { upper, work: own } = engine.store.layout.container(record.id);
  try {
    for (const directory of [target, scratch]) mkdirSync(directory, { mode: 0o700 });
    // In the default map, whatever the container's own: files are stored in it, so owners are those that the container sees.
    // Neither `read` nor `write` flushes the whole disk when it is unmounted, which is what overlay does otherwise.
    const how = { read: { readOnlyUpper: true }, write: { work: scratch, flushesItself: true }, unpack: { work: own } }[access];
    if (access !== 'read') tryScratch(scratch);
    const steps = await mountPlan(engine.store, { lowers: chainIds(record), upper, target, ...how });
    return await work({ root: target, mounts, steps });
  } finally {
    openScratch(scratch);
    await staging.remove();
  }
}

/**
 * Where overlay has no room for what it makes in its scratch directory it mounts read-only, and tells the kernel's log alone: so as much is
 * made before, and taken away. @throws ScullError NO_SPACE, PERMISSION
 */
function tryScratch(directory: string): void {
  const made = join(directory, 'work');
  try {
    mkdirSync(join(made, 'incompat/volatile'), { recursive: true });
    for (const file of ['dirty', 'whiteout']) closeSync(openSync(join(made, file), 'wx', 0o600));
  } catch (error) {
    throw explainWriteFailure(error, directory);
  } finally {
    removeTree(made);
  }
}

/**
 * What overlay makes in its scratch directory has no permissions, and is ours. The scratch directory is not the container's own, since that
 * one could not be mounted again after a mount that does not flush (`volatile`; Documentation/filesystems/overlayfs.rst).
 */
function openScratch(directory: string): void {
  for (const made of ['work', 'work/incompat', 'work/incompat/volatile']) {
    const path = join(directory, made);
    if (existsSync(path)) chmodSync(path, 0o700);
  }
}

function mountsOf(record: ContainerRecord, path: string): NonNullable<FileRoot['mounts']> {
  const wanted = `/${path.split('/').filter((part) => part !== '' && part !== '.').join('/')}`;
  return record.config.mounts.flatMap((mount) => {
    const inside = wanted === mount.target || wanted.startsWith(`${mount.target}/`);
    const plain = (mount.type === 'volume' || mount.type === 'bind') && mount.subpath === undefined && mount.overlay !== true;
    if (plain) return [{ path: mount.target, source: mount.source, readOnly: mount.readOnly }];
    if (inside) throw new ScullError('UNSUPPORTED', `${JSON.stringify(path)} is in a mount (${mount.type}) that container ${record.name} has only while it runs`, { hint: `start it first: scull start ${record.name}` });
    return [];
  });
}
