/** The health of a container: health.json beside its record, replaced after each check and gone with the next start. */
import { readTextIfPresent, writeFileAtomic } from '../host/files.ts';
import type { ContainerPaths } from '../storage/layout.ts';
import type { HealthPlan } from './health-config.ts';

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

/** In the shape of Docker's State.Health. */
export interface HealthState {
  readonly Status: HealthStatus;
  readonly FailingStreak: number;
  readonly Log: readonly HealthLogEntry[];
  /** Of a startup check: not there once it has passed. */
  readonly startup?: { readonly failures: number; readonly successes: number };
}

export interface HealthLogEntry {
  /** RFC 3339 */
  readonly Start: string;
  readonly End: string;
  /** 0 success, 1 failure, -1 it took too long. */
  readonly ExitCode: number;
  readonly Output: string;
}

/** The health of a container that has just been started, or whose file is not there. */
export function firstHealth(plan: HealthPlan): HealthState {
  return { Status: 'starting', FailingStreak: 0, Log: [], ...(plan.startup === undefined ? {} : { startup: { failures: 0, successes: 0 } }) };
}

export function readHealth(paths: ContainerPaths, plan: HealthPlan): HealthState {
  try {
    const value = JSON.parse(readTextIfPresent(paths.healthFile) ?? 'null') as Partial<HealthState> | null;
    if (value !== null && typeof value.Status === 'string' && typeof value.FailingStreak === 'number' && Array.isArray(value.Log)) return value as HealthState;
  } catch (error) {
    // Written by rename without a flush: a power cut may leave it empty, and then the container does not run any more.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return firstHealth(plan);
}

export function writeHealth(paths: ContainerPaths, state: HealthState): void {
  writeFileAtomic(paths.healthFile, JSON.stringify(state), { durable: false });
}

export interface CheckResult {
  readonly start: Date;
  readonly end: Date;
  /** 0 success, 1 failure, -1 it took too long. */
  readonly exitCode: number;
  readonly output: string;
}

export interface Checked {
  readonly state: HealthState;
  /** What --health-on-failure, or a startup check that failed too often, asks for. */
  readonly action: HealthPlan['onFailure'];
  /** Milliseconds until the next check; undefined where there is no timer. */
  readonly next: number | undefined;
}

/** What a check means, after podman-healthcheck(1): pure. @param startedAt milliseconds since the epoch */
export function afterCheck(before: HealthState, result: CheckResult, plan: HealthPlan, startedAt: number): Checked {
  const Log = withEntry(before.Log, result, plan);
  const ok = result.exitCode === 0;
  if (before.startup !== undefined && plan.startup !== undefined) return afterStartupCheck({ ...before, Log }, before.startup, ok, plan, plan.startup);
  const inStartPeriod = result.start.getTime() < startedAt + (plan.healthcheck.StartPeriod ?? 0) / 1e6;
  const FailingStreak = ok ? 0 : before.FailingStreak + (inStartPeriod ? 0 : 1);
  const Status = ok ? 'healthy' : FailingStreak >= plan.healthcheck.Retries ? 'unhealthy' : before.Status;
  const { StartInterval } = plan.healthcheck;
  const interval = StartInterval !== undefined && inStartPeriod && Status === 'starting' ? StartInterval : plan.healthcheck.Interval;
  return { state: { Status, FailingStreak, Log }, action: Status === 'unhealthy' ? plan.onFailure : 'none', next: milliseconds(interval) };
}

/** As long as it has not passed, the container is starting; then the first regular check follows at once. */
function afterStartupCheck(state: HealthState, counts: NonNullable<HealthState['startup']>, ok: boolean, plan: HealthPlan, check: NonNullable<HealthPlan['startup']>): Checked {
  const successes = ok ? counts.successes + 1 : 0;
  const failures = ok ? counts.failures : counts.failures + 1;
  if (successes >= Math.max(check.Successes, 1)) {
    const { startup: _passed, ...rest } = state;
    return { state: rest, action: 'none', next: plan.healthcheck.Interval === 0 ? undefined : 0 };
  }
  const tooMany = check.Retries > 0 && failures >= check.Retries;
  return { state: { ...state, startup: { failures, successes } }, action: tooMany ? 'restart' : 'none', next: milliseconds(check.Interval) };
}

function milliseconds(nanoseconds: number): number | undefined {
  return nanoseconds === 0 ? undefined : Math.max(1, Math.round(nanoseconds / 1e6));
}

function withEntry(log: readonly HealthLogEntry[], result: CheckResult, plan: HealthPlan): readonly HealthLogEntry[] {
  const Output = plan.maxLogSize === 0 ? result.output : [...result.output].slice(0, plan.maxLogSize).join('');
  const entries = [...log, { Start: result.start.toISOString(), End: result.end.toISOString(), ExitCode: result.exitCode, Output }];
  return plan.maxLogCount === 0 ? entries : entries.slice(-plan.maxLogCount);
}

/** Milliseconds until the first check after a start; undefined where there is no timer. */
export function firstCheckAfter(plan: HealthPlan): number | undefined {
  const interval = plan.startup?.Interval ?? plan.healthcheck.Interval;
  // At once (Podman), but not before the program has had a chance.
  return interval === 0 ? undefined : Math.min(100, interval / 1e6);
}
