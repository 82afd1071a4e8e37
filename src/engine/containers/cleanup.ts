/** After a container's end, when no command waits for it: --rm or --restart is carried out, and what is left of its run is cleared. */
import { existsSync } from 'node:fs';
import { isScullError } from '../../host/errors.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { sweepClaims } from '../../runtime/claim.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer, readContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { Engine } from '../engine.ts';
import { keepExitCode } from './exit-codes.ts';

/** podman-container-cleanup(1). @param options.waited the pause before a restart is over. Does nothing when the container is gone or runs again. */
export async function cleanupContainer(engine: Engine, nameOrId: string, options: { readonly waited?: boolean } = {}): Promise<void> {
  let record: ContainerRecord;
  try {
    record = findContainer(engine.store.layout, nameOrId);
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_CONTAINER')) return;
    throw error;
  }
  await cleanup(engine, record);
  await (await import('./overlay-mounts.ts')).discardOverlaysAfterEnd(engine, record);
  if (record.spec.restart !== undefined) await (await import('./restart-policy.ts')).restartAfterEnd(engine, record, options.waited);
  if (record.pod?.stops === true) await (await import('../pods/exit-policy.ts')).stopAfterLast(engine, record.pod.id);
}

async function cleanup(engine: Engine, record: ContainerRecord): Promise<void> {
  const state = readContainerState(engine.store.layout.container(record.id));
  if (isRunning(state) || !record.spec.autoRemove) return;
  const { removeContainer } = await import('./removal.ts');
  keepExitCode(engine.store.layout, record.id, state.exitCode);
  try {
    await removeContainer(engine, record, { volumes: true });
  } catch (error) {
    // Started again, or being removed by another command: not ours any more.
    if (!isScullError(error, 'WRONG_STATE', 'IN_USE', 'NO_SUCH_CONTAINER')) throw error;
  }
}

/** Finishes what killed commands and keepers left: every command that makes or removes containers calls it. */
export async function sweepContainers(engine: Engine): Promise<void> {
  const { layout } = engine.store;
  // The first command after a boot: what was to be removed at its end and ran when the power went.
  if (!existsSync(layout.claims)) {
    const { readContainers } = await import('./selection.ts');
    for (const record of readContainers(engine)) if (record.spec.autoRemove) await cleanup(engine, record);
    return;
  }
  for (const id of await sweepClaims(layout, cgroupPlan())) {
    const record = readContainer(layout, id);
    if (record !== undefined) await cleanup(engine, record);
  }
}
