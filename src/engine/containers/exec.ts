/**
 * exec: one more process in a running container. Nothing is recorded, so nothing can leak (users call that sessions elsewhere).
 */
import { readFileSync } from 'node:fs';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { terminalSize } from '../../host/terminal.ts';
import type { ProcessSpec, RuntimeSpec } from '../../oci/runtime-spec.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../runtime/attach.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { startExec } from '../../runtime/exec.ts';
import { readHostFacts } from '../../runtime/host-facts.ts';
import { refuseElsewhere } from '../../runtime/last-run.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { buildProcessSpec, processEnvironment } from '../../runtime/oci-spec/process.ts';
import { rootDirectories } from '../../runtime/root-file-system.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import { resolveUser } from '../../runtime/user.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';
import { refuseUnshared } from '../../userns/unshared.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { forwardExecSignals } from './signals.ts';

export interface ExecOptions {
  readonly command: readonly string[];
  readonly tty?: boolean;
  readonly interactive?: boolean;
  readonly detach?: boolean;
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  /** `K=V`, in order. */
  readonly env?: readonly string[];
  readonly privileged?: boolean;
  readonly detachKeys?: string | undefined;
  /** Descriptors of ours that the command gets too, under their numbers. */
  readonly descriptors?: readonly number[];
}

/**
 * podman-exec(1).
 * @returns the command's exit status; 0 with detach, and when the user left the session with the detach keys
 * @throws ScullError WRONG_STATE, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE
 */
export async function execInContainer(engine: Engine, nameOrId: string, options: ExecOptions): Promise<number> {
  const record = findContainer(engine.store.layout, nameOrId);
  const paths = engine.store.layout.container(record.id);
  const state = readContainerState(paths);
  try {
    return await execNow(engine, record, state, options);
  } catch (error) {
    // What vanishing files and namespaces do to crun and to us has many shapes and one cause.
    if (!isScullError(error, 'TOOL_FAILED') && errnoOf(error) !== 'ENOENT') throw error;
    if (readContainerState(paths).pid === state.pid) throw error;
    throw new ScullError('WRONG_STATE', `container ${record.name} ended while a command was being started in it`, { cause: error, hint: `start it again with \`scull start ${record.name}\`` });
  }
}

async function execNow(engine: Engine, record: ContainerRecord, { status, host }: ContainerState, options: ExecOptions): Promise<number> {
  const { layout } = engine.store;
  const paths = layout.container(record.id);
  if (host !== undefined) refuseElsewhere(paths);
  if (status !== 'running') throw new ScullError('WRONG_STATE', `can only exec into running containers: ${record.name} is ${status}`, { hint: `start it with \`scull start ${record.name}\`` });
  refuseUnshared();
  const tty = options.tty ?? false;
  const stdin = options.interactive ?? false;
  const detachKeys = parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS);
  const session = await startExec({
    layout,
    cgroup: cgroupPlan(),
    id: record.id,
    process: execProcess(engine, record, paths.bundleConfig, options),
    stdin,
    background: options.detach ?? false,
    detachKeys: tty && stdin ? detachKeys : [],
    descriptors: options.descriptors ?? [],
  });
  const signals = forwardExecSignals(session);
  recordContainerEvent(engine, record, 'exec', { attributes: { execCommand: options.command[0] ?? '' } });
  try {
    const exitCode = await session.ended;
    if (options.detach !== true) recordContainerEvent(engine, record, 'exec_died', { exitCode });
    return exitCode;
  } finally {
    signals.dispose();
  }
}

/** The container's own process, changed by the options. */
export function execProcess(engine: Engine, record: ContainerRecord, bundleConfig: string, options: Omit<ExecOptions, 'interactive' | 'detach'>): ProcessSpec {
  const container = (JSON.parse(readFileSync(bundleConfig, 'utf8')) as RuntimeSpec).process;
  const directories = rootDirectories(engine.store.layout, record);
  const user = resolveUser(options.user ?? record.config.user, readRootfsFile(directories, '/etc/passwd') ?? '', readRootfsFile(directories, '/etc/group') ?? '');
  const env = mergeEnvironment(container.env, options.env ?? [], options.user === undefined ? undefined : user.home);
  const built = buildProcessSpec({
    args: options.command,
    env: processEnvironment(env, { home: user.home, tty: options.tty ?? false }),
    cwd: options.workdir ?? container.cwd,
    user: options.user === undefined ? { ...user, additionalGids: container.user.additionalGids ?? [] } : user,
    keepGroups: record.spec.groupAdd.includes('keep-groups'),
    tty: options.tty ?? false,
    ...terminalSizeOf(options),
    capAdd: record.spec.capAdd,
    capDrop: record.spec.capDrop,
    privileged: (options.privileged ?? false) || record.spec.privileged,
    noNewPrivileges: record.spec.security.noNewPrivileges,
    ulimits: record.spec.ulimits,
    host: readHostFacts(defaultIdMaps(), cgroupPlan(), false),
    ...(record.spec.umask === undefined ? {} : { umask: record.spec.umask }),
    ...(record.spec.security.apparmor === undefined ? {} : { apparmor: record.spec.security.apparmor }),
  });
  return built;
}

function terminalSizeOf(options: Pick<ExecOptions, 'tty'>): { terminalSize?: { height: number; width: number } } {
  const size = options.tty === true ? terminalSize() : undefined;
  return size === undefined ? {} : { terminalSize: size };
}

/** Another user has another home. */
function mergeEnvironment(container: readonly string[], given: readonly string[], home: string | undefined): string[] {
  const env = new Map<string, string>();
  for (const entry of [...container, ...(home === undefined ? [] : [`HOME=${home}`]), ...given]) {
    const equals = entry.indexOf('=');
    if (equals > 0) env.set(entry.slice(0, equals), entry);
  }
  return [...env.values()];
}
