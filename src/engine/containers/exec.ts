/**
 * exec: one more process in a running container, started by crun directly: its standard streams are ours, or its terminal
 * is crun's to make. Nothing is recorded, so nothing can leak (users call that sessions elsewhere).
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { randomHex } from '../../host/identity.ts';
import { exitStatus, explainSpawnFailure, minimalEnvironment, start } from '../../host/process.ts';
import { requireTool } from '../../host/tools.ts';
import type { ProcessSpec, RuntimeSpec } from '../../oci/runtime-spec.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { crunGlobals, explainRuntimeFailure } from '../../runtime/crun.ts';
import { readHostFacts } from '../../runtime/host-facts.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { buildProcessSpec, processEnvironment } from '../../runtime/oci-spec/process.ts';
import { rootDirectories } from '../../runtime/root-file-system.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import { resolveUser } from '../../runtime/user.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';
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
  /** How many descriptors from 3 on are passed. */
  readonly preserveFds?: number;
}

/**
 * podman-exec(1).
 * @returns the command's exit status; 0 with detach
 * @throws ScullError WRONG_STATE, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE
 */
export async function execInContainer(engine: Engine, nameOrId: string, options: ExecOptions): Promise<number> {
  const record = findContainer(engine.store.layout, nameOrId);
  const paths = engine.store.layout.container(record.id);
  const { status } = readContainerState(paths);
  if (status !== 'running') throw new ScullError('WRONG_STATE', `can only exec into running containers: ${record.name} is ${status}`, { hint: `start it with \`scull start ${record.name}\`` });
  const processFile = join(paths.bundle, `exec-${randomHex(6)}.json`);
  writeFileSync(processFile, JSON.stringify(execProcess(engine, record, paths.bundleConfig, options)), { mode: 0o600 });
  try {
    return await runExec(engine, record, processFile, options);
  } finally {
    rmSync(processFile, { force: true });
  }
}

/** The container's own process, changed by the options. */
function execProcess(engine: Engine, record: ContainerRecord, bundleConfig: string, options: ExecOptions): ProcessSpec {
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

/** Another user has another home. */
function mergeEnvironment(container: readonly string[], given: readonly string[], home: string | undefined): string[] {
  const env = new Map<string, string>();
  for (const entry of [...container, ...(home === undefined ? [] : [`HOME=${home}`]), ...given]) {
    const equals = entry.indexOf('=');
    if (equals > 0) env.set(entry.slice(0, equals), entry);
  }
  return [...env.values()];
}

function runExec(engine: Engine, record: ContainerRecord, processFile: string, options: ExecOptions): Promise<number> {
  const { layout } = engine.store;
  const crun = requireTool('crun', 'exec').path;
  const pidFile = `${processFile}.pid`;
  const args = [...crunGlobals(layout, cgroupPlan()), 'exec', '--process', processFile, '--pid-file', pidFile];
  if (options.detach === true) args.push('--detach');
  const preserved = options.preserveFds ?? 0;
  if (preserved > 0) args.push('--preserve-fds', String(preserved));
  args.push(record.id);
  const wantsInput = options.interactive === true && options.detach !== true;
  const output = options.detach === true ? 'ignore' : 'inherit';
  const child = start(crun, args, {
    stdio: [wantsInput ? 'inherit' : 'ignore', output, options.detach === true ? 'pipe' : 'inherit', ...Array.from({ length: preserved }, (_, index) => index + 3)],
    env: minimalEnvironment(),
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const signals = forwardExecSignals(child, options.tty ?? false);
  return new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawnFailure(crun, error)));
    child.once(options.detach === true ? 'exit' : 'close', (code, signal) => {
      const status = exitStatus(code, signal);
      if (options.detach === true && status !== 0) reject(explainRuntimeFailure(said));
      else resolve(status);
    });
  }).finally(() => {
    signals.dispose();
    rmSync(pidFile, { force: true });
  });
}
