/** `pod ps`: the table, ids only, JSON in Podman's shape, and what --format templates can ask for. */
import type { PodSummary } from '../../engine/pods/list.ts';
import { ScullError } from '../../host/errors.ts';
import { humanAgo, shortId } from './humanize.ts';
import { renderTable } from './table.ts';

export interface PodsOptions {
  readonly format?: string | undefined;
  readonly quiet?: boolean;
  readonly noTrunc?: boolean;
  readonly noHeading?: boolean;
  readonly containerIds?: boolean;
  readonly containerNames?: boolean;
  readonly containerStatuses?: boolean;
  /** One of {@link POD_SORT_KEYS}; created unless given. */
  readonly sort?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const SORT_VALUES: Readonly<Record<string, (pod: PodSummary) => string | number>> = {
  created: ({ created }) => created,
  id: ({ id }) => id,
  name: ({ name }) => name,
  number: ({ containers }) => containers.length,
  status: ({ status }) => status,
};

const POD_SORT_KEYS = Object.keys(SORT_VALUES);

const HEADINGS: Readonly<Record<string, string>> = {
  ID: 'POD ID', Id: 'POD ID', InfraID: 'INFRA ID', InfraId: 'INFRA ID', NumberOfContainers: '# OF CONTAINERS', ContainerIds: 'IDS', ContainerNames: 'NAMES', ContainerStatuses: 'STATUS',
};

/** Text for standard output. @throws ScullError INVALID for a bad template or sort key */
export async function presentPods(pods: readonly PodSummary[], options: PodsOptions): Promise<string> {
  const sorted = sortPods(pods, options.sort ?? 'created');
  if (options.format === undefined) {
    if (options.quiet === true) return sorted.map(({ id }) => `${shortId(id, options.noTrunc)}\n`).join('');
    return podTable(sorted, options);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(sorted.map(jsonPod), 2);
  return renderRows(sorted.map((pod) => templateRow(pod, options)), options.format, { headings: HEADINGS, ...(options.noHeading === undefined ? {} : { noHeading: options.noHeading }) });
}

function sortPods(pods: readonly PodSummary[], key: string): readonly PodSummary[] {
  const value = Object.hasOwn(SORT_VALUES, key) ? SORT_VALUES[key] : undefined;
  if (value === undefined) throw new ScullError('INVALID', `cannot sort by ${JSON.stringify(key)}`, { hint: `sort by ${POD_SORT_KEYS.join(', ')}` });
  return pods.toSorted((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
}

function podTable(pods: readonly PodSummary[], options: PodsOptions): string {
  const { containerIds = false, containerNames = false, containerStatuses = false } = options;
  const none = !containerIds && !containerNames && !containerStatuses;
  const rows = pods.map((pod) => {
    const row = templateRow(pod, options);
    return [
      row.Id, row.Name, row.Status, row.Created, row.InfraId,
      ...(containerIds ? [row.ContainerIds] : []), ...(containerNames ? [row.ContainerNames] : []), ...(containerStatuses ? [row.ContainerStatuses] : []),
      ...(none ? [String(row.NumberOfContainers)] : []),
    ];
  });
  if (options.noHeading !== true) {
    rows.unshift(['POD ID', 'NAME', 'STATUS', 'CREATED', 'INFRA ID', ...(containerIds ? ['IDS'] : []), ...(containerNames ? ['NAMES'] : []), ...(containerStatuses ? ['STATUS'] : []), ...(none ? ['# OF CONTAINERS'] : [])]);
  }
  return renderTable(rows);
}

/** An element of `podman pod ps --format json`. */
function jsonPod(pod: PodSummary): object {
  return {
    Cgroup: '',
    Containers: pod.containers.map(({ id, name, status, restarts }) => ({ Id: id, Names: name, Status: status, RestartCount: restarts })),
    Created: pod.created,
    Id: pod.id,
    InfraId: pod.infraId,
    Name: pod.name,
    Namespace: '',
    Networks: pod.networks,
    Status: pod.status,
    Labels: pod.labels,
  };
}

function templateRow(pod: PodSummary, { noTrunc, now }: PodsOptions) {
  const id = shortId(pod.id, noTrunc);
  const infra = pod.infraId === '' ? '' : shortId(pod.infraId, noTrunc);
  return {
    ID: id,
    Id: id,
    Name: pod.name,
    Status: pod.status,
    Created: humanAgo(pod.created, now),
    InfraID: infra,
    InfraId: infra,
    NumberOfContainers: pod.containers.length,
    ContainerIds: pod.containers.map((one) => shortId(one.id, noTrunc)).join(','),
    ContainerNames: pod.containers.map(({ name }) => name).join(','),
    ContainerStatuses: pod.containers.map(({ status }) => status).join(','),
    Labels: Object.entries(pod.labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`).join(','),
    Label: (name: unknown) => (typeof name === 'string' && Object.hasOwn(pod.labels, name) ? pod.labels[name] : ''),
    Networks: pod.networks.join(','),
    Namespace: '',
    Cgroup: '',
    Restarts: String(pod.containers.reduce((sum, { restarts }) => sum + restarts, 0)),
  };
}
