/** attach: podman-attach(1). */
import { ScullError } from '../../host/errors.ts';
import { DEFAULT_DETACH_KEYS, OUTPUT_CLOSED, parseDetachKeys, startAttach } from '../../runtime/attach.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { refuseElsewhere } from '../../runtime/last-run.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { askForExitCode, keptExitCode } from './exit-codes.ts';
import { forwardSignals } from './signals.ts';
import { waitForEnd } from './stop.ts';

export interface AttachOptions {
  readonly stdin: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys?: string | undefined;
}

/**
 * Connects our streams with a running container's until it ends.
 * @returns its exit code; 0 when the user detached, {@link OUTPUT_CLOSED} when nobody reads our output any more
 * @throws ScullError WRONG_STATE when it does not run, or was started with --log-driver=passthrough
 */
export async function attachContainer(engine: Engine, nameOrId: string, options: AttachOptions): Promise<number> {
  const record = findContainer(engine.store.layout, nameOrId);
  const paths = engine.store.layout.container(record.id);
  const state = readContainerState(paths);
  if (state.host !== undefined) refuseElsewhere(paths);
  if (state.status === 'paused') throw new ScullError('WRONG_STATE', `container ${record.name} is paused, unpause it first`);
  if (state.status !== 'running') throw new ScullError('WRONG_STATE', `you can only attach to running containers: ${record.name} is ${state.status}`);
  if (record.spec.log.driver === 'passthrough') throw new ScullError('WRONG_STATE', `container ${record.name} has the streams of the command that started it (--log-driver=passthrough): there is nothing to attach to`);
  askForExitCode(engine.store.layout, record.id);
  const signals = forwardSignals(new AbortController(), options.sigProxy);
  signals.to(state.pid);
  try {
    const attachment = startAttach({
      paths,
      terminal: record.spec.tty,
      stdin: options.stdin && record.spec.interactive,
      stdout: true,
      stderr: true,
      detachKeys: parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS),
    });
    recordContainerEvent(engine, record, 'attach');
    const end = await attachment.ended;
    if (end === 'detached' || end === 'output-closed') return end === 'detached' ? 0 : OUTPUT_CLOSED;
    await waitForEnd(engine, record.id, 10_000);
    if (end instanceof ScullError) throw end;
    const after = readContainerState(paths);
    return after.status === 'exited' ? after.exitCode : (keptExitCode(engine.store.layout, record.id) ?? 0);
  } finally {
    signals.dispose();
  }
}
