/** The wish for health checks and the image's become one; pure. Times are nanoseconds, as in Docker's records. */
import { ScullError } from '../host/errors.ts';
import type { HealthcheckConfig } from '../oci/image.ts';
import type { HealthSpec } from '../spec/container-spec.ts';

/** A container's health check, all defaults applied. */
export interface HealthPlan {
  /** What inspect shows as Healthcheck. An interval of 0: no timer. */
  readonly healthcheck: HealthcheckConfig & { readonly Test: readonly string[]; readonly Interval: number; readonly Timeout: number; readonly Retries: number };
  readonly startup?: StartupCheck;
  readonly onFailure: 'none' | 'kill' | 'restart' | 'stop';
  /** `local`, `events_logger`, or a directory. */
  readonly logDestination: string;
  /** 0 is no limit. */
  readonly maxLogCount: number;
  /** Characters of output that are kept; 0 is no limit. */
  readonly maxLogSize: number;
}

export interface StartupCheck {
  readonly Test: readonly string[];
  readonly Interval: number;
  readonly Timeout: number;
  /** Failures after which the container is started anew; 0 is never. */
  readonly Retries: number;
  /** Successes in a row that end it; 0 is one. */
  readonly Successes: number;
}

const SECOND = 1e9;
const DEFAULT_SECONDS = 30;
const DEFAULT_RETRIES = 3;

/** @returns undefined where nothing is to be checked @throws ScullError INVALID for a startup check alone */
export function mergeHealth(wish: HealthSpec | undefined, image: HealthcheckConfig | undefined): HealthPlan | undefined {
  const test = wish?.test ?? image?.Test ?? [];
  if (test.length === 0 || test[0] === 'NONE' || test[0] === '' || test.slice(1).join('').trim() === '') {
    if (wish?.startup !== undefined) throw new ScullError('INVALID', 'a startup health check needs a health check, which neither --health-cmd nor the image gives');
    return undefined;
  }
  return {
    healthcheck: {
      Test: test,
      Interval: nanoseconds(wish?.interval, image?.Interval),
      Timeout: nanoseconds(wish?.timeout, image?.Timeout),
      StartPeriod: wish?.startPeriod === undefined ? (image?.StartPeriod ?? 0) : wish.startPeriod * SECOND,
      ...(image?.StartInterval === undefined || image.StartInterval <= 0 ? {} : { StartInterval: image.StartInterval }),
      Retries: wish?.retries ?? positive(image?.Retries) ?? DEFAULT_RETRIES,
    },
    ...(wish?.startup === undefined ? {} : { startup: startupCheck(wish.startup) }),
    onFailure: wish?.onFailure ?? 'none',
    logDestination: wish?.logDestination ?? 'local',
    maxLogCount: wish?.maxLogCount ?? 5,
    maxLogSize: wish?.maxLogSize ?? 500,
  };
}

function startupCheck(wish: NonNullable<HealthSpec['startup']>): StartupCheck {
  return { Test: wish.test, Interval: nanoseconds(wish.interval), Timeout: nanoseconds(wish.timeout), Retries: wish.retries ?? 0, Successes: wish.success ?? 0 };
}

/** An image's 0 means the default (Docker); a user's means no timer. */
function nanoseconds(wish: number | undefined, image?: number): number {
  return wish === undefined ? (positive(image) ?? DEFAULT_SECONDS * SECOND) : Math.round(wish * SECOND);
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** What is executed in the container. */
export function checkCommand(test: readonly string[]): readonly string[] {
  switch (test[0]) {
    case 'CMD':
      return test.slice(1);
    case 'CMD-SHELL':
      return ['/bin/sh', '-c', test.slice(1).join(' ')];
    default:
      return test;
  }
}
