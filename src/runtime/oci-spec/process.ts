/** The `process` of config.md, for a container's own process and for those that exec adds. */
import type { ProcessSpec } from '../../oci/runtime-spec.ts';
import type { UlimitSpec } from '../../spec/container-spec.ts';
import type { ResolvedUser } from '../user.ts';
import { capabilitySets } from './capabilities.ts';
import type { HostFacts } from './input.ts';
import { oomScore, processLimits } from './limits.ts';

export interface ProcessInput {
  readonly args: readonly string[];
  /** Complete, see {@link processEnvironment}. */
  readonly env: readonly string[];
  /** Absolute in the container; the runtime makes it where it is missing. */
  readonly cwd: string;
  readonly user: ResolvedUser;
  /** 0o022 unless given. */
  readonly umask?: number;
  /** The caller's own supplementary groups are kept (`--group-add keep-groups`): none are set. */
  readonly keepGroups?: boolean;
  readonly tty: boolean;
  readonly terminalSize?: { readonly height: number; readonly width: number };
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  /** Profile name, `unconfined`, or undefined. */
  readonly apparmor?: string;
  readonly ulimits: readonly UlimitSpec[];
  readonly oomScoreAdj?: number;
  readonly host: Pick<HostFacts, 'lastCapability' | 'limits' | 'oomScoreAdjustment' | 'apparmor' | 'availableGids'>;
}

/** @throws ScullError INVALID, PERMISSION or UNSUPPORTED for capabilities and limits that can't be */
export function buildProcessSpec(input: ProcessInput): ProcessSpec {
  const oom = oomScore(input.oomScoreAdj, input.host.oomScoreAdjustment);
  return {
    terminal: input.tty,
    ...(input.tty && input.terminalSize !== undefined ? { consoleSize: input.terminalSize } : {}),
    user: {
      uid: input.user.uid,
      gid: input.user.gid,
      umask: input.umask ?? 0o022,
      ...additionalGroups(input),
    },
    args: input.args,
    env: input.env,
    cwd: input.cwd,
    capabilities: capabilitySets({
      add: input.capAdd,
      drop: input.capDrop,
      privileged: input.privileged,
      uid: input.user.uid,
      lastCapability: input.host.lastCapability,
    }),
    rlimits: processLimits(input.ulimits, input.host.limits),
    noNewPrivileges: input.noNewPrivileges,
    ...(oom === undefined ? {} : { oomScoreAdj: oom }),
    // Where the kernel has no AppArmor a profile has no meaning; scripts written elsewhere go on working.
    ...(input.host.apparmor && input.apparmor !== undefined && input.apparmor !== 'unconfined' ? { apparmorProfile: input.apparmor } : {}),
  };
}

/**
 * The primary group is listed as well, so that a file can't be opened by leaving a group that it denies (CVE-2022-2989).
 * With a single id mapped the kernel permits no setgroups(2) at all.
 */
function additionalGroups(input: ProcessInput): { additionalGids?: readonly number[] } {
  if (input.keepGroups === true || input.host.availableGids <= 1) return {};
  return { additionalGids: [...new Set([input.user.gid, ...input.user.additionalGids])].sort((a, b) => a - b) };
}

/** Adds what only shows at start: HOSTNAME and HOME where nobody set them, TERM on a terminal. */
export function processEnvironment(env: readonly string[], facts: { readonly hostname?: string; readonly home: string; readonly tty: boolean }): string[] {
  const result = [...env];
  const add = (name: string, value: string): void => {
    if (!env.some((entry) => entry.startsWith(`${name}=`))) result.push(`${name}=${value}`);
  };
  if (facts.tty) add('TERM', 'xterm');
  if (facts.hostname !== undefined) add('HOSTNAME', facts.hostname);
  add('HOME', facts.home);
  return result;
}
