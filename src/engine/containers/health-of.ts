/** What is known of a container's health, for listings: one small file, and only of those that have a check. */
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readHealth, type HealthStatus } from '../../runtime/health-state.ts';
import type { Engine } from '../engine.ts';

/** Undefined for a container that has no check or does not run. */
export function healthOf(engine: Engine, record: ContainerRecord, runs: boolean): HealthStatus | undefined {
  const { health } = record.config;
  return health === undefined || !runs ? undefined : readHealth(engine.store.layout.container(record.id), health).Status;
}
