/**
 * RUN: a container like any other, made of the stage's layers, whose changes become the next layer. It goes through the same
 * pipe as `run` (containers/launch.ts) and is removed at its end; if this process is killed, the build's keeper has it ended.
 */
import { ScullError } from '../../host/errors.ts';
import { randomId } from '../../host/identity.ts';
import { killQuietly } from '../../host/kill.ts';
import { digestHex, type Digest } from '../../oci/digest.ts';
import type { ImageConfig } from '../../oci/image.ts';
import { formatPlatform, hostPlatform } from '../../oci/platform.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { claimContainer } from '../../runtime/claim.ts';
import { CONTAINER_FORMAT, type ContainerRecord, type ResolvedMount } from '../../runtime/container-record.ts';
import { commitContainer, reserveName } from '../../runtime/container-store.ts';
import { unnotedEnd } from '../../runtime/late-failure.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { mergeConfig } from '../../runtime/merge.ts';
import type { RunStep } from '../../build/plan/step.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type NetworkMode } from '../../spec/container-spec.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { startContainer } from '../containers/launch.ts';
import { resolveMounts } from '../containers/mounts.ts';
import { removeClaimed } from '../containers/removal.ts';
import { commitLayer } from './commit.ts';
import { STEP_IMAGE, type StepLabel } from './options.ts';
import type { BuildSession } from './session.ts';

/** A command of a build that ended with another status than 0. */
export class CommandFailed extends ScullError {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super('TOOL_FAILED', message);
    this.exitCode = exitCode;
  }
}

export interface RunWork {
  readonly step: RunStep;
  readonly label: StepLabel;
  readonly layers: readonly LayerRef[];
  /** The stage's so far. */
  readonly config: ImageConfig;
  /** --mount, resolved. */
  readonly mounts: readonly ResolvedMount[];
  /** Secrets as variables, `K=V`. */
  readonly secretEnvironment: readonly string[];
}

/** @returns the new layer; undefined where the command changed no files @throws CommandFailed; ScullError */
export async function runCommandStep(session: BuildSession, work: RunWork): Promise<LayerRef | undefined> {
  const { engine } = session;
  const { layout } = engine.store;
  if (work.layers.length === 0) throw new ScullError('INVALID', 'there is nothing to run in an empty file system', { hint: 'COPY a program into it first, or begin with FROM an image' });
  await session.keep();
  const record = await makeRecord(session, work);
  reserveName(layout, record.name, record.id);
  await claimContainer(layout, cgroupPlan(), record.id, { autoRemove: true, stays: true });
  try {
    commitContainer(layout, record, false);
    await execute(session, work, record);
    const { upper } = layout.container(record.id);
    return await commitLayer(session, work.layers, upper, mountPlaces(record));
  } finally {
    session.beside(removeClaimed(engine, record, false));
  }
}

async function execute(session: BuildSession, work: RunWork, record: ContainerRecord): Promise<void> {
  const { engine, options } = session;
  const isForeign = work.config.architecture !== hostPlatform().architecture;
  let notExecutable = false;
  const running = await startContainer(engine, record, {
    claimed: true,
    abort: session.abort.signal,
    capture: (stream, chunk) => {
      // What crun says where the kernel knows nothing to execute the program with.
      if (isForeign && stream === 'stderr') notExecutable ||= /exec format error/i.test(Buffer.from(chunk).toString());
      options.onEvent({ kind: 'output', step: work.label, stream, chunk });
    },
    secretEnvironment: work.secretEnvironment,
  });
  if (running === 'running') throw new ScullError('WRONG_STATE', `container ${record.name} was started by another command`);
  const stop = (): void => killQuietly(running.pid);
  session.abort.signal.addEventListener('abort', stop, { once: true });
  if (session.abort.signal.aborted) stop();
  try {
    await Promise.all([running.monitor.ended, running.monitor.captured]);
  } finally {
    session.abort.signal.removeEventListener('abort', stop);
  }
  session.checkAborted();
  const paths = engine.store.layout.container(record.id);
  const { exitCode } = readContainerState(paths);
  if (exitCode !== 0 && notExecutable) {
    throw new ScullError('UNSUPPORTED', `programs for ${formatPlatform(work.config)} can't be executed here: there is no emulation for them`, {
      hint: 'install it (Debian: sudo apt-get install qemu-user-static), or run the step for this machine: FROM --platform=$BUILDPLATFORM',
    });
  }
  if (exitCode !== 0) throw unnotedEnd(record, paths, undefined) ?? new CommandFailed(exitCode, `the command ended with status ${exitCode}: ${shown(work.step.words)}`);
}

function shown(words: readonly string[]): string {
  const text = words.join(' ').replace(/\s+/g, ' ');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

async function makeRecord(session: BuildSession, work: RunWork): Promise<ContainerRecord> {
  const id = randomId();
  const name = `build-${id.slice(0, 12)}`;
  const spec = await makeSpec(session, work, name);
  const config = mergeConfig(spec, work.config, { id, name, callerEnvironment: {}, callerUid: process.getuid?.() ?? 0, callerGid: process.getgid?.() ?? 0 });
  const more = await resolveMounts(session.engine, spec, undefined);
  return {
    format: CONTAINER_FORMAT,
    id,
    name,
    created: new Date().toISOString(),
    spec,
    image: { id: `sha256:${'0'.repeat(64)}` as Digest, manifestDigest: `sha256:${'0'.repeat(64)}` as Digest, name: STEP_IMAGE, layers: work.layers.map((layer) => digestHex(layer.chainId)) },
    config: { ...config, mounts: [...work.mounts, ...more.filter((mount) => !work.mounts.some((own) => own.target === mount.target))] },
  };
}

async function makeSpec(session: BuildSession, { step }: RunWork, name: string): Promise<ContainerSpec> {
  const { run } = session.options;
  const mode: NetworkMode | undefined = step.network === undefined || step.network === 'default' ? undefined : { mode: step.network };
  const security = step.security === 'insecure' ? insecure(session) : {};
  return {
    ...EMPTY_CONTAINER_SPEC,
    ...run,
    ...security,
    name,
    image: 'build',
    entrypoint: [],
    command: step.words,
    // Nothing of the caller's environment gets in (CVE-2021-3602), but for the proxies that were given.
    environment: { set: [...step.env, ...step.proxies], host: false, unset: [], unsetAll: false },
    httpProxy: false,
    hostname: 'build',
    imageVolume: 'ignore',
    // A user whom the image does not know is none of the image's users afterwards.
    passwd: false,
    network: { ...run.network, ...(mode === undefined ? {} : { mode }) },
    log: { driver: 'passthrough', labels: [] },
    autoRemove: true,
  };
}

/** CVE-2024-23653: a file alone can't ask for more rights. */
function insecure(session: BuildSession): Partial<ContainerSpec> {
  if (session.options.allowInsecure) return { privileged: true };
  throw new ScullError('PERMISSION', 'RUN --security=insecure is not allowed', { hint: 'allow it with --allow security.insecure' });
}

/** Where the runtime or we mount something: what is made there for it is no part of the layer. */
function mountPlaces(record: ContainerRecord): string[] {
  const targets = ['dev', 'proc', 'sys', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'run/.containerenv', ...record.config.mounts.map((mount) => mount.target)];
  const places = new Set<string>();
  for (const target of targets) {
    const parts = target.split('/').filter((part) => part !== '');
    for (let depth = 1; depth <= parts.length; depth++) places.add(parts.slice(0, depth).join('/'));
  }
  return [...places].sort();
}
