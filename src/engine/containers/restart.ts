/** restart: podman-restart(1): stop, then start; one that does not run is started. */
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { isEndWanted, readRestarts } from '../../runtime/restart-state.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { startContainer } from './launch.ts';
import { forEachSelected, type Outcome, type Selection } from './selection.ts';
import { endRunning, stopContainer } from './stop.ts';

export interface RestartOptions extends Selection {
  /** Only those that run. */
  readonly running?: boolean;
  /** Seconds before SIGKILL. */
  readonly timeout?: number | undefined;
}

export function restartContainers(engine: Engine, options: RestartOptions): Promise<Outcome[]> {
  return forEachSelected(engine, options, async ({ record }) => {
    const runs = isRunning(readContainerState(engine.store.layout.container(record.id)));
    if (options.running === true && !runs) return;
    await restartContainer(engine, record, options.timeout);
  });
}

/** Stops it if it runs, and starts it. @param timeout seconds before SIGKILL */
async function restartContainer(engine: Engine, record: ContainerRecord, timeout?: number): Promise<void> {
  await stopContainer(engine, record, timeout);
  await startContainer(engine, record);
  recordContainerEvent(engine, record, 'restart');
}

/** --health-on-failure=restart: the same, counted, unless somebody stops it. */
export async function restartUnhealthy(engine: Engine, record: ContainerRecord): Promise<void> {
  const paths = engine.store.layout.container(record.id);
  const { count } = readRestarts(paths);
  await endRunning(engine, record);
  if (isEndWanted(paths)) return; // somebody has stopped it meanwhile
  await startContainer(engine, record, { restarts: { count: count + 1, streak: 0 } });
  recordContainerEvent(engine, record, 'restart');
}
