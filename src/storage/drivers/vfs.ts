/**
 * No union at all: every container's root is a copy of its image's layers, sharing blocks where the file system can
 * (reflink). The last resort, for hosts with neither overlay in user namespaces nor FUSE.
 */
import { existsSync, readlinkSync, renameSync, rmdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { crashPoint } from '../../host/crash-point.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, syncDirectory } from '../../host/files.ts';
import { selfCommand } from '../../host/self.ts';
import { runInUserNamespace } from '../../userns/launch.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import { layerPaths } from '../layers/store.ts';
import { createStaging } from '../staging.ts';
import type { Store } from '../store.ts';
import type { MountRequest, StorageDriver } from './driver.ts';
import type { CopyJob } from './vfs-worker.ts';

export const vfs: StorageDriver = {
  name: 'vfs',
  whyNot: async () => undefined,
  mountSteps: async (store, request) => [await copyAndBind(store, request)],
};

/** The copy is made at the first start and is then the container's own; a read-only one belongs to the top layer. */
async function copyAndBind(store: Store, request: MountRequest): Promise<LaunchStep> {
  const top = request.lowers.at(-1);
  if (top === undefined) throw new ScullError('INVALID', 'an image without layers has no file system to mount');
  const source = request.upper ?? `${layerPaths(store, top).directory}/merged`;
  if (!isCopied(source)) await copyLayers(store, request, source);
  return { kind: 'bind', source, target: request.target };
}

/**
 * True when a directory is a whole copy of an image, not the changes to one: marked beside it, since what is in it is the
 * container's. Before the copy gets its place, a link beside it names the copy's inode, so that a copy whose maker was killed
 * before he could mark it is known for what it is.
 */
function isCopied(place: string): boolean {
  if (existsSync(`${place}.copied`)) return true;
  if (inodeIn(`${place}.copying`) !== statSync(place, { throwIfNoEntry: false })?.ino) return false;
  markCopied(place);
  return true;
}

function markCopied(place: string): void {
  ensurePrivateDirectory(`${place}.copied`);
  rmSync(`${place}.copying`, { force: true });
}

function inodeIn(link: string): number {
  try {
    return Number(readlinkSync(link));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return -1;
    throw error;
  }
}

async function copyLayers(store: Store, request: MountRequest, place: string): Promise<void> {
  const staging = createStaging(store);
  try {
    const target = staging.path('root');
    ensurePrivateDirectory(target);
    const job: CopyJob = { layers: request.lowers.map((layer) => layerPaths(store, layer)), target };
    const self = selfCommand('__worker', 'vfs-copy', JSON.stringify(job));
    const result = await runInUserNamespace(self.file, self.args, { readOnlyExcept: [target] });
    if (result.status !== 0) {
      throw new ScullError(/No space left/.test(result.stderr) ? 'NO_SPACE' : 'TOOL_FAILED', `copying the image failed: ${result.stderr.trim().split('\n')[0] ?? ''}`, {
        detail: result.stderr.trim(),
      });
    }
    removeEmpty(place); // made empty with the container
    rmSync(`${place}.copying`, { force: true });
    symlinkSync(String(statSync(target).ino), `${place}.copying`);
    crashPoint('copy:made');
    renameSync(target, place);
    crashPoint('copy:named');
    markCopied(place);
    syncDirectory(dirname(place));
  } finally {
    await staging.remove();
  }
}

/** @throws ScullError UNSUPPORTED when something is in it: the changes that a container made with overlay */
function removeEmpty(place: string): void {
  try {
    rmdirSync(place);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
    throw new ScullError('UNSUPPORTED', 'the container was used with another storage driver, and what it has changed is kept as that one does', {
      hint: 'start it with `--storage-driver overlay` or fuse-overlayfs, or make an image of it with `scull commit` and a new container',
      cause: error,
    });
  }
}
