/** Resource limits of the process, setrlimit(2), and its OOM score: what an unprivileged caller may hand on. */
import { ScullError } from '../../host/errors.ts';
import type { UlimitSpec } from '../../spec/container-spec.ts';
import type { HostFacts, Limit } from './input.ts';

/** As Podman: files and processes up to this, where the caller has as much. */
const DEFAULT_LIMIT = 1_048_576;

export interface Rlimit {
  readonly type: string;
  readonly hard: number;
  readonly soft: number;
}

/**
 * The runtime reads -1 as "no limit". Nothing is raised above the caller's hard limit: only root could, and the kernel's
 * own message for it helps nobody.
 * @throws ScullError PERMISSION naming the limit
 */
export function processLimits(ulimits: readonly UlimitSpec[], callers: HostFacts['limits']): Rlimit[] {
  if (ulimits.some((limit) => limit.name === 'host')) return [];
  const limits = new Map<string, Rlimit>();
  for (const name of ['nofile', 'nproc']) {
    const caller = callers[name];
    if (caller === undefined) continue;
    const most = Math.min(DEFAULT_LIMIT, caller.hard);
    limits.set(name, rlimit(name, most, most));
  }
  for (const { name, soft, hard } of ulimits) {
    const caller = callers[name];
    if (caller !== undefined) requireWithin(name, soft, hard, caller);
    limits.set(name, rlimit(name, soft, hard));
  }
  return [...limits.values()];
}

function requireWithin(name: string, soft: number, hard: number, caller: Limit): void {
  const asked = hard === -1 ? Infinity : hard;
  if (asked <= caller.hard) return;
  const value = asked === Infinity ? 'unlimited' : String(asked);
  throw new ScullError('PERMISSION', `cannot set the ${name} limit to ${soft === -1 ? 'unlimited' : soft}:${value}: your own hard limit is ${caller.hard}`, {
    hint: `use --ulimit ${name}=${caller.hard}, or have an administrator raise yours in /etc/security/limits.conf`,
  });
}

function rlimit(name: string, soft: number, hard: number): Rlimit {
  return { type: `RLIMIT_${name.toUpperCase()}`, hard, soft };
}

/** An unprivileged user can't make a process less likely to be killed than he is: what is below his own becomes his own. */
export function oomScore(asked: number | undefined, callers: number): number | undefined {
  return asked === undefined ? undefined : Math.max(asked, callers);
}
