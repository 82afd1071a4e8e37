/**
 * The service container: a process that stands for pods, for who wants one process to watch. `kube play` in a unit starts it last, its
 * monitor is the unit's main process; it ends when none of the containers of its pods runs any more. It is an infra container without
 * a pod: it does nothing, and has no image, network or log.
 */
import { isScullError } from '../../host/errors.ts';
import { PAUSE_COMMAND, type ContainerRecord } from '../../runtime/container-record.ts';
import { readContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { EMPTY_CONTAINER_SPEC } from '../../spec/container-spec.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { createContainer } from '../containers/create.ts';
import { startContainer } from '../containers/launch.ts';
import { signalContainer, stopContainer } from '../containers/stop.ts';
import type { Engine } from '../engine.ts';
import { isOver } from './exit-policy.ts';
import { readPods } from './find.ts';
import { othersOf } from './members.ts';

const SIGKILL = 9;

/**
 * Makes and starts it; one of that name goes first. Its pods may have come to their end already: then so does it.
 * @param id that the pods name
 * @returns the process id of its monitor
 */
export async function startService(engine: Engine, id: string, name: string): Promise<number> {
  const spec = { ...EMPTY_CONTAINER_SPEC, name, command: PAUSE_COMMAND, capDrop: ['ALL'], readOnly: true, readOnlyTmpfs: false, sdNotify: 'ignore', log: { driver: 'none', labels: [] }, network: { ...EMPTY_CONTAINER_SPEC.network, mode: { mode: 'none' } } } as const;
  const record = await createContainer(engine, spec, { infraOf: { pod: id, id }, replace: true });
  const running = await startContainer(engine, record);
  await endService(engine, id);
  return running === 'running' ? 0 : running.monitor.pid;
}

/** Ends it when all of its pods are over, by a signal that makes its exit status say what they want told. */
export async function endService(engine: Engine, id: string): Promise<void> {
  const record = readContainer(engine.store.layout, id);
  if (record === undefined || !isRunning(readContainerState(engine.store.layout.container(id)))) return;
  const pods = readPods(engine).filter((pod) => pod.service?.id === id);
  if (pods.some((pod) => !isOver(engine, pod.id))) return;
  if (!hasFailed(engine, pods)) return stopContainer(engine, record);
  killUnlessGone(engine, record);
}

function hasFailed(engine: Engine, pods: readonly PodRecord[]): boolean {
  const codes = pods.flatMap(({ id }) => othersOf(engine, id)).map(({ state }) => state.exitCode);
  switch (pods[0]?.service?.exitCode) {
    case 'any':
      return codes.some((code) => code !== 0);
    case 'all':
      return codes.length > 0 && codes.every((code) => code !== 0);
    default:
      return false;
  }
}

/** The pause program ends well by any other signal. */
function killUnlessGone(engine: Engine, record: ContainerRecord): void {
  try {
    signalContainer(engine, record, SIGKILL);
  } catch (error) {
    if (!isScullError(error, 'WRONG_STATE')) throw error;
  }
}
