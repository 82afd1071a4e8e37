/** pod logs, top and stats: what `logs`, `top` and `stats` tell, of all containers of a pod. */
import { ScullError } from '../../host/errors.ts';
import { isRunning } from '../../runtime/lifecycle.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { streamLogs, type LogOptions } from '../containers/logs.ts';
import { topContainer, type ProcessTable } from '../containers/top.ts';
import type { Engine } from '../engine.ts';
import { findPod, readPods } from './find.ts';
import { membersOf, othersOf } from './members.ts';
import { latestPod } from './selection.ts';

/**
 * @param typed the latest pod unless given
 * @param container only this one of its containers
 * @throws ScullError NO_SUCH_POD, NO_SUCH_CONTAINER, UNSUPPORTED; EPIPE as the system error it is
 */
export async function streamPodLogs(engine: Engine, typed: string | undefined, container: string | undefined, options: LogOptions, outFd: number, errFd: number): Promise<void> {
  const pod = typed === undefined ? latestPod(engine) : findPod(engine, typed);
  const members = othersOf(engine, pod.id);
  const chosen = container === undefined ? members : members.filter(({ record }) => record.name === container || record.id.startsWith(container));
  if (container !== undefined && chosen.length !== 1) throw new ScullError('NO_SUCH_CONTAINER', `no container ${JSON.stringify(container.slice(0, 200))} in pod ${pod.name}`, { hint: `they are ${members.map(({ record }) => record.name).join(', ')}` });
  await streamLogs(engine, chosen.map(({ record }) => record.id), options, outFd, errFd);
}

/** podman-pod-top(1). @throws ScullError NO_SUCH_POD, WRONG_STATE when nothing of it runs, INVALID for an unknown column */
export async function topPod(engine: Engine, typed: string | undefined, descriptors: readonly string[]): Promise<ProcessTable> {
  const pod = typed === undefined ? latestPod(engine) : findPod(engine, typed);
  const running = membersOf(engine, pod.id).filter(({ state }) => isRunning(state));
  if (running.length === 0) throw new ScullError('WRONG_STATE', `pod ${pod.name} does not run`, { hint: `start it with \`scull pod start ${pod.name}\`` });
  // In one process namespace the infra container's processes are those of all.
  const seen = pod.share.includes('pid') ? running.slice(0, 1) : running;
  const tables = await Promise.all(seen.map(({ record }) => topContainer(engine, record.id, descriptors)));
  return { titles: tables[0]?.titles ?? [], rows: tables.flatMap(({ rows }) => rows) };
}

export interface PodMembership {
  /** Container ids, of pods in order. */
  readonly containers: readonly string[];
  /** Container id → pod. */
  readonly pods: ReadonlyMap<string, PodRecord>;
}

/** The running containers of these pods; of all pods of which something runs unless named. @throws ScullError NO_SUCH_POD */
export function runningMembers(engine: Engine, names: readonly string[]): PodMembership {
  const chosen = names.length === 0 ? readPods(engine) : names.map((name) => findPod(engine, name));
  const pods = new Map<string, PodRecord>();
  for (const pod of chosen) for (const { record, state } of membersOf(engine, pod.id)) if (isRunning(state)) pods.set(record.id, pod);
  return { containers: [...pods.keys()], pods };
}
