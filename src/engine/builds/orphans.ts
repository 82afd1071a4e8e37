/**
 * What builds that were killed left: containers of steps that go on, though nobody waits for what they make, and unfinished files.
 * The keeper of a build (session.ts) has it cleaned up at once; the next build looks as well.
 */
import { isScullError } from '../../host/errors.ts';
import { namesIn } from '../../host/files.ts';
import { isAlive } from '../../host/identity.ts';
import { readIdentity } from '../../runtime/claim.ts';
import { readContainer } from '../../runtime/container-store.ts';
import { sweepStaging } from '../../storage/staging.ts';
import { sweepContainers } from '../containers/cleanup.ts';
import type { Engine } from '../engine.ts';
import { STEP_IMAGE } from './options.ts';

/** Ends and removes all of it. */
export async function cleanUpBuilds(engine: Engine): Promise<void> {
  await endOrphanedSteps(engine);
  await Promise.all([sweepStaging(engine.store), sweepContainers(engine)]);
}

/** Looks at what runs only. */
async function endOrphanedSteps(engine: Engine): Promise<void> {
  const { layout } = engine.store;
  for (const id of claimed(layout.claims)) {
    const starter = readIdentity(layout.container(id).starterFile);
    if (starter === undefined || isAlive(starter)) continue;
    const record = readContainer(layout, id);
    if (record?.image?.name !== STEP_IMAGE) continue;
    const { removeContainer } = await import('../containers/removal.ts');
    try {
      await removeContainer(engine, record, { force: true });
    } catch (error) {
      // Another command is removing it, or it has just ended.
      if (!isScullError(error, 'IN_USE', 'WRONG_STATE', 'NO_SUCH_CONTAINER')) throw error;
    }
  }
}

function claimed(directory: string): string[] {
  return namesIn(directory).filter((name) => /^[0-9a-f]{64}$/.test(name));
}
