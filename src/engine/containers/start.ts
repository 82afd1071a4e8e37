/** start: podman-start(1), in the background or attached. */
import { ScullError } from '../../host/errors.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../runtime/attach.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { Engine } from '../engine.ts';
import { attachContainer, type AttachOptions } from './attach.ts';
import { startContainer } from './launch.ts';
import { stayUntilEnd } from './run.ts';
import { forEachSelected, type Outcome, type Selection } from './selection.ts';
import { keepPatient, tellWhenHealthy } from './service-manager.ts';
import { forwardSignals } from './signals.ts';

/** A container that runs already is no error. */
export function startContainers(engine: Engine, selection: Selection): Promise<Outcome[]> {
  return forEachSelected(engine, selection, async ({ record }) => {
    if (isRunning(readContainerState(engine.store.layout.container(record.id)))) return;
    await startContainer(engine, record);
    const patience = keepPatient(record.spec, engine.progress);
    await tellWhenHealthy(engine, record, patience.say).finally(patience.stop);
  });
}

/** Starts one container with our streams connected. @returns its exit code; 0 when the user detached */
export async function startAttached(engine: Engine, nameOrId: string, options: AttachOptions): Promise<number> {
  const record = findContainer(engine.store.layout, nameOrId);
  const interruption = new AbortController();
  const signals = forwardSignals(interruption, options.sigProxy);
  try {
    const attach = { stdin: options.stdin, stdout: true, stderr: true, detachKeys: parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS) };
    const running = await startContainer(engine, record, { attach, abort: interruption.signal, onStart: (pid) => signals.to(pid) });
    if (running === 'running') return await attachContainer(engine, record.id, options);
    if (running.attachment === undefined && record.spec.log.driver !== 'passthrough') throw new ScullError('WRONG_STATE', `container ${record.name} could not be attached to`);
    return (await stayUntilEnd(engine, running)).exitCode ?? 0;
  } finally {
    signals.dispose();
  }
}
