/** pod start, stop, restart, kill, pause and unpause: the same for each container, the infra container first up and last down. */
import { ScullError } from '../../host/errors.ts';
import { isRunning } from '../../runtime/lifecycle.ts';
import { parseSignal } from '../../spec/signal.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { pauseContainers, unpauseContainers } from '../containers/pause.ts';
import type { Outcome } from '../containers/selection.ts';
import { startContainers } from '../containers/start.ts';
import { killContainers, stopContainers } from '../containers/stop.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { startInfraOf } from './infra.ts';
import { membersOf, othersOf, type Member } from './members.ts';
import { forEachPod, type PodSelection } from './selection.ts';

/** podman-pod-start(1): containers that run already are no error. */
export function startPods(engine: Engine, selection: PodSelection): Promise<Outcome[]> {
  return forEachPod(engine, selection, (pod) => startPod(engine, pod));
}

export async function startPod(engine: Engine, pod: PodRecord): Promise<void> {
  await startInfraOf(engine, pod.id, pod.infra?.name ?? pod.name);
  raise(pod, 'started', await startContainers(engine, { names: idsOf(othersOf(engine, pod.id)) }));
  note(engine, pod, 'start');
}

/** podman-pod-stop(1). @param timeout seconds before SIGKILL; each container's own unless given */
export function stopPods(engine: Engine, selection: PodSelection, timeout?: number): Promise<Outcome[]> {
  return forEachPod(engine, selection, (pod) => stopPod(engine, pod, timeout));
}

async function stopPod(engine: Engine, pod: PodRecord, timeout?: number): Promise<void> {
  const options = timeout === undefined ? {} : { timeout };
  raise(pod, 'stopped', await stopContainers(engine, { names: idsOf(othersOf(engine, pod.id)), ...options, ignore: true }));
  raise(pod, 'stopped', await stopContainers(engine, { names: idsOf(infra(engine, pod)), ...options, ignore: true }));
  note(engine, pod, 'stop');
}

export function restartPods(engine: Engine, selection: PodSelection & { readonly timeout?: number | undefined }): Promise<Outcome[]> {
  return forEachPod(engine, selection, async (pod) => {
    await stopPod(engine, pod, selection.timeout);
    await startPod(engine, pod);
  });
}

/** podman-pod-kill(1): containers that do not run are passed over. @throws ScullError INVALID for a bad signal */
export function killPods(engine: Engine, selection: PodSelection & { readonly signal?: string | undefined }): Promise<Outcome[]> {
  if (selection.signal !== undefined) parseSignal(selection.signal);
  const signal = selection.signal === undefined ? {} : { signal: selection.signal };
  return forEachPod(engine, selection, async (pod) => {
    // Who has ended since we looked has got what was wanted.
    const kill = async (members: readonly Member[]): Promise<void> => raise(pod, 'killed', (await killContainers(engine, { names: idsOf(members.filter(({ state }) => isRunning(state))), ignore: true, ...signal })).filter(({ error }) => error?.code !== 'WRONG_STATE'));
    await kill(othersOf(engine, pod.id));
    await kill(infra(engine, pod));
    note(engine, pod, 'kill');
  });
}

/** podman-pod-pause(1) */
export function pausePods(engine: Engine, selection: PodSelection): Promise<Outcome[]> {
  return forEachPod(engine, selection, async (pod) => {
    raise(pod, 'paused', await pauseContainers(engine, { names: idsOf(membersOf(engine, pod.id).filter(({ state }) => state.status === 'running')) }));
    note(engine, pod, 'pause');
  });
}

/** podman-pod-unpause(1) */
export function unpausePods(engine: Engine, selection: PodSelection): Promise<Outcome[]> {
  return forEachPod(engine, selection, async (pod) => {
    raise(pod, 'unpaused', await unpauseContainers(engine, { names: idsOf(membersOf(engine, pod.id).filter(({ state }) => state.status === 'paused')) }));
    note(engine, pod, 'unpause');
  });
}

function infra(engine: Engine, pod: PodRecord): Member[] {
  return membersOf(engine, pod.id).filter(({ record }) => record.pod?.infra === true);
}

function idsOf(members: readonly Member[]): string[] {
  return members.map(({ record }) => record.id);
}

/** One error for the pod that says what became of which container. */
function raise(pod: PodRecord, done: string, outcomes: readonly Outcome[]): void {
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const [first] = errors;
  if (first === undefined) return;
  const rest = errors.slice(1).map(({ message }) => message);
  throw new ScullError(first.code, `not every container of pod ${pod.name} was ${done}: ${first.message}`, { hint: first.hint, ...(rest.length === 0 ? {} : { detail: rest.join('\n') }), cause: first } as ConstructorParameters<typeof ScullError>[2]);
}

function note(engine: Engine, pod: PodRecord, status: string): void {
  recordEvent(engine, { type: 'pod', status, id: pod.id, name: pod.name, attributes: pod.labels });
}
