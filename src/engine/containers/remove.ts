/** rm: podman-rm(1). How one container goes is in removal.ts. */
import { isScullError } from '../../host/errors.ts';
import { containerIds, findContainerId, readContainer, releaseNamesOf, sweepNames } from '../../runtime/container-store.ts';
import { podNames } from '../../storage/pods.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { Engine } from '../engine.ts';
import { sweepContainers } from './cleanup.ts';
import { removeContainer, removeDirectory } from './removal.ts';
import { killAndWait } from './stop.ts';
import { forEachSelected, type Outcome, type Selection } from './selection.ts';

export interface RemoveOptions extends Selection {
  readonly force?: boolean;
  /** Anonymous volumes too. */
  readonly volumes?: boolean;
  /** Seconds for the stop signal before SIGKILL, with force. */
  readonly timeout?: number;
}

export async function removeContainers(engine: Engine, options: RemoveOptions): Promise<Outcome[]> {
  await sweepContainers(engine);
  const chosen = options.force === true && options.all === true ? { ...options, names: [...(options.names ?? []), ...damagedContainers(engine)] } : options;
  const ofPods = new Set<string>();
  const inBulk = options.all === true || options.filters !== undefined;
  const removed = await forEachSelected(engine, chosen, async ({ record }) => {
    // In bulk the infra container of a pod is not meant: it goes with the pod.
    if (inBulk && record.pod?.infra === true && (await keepsPod(engine, record))) ofPods.add(record.id);
    else await removeContainer(engine, record, options);
  });
  const outcomes = removed.filter(({ id }) => id === undefined || !ofPods.has(id));
  if (options.all === true && podNames(engine.store).length > 0) outcomes.push(...(await (await import('../pods/remove.ts')).removePods(engine, { all: true, force: options.force === true, timeout: options.timeout })));
  if (options.all === true || options.filters !== undefined) await tidyStore(engine);
  if (options.force !== true) return outcomes;
  // With --force a damaged container goes too: its directory is all there is.
  return Promise.all(
    outcomes.map(async (outcome) => (outcome.error?.code === 'CORRUPT' ? removeDamaged(engine, outcome) : outcome)),
  ).then((all) => all.filter((outcome) => outcome.error?.code !== 'NO_SUCH_CONTAINER'));
}

async function keepsPod(engine: Engine, record: ContainerRecord): Promise<boolean> {
  const { podById } = await import('../pods/find.ts');
  return podById(engine, record.pod?.id ?? '') !== undefined;
}

/** Ids of containers whose record can't be read: with --all they are meant as well. */
function damagedContainers(engine: Engine): string[] {
  const { layout } = engine.store;
  return containerIds(layout).filter((id) => {
    try {
      readContainer(layout, id);
      return false;
    } catch (error) {
      if (isScullError(error, 'CORRUPT')) return true;
      throw error;
    }
  });
}

/** Who removes in bulk can wait for the left-overs of killed commands to go, too: unfinished work and names. */
async function tidyStore(engine: Engine): Promise<void> {
  const { sweepStaging } = await import('../../storage/staging.ts');
  await sweepStaging(engine.store);
  sweepNames(engine.store.layout);
}

async function removeDamaged(engine: Engine, outcome: Outcome): Promise<Outcome> {
  const id = findContainerId(engine.store.layout, outcome.name);
  await killAndWait(engine, { id, name: id.slice(0, 12) }); // what its record said, its processes do not need
  await removeDirectory(engine, id);
  releaseNamesOf(engine.store.layout, id);
  return { name: outcome.name, id };
}
