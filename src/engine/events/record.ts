/**
 * Noting what happened. Each verb that changes something adds one line (storage/event-log.ts): some twenty microseconds.
 *
 * Only a container's end is not written when it happens, since nobody of ours need live then: the monitor leaves the exit code in
 * a file whose time is that of the end, and who reads events takes it from there. It is written down when that file goes: by
 * the next start, or the removal. It may so be written twice, by two at once; time and id tell that it is the same.
 */
import { existsSync, statSync } from 'node:fs';
import { isScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import type { NetworkDefinition } from '../../spec/network-definition.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import { appendEvent, type EventRecord } from '../../storage/event-log.ts';
import type { Engine } from '../engine.ts';

/** An event that is happening now. */
export type NewEvent = Omit<EventRecord, 'time'> & { readonly time?: string };

/** What happened has happened: that it can't be noted (a full disk) is told, and is no failure of the command. */
export function recordEvent(engine: Engine, event: NewEvent): void {
  try {
    appendEvent(engine.store, { time: new Date().toISOString(), ...event });
  } catch (error) {
    if (!isScullError(error)) throw error;
    engine.progress({ kind: 'message', level: 'warning', text: `the event is missing in \`scull events\`: ${error.message}` });
  }
}

export function recordContainerEvent(engine: Engine, record: ContainerRecord, status: string, more: Partial<Omit<EventRecord, 'type' | 'status' | 'id' | 'name'>> = {}): void {
  recordEvent(engine, { ...containerEvent(record, status), ...more, attributes: { ...record.config.labels, ...more.attributes } });
}

export function recordNetworkEvent(engine: Engine, status: 'create' | 'remove', { id, name, driver }: Pick<NetworkDefinition, 'id' | 'name' | 'driver'>): void {
  recordEvent(engine, { type: 'network', status, id, name, attributes: { driver } });
}

/** As Podman has it, the id is the container's and the name the network's. */
export function recordConnection(engine: Engine, status: 'connect' | 'disconnect', { id }: ContainerRecord, network: string): void {
  recordEvent(engine, { type: 'network', status, id, name: network, attributes: { container: id } });
}

function containerEvent(record: ContainerRecord, status: string): Omit<EventRecord, 'time'> {
  return { type: 'container', status, id: record.id, name: record.name, image: record.image?.name ?? '', attributes: record.config.labels };
}

/** Writes down the container's last end, before what tells of it is removed. */
export function recordEnd(engine: Engine, record: ContainerRecord): void {
  const end = endOf(record, engine.store.layout.container(record.id));
  if (end !== undefined) recordEvent(engine, end);
}

/** The event of the container's last end, undefined where it has none that we know the time of. */
export function endOf(record: ContainerRecord, paths: ContainerPaths): EventRecord | undefined {
  const time = endTime(paths);
  if (time === undefined) return undefined;
  const { exitCode, oomKilled } = readContainerState(paths, false);
  return { time, ...containerEvent(record, 'died'), exitCode, ...(oomKilled ? { oomKilled } : {}) };
}

/** RFC 3339, from what the monitor left. */
export function endTime(paths: ContainerPaths): string | undefined {
  const mtime = statSync(paths.exitFile, { throwIfNoEntry: false })?.mtimeMs;
  // While it is being started, an end is no end yet: a failed start takes everything back.
  return mtime === undefined || !existsSync(paths.startedFile) ? undefined : new Date(Math.floor(mtime)).toISOString();
}
