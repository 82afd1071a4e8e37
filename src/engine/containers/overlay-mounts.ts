/** What a container writes over `-v …:O`, and into images mounted rw, goes with its run, as it would in a tmpfs (podman-run(1), "Overlay Volume Mounts"). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { claimContainer, releaseClaim } from '../../runtime/claim.ts';
import { hasOverlayMounts, type ContainerRecord } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { moveToTrash, removeOverlayWork, removeOwnedTree } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';

/** Throws the writes of a run that is over away. For the process that has claimed the container. */
export async function discardOverlays(engine: Engine, record: ContainerRecord): Promise<void> {
  if (!hasOverlayMounts(record)) return;
  const gone = moveToTrash(engine.store, engine.store.layout.container(record.id).overlays);
  if (gone === undefined) return;
  for (const name of readdirSync(gone)) removeOverlayWork(join(gone, name, 'work'));
  await removeOwnedTree(gone);
}

/** The same for a container that nobody waited for; not where it has been started again meanwhile. */
export async function discardOverlaysAfterEnd(engine: Engine, record: ContainerRecord): Promise<void> {
  if (!hasOverlayMounts(record)) return;
  const { layout } = engine.store;
  if ((await claimContainer(layout, cgroupPlan(), record.id)) !== 'claimed') return;
  try {
    if (!isRunning(readContainerState(layout.container(record.id)))) await discardOverlays(engine, record);
  } finally {
    await releaseClaim(layout, cgroupPlan(), record.id);
  }
}
