/** system reset: back to before the first command. */
import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { namesIn, removeTree } from '../../host/files.ts';
import { moveToTrash, removeOwnedTree } from '../../storage/staging.ts';
import { removeContainers } from '../containers/remove.ts';
import type { Engine } from '../engine.ts';

/**
 * Ends and removes all containers, then everything else, the root itself included. Killed in between, it is begun again by the
 * next one.
 * @throws ScullError WRONG_STATE when a container runs on another machine; nothing more is removed then
 */
export async function resetStore(engine: Engine): Promise<void> {
  const { layout } = engine.store;
  const outcomes = await removeContainers(engine, { all: true, force: true, ignore: true, volumes: true, timeout: 0 });
  const failed = outcomes.find(({ error }) => error !== undefined)?.error;
  if (failed !== undefined) throw new ScullError(failed.code, `the store is not reset: ${failed.message}`, { hint: failed.hint, cause: failed });
  for (const name of namesIn(layout.root)) {
    const path = join(layout.root, name);
    if (path !== layout.staging && path !== layout.versionFile) moveToTrash(engine.store, path);
  }
  await removeOwnedTree(layout.staging);
  removeTree(layout.versionFile);
  removeTree(layout.runRoot);
  try {
    rmdirSync(layout.root);
  } catch (error) {
    // Another command has begun something anew, or the directory is a mount point of the user's.
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EBUSY' && errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'ENOENT') throw error;
  }
}
