/**
 * pod rm and prune. Its containers go first, then the infra container, then the pod's file: killed in between, it is a pod with
 * fewer containers, which the next `pod rm` removes. Who makes a container in it meanwhile finds the pod gone, or is found here.
 */
import { isScullError, ScullError } from '../../host/errors.ts';
import { crashPoint } from '../../host/crash-point.ts';
import { isRunning } from '../../runtime/lifecycle.ts';
import { podNames, removePodFile, type PodRecord } from '../../storage/pods.ts';
import { removeContainer } from '../containers/removal.ts';
import type { Outcome } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { readPods } from './find.ts';
import { withPodLockToRemove } from './lock.ts';
import { membersOf, othersOf, type Member } from './members.ts';
import { forEachPod, type PodSelection } from './selection.ts';

export interface PodRemoval {
  /** Ends what runs. */
  readonly force?: boolean;
  /** Seconds for the stop signal before SIGKILL, with force. */
  readonly timeout?: number | undefined;
}

/** podman-pod-rm(1): with force a damaged record goes too. */
export async function removePods(engine: Engine, options: PodSelection & PodRemoval): Promise<Outcome[]> {
  const ignore = options.ignore === true || options.force === true;
  const outcomes = await forEachPod(engine, { ...options, ignore }, (pod) => removePod(engine, pod, options));
  return Promise.all(
    outcomes.map(async (outcome) => {
      if (options.force !== true || outcome.error?.code !== 'CORRUPT' || !podNames(engine.store).includes(outcome.name)) return outcome;
      await removePodFile(engine.store, outcome.name, undefined);
      return { name: outcome.name };
    }),
  );
}

/** @throws ScullError WRONG_STATE when one of its containers runs and `force` is not set */
export async function removePod(engine: Engine, pod: PodRecord, { force = false, timeout }: PodRemoval): Promise<void> {
  refuseRunning(pod, force ? [] : membersOf(engine, pod.id));
  const removal = { force, volumes: true, ...(timeout === undefined ? {} : { timeout }) };
  const removeOthers = (): Promise<unknown> => Promise.all(othersOf(engine, pod.id).map(({ record }) => removeIfThere(engine, record, removal)));
  await removeOthers();
  crashPoint('pod:emptied');
  await withPodLockToRemove(engine, pod.id, async () => {
    const infra = membersOf(engine, pod.id).find(({ record }) => record.pod?.infra === true);
    if (infra !== undefined) await removeIfThere(engine, infra.record, { ...removal, withPod: true });
    if (pod.resources !== undefined) await (await import('./limits.ts')).forgetPodLimits(pod);
    crashPoint('pod:without-infra');
    if (await removePodFile(engine.store, pod.name, pod.id)) recordEvent(engine, { type: 'pod', status: 'remove', id: pod.id, name: pod.name, attributes: pod.labels });
  });
  // Made since we looked, by a command that still saw the pod.
  await removeOthers();
  if (pod.service !== undefined) await (await import('./service.ts')).endService(engine, pod.service.id);
}

async function removeIfThere(engine: Engine, record: Member['record'], removal: Parameters<typeof removeContainer>[2]): Promise<void> {
  try {
    await removeContainer(engine, record, removal);
  } catch (error) {
    if (!isScullError(error, 'NO_SUCH_CONTAINER')) throw error;
  }
}

function refuseRunning(pod: PodRecord, members: readonly Member[]): void {
  const running = members.filter(({ state }) => isRunning(state)).map(({ record }) => record.name);
  if (running.length === 0) return;
  throw new ScullError('WRONG_STATE', `pod ${pod.name} cannot be removed while its containers run: ${running.join(', ')}`, { hint: `stop it first with \`scull pod stop ${pod.name}\`, or remove it by force with \`scull pod rm -f ${pod.name}\`` });
}

/** podman-pod-prune(1): pods of which nothing runs. @param chosen unless given, all */
export async function prunePods(engine: Engine, chosen: (pod: PodRecord) => boolean = () => true): Promise<Outcome[]> {
  const idle = readPods(engine).filter((pod) => chosen(pod) && !membersOf(engine, pod.id).some(({ state }) => isRunning(state)));
  const outcomes = await removePods(engine, { names: idle.map(({ id }) => id), ignore: true });
  // One that was started meanwhile is not one to remove.
  return outcomes.filter(({ error }) => error?.code !== 'WRONG_STATE');
}
