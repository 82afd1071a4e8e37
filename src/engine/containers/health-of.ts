/** What is known of a container's health, for listings: one small file, and only of those that have a check. */
import { readHealth, type HealthStatus } from '../../runtime/health-state.ts';
import type { ListedRecord } from '../../runtime/listing.ts';
import type { Engine } from '../engine.ts';

/** Undefined for a container that has no check or does not run. */
export function healthOf(engine: Engine, record: Pick<ListedRecord, 'id' | 'config'>, runs: boolean): HealthStatus | undefined {
  const { health } = record.config;
  return health === undefined || !runs ? undefined : readHealth(engine.store.layout.container(record.id), health).Status;
}
