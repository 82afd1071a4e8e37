/**
 * A container as the service of a manager, mostly systemd: what is handed on to it, and what the manager is told (podman-run(1),
 * --sdnotify; sd_notify(3)). Without NOTIFY_SOCKET and LISTEN_FDS in the environment nothing of this happens.
 */
import { mkdirSync } from 'node:fs';
import { environmentVariable } from '../../host/environment.ts';
import { ScullError } from '../../host/errors.ts';
import { notifySocket, passedSockets } from '../../host/service-manager.ts';
import type { Progress } from '../../host/progress.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { GeneratedFile } from '../../runtime/oci-spec/input.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import type { ContainerSpec, SdNotify } from '../../spec/container-spec.ts';
import type { Engine } from '../engine.ts';

/** Where the container's program finds the socket that conmon reads for it. */
const INSIDE = '/run/notify';

export interface Service {
  readonly mode: SdNotify;
  /** The manager's; undefined where there is none that wants to know. */
  readonly socket: string | undefined;
}

export function serviceOf(spec: ContainerSpec): Service {
  // A unit made for a container that is there (generate systemd) speaks for who made it without a word about this.
  const mode = spec.sdNotify ?? (environmentVariable('SCULL_SDNOTIFY') === 'conmon' ? 'conmon' : 'container');
  return { mode, socket: mode === 'ignore' ? undefined : notifySocket() };
}

/** The container's program is to tell the manager itself, through conmon. */
export function proxiedSocket(spec: ContainerSpec): string | undefined {
  const { mode, socket } = serviceOf(spec);
  return mode === 'container' ? socket : undefined;
}

export interface HandedOn {
  readonly environment: readonly string[];
  readonly files: readonly GeneratedFile[];
}

/** What the container gets of it. */
export function handedOn(spec: ContainerSpec, paths: ContainerPaths): HandedOn {
  const environment: string[] = [];
  const files: GeneratedFile[] = [];
  if (proxiedSocket(spec) !== undefined) {
    mkdirSync(paths.notifyDirectory, { recursive: true, mode: 0o755 });
    files.push({ source: paths.notifyDirectory, target: INSIDE });
    environment.push(`NOTIFY_SOCKET=${INSIDE}/notify.sock`);
  }
  const { count, names } = passedSockets();
  // The container's first process is 1 in its own eyes.
  if (count > 0) environment.push(`LISTEN_FDS=${count}`, 'LISTEN_PID=1', ...(names === undefined ? [] : [`LISTEN_FDNAMES=${names}`]));
  return { environment, files };
}

/** Tells the manager that the container runs and which process stands for it. @param monitorPid of conmon, whose end is the service's */
export async function tellStarted(spec: ContainerSpec, monitorPid: number): Promise<void> {
  const { mode, socket } = serviceOf(spec);
  if (socket === undefined) return;
  const { notify } = await import('../../systemd/notify.ts');
  await notify(socket, [`MAINPID=${monitorPid}`, ...(mode === 'conmon' ? ['READY=1', 'STATUS=running'] : [])]);
}

/**
 * With --sdnotify=healthy: waits until the container is, and tells the manager.
 * @throws ScullError WRONG_STATE when it ends or turns unhealthy before
 */
export async function tellWhenHealthy(engine: Engine, record: ContainerRecord, say: (status: string) => void): Promise<void> {
  const { mode, socket } = serviceOf(record.spec);
  if (mode !== 'healthy' || socket === undefined) return;
  await untilHealthy(engine, record, say);
  const { notify } = await import('../../systemd/notify.ts');
  await notify(socket, ['READY=1', 'STATUS=healthy']);
}

/** Waits for the first health check that succeeds. @throws ScullError WRONG_STATE when the container ends or turns unhealthy before */
export async function untilHealthy(engine: Engine, record: ContainerRecord, say: (status: string) => void): Promise<void> {
  const [{ waitContainers }, { healthOf }] = await Promise.all([import('./wait.ts'), import('./health-of.ts')]);
  say('waiting for the first successful health check');
  const [outcome] = await waitContainers(engine, { names: [record.id], conditions: ['healthy', 'unhealthy', 'stopped'] });
  if (outcome?.error !== undefined) throw outcome.error;
  if (healthOf(engine, record, true) !== 'healthy') throw new ScullError('WRONG_STATE', `container ${record.name} did not become healthy`, { hint: `see \`scull logs ${record.name}\` and \`scull inspect ${record.name}\`` });
}

/** Microseconds that a slow phase may take from each word of ours on. */
const EXTENSION = 60_000_000;
/** Milliseconds between two such words. */
const EVERY = 10_000;

/**
 * Keeps the manager patient while something slow goes on: a pull, a layer that is unpacked, a wait for health. TimeoutStartSec is about a
 * start that hangs, not about a large image.
 * @returns progress to be used instead, and what ends it
 */
export function keepPatient(spec: ContainerSpec, progress: Progress): { readonly progress: Progress; readonly say: (status: string) => void; readonly stop: () => void } {
  const { socket } = serviceOf(spec);
  if (socket === undefined) return { progress, say: () => undefined, stop: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  let status = '';
  const tell = (): void => {
    void import('../../systemd/notify.ts').then(({ notify }) => notify(socket, [`EXTEND_TIMEOUT_USEC=${EXTENSION}`, `STATUS=${status}`]));
  };
  const say = (text: string): void => {
    status = text;
    if (timer !== undefined) return;
    tell();
    timer = setInterval(tell, EVERY);
    timer.unref();
  };
  return {
    progress: (event) => {
      if (event.kind === 'start') say(`fetching ${event.what} ${event.id}`);
      else if (event.kind === 'bytes') status = `${event.phase} of ${event.id}: ${Math.round(event.done / 1e6)} MB${event.total === undefined ? '' : ` of ${Math.round(event.total / 1e6)}`}`;
      progress(event);
    },
    say,
    stop: () => clearInterval(timer),
  };
}
