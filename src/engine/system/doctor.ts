/** `scull doctor`: tries each capability by doing it, all at once, and says what is lost without it and what helps. */
import { ScullError } from '../../host/errors.ts';
import type { Engine } from '../engine.ts';
import { CHECKS, type Check } from './checks.ts';

export interface DoctorReport {
  /** True when nothing is missing; there may be warnings. */
  readonly healthy: boolean;
  readonly checks: readonly Check[];
}

/** Runs every check. A check that itself breaks is a finding, never an exception. */
export async function doctor(engine: Engine): Promise<DoctorReport> {
  const checks = await Promise.all(
    CHECKS.map(async ([name, check]): Promise<Check> => {
      try {
        return { name, ...(await check(engine)) };
      } catch (error) {
        const hint = error instanceof ScullError ? error.hint : undefined;
        return { name, status: 'missing', found: `could not be tried: ${(error as Error).message}`, ...(hint === undefined ? {} : { fix: hint }) };
      }
    }),
  );
  return { healthy: checks.every((check) => check.status !== 'missing'), checks };
}
