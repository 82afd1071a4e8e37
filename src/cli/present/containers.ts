/** `ps`: the table, ids only, JSON in Podman's shape, and what --format templates of Docker and Podman can ask for. */
import { ScullError } from '../../host/errors.ts';
import type { ContainerSummary } from '../../engine/containers/list.ts';
import { goTime, humanAgo, humanDuration, humanSize, shortId, truncate } from './humanize.ts';
import { portsText } from './ports.ts';
import { renderTable } from './table.ts';

export interface PsOptions {
  readonly format?: string;
  readonly quiet?: boolean;
  readonly noTrunc?: boolean;
  readonly noHeading?: boolean;
  readonly size?: boolean;
  /** Columns for their pods. */
  readonly pod?: boolean;
  /** The numbers of their namespaces instead. */
  readonly namespaces?: boolean;
  /** One of {@link PS_SORT_KEYS}; created unless given. */
  readonly sort?: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const PS_SORT_KEYS = ['command', 'created', 'id', 'image', 'names', 'runningfor', 'size', 'status'] as const;

/** Podman cuts a command after this many characters. */
const COMMAND_LENGTH = 17;
/** What Podman's JSON has for a time that never was: Go's zero time in unix seconds. */
const NEVER = -62135596800;

/** Text for standard output. @throws ScullError INVALID for a bad template or sort key */
export async function presentContainers(containers: readonly ContainerSummary[], options: PsOptions): Promise<string> {
  const sorted = sortContainers(containers, options.sort ?? 'created');
  if (options.format === undefined) {
    if (options.quiet === true) return sorted.map((one) => `${shortId(one.id, options.noTrunc)}\n`).join('');
    return options.namespaces === true ? namespaceTable(sorted, options) : containerTable(sorted, options);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(sorted.map((one) => jsonContainer(one, options.now)), 2);
  return renderRows(sorted.map((one) => templateRow(one, options)), options.format, { headings: HEADINGS, noHeading: options.noHeading });
}

const HEADINGS: Readonly<Record<string, string>> = {
  ID: 'CONTAINER ID', CreatedHuman: 'CREATED', PodName: 'PODNAME', Pod: 'POD ID', LocalVolumes: 'LOCAL VOLUMES', ImageID: 'IMAGE ID',
};

function containerTable(containers: readonly ContainerSummary[], options: PsOptions): string {
  const rows = containers.map((one) => {
    const row = [
      shortId(one.id, options.noTrunc),
      one.image,
      commandText(one, options.noTrunc),
      humanAgo(one.created, options.now),
      statusText(one, options.now),
      portsText(one.ports, one.exposedPorts),
      one.name,
    ];
    if (options.pod === true) row.push(shortId(one.pod?.id ?? '', options.noTrunc), one.pod?.name ?? '');
    if (options.size === true) row.push(sizeText(one));
    return row;
  });
  if (options.noHeading !== true) {
    const head = ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES'];
    if (options.pod === true) head.push('POD ID', 'PODNAME');
    if (options.size === true) head.push('SIZE');
    rows.unshift(head);
  }
  return renderTable(rows);
}

function namespaceTable(containers: readonly ContainerSummary[], options: PsOptions): string {
  const rows = containers.map((one) => {
    const { cgroup = '', ipc = '', mnt = '', net = '', pid = '', user = '', uts = '' } = one.namespaces ?? {};
    return [shortId(one.id, options.noTrunc), one.name, String(one.state.pid), cgroup, ipc, mnt, net, pid, user, uts];
  });
  if (options.noHeading !== true) rows.unshift(['CONTAINER ID', 'NAMES', 'PID', 'CGROUPNS', 'IPC', 'MNT', 'NET', 'PIDNS', 'USERNS', 'UTS']);
  return renderTable(rows);
}

/** `Up 3 minutes (healthy)`, `Exited (0) 5 seconds ago`, `Restarting (1) 5 seconds ago`, `Created`, `Paused`. */
function statusText(container: Pick<ContainerSummary, 'state'> & Partial<Pick<ContainerSummary, 'health' | 'restarting' | 'networkTrouble'>>, now: number): string {
  const { state, health, restarting = false, networkTrouble } = container;
  switch (state.status) {
    case 'running':
      return `Up ${humanDuration(now - Date.parse(state.startedAt))}${health === undefined ? '' : ` (${health})`}${networkTrouble === undefined ? '' : ` (${networkTrouble})`}`;
    case 'exited': {
      const ago = humanAgo(state.finishedAt, now);
      return `${restarting ? 'Restarting' : 'Exited'} (${state.exitCode})${ago === '' ? '' : ` ${ago}`}${state.oomKilled ? ' (out of memory)' : ''}`;
    }
    default:
      return state.status.charAt(0).toUpperCase() + state.status.slice(1);
  }
}

function commandText(container: ContainerSummary, whole: boolean | undefined): string {
  const command = container.command.join(' ');
  return whole === true ? command : truncate(command, COMMAND_LENGTH);
}

function sizeText(container: ContainerSummary): string {
  if (container.size === undefined) return '';
  return `${humanSize(container.size.rw)} (virtual ${humanSize(container.size.rootFs)})`;
}

function sortContainers(containers: readonly ContainerSummary[], key: string): ContainerSummary[] {
  const value = Object.hasOwn(SORT_VALUES, key) ? SORT_VALUES[key] : undefined;
  if (value === undefined) throw new ScullError('INVALID', `cannot sort by ${JSON.stringify(key)}`, { hint: `sort by ${PS_SORT_KEYS.join(', ')}` });
  const keyed = containers.map((one) => ({ one, value: value(one) }));
  keyed.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.one.created < b.one.created ? -1 : a.one.created > b.one.created ? 1 : 0));
  return keyed.map(({ one }) => one);
}

const SORT_VALUES: Readonly<Record<string, (one: ContainerSummary) => string | number>> = {
  command: (one) => one.command.join(' '),
  created: (one) => one.created,
  id: (one) => one.id,
  image: (one) => one.image,
  names: (one) => one.name,
  runningfor: (one) => one.state.startedAt,
  size: (one) => one.size?.rootFs ?? 0,
  status: (one) => one.state.status,
};

/** An element of `podman ps --format json`. Lists and maps are empty where Podman has null, so that jq can walk them. */
function jsonContainer(one: ContainerSummary, now: number): object {
  return {
    AutoRemove: one.autoRemove,
    Command: one.command,
    CreatedAt: humanAgo(one.created, now),
    CIDFile: one.cidFile ?? '',
    Exited: one.state.status === 'exited',
    ExitedAt: unixSeconds(one.state.finishedAt),
    ExitCode: one.state.exitCode,
    ExposedPorts: exposedByNumber(one.exposedPorts),
    Id: one.id,
    Image: one.image,
    ImageID: shortId(one.imageId, true),
    IsInfra: one.pod?.infra ?? false,
    Labels: one.labels,
    Mounts: one.mounts.map((mount) => mount.target),
    Names: [one.name],
    Namespaces: {},
    Networks: one.networks,
    Pid: one.state.pid,
    Pod: one.pod?.id ?? '',
    PodName: one.pod?.name ?? '',
    Ports: one.ports.map((port) => ({ host_ip: port.hostIp, container_port: port.containerPort, host_port: port.hostPort ?? 0, range: port.range, protocol: port.protocol })),
    Restarts: one.restarts,
    Size: one.size === undefined ? null : { rootFsSize: one.size.rootFs, rwSize: one.size.rw },
    StartedAt: unixSeconds(one.state.startedAt),
    State: one.state.status,
    Status: statusText(one, now),
    Created: unixSeconds(one.created),
  };
}

function unixSeconds(time: string): number {
  const value = Date.parse(time);
  return Number.isNaN(value) ? NEVER : Math.floor(value / 1000);
}

/** `80/tcp`, `53/udp` → `{"53": ["udp"], "80": ["tcp"]}` */
function exposedByNumber(exposed: readonly string[]): Record<string, string[]> {
  const byNumber: Record<string, string[]> = {};
  for (const port of exposed) {
    const [number = '', protocol = 'tcp'] = port.split('/');
    (byNumber[number] ??= []).push(protocol);
  }
  return byNumber;
}

/** The names that templates use, Docker's and Podman's; what Docker has as text is text, so `{{json .}}` is Docker's too. */
function templateRow(one: ContainerSummary, options: PsOptions): object {
  const ago = humanAgo(one.created, options.now);
  const mounts = one.mounts.map((mount) => mount.name ?? mount.source);
  return {
    Command: commandText(one, options.noTrunc),
    CreatedAt: goTime(one.created),
    ID: shortId(one.id, options.noTrunc),
    Image: one.image,
    Labels: Object.entries(one.labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`).join(','),
    LocalVolumes: String(one.mounts.filter((mount) => mount.type === 'volume').length),
    Mounts: (options.noTrunc === true ? mounts : mounts.map((mount) => (mount.length > 15 ? `${mount.slice(0, 14)}…` : mount))).join(','),
    Names: one.name,
    Networks: one.networks.join(','),
    Ports: portsText(one.ports, one.exposedPorts),
    RunningFor: ago,
    Size: sizeText(one),
    State: one.state.status,
    Status: statusText(one, options.now),
    // Podman's own
    AutoRemove: one.autoRemove,
    CIDFile: one.cidFile ?? '',
    Created: goTime(one.created),
    CreatedHuman: ago,
    ExitCode: one.state.exitCode,
    Exited: one.state.status === 'exited',
    ExitedAt: unixSeconds(one.state.finishedAt),
    ExposedPorts: new Map(Object.entries(exposedByNumber(one.exposedPorts))),
    ImageID: shortId(one.imageId, options.noTrunc),
    IsInfra: one.pod?.infra ?? false,
    Pid: one.state.pid,
    Pod: shortId(one.pod?.id ?? '', options.noTrunc),
    PodName: one.pod?.name ?? '',
    Restarts: one.restarts,
    Health: one.health ?? '',
    StartedAt: unixSeconds(one.state.startedAt),
    Label: (name: unknown) => (typeof name === 'string' && Object.hasOwn(one.labels, name) ? one.labels[name] : ''),
  };
}
