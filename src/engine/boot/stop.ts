/** boot stop: before the machine goes down. What is stopped so is started again by the next boot. */
import { isScullError } from '../../host/errors.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { markShutDown } from '../../runtime/restart-state.ts';
import { readContainers } from '../containers/selection.ts';
import { stopContainer } from '../containers/stop.ts';
import type { Engine } from '../engine.ts';
import type { BootOutcome } from './start.ts';

/** Stops what runs and has a policy by which it would be started again. */
export async function stopForShutdown(engine: Engine, tell: (outcome: BootOutcome) => void): Promise<void> {
  const { layout } = engine.store;
  const running = readContainers(engine).filter(({ id, spec }) => spec.restart !== undefined && isRunning(readContainerState(layout.container(id))));
  await Promise.all(
    running.map(async (record) => {
      try {
        markShutDown(layout.container(record.id));
        await stopContainer(engine, record);
        tell({ name: record.name });
      } catch (error) {
        if (!isScullError(error)) throw error;
        tell({ name: record.name, error });
      }
    }),
  );
}
