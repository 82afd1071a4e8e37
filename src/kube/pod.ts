/** The specification of a pod: what its infra container is to have, its volumes, its containers. docs/kubernetes_support.md of Podman is the measure. */
import { ScullError } from '../host/errors.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type PortRequest, type RestartSpec } from '../spec/container-spec.ts';
import { parseHostname } from '../spec/hostname.ts';
import { isName } from '../spec/name.ts';
import { parseAddHost, parseDns, parseDnsOption, parseDnsSearch } from '../spec/network.ts';
import { parseSysctl } from '../spec/sysctl.ts';
import { readContainer, type KubeContainer } from './container.ts';
import type { Fields } from './fields.ts';
import { NOTES_OF_CLUSTERS } from './metadata.ts';
import { readPodSecurity } from './security.ts';
import { readVolume, type KubeVolume } from './volume.ts';

export interface KubePod {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** For `pod create`: network, host name, namespaces, sysctls; ports are those with a hostPort. */
  readonly spec: ContainerSpec;
  /** Ports of its containers without a hostPort, for --publish-all. */
  readonly unpublished: readonly PortRequest[];
  readonly sharesProcesses: boolean;
  /** False where it asks for ids of its own. */
  readonly hostUsers: boolean;
  readonly volumes: readonly KubeVolume[];
  readonly initContainers: readonly KubeContainer[];
  readonly containers: readonly KubeContainer[];
}

/** What only a cluster can do anything with. */
const OF_CLUSTERS = [
  'nodeSelector', 'nodeName', 'affinity', 'tolerations', 'schedulerName', 'topologySpreadConstraints', 'serviceAccountName', 'serviceAccount', 'automountServiceAccountToken',
  'enableServiceLinks', 'dnsPolicy', 'priority', 'priorityClassName', 'preemptionPolicy', 'os', 'imagePullSecrets', 'readinessGates', 'overhead',
];

/**
 * @param fields a Pod, or the template of a workload
 * @param given --annotation
 * @param workload what the template is of
 * @throws ScullError INVALID
 */
export function readPod(fields: Fields, given: Readonly<Record<string, string>>, workload?: { readonly name: string; readonly annotations: Readonly<Record<string, string>> }): KubePod {
  const metadata = fields.fields('metadata');
  metadata?.passOver(...NOTES_OF_CLUSTERS, ...(workload === undefined ? [] : ['name']));
  const name = workload?.name ?? metadata?.required('name');
  if (name === undefined || !isName(name)) throw fields.wrong('metadata.name', 'a name that a pod can have');
  const spec = fields.fields('spec');
  if (spec === undefined) throw fields.wrong('spec', 'there: it says what is in the pod');
  spec.passOver(...OF_CLUSTERS);
  const annotations = { ...workload?.annotations, ...metadata?.map('annotations'), ...given };
  const restart = restartOf(spec);
  const security = readPodSecurity(spec.fields('securityContext'));
  const context = { annotations, restart, security, stopTimeout: spec.integer('terminationGracePeriodSeconds') };
  const initContainers = spec.list('initContainers').map((each) => readContainer(each, { ...context, restart: { name: 'no' }, init: true }));
  const containers = spec.list('containers').map((each) => readContainer(each, context));
  refuseTwins(name, [...initContainers, ...containers]);
  const ports = containers.flatMap((container) => container.ports);
  const hostPid = spec.boolean('hostPID') ?? false;
  return {
    name,
    labels: metadata?.map('labels') ?? {},
    annotations,
    spec: podSpec(spec, name, ports.filter(({ hostPort }) => hostPort !== undefined), hostPid, security.sysctls),
    unpublished: ports.filter(({ hostPort }) => hostPort === undefined),
    sharesProcesses: (spec.boolean('shareProcessNamespace') ?? false) && !hostPid,
    hostUsers: spec.boolean('hostUsers') ?? true,
    volumes: spec.list('volumes').map(readVolume),
    initContainers,
    containers,
  };
}

function podSpec(spec: Fields, name: string, ports: readonly PortRequest[], hostPid: boolean, sysctls: readonly string[]): ContainerSpec {
  const hostNetwork = spec.boolean('hostNetwork') ?? false;
  const hostIpc = spec.boolean('hostIPC') ?? false;
  const hostname = spec.text('hostname');
  const dns = spec.fields('dnsConfig');
  const options = dns?.list('options').map((option) => {
    const value = option.text('value');
    return option.required('name') + (value === undefined ? '' : `:${value}`);
  });
  return {
    ...EMPTY_CONTAINER_SPEC,
    ...(hostNetwork ? {} : { hostname: parseHostname(hostname ?? name.slice(0, 63)) }),
    sysctls: Object.fromEntries(sysctls.map(parseSysctl).map((each) => [each.name, each.value])),
    namespaces: {
      ...EMPTY_CONTAINER_SPEC.namespaces,
      ...(hostPid ? { pid: { mode: 'host' } } : {}),
      ...(hostIpc ? { ipc: { mode: 'host' } } : {}),
      ...(hostNetwork ? { uts: { mode: 'host' } } : {}),
    },
    network: {
      ...EMPTY_CONTAINER_SPEC.network,
      ...(hostNetwork ? { mode: { mode: 'host' } } : {}),
      // On the host's own network a port is published as it is.
      ports: hostNetwork ? [] : ports,
      dns: (dns?.texts('nameservers') ?? []).map(parseDns),
      dnsSearch: (dns?.texts('searches') ?? []).map(parseDnsSearch),
      dnsOptions: (options ?? []).map(parseDnsOption),
      addHosts: spec.list('hostAliases').flatMap((alias) => {
        const ip = alias.required('ip');
        return alias.texts('hostnames').flatMap((host) => parseAddHost(`${host}:${ip}`));
      }),
    },
  };
}

function restartOf(spec: Fields): RestartSpec {
  const text = spec.text('restartPolicy');
  switch (text) {
    case undefined:
    case '':
    case 'Always':
      return { name: 'always' };
    case 'OnFailure':
      return { name: 'on-failure' };
    case 'Never':
      return { name: 'no' };
    default:
      throw spec.wrong('restartPolicy', 'Always, OnFailure or Never');
  }
}

function refuseTwins(pod: string, containers: readonly KubeContainer[]): void {
  const twin = containers.find((one, index) => containers.findIndex((other) => other.name === one.name) < index);
  if (twin !== undefined) throw new ScullError('INVALID', `Pod ${pod}: two containers are called ${JSON.stringify(twin.name)}`);
}
