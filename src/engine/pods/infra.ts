/** The infra container: it keeps the namespaces that the others share, runs while one of them does, and goes with its pod only. */
import { appendFileSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent } from '../../host/files.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { startContainer } from '../containers/launch.ts';
import type { Engine } from '../engine.ts';
import { infraOf } from './create.ts';
import { podById } from './find.ts';
import { withPodLock } from './lock.ts';

/** Before a member starts: what it shares is there, and the others find it by its name. @throws ScullError NO_SUCH_POD */
export async function prepareForMember(engine: Engine, record: ContainerRecord): Promise<void> {
  const pod = await startInfraOf(engine, record.pod?.id ?? '', record.name);
  // A name that was made up is known to nobody, and each `run --rm` would add one.
  if (pod.share.includes('net') && record.spec.name !== undefined) makeKnown(engine, pod, record.name);
}

/**
 * Starts it unless it runs or there is none. The member is claimed by then, so who stops the pod after its last container sees that it is not the last.
 * @throws ScullError NO_SUCH_POD when the pod was removed
 */
export async function startInfraOf(engine: Engine, podId: string, member: string): Promise<PodRecord> {
  const pod = podById(engine, podId);
  if (pod === undefined) throw podIsGone(member, podId);
  // Nobody stops it behind our back, and no lock is needed, where the end of the last container does not.
  if (pod.infra !== undefined && (pod.exitPolicy === 'stop' || !infraRuns(engine, pod))) await startInfra(engine, pod, member);
  return pod;
}

async function startInfra(engine: Engine, pod: PodRecord, member: string): Promise<void> {
  const podId = pod.id;
  await withPodLock(engine, podId, async () => {
    if (podById(engine, podId) === undefined) throw podIsGone(member, podId);
    const infra = await infraOf(engine, pod);
    if (infra === undefined || infraRuns(engine, pod)) return;
    if (pod.resources !== undefined) await (await import('./limits.ts')).applyPodLimits(pod);
    await startContainer(engine, infra);
  });
}

/** /etc/hosts is shared with the network: the others find a member by its name where they find everything of the pod. The infra container's start begins it anew. */
function makeKnown(engine: Engine, pod: PodRecord, member: string): void {
  if (pod.infra === undefined) return;
  const { hosts } = engine.store.layout.container(pod.infra.id);
  const text = readTextIfPresent(hosts);
  const line = `127.0.0.1\t${member}`;
  if (text !== undefined && !text.split('\n').includes(line)) appendFileSync(hosts, `${line}\n`);
}

function infraRuns(engine: Engine, { infra }: PodRecord): boolean {
  return infra !== undefined && isRunning(readContainerState(engine.store.layout.container(infra.id)));
}

function podIsGone(member: string, podId: string): ScullError {
  return new ScullError('NO_SUCH_POD', `the pod ${podId.slice(0, 12)} of container ${member} was removed`, { hint: `remove what is left of it with \`scull rm -f ${member}\`` });
}

/** @throws ScullError WRONG_STATE while the pod is there */
export function refuseWithoutPod(engine: Engine, record: ContainerRecord): void {
  const pod = podById(engine, record.pod?.id ?? '');
  if (pod === undefined) return;
  throw new ScullError('WRONG_STATE', `container ${record.name} is the infra container of pod ${pod.name} and cannot be removed without it`, { hint: `remove the pod with \`scull pod rm ${pod.name}\`` });
}
