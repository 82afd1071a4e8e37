/**
 * Removing one container: it is first claimed (nobody starts it any more), then renamed out of sight (it does not exist any
 * more, also on a full disk), then deleted. A crash in between leaves only garbage that the next writer sweeps.
 */
import { join } from 'node:path';
import { crashPoint } from '../../host/crash-point.ts';
import { ScullError } from '../../host/errors.ts';
import { makingRoom } from '../../storage/ballast.ts';
import { moveToTrash, removeOverlayWork, removeOwnedTree } from '../../storage/staging.ts';
import { claimContainer, releaseClaim } from '../../runtime/claim.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { endSurvivors, refuseElsewhere } from '../../runtime/last-run.ts';
import { releaseName } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { cancelWaiting, countsRestarts } from '../../runtime/restart-state.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent, recordEnd } from '../events/record.ts';
import { answerExitCode } from './exit-codes.ts';
import { selectContainers } from './selection.ts';
import { endRestarts, killAndWait, stopContainer } from './stop.ts';

/** @throws ScullError WRONG_STATE when it runs and `force` is not set */
export async function removeContainer(engine: Engine, record: ContainerRecord, options: { readonly force?: boolean; readonly volumes?: boolean; readonly timeout?: number; /** Its pod goes as well. */ readonly withPod?: boolean } = {}): Promise<void> {
  const { layout } = engine.store;
  if (record.pod?.infra === true && options.withPod !== true) await (await import('../pods/infra.ts')).refuseWithoutPod(engine, record);
  const cgroup = cgroupPlan();
  // Neither a policy nor a check that failed starts it again meanwhile.
  if (countsRestarts(record) && options.force === true) await endRestarts(engine, record);
  const paths = layout.container(record.id);
  refuseElsewhere(paths);
  const state = readContainerState(paths);
  if (isRunning(state)) {
    if (options.force !== true) throw cannotRemove(record, state.status);
    if (options.timeout !== undefined && options.timeout !== 0) await stopContainer(engine, record, options.timeout);
    else await killAndWait(engine, record);
  }
  const claim = await makingRoom(engine.store, () => claimContainer(layout, cgroup, record.id));
  if (claim === 'running') {
    if (options.force !== true) throw cannotRemove(record, 'running');
    await killAndWait(engine, record);
    return removeContainer(engine, record, options);
  }
  if (claim === 'busy') throw new ScullError('IN_USE', `another command is working on container ${record.name}`);
  await removeClaimed(engine, record, options.volumes === true);
}

/** Removes a container that this process has claimed. */
export async function removeClaimed(engine: Engine, record: ContainerRecord, volumes: boolean): Promise<void> {
  const { layout } = engine.store;
  try {
    await endSurvivors(layout.container(record.id));
    crashPoint('rm:claimed');
    answerExitCode(layout, record.id);
    if (record.spec.restart !== undefined) cancelWaiting(layout.container(record.id));
    recordEnd(engine, record);
    await removeDirectory(engine, record.id);
    releaseName(layout, record.name, record.id);
    crashPoint('rm:name-released');
    recordContainerEvent(engine, record, 'remove');
  } finally {
    await releaseClaim(layout, cgroupPlan(), record.id);
  }
  if (volumes) await removeAnonymousVolumes(engine, record);
}

function cannotRemove(record: ContainerRecord, status: string): ScullError {
  return new ScullError('WRONG_STATE', `cannot remove container ${record.id} as it is ${status}`, {
    hint: `stop it first with \`scull stop ${record.name}\`, or remove it by force with \`scull rm -f ${record.name}\``,
  });
}

export async function removeDirectory(engine: Engine, id: string): Promise<void> {
  const gone = await makingRoom(engine.store, () => moveToTrash(engine.store, engine.store.layout.container(id).directory));
  if (gone === undefined) return;
  crashPoint('rm:moved');
  removeOverlayWork(join(gone, 'work'));
  await removeOwnedTree(gone);
}

/** Volumes without a name of the user's that no other container uses. */
async function removeAnonymousVolumes(engine: Engine, record: ContainerRecord): Promise<void> {
  const names = record.config.mounts.filter((mount) => mount.anonymous === true && mount.name !== undefined).map((mount) => mount.name as string);
  if (names.length === 0) return;
  const { removeVolumes } = await import('../volumes/remove.ts');
  const others = selectContainers(engine, { all: true }).selected.flatMap(({ record: other }) => other.config.mounts.map((mount) => mount.name));
  await removeVolumes(engine, { names: names.filter((name) => !others.includes(name)), ignore: true });
}
