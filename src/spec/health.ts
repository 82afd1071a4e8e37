/** Health checks as typed: podman-run(1), `--health-*`. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { HealthSpec } from './container-spec.ts';
import { optional, withoutUndefined } from './defined.ts';
import { parseDuration } from './duration.ts';

/** Values of the flags without `--health-`, e.g. `interval`. */
export interface HealthFlags {
  readonly none?: boolean | undefined;
  readonly cmd?: string | undefined;
  readonly interval?: string | undefined;
  readonly timeout?: string | undefined;
  readonly retries?: number | undefined;
  readonly startPeriod?: string | undefined;
  readonly onFailure?: string | undefined;
  readonly logDestination?: string | undefined;
  readonly maxLogCount?: number | undefined;
  readonly maxLogSize?: number | undefined;
  readonly startupCmd?: string | undefined;
  readonly startupInterval?: string | undefined;
  readonly startupTimeout?: string | undefined;
  readonly startupRetries?: number | undefined;
  readonly startupSuccess?: number | undefined;
}

/** @returns undefined where nothing was asked for @throws ScullError USAGE, INVALID */
export function parseHealth(flags: HealthFlags): HealthSpec | undefined {
  const { none = false, ...others } = flags;
  const some = Object.values(others).some((value) => value !== undefined);
  if (none) {
    if (some) throw new ScullError('USAGE', '--no-healthcheck and --health options cannot be used together');
    return { test: ['NONE'] };
  }
  if (!some) return undefined;
  return withoutUndefined({
    test: optional(flags.cmd, (text) => parseHealthCommand(text, '--health-cmd')),
    interval: optional(flags.interval, (text) => interval(text, '--health-interval')),
    timeout: optional(flags.timeout, (text) => timeout(text, '--health-timeout')),
    startPeriod: optional(flags.startPeriod, (text) => span(text, '--health-start-period')),
    retries: flags.retries,
    onFailure: optional(flags.onFailure, onFailure),
    logDestination: optional(flags.logDestination, logDestination),
    maxLogCount: flags.maxLogCount,
    maxLogSize: flags.maxLogSize,
    startup: startup(flags),
  });
}

function startup(flags: HealthFlags): HealthSpec['startup'] {
  const { startupCmd, startupInterval, startupTimeout, startupRetries, startupSuccess } = flags;
  if (startupCmd !== undefined) {
    return withoutUndefined({
      test: parseHealthCommand(startupCmd, '--health-startup-cmd'),
      interval: optional(startupInterval, (text) => interval(text, '--health-startup-interval')),
      timeout: optional(startupTimeout, (text) => timeout(text, '--health-startup-timeout')),
      retries: startupRetries,
      success: startupSuccess,
    });
  }
  if ([startupInterval, startupTimeout, startupRetries, startupSuccess].some((value) => value !== undefined)) {
    throw new ScullError('USAGE', 'options of startup health checks need --health-startup-cmd');
  }
  return undefined;
}

/** A line for the container's shell, a JSON list of words, or `none`. */
export function parseHealthCommand(text: string, option: string): readonly string[] {
  const trimmed = text.trim();
  if (trimmed === '') throw new ScullError('INVALID', `invalid ${option}: the command is empty`);
  if (trimmed === 'none' || trimmed === 'NONE') return ['NONE'];
  const words = trimmed.startsWith('[') ? jsonWords(trimmed) : undefined;
  if (words === undefined) return ['CMD-SHELL', text];
  if (words.length === 0) throw new ScullError('INVALID', `invalid ${option}: the list is empty`);
  return ['NONE', 'CMD', 'CMD-SHELL'].includes(words[0] as string) ? words : ['CMD', ...words];
}

/** Undefined for what is no list of texts: `[ -f /ready ]` is for a shell. */
function jsonWords(text: string): string[] | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? (value as string[]) : undefined;
  } catch {
    return undefined;
  }
}

function span(text: string, option: string): number {
  const seconds = parseDuration(text, option);
  if (seconds < 0) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: it can't be negative`);
  return seconds;
}

/** 0 where no timer is wanted. */
function interval(text: string, option: string): number {
  return text === 'disable' ? 0 : span(text, option);
}

function timeout(text: string, option: string): number {
  const seconds = span(text, option);
  if (seconds <= 0) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: a check needs some time`);
  return seconds;
}

function onFailure(text: string): NonNullable<HealthSpec['onFailure']> {
  if (text === 'none' || text === 'kill' || text === 'restart' || text === 'stop') return text;
  throw new ScullError('INVALID', `invalid --health-on-failure ${JSON.stringify(text)}: it is one of none, kill, restart, stop`);
}

function logDestination(text: string): string {
  if (text === 'local' || text === 'events_logger' || text.startsWith('/')) return text.startsWith('/') ? posix.normalize(text) : text;
  throw new ScullError('INVALID', `invalid --health-log-destination ${JSON.stringify(text)}: it is local, events_logger, or the absolute path of a directory`);
}
