/** pod inspect, in Podman's shape. */
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { CPU_PERIOD, cpuTime } from '../../runtime/oci-spec/resources.ts';
import { withoutUndefined } from '../../spec/defined.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { podSlice } from '../../systemd/slice.ts';
import { namespaceText, portMap, userNamespaceText } from '../containers/inspect.ts';
import { networkNames } from '../containers/list.ts';
import type { Engine } from '../engine.ts';
import { findPod } from './find.ts';
import { membersOf, podStatus, type Member } from './members.ts';

/** @throws ScullError NO_SUCH_POD, AMBIGUOUS, CORRUPT */
export function inspectPod(engine: Engine, typed: string): object {
  const pod = findPod(engine, typed);
  const members = membersOf(engine, pod.id);
  const infra = members.find(({ record }) => record.pod?.infra === true);
  return {
    Id: pod.id,
    Name: pod.name,
    Created: pod.created,
    CreateCommand: pod.createCommand ?? null,
    ExitPolicy: pod.exitPolicy,
    State: podStatus(members.map(({ state }) => state.status)),
    Hostname: pod.hostname,
    Labels: pod.labels,
    CreateCgroup: pod.resources !== undefined,
    CgroupParent: pod.resources?.cgroupParent ?? '',
    CgroupPath: pod.resources === undefined ? '' : podSlice(pod.id, pod.resources.cgroupParent),
    CgroupManager: cgroupPlan().manager,
    CreateInfra: pod.infra !== undefined,
    InfraContainerID: pod.infra?.id ?? '',
    ...(pod.infra === undefined ? {} : { InfraConfig: infraConfig(pod, infra) }),
    SharedNamespaces: pod.share,
    NumContainers: members.length,
    Containers: members.map(({ record, state }) => ({ Id: record.id, Name: record.name, State: state.status })),
    RestartPolicy: pod.members.restart?.name ?? 'no',
    Mounts: pod.members.mounts.map((mount) => ({ Type: mount.type, Source: 'source' in mount ? mount.source : 'name' in mount ? (mount.name ?? '') : '', Destination: mount.target, RW: !mount.readOnly })),
    ...limitsOf(pod),
    LockNumber: 0,
  };
}

/** Podman's names for them; what is not limited is left out there too. */
function limitsOf({ resources = {} }: PodRecord): object {
  const { quota, period = quota === undefined ? undefined : CPU_PERIOD } = cpuTime(resources);
  return withoutUndefined({
    cpu_period: period,
    cpu_quota: quota,
    cpu_shares: resources.cpuShares,
    cpuset_cpus: resources.cpusetCpus,
    cpuset_mems: resources.cpusetMems,
    memory_limit: resources.memory,
    memory_swap: resources.memorySwap,
    blkio_weight: resources.blkioWeight,
  });
}

function infraConfig(pod: PodRecord, infra: Member | undefined): object {
  const { network, namespaces } = (pod.infra as NonNullable<PodRecord['infra']>).spec;
  return {
    PortBindings: portMap(infra?.record.config.ports ?? network.ports),
    HostNetwork: network.mode.mode === 'host',
    StaticIP: '',
    StaticMAC: '',
    NoManageResolvConf: network.dns[0] === 'none',
    DNSServer: network.dns,
    DNSSearch: network.dnsSearch,
    DNSOption: network.dnsOptions,
    NoManageHostname: network.noHostname,
    NoManageHosts: network.noHosts,
    HostAdd: network.addHosts.map(({ name, ip }) => `${name}:${ip}`),
    HostsFile: network.hostsFile ?? '',
    Networks: infra === undefined ? null : networkNames(infra.record),
    NetworkOptions: null,
    pid_ns: namespaceText(namespaces.pid),
    userns: userNamespaceText(namespaces.user),
    uts_ns: namespaceText(namespaces.uts),
  };
}
