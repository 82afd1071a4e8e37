/** --exit-policy=stop: the end of the last container stops the pod. Comes from its keeper, or from the command that stayed with it. */
import { claimState } from '../../runtime/claim.ts';
import { isRunning } from '../../runtime/lifecycle.ts';
import { isRestarting } from '../../runtime/restart-state.ts';
import { stopContainer } from '../containers/stop.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { podById } from './find.ts';
import { withPodLock } from './lock.ts';
import { membersOf, othersOf, type Member } from './members.ts';

/** Does nothing while one of them runs, is being started, or waits for its restart; or when the pod is gone. */
export async function stopAfterLast(engine: Engine, podId: string): Promise<void> {
  if (!isOver(engine, podId)) return;
  await stopInfra(engine, podId);
  const service = podById(engine, podId)?.service;
  if (service !== undefined) await (await import('./service.ts')).endService(engine, service.id);
}

async function stopInfra(engine: Engine, podId: string): Promise<void> {
  await withPodLock(engine, podId, async () => {
    const pod = podById(engine, podId);
    const infra = membersOf(engine, podId).find(({ record }) => record.pod?.infra === true);
    if (pod === undefined || infra === undefined || !isRunning(infra.state) || !isOver(engine, podId)) return;
    await stopContainer(engine, infra.record);
    recordEvent(engine, { type: 'pod', status: 'stop', id: pod.id, name: pod.name, attributes: pod.labels });
  });
}

/** None of its containers runs, is being started or waits for its restart. */
export function isOver(engine: Engine, podId: string): boolean {
  return !othersOf(engine, podId).some((member) => isActive(engine, member));
}

function isActive(engine: Engine, { record, state }: Member): boolean {
  if (isRunning(state) || claimState(engine.store.layout, record.id) === 'busy') return true;
  return record.spec.restart !== undefined && isRestarting(engine.store.layout.container(record.id));
}
