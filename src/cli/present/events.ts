/** `events`: a line each, in Podman's words; `json` in Podman's shape, `{{json .}}` in Docker's. */
import type { EventRecord } from '../../storage/event-log.ts';
import { escapeControl } from '../escape.ts';
import { goTime, shortId } from './humanize.ts';
import { isJsonFormat, renderJson, renderObject } from './format.ts';

export interface EventsFormat {
  readonly format?: string | undefined;
  /** False cuts ids. */
  readonly noTrunc: boolean;
}

/** Makes of each event a line. @throws ScullError INVALID for a bad template, when the first one is shown */
export function eventPresenter(options: EventsFormat): (event: EventRecord) => string {
  const { format } = options;
  if (format === undefined) return (event) => `${escapeControl(eventLine(event, options.noTrunc))}\n`;
  if (isJsonFormat(format)) return (event) => renderJson(podmanEvent(event), 0);
  if (/^\s*\{\{\s*json\s+\.\s*\}\}\s*$/.test(format)) return (event) => renderJson(dockerEvent(event), 0);
  return (event) => renderObject(templateFields(event), format);
}

function eventLine(event: EventRecord, noTrunc: boolean): string {
  const { type, status } = event;
  const id = noTrunc ? event.id : shortId(event.id, false);
  const start = `${goTime(event.time)} ${type} ${status}`;
  const pairs = (entries: readonly (readonly [string, string])[]): string => ` (${entries.map(([key, value]) => `${key}=${value}`).join(', ')})`;
  switch (type) {
    case 'container':
    case 'pod':
      return `${start} ${id}${pairs([['image', event.image ?? ''], ['name', event.name], ...details(event), ...Object.entries(event.attributes ?? {})])}`;
    case 'network':
      return `${start} ${id}${pairs(networkDetails(event, id))}`;
    case 'image':
      return `${start} ${id} ${event.name}${event.error === undefined ? '' : ` ${event.error}`}`;
    case 'secret':
      return `${start} ${id}`;
    default:
      return `${start} ${event.name}`.trimEnd();
  }
}

/** Of a network its driver; of one that a container was connected to, or disconnected from, that. */
function networkDetails({ name, attributes = {} }: EventRecord, id: string): [string, string][] {
  const { driver } = attributes;
  return driver === undefined ? [['container', id], ['name', name]] : [['name', name], ['type', driver]];
}

function details(event: EventRecord): [string, string][] {
  return [
    ...(event.exitCode === undefined ? [] : [['exitCode', String(event.exitCode)] as [string, string]]),
    ...(event.oomKilled === true ? [['oomKilled', 'true'] as [string, string]] : []),
    ...(event.health === undefined ? [] : [['health_status', event.health] as [string, string]]),
  ];
}

/** Podman's json lines. Nanoseconds are more digits than a JavaScript number has: the last three are zeros. */
function podmanEvent(event: EventRecord): object {
  const milliseconds = Date.parse(event.time);
  return {
    ...(event.exitCode === undefined ? {} : { ContainerExitCode: event.exitCode }),
    ...(event.oomKilled === undefined ? {} : { OOMKilled: event.oomKilled }),
    ...(event.id === '' ? {} : { ID: event.id }),
    ...(event.image === undefined ? {} : { Image: event.image }),
    ...(event.name === '' ? {} : { Name: event.name }),
    ...(event.type === 'network' ? { network: event.name } : {}),
    Status: event.status,
    time: Math.floor(milliseconds / 1000),
    timeNano: milliseconds * 1_000_000,
    Type: event.type,
    ...(event.health === undefined ? {} : { health_status: event.health }),
    ...(event.error === undefined ? {} : { Error: event.error }),
    Attributes: event.attributes ?? {},
  };
}

const DOCKER_ACTIONS: Readonly<Record<string, string>> = { died: 'die', remove: 'destroy', loadFromArchive: 'load', exec: 'exec_start', exec_died: 'exec_die' };

/** An event as Docker's API has it: what programs that watch containers read. */
function dockerEvent(event: EventRecord): object {
  const milliseconds = Date.parse(event.time);
  const word = event.type === 'image' && event.status === 'remove' ? 'delete' : (DOCKER_ACTIONS[event.status] ?? event.status);
  const action = event.health === undefined ? word : `${word}: ${event.health}`;
  const attributes = {
    ...event.attributes,
    ...(event.image === undefined ? {} : { image: event.image }),
    ...(event.exitCode === undefined ? {} : { exitCode: String(event.exitCode) }),
    name: event.name,
  };
  return {
    ...(event.type === 'container' ? { status: action, id: event.id, from: event.image ?? '' } : {}),
    Type: event.type,
    Action: action,
    Actor: { ID: event.type === 'volume' ? event.name : event.id, Attributes: attributes },
    scope: 'local',
    time: Math.floor(milliseconds / 1000),
    timeNano: milliseconds * 1_000_000,
  };
}

/** Podman's names; Docker's (Action, Actor) too. */
function templateFields(event: EventRecord): object {
  return {
    Attributes: new Map(Object.entries(event.attributes ?? {})),
    ContainerExitCode: event.exitCode ?? '',
    OOMKilled: event.oomKilled ?? false,
    Error: event.error ?? '',
    HealthStatus: event.health ?? '',
    ID: event.id,
    Image: event.image ?? '',
    Name: event.name,
    Network: event.type === 'network' ? event.name : '',
    PodID: '',
    Status: event.status,
    Time: Math.floor(Date.parse(event.time) / 1000),
    TimeNano: Date.parse(event.time) * 1_000_000,
    Type: event.type,
    ...(dockerEvent(event) as { Action: string; Actor: object }),
  };
}
