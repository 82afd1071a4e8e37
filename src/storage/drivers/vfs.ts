/**
 * No union at all: every container's root is a copy of its image's layers, sharing blocks where the file system can
 * (reflink). The last resort, for hosts with neither overlay in user namespaces nor FUSE.
 */
import { existsSync, renameSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, syncDirectory } from '../../host/files.ts';
import { selfCommand } from '../../host/self.ts';
import { runInUserNamespace, type LaunchStep } from '../../userns/launch.ts';
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
  // A mark beside it, not in it: what is in it is the container's.
  if (!existsSync(`${source}.copied`)) await copyLayers(store, request, source);
  return { kind: 'bind', source, target: request.target };
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
    if (existsSync(place)) rmdirSync(place); // made empty with the container
    renameSync(target, place);
    ensurePrivateDirectory(`${place}.copied`);
    syncDirectory(dirname(place));
  } finally {
    await staging.remove();
  }
}
